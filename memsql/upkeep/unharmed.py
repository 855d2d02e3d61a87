"""The proof that rows were moved and nothing else: what a transaction may have changed in every other respect."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from memsql.db import Connection
from memsql.errors import Refused
from memsql.fts import check_in_transaction, discover
from memsql.schema import Schema
from memsql.sqltext import fold
from memsql.upkeep.archives import row_counts
from memsql.upkeep.orphans import orphans
from memsql.upkeep.references import Reference
from memsql.words import count


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in the transaction: rows by table, orphans by reference, full-text indexes that are broken."""

    rows: Mapping[str, int]
    orphans: Mapping[Reference, int]
    broken: frozenset[str]


def moment(
    conn: Connection, schema: Schema, references: Sequence[Reference], tables: Collection[str] | None = None
) -> Moment:
    """The moment now. ``tables``: those whose full-text indexes are looked at, None for all of them."""
    return Moment(
        row_counts(conn, schema),
        {one.reference: one.rows for one in orphans(conn, schema, references) if one.problem is None},
        broken_indexes(conn, tables),
    )


def broken_indexes(conn: Connection, tables: Collection[str] | None = None) -> frozenset[str]:
    """A sentence for each full-text index of ``tables`` (None: of all) that is broken."""
    chosen = None if tables is None else {fold(table) for table in tables}
    indexes = [
        index.name
        for index in discover(conn)
        if chosen is None or not chosen.isdisjoint({fold(index.content or ""), fold(index.source or "")})
    ]
    return frozenset(check_in_transaction(conn, indexes))


def prove(before: Moment, after: Moment, expected: Mapping[str, int]) -> None:
    """Raise Refused where ``after`` is not ``before`` with as many rows more (fewer where negative) as ``expected``
    says of a table. Other tables may have more rows: a trigger may keep a log."""
    problems = []
    for table, rows in before.rows.items():
        now, change = after.rows.get(table, 0), expected.get(table)
        if change is not None and now != rows + change:
            problems.append(f"{table} has {count(now, 'row')} instead of {rows + change:,}")
        elif change is None and now < rows:
            problems.append(f"{table} lost {count(rows - now, 'row')}")
    for reference, rows in after.orphans.items():
        if rows > before.orphans.get(reference, 0):
            problems.append(f"{count(rows, 'row')} would refer to nothing: {reference.shown}")
    problems += sorted(after.broken - before.broken)
    if problems:
        raise Refused("a trigger or a foreign key changed more than the rows that are moved", details=tuple(problems))
