"""Refuse to write a damaged database anew: what SQLite no longer finds in it would be gone for good."""

from __future__ import annotations

import re
from collections.abc import Iterable

from memsql import hints
from memsql.db.protocol import Connection, Result
from memsql.db.unknown import unknown_part
from memsql.errors import DamagedError, Refused, StatementError

_SHOWN = 10
# What integrity_check and quick_check find in rows and in full-text indexes: neither pages nor indexes are wrong then.
_OF_ROWS = re.compile(
    r"(NULL|NUMERIC|TEXT|non-\w+) value in |CHECK constraint failed in "
    r"|(malformed|unable to validate the) inverted index",
    re.IGNORECASE,
)
_OF_INDEX = re.compile(r"\bindex ")


def lines_of(answer: Result) -> list[str]:
    """What integrity_check or quick_check finds, a line each, in ``answer``."""
    lines = (line for row in answer.rows for line in str(row[0]).split("\n"))
    return [line for line in lines if line != "ok" and not line.startswith("*** in ")]


def of_pages(lines: Iterable[str]) -> list[str]:
    """Those ``lines`` of integrity_check or quick_check that say that pages of tables are damaged."""
    return [line for line in lines if not _OF_ROWS.search(line) and not _OF_INDEX.search(line)]


def refuse(conn: Connection) -> None:
    """Raise Refused where pages of the database are damaged. Reads all of it, as VACUUM does."""
    try:
        lines = lines_of(conn.execute(f"PRAGMA quick_check({_SHOWN})"))
    except DamagedError as e:
        lines = [e.message]
    except StatementError as e:
        if e.is_interrupt or unknown_part(e.message) is None:
            raise
        # A function or collation that SQLite does not know here keeps it from looking, and says nothing of pages.
        return
    damage = of_pages(lines)
    if damage:
        raise Refused(
            f"{conn.target} is damaged: what SQLite does not find in it any more would be gone for good",
            details=tuple(damage[:_SHOWN]),
            state="nothing was changed",
            hint=f"restore a backup: {hints.command('backup.restore --replace')}; "
            f"or keep what can still be read: {hints.command('backup --salvage')}",
        )
