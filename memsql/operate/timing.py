"""Measure how long queries take."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from memsql.db import Connection
from memsql.errors import StatementError
from memsql.progress import SILENT, Progress
from memsql.project.queries import Query
from memsql.sqltext import effect


@dataclass(frozen=True, slots=True)
class QueryTiming:
    """What ``runs`` runs of a query took: quantiles in milliseconds, None without a run. ``path`` is the file of the
    query; ``error`` says why it ran less often than it should have."""

    name: str
    path: str
    runs: int
    p50: float | None
    p95: float | None
    p99: float | None
    error: str | None = None


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


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ``ordered`` values that the part ``share`` of all values does not exceed (nearest rank).

    ``quantile([1, 2, 3, 4], 0.5)`` is 2.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _timing(conn: Connection, query: Query, rounds: int, share: float) -> QueryTiming:
    """Run ``query`` for at most ``share`` seconds."""
    if effect(query.sql).kind != "select":
        return QueryTiming(query.name, query.path, 0, None, None, None, "it is no SELECT, and was not run")
    ends = time.perf_counter() + share
    times: list[float] = []
    error = None
    try:
        with conn.observe(lambda: time.perf_counter() > ends):
            while len(times) < rounds and time.perf_counter() < ends:
                begun = time.perf_counter()
                conn.execute(query.sql)
                times.append((time.perf_counter() - begun) * 1000)
    except StatementError as e:
        error = e.message if time.perf_counter() < ends else None
    if error is None and len(times) < rounds:
        error = f"{len(times)} of {rounds} runs in its share of the time, {share:.1f} s"
    times.sort()
    p50, p95, p99 = (quantile(times, s) if times else None for s in (0.5, 0.95, 0.99))
    return QueryTiming(query.name, query.path, len(times), p50, p95, p99, error)
