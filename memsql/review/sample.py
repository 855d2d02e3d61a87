"""The made-up rows on which a review tries a migration: those that today's schema permits, however odd, and those that
also fit what the migration makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from zlib import crc32

from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, StatementError
from memsql.review.case import Case
from memsql.schema import Schema, read
from memsql.schema.read_rules import rules_of
from memsql.scratch.constants import wanted
from memsql.scratch.fitting import destination, neighbours, populate, with_parents
from memsql.scratch.restriction import Amount, Wanted
from memsql.sqltext import fold, quote

# A migration that concerns many tables gets fewer rows in each, and still fewer in those that are only referred to.
_ALL_ROWS, _FEWEST, _FEWEST_PARENTS = 1600, 20, 5
_AFTER = 15
_FAR = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Made-up rows: their number by table, and why none could be made up ("" where that went well)."""

    counts: Mapping[str, int]
    problem: str = ""

    @property
    def rows(self) -> tuple[tuple[str, int], ...]:
        """The tables that have rows, with their numbers."""
        return tuple((table, count) for table, count in sorted(self.counts.items()) if count)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rows to make up for a migration. ``part`` is what it concerns of the schema, ``asked`` what the conditions
    of its files want of rows, ``amount`` how many."""

    part: Schema
    asked: Mapping[str, Wanted]
    amount: Amount
    seed: int


def plan_of(case: Case, before: Schema, *, rows: int) -> Plan:
    """The rows to make up for ``case``, up to ``rows`` in a table."""
    chosen = neighbours(before, case.text)
    part = with_parents(before, chosen)
    few = max(1, _ALL_ROWS // max(len(part.tables), 1))
    amount = Amount(min(rows, max(_FEWEST, few)), chosen=chosen, fewer=max(_FEWEST_PARENTS, few), odd=True)
    return _plan(case, part, amount)


def fill_freely(conn: SQLiteConnection, plan: Plan) -> Sample:
    """Make up rows on ``conn`` that satisfy its schema, with odd values among them."""
    return _filled(conn, plan, None)


def fill_fitting(conn: SQLiteConnection, plan: Plan, after: Schema) -> Sample:
    """Make up rows on ``conn`` that satisfy its schema and the one ``after`` the migration."""
    return _filled(conn, plan, after)


def add_rows(conn: SQLiteConnection, case: Case) -> None:
    """Make up a few rows more on ``conn``, behind the migration: such as only its schema permits, with the values that
    its rollback looks for."""
    after = read(conn)
    chosen = neighbours(after, case.text)
    amount = Amount(_AFTER, chosen=chosen, fewer=_FEWEST_PARENTS)
    _filled(conn, _plan(case, with_parents(after, chosen), amount), None)


def spread_keys(conn: SQLiteConnection, base: SQLiteConnection, schema: Schema) -> None:
    """Give the made-up rows of each table keys far from those of other tables, and from those that a migration may
    write, where the key is an INTEGER PRIMARY KEY; what refers to them follows. The rows of ``base``, which earlier
    migrations wrote, keep theirs."""
    conn.execute("PRAGMA foreign_keys = off")
    for number, table in enumerate((t for t in schema.tables.values() if rules_of(t).rowid), start=1):
        key, far = rules_of(table).rowid[0], number * _FAR
        changes = [(table.name, key)]
        for child in schema.tables.values():
            for refers in child.foreign_keys:
                if fold(refers.parent) == fold(table.name) and [*map(fold, refers.referred(table))] == [key]:
                    changes.append((child.name, refers.columns[0]))
        own = base.execute(f"SELECT {quote(key)} FROM {quote(table.name)}").rows
        kept = ", ".join(str(row[0]) for row in own)
        for name, column in changes:
            with suppress(StatementError):
                conn.execute(
                    f"UPDATE {quote(name)} SET {quote(column)} = {quote(column)} + {far} "
                    f"WHERE {quote(column)} NOT IN ({kept})"
                )
    conn.execute("PRAGMA foreign_keys = on")


def _plan(case: Case, part: Schema, amount: Amount) -> Plan:
    return Plan(part, wanted(case.text, part), amount, crc32(case.migration.id.encode()))


def _filled(conn: SQLiteConnection, plan: Plan, after: Schema | None) -> Sample:
    amount = plan.amount
    goal = destination(plan.part, after) if after is not None else None
    if goal is not None:
        amount = replace(amount, odd=False)
    try:
        return Sample(populate(conn, plan.part, goal, rows=amount, seed=plan.seed, asked=plan.asked))
    except (StatementError, CheckFailed) as e:
        conn.rollback()
        return Sample({}, f"no rows could be made up: {e.message}")
