"""Corrections of the ledger: for what yoyo did by itself, for files that got another number, and for a repair.

Callers open the transaction, and create_tables() comes first in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from memsql.db import Connection, Item
from memsql.db.queries import load
from memsql.ledger.model import Entry, version_of
from memsql.ledger.writing import add_history, hashed_history, row_of, yoyo_mark, yoyo_unmark


def complete(conn: Connection, entry: Entry, status: str, by: str | None) -> None:
    """Fill in our side for what yoyo did by itself; yoyo's tables stay as they are."""
    conn.batch(
        [
            row_of(entry, status, by),
            hashed_history(entry, "complete", f"{status} by yoyo"),
        ]
    )


def restamp(conn: Connection, entry: Entry, by: str | None, sentence: str) -> None:
    """Accept a migration as its file now is: name and checksum, with the date of its application."""
    conn.batch(
        [
            yoyo_mark(entry),
            row_of(entry, "applied", by),
            hashed_history(entry, "repair", sentence),
        ]
    )


def move_all(conn: Connection, moves: Sequence[tuple[str, Entry, str | None]]) -> None:
    """Move rows of the ledger to other numbers, in the open transaction.

    Each of ``moves`` is the id that yoyo has now, the entry under its new number, and who applied it. All former rows
    go first, because a number may be free only after another row has left it.
    """
    statements: list[Item] = []
    for former, _, _ in moves:
        statements.append(yoyo_unmark(former))
        statements.append((load("ledger/delete_schema_migrations"), (version_of(former),)))
    for former, entry, by in moves:
        statements.append(yoyo_mark(entry))
        statements.append(row_of(entry, "applied", by))
        statements.append(hashed_history(entry, "move", f"renumbered: it was {former}"))
    conn.batch(statements)


def fold(conn: Connection, entry: Entry, by: str | None, folded: Sequence[str]) -> None:
    """Let one migration, ``entry``, stand for those with the ids ``folded``, in the open transaction. The history keeps
    what was applied when."""
    statements: list[Item] = []
    for name in folded:
        statements.append(yoyo_unmark(name))
        statements.append((load("ledger/delete_schema_migrations"), (version_of(name),)))
    sentence = f"stands for {', '.join(folded)}"
    conn.batch([*statements, yoyo_mark(entry), row_of(entry, "applied", by), hashed_history(entry, "squash", sentence)])


def add_hashes(conn: Connection, entry: Entry) -> None:
    """Add the hashes to the history that an older memsql did not write about a migration."""
    conn.batch([hashed_history(entry, "repair", "its hashes were added")])


def forget_row(conn: Connection, version: int) -> None:
    """Remove the row of a number that its migration has left."""
    conn.execute(load("ledger/delete_schema_migrations"), (version,))


def forget(conn: Connection, entry: Entry, sentence: str) -> None:
    """Give up a migration whose file is gone: yoyo's mark and our row go, the history says why."""
    conn.batch([yoyo_unmark(entry.id), (load("ledger/delete_schema_migrations"), (entry.version,))])
    add_history(conn, entry, "repair", sentence)


def unmark(conn: Connection, migration_id: str) -> None:
    """Take yoyo's mark of a former name away."""
    conn.execute(*yoyo_unmark(migration_id))
