"""What an adoption left as it was, though no migration made it: written into the history, and read again by whoever
compares schemas later."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql import ledger
from memsql.db import Connection
from memsql.db.queries import load
from memsql.legacy.shapes import Fit
from memsql.schema import Schema
from memsql.schema.compare import Element, compare, definitions, respelled

_PREFIX = "kept: "


@dataclass(frozen=True, slots=True)
class Kept:
    """Those of the differences of a schema that an adoption kept, and whether these are all."""

    differences: tuple[str, ...]
    is_all: bool


def record(conn: Connection, fit: Fit, operation: str) -> None:
    """Write what the database has otherwise than the shape of ``fit`` into the history, in the open transaction."""
    differences = _entries(fit.extra, fit.missing, fit.different)
    if differences:
        entry = ledger.Entry(None, operation, operation, None, None, datetime.now(UTC), 0)
        ledger.add_history(conn, entry, operation, f"{_PREFIX}{json.dumps(differences, ensure_ascii=False)}")


def kept(conn: Connection) -> frozenset[str]:
    """What record() wrote last, as in "extra: index idx_users_email"; empty where nothing was kept."""
    if not ledger.has_history(conn):
        return frozenset()
    rows = conn.execute(load("legacy/read_kept")).rows
    return frozenset(json.loads(str(rows[0][0]).removeprefix(_PREFIX))) if rows else frozenset()


def kept_of(conn: Connection, expected: Schema, actual: Schema) -> Kept:
    """What of the difference between ``actual``, the schema of this database, and the ``expected`` one was kept."""
    comparison = compare(definitions(expected), definitions(actual))
    differences = _entries(comparison.extra, comparison.missing, [d.element for d in comparison.different])
    recorded = kept(conn)
    known = tuple(difference for difference in differences if difference in recorded)
    return Kept(known, len(known) == len(differences) and not respelled(expected, actual))


def _entries(
    extra: Iterable[Element | str], missing: Iterable[Element | str], different: Iterable[Element | str]
) -> list[str]:
    """Differences as the history keeps them. Histories hold these words, so they must stay as they are."""
    return [
        *(f"extra: {element}" for element in extra),
        *(f"missing: {element}" for element in missing),
        *(f"different: {element}" for element in different),
    ]
