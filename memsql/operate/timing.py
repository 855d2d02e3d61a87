"""Measure how long queries take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memsql.advise.percentiles import quantile
from memsql.db import Connection, Result
from memsql.errors import StatementError
from memsql.progress import SILENT, Progress
from memsql.project.queries import Query, bound, filled
from memsql.sqltext import effect


@dataclass(frozen=True, slots=True)
class QueryTiming:
    """What ``runs`` runs of a query took: quantiles in milliseconds, None without a run. ``path`` is the file of the
    query, ``part`` which query of that file it is; ``rows`` how many rows it returned, None without a run; ``error``
    says why it ran less often than it should have, ``warning`` why its times say little.
    ``late``: its share of the time was over before it had run once."""

    name: str
    path: str
    runs: int
    p50: float | None
    p95: float | None
    p99: float | None
    rows: int | None = None
    error: str | None = None
    warning: str | None = None
    part: str = ""
    late: bool = False


def time_queries(
    conn: Connection, queries: Sequence[Query], *, rounds: int, budget: float, progress: Progress = SILENT
) -> list[QueryTiming]:
    """Run each query up to ``rounds`` times, and all of them together for about ``budget`` seconds.

    Each query has an equal share of the time that the queries before it left. When its share is used up, a query on a
    file is stopped; on a server it is not run again.
    """
    ends = time.perf_counter() + budget
    timings = []
    for number, query in enumerate(queries):
        progress.start(f"timing {query.name}")
        share = max(0.0, ends - time.perf_counter()) / (len(queries) - number)
        timings.append(_timing(conn, query, rounds, share))
    return timings


def _timing(conn: Connection, query: Query, rounds: int, share: float) -> QueryTiming:
    """Run ``query`` for at most ``share`` seconds, the SELECTs of its sample values among them."""
    nothing = QueryTiming(query.name, query.path, 0, None, None, None, part=query.part)
    if effect(query.sql).kind != "select":
        return replace(nothing, error="it writes, and was not run")
    ends = time.perf_counter() + share
    times: list[float] = []
    error: str | None = None
    answer: Result | None = None
    empty: tuple[str, ...] = ()
    try:
        (ready,) = filled(conn, [query], share)
        if isinstance(ready, StatementError):
            raise ready
        with conn.observe(lambda: time.perf_counter() > ends):
            empty = ready.empty
            # A statement with its values in place is planned for them, and none of an application's is.
            statement, values = bound(conn, ready)
            while len(times) < rounds and time.perf_counter() < ends:
                begun = time.perf_counter()
                answer = conn.execute(statement, values)
                times.append((time.perf_counter() - begun) * 1000)
    except StatementError as e:
        error = None if e.is_interrupt else e.message
    if error is None and len(times) < rounds:
        error = f"{len(times)} of {rounds} runs in its share of the time, {share:.1f} s"
    times.sort()
    p50, p95, p99 = (quantile(times, s) if times else None for s in (0.5, 0.95, 0.99))
    warning = empty_handed(answer or Result((), []), empty) if answer is not None or empty else None
    rows = None if answer is None else len(answer.rows)
    nothing = replace(nothing, late=not times and time.perf_counter() >= ends)
    return replace(nothing, runs=len(times), p50=p50, p95=p95, p99=p99, rows=rows, error=error, warning=warning)


def empty_handed(answer: Result, empty: Sequence[str] = ()) -> str | None:
    """The warning where a query returned nothing, so that its time says nothing about real work; None otherwise.

    One row of NULL and 0 is nothing too: that is what aggregates make of no rows. ``empty`` are the variables for which
    there was no sample value.
    """
    if len(answer.rows) > 1 or any(value not in (None, 0) for row in answer.rows for value in row):
        return None
    what = "1 row of NULL and 0" if answer.rows else "0 rows"
    if empty:
        return f"{what}: the SELECT of param {', '.join(empty)} gives no value on this database"
    return f"{what}: its sample values match nothing here; `-- param: name = SELECT …` takes them from the database"
