"""Gather the statistics by which SQLite chooses indexes, and say which of them and which plans changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from memsql import hints
from memsql.advise.queries import QueryPlan, change_lines, plans_of
from memsql.config import Target
from memsql.db import Connection
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.errors import UsageError
from memsql.fts import discover
from memsql.interrupts import untouched
from memsql.progress import Progress
from memsql.project.queries import Query
from memsql.schema import read
from memsql.sqltext import quote
from memsql.upkeep.running import stating, watched

_ALL_TABLES = 0x10002
"""The mask of PRAGMA optimize that looks at every table (https://sqlite.org/pragma.html#pragma_optimize). A SQLite
before 3.46 knows no such bit and looks at the tables that this connection has planned queries of."""
_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class Statistic:
    """A row of sqlite_stat1: ``index`` is None for a table without one; ``before`` and ``after`` are its numbers, the
    first of which is the rows of the table; None where there is no row."""

    table: str
    index: str | None
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Optimizing:
    """What changed: rows of sqlite_stat1; the plans of hot queries, a line each, and a sentence for each that now
    reads or sorts more than before. ``statistics`` counts the rows there are now. ``full_text``: the FTS5 tables, which
    have an optimisation of their own. ``locked_ms``: for how long others could not write, at most."""

    changed: tuple[Statistic, ...]
    statistics: int
    plans: tuple[str, ...]
    worse: tuple[str, ...]
    queries: int
    full_text: tuple[str, ...]
    locked_ms: float


def refusal(target: Target) -> UsageError:
    """The error for a server: it runs neither ANALYZE nor PRAGMA optimize."""
    return UsageError(
        f"{target} is a libSQL server, which refuses ANALYZE and PRAGMA optimize as unsupported statements, and lets"
        " nobody write sqlite_stat1",
        state="nothing was changed",
        hint=f"its plans are made without statistics, as {hints.command('analyze.indexes')} shows them;"
        f" full-text indexes can be optimised: {hints.command('fts.optimize')}",
    )


def optimize(conn: Connection, queries: Sequence[Query], progress: Progress, *, full: bool, limit: int) -> Optimizing:
    """Run PRAGMA optimize, or with ``full`` ANALYZE, in one transaction of SQLite's own.

    ``queries`` are those whose plans are compared. ``limit``: how many entries of each index are read at most, 0 for
    all of them. Raises LockedError, and Interrupted where a signal came: the statistics are then the earlier ones.
    """
    with untouched():
        before = _statistics(conn)
        plans = plans_of(conn, queries)
        _plan_on_each_table(conn)
    with stating("maintain.optimize", lambda: "the statistics are as they were") as stopped, watched(conn, stopped):
        progress.start("gathering statistics")
        conn.execute(f"PRAGMA analysis_limit = {limit}")
        started = time.perf_counter()
        conn.execute("ANALYZE" if full else f"PRAGMA optimize({_ALL_TABLES})")
        locked_ms = (time.perf_counter() - started) * 1000
    after, now = _statistics(conn), plans_of(conn, queries)
    keys = sorted(before.keys() | after.keys(), key=lambda key: (key[0], key[1] or ""))
    return Optimizing(
        tuple(Statistic(*key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)),
        len(after),
        tuple(change_lines(plans, now)),
        _worse(plans, now),
        len(queries),
        tuple(table.name for table in discover(conn)),
        locked_ms,
    )


def _plan_on_each_table(conn: Connection) -> None:
    """Let SQLite plan a query on each table, so that an older PRAGMA optimize looks at all of them."""
    for table in read(conn).tables.values():
        columns = [quote(column.name) for column in table.columns[:_COLUMNS]]
        if table.kind == "table" and columns:
            where = " OR ".join(f"{column} = 0" for column in columns)
            compile_only(conn, f"SELECT 1 FROM {quote(table.name)} WHERE {where}")


def _worse(before: Sequence[QueryPlan], after: Sequence[QueryPlan]) -> tuple[str, ...]:
    return tuple(
        f"{now.name} now {' and '.join(now.worse_than(was))}"
        for was, now in zip(before, after, strict=True)
        if now.worse_than(was)
    )


def _statistics(conn: Connection) -> dict[tuple[str, str | None], str]:
    if not conn.execute(load("upkeep/has_statistics")).one():
        return {}
    rows = conn.execute(load("upkeep/statistics")).rows
    return {(str(table), None if index is None else str(index)): str(numbers) for table, index, numbers in rows}
