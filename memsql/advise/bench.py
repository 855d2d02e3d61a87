"""Times the hot queries on two databases with the same rows and the schemas of two versions, run by run in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from memsql.advise import bench_databases as databases
from memsql.advise import bench_opened
from memsql.advise.bench_databases import Filled, OutOfTimeError, Scale
from memsql.advise.bench_opened import Opened, Pair
from memsql.advise.costs import RowsRead, costs_of
from memsql.advise.percentiles import Ratio, Times, ratio_of, times_of, turns
from memsql.advise.queries import QueryPlan, planned_of
from memsql.advise.samples import with_samples
from memsql.config import Settings
from memsql.db import Connection, Value
from memsql.errors import StatementError
from memsql.progress import SILENT, Progress
from memsql.project.load import load_project
from memsql.project.named_queries import hot_queries
from memsql.project.queries import Query, bound, filled
from memsql.storage import work_folders

_SHARE_OF_COUNTING = 0.2
"""Of the time of a query the part in which the rows are counted that it reads."""
_SHARE_OF_WARM = 0.5
"""Of the time for its runs the part for those on open connections."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: the versions (``before`` may be the name of an era), the scales in ascending order, how often
    each query runs, and how many seconds all of it may take. ``server`` is the program of a libSQL server, behind which
    the databases are measured; None for files."""

    before: int | str
    after: int
    scales: tuple[Scale, ...]
    rounds: int
    budget: float
    server: Path | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """A query on one of the databases. ``warm`` are runs on an open connection after a first one that does not count,
    ``cold`` runs each on a new connection; None where there was no time for one. ``returned`` is its number of
    rows."""

    plan: QueryPlan
    rows: RowsRead
    warm: Times | None = None
    cold: Times | None = None
    returned: int | None = None


@dataclass(frozen=True, slots=True)
class QueryBench:
    """A query before and after. ``error`` says why it was not measured, or less often than it should have been; then
    ``before`` and ``after`` may be missing."""

    name: str
    path: str
    part: str = ""
    before: Side | None = None
    after: Side | None = None
    warm: Ratio | None = None
    cold: Ratio | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ScaleBench:
    """All queries at one scale; ``bytes`` are the sizes of the two files. Without queries, ``problem`` says why the
    scale was left out."""

    scale: Scale
    filled: Filled = field(default_factory=lambda: Filled({}))
    bytes: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    queries: tuple[QueryBench, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """The whole result. ``forgets``: the system was asked before each cold run to forget the pages of the file; without
    that only the connection is new."""

    plan: Plan
    scales: tuple[ScaleBench, ...]
    forgets: bool


def bench(settings: Settings, plan: Plan, progress: Progress = SILENT) -> Bench:
    """Make the databases of each scale in a temporary folder, and time the hot queries on them.

    Each scale has an equal share of the time that those before it left. Raises FileError for files of the project that
    cannot be used, UsageError for a version that there is not.
    """
    ends = time.perf_counter() + plan.budget
    scales: list[ScaleBench] = []
    for number, scale in enumerate(plan.scales):
        left = max(0.0, ends - time.perf_counter())
        share = left / (len(plan.scales) - number)
        with work_folders.temporary("bench") as folder:
            try:
                limit = time.perf_counter() + share
                result = _at_scale(settings, plan, scale, folder, ends=limit, progress=progress)
            except OutOfTimeError:
                result = ScaleBench(scale, problem=f"its rows were not there in its share of the time, {share:.1f} s")
        scales.append(result)
    return Bench(plan, tuple(scales), databases.CAN_FORGET)


def _at_scale(
    settings: Settings, plan: Plan, scale: Scale, folder: Path, *, ends: float, progress: Progress
) -> ScaleBench:
    """The queries at one scale. Raises OutOfTimeError where its databases are not there in time."""
    begun = time.perf_counter()
    # The rows may take half of the time, and the migrations some of the rest.
    filled_by = begun + (ends - begun) / 2
    paths = folder / "before.db", folder / "after.db"
    project = load_project(settings)
    progress.start(f"scale {scale.factor}: making rows")
    is_era = isinstance(plan.before, str)
    with databases.writable(paths[0]) as conn:
        databases.make_schema(project, conn, str(plan.before), progress)
        rows = databases.fill(settings, conn, scale, filled_by)
        if not is_era:
            with databases.writable(paths[1]) as other:
                conn.copy_to(other)
    progress.start(f"scale {scale.factor}: migrating to {plan.after}")
    with databases.writable(paths[1]) as other:
        databases.migrate_to(project, other, plan.after, progress, ends=ends)
        if is_era:
            # Migrations do not begin at an era. The same rows are inserted in the same order.
            databases.fill(settings, other, scale, ends)
    seconds = time.perf_counter() - begun
    sizes = paths[0].stat().st_size, paths[1].stat().st_size
    with bench_opened.opened(paths, plan.server) as pair:
        queries = _queries(settings, pair, plan.rounds, ends=ends, progress=progress)
    return ScaleBench(scale, rows, sizes, seconds, tuple(queries))


def _queries(settings: Settings, pair: Pair, rounds: int, *, ends: float, progress: Progress) -> list[QueryBench]:
    hot = with_samples(pair[0].conn, hot_queries(settings))
    results = []
    for number, query in enumerate(hot):
        progress.start(f"timing {query.name}")
        progress.tick(number / len(hot))
        share = max(0.0, ends - time.perf_counter()) / (len(hot) - number)
        results.append(_query(pair, query, rounds, time.perf_counter() + share))
    return results


def _query(pair: Pair, query: Query, rounds: int, ends: float) -> QueryBench:
    """Measure ``query`` on both databases until ``ends``."""
    nothing = QueryBench(query.name, query.path, query.part)
    first = pair[0].conn
    try:
        with first.observe(_over(ends)):
            # The values of the first database serve both: of several that fit, the other schema may give another.
            (ready,) = filled(first, [query], max(0.0, ends - time.perf_counter()))
            if isinstance(ready, StatementError):
                raise ready
            statement, values = bound(first, ready)
        if not ready.only_reads:
            return _failed(nothing, "it writes, and was not run")
        return _measured(pair, ready, (statement, values), rounds=rounds, ends=ends)
    except StatementError as e:
        late = time.perf_counter() > ends
        if e.is_interrupt and not late:
            raise
        return _failed(nothing, "it did not end in its share of the time" if late else e.message)


def _failed(nothing: QueryBench, error: str) -> QueryBench:
    return QueryBench(nothing.name, nothing.path, nothing.part, error=error)


def _measured(pair: Pair, ready: Query, item: tuple[str, Sequence[Value]], *, rounds: int, ends: float) -> QueryBench:
    statement, values = item
    share = max(0.0, ends - time.perf_counter())
    plans: list[QueryPlan] = []
    reads: list[RowsRead] = []
    for one in pair:
        planned = planned_of(one.conn, [ready])
        if planned[0].plan.error is not None:
            return QueryBench(ready.name, ready.path, ready.part, error=planned[0].plan.error)
        (cost,) = costs_of(one.conn, planned, budget=share * _SHARE_OF_COUNTING / len(pair))
        plans.append(cost.plan)
        reads.append(cost.rows)
    now = time.perf_counter()
    warm_ends = now + (ends - now) * _SHARE_OF_WARM
    returned = [_run(one.conn, statement, values, warm_ends)[1] for one in pair]
    warm = _in_turn(
        [partial(_warm_run, one.conn, statement, values, warm_ends) for one in pair],
        rounds,
        warm_ends,
    )
    cold = _in_turn(
        [partial(_cold_run, one, statement, values, ends) for one in pair],
        rounds,
        ends,
    )
    before, after = (
        Side(plans[n], reads[n], times_of(warm[n]), times_of(cold[n]), returned[n]) for n in range(len(plans))
    )
    runs = min(len(warm[0]), len(cold[0]))
    error = None if runs == rounds else f"{runs} of {rounds} rounds in its share of the time, {share:.1f} s"
    return QueryBench(ready.name, ready.path, ready.part, before, after, ratio_of(*warm), ratio_of(*cold), error)


def _in_turn(sides: Sequence[Callable[[], float]], rounds: int, ends: float) -> list[list[float]]:
    """What the runs of each side took, in milliseconds. A round that was not over at ``ends`` does not count."""
    times: list[list[float]] = [[] for _ in sides]
    for order in turns(len(sides), rounds):
        took: dict[int, float] = {}
        try:
            for side in order:
                took[side] = sides[side]()
        except StatementError:
            if time.perf_counter() > ends:
                break
            raise
        for side, value in took.items():
            times[side].append(value)
        if time.perf_counter() > ends:
            break
    return times


def _run(conn: Connection, statement: str, values: Sequence[Value], ends: float) -> tuple[float, int]:
    """Run the statement, and return the milliseconds that it took and how many rows came."""
    with conn.observe(_over(ends)):
        begun = time.perf_counter()
        answer = conn.execute(statement, values)
        return (time.perf_counter() - begun) * 1000, len(answer.rows)


def _warm_run(conn: Connection, statement: str, values: Sequence[Value], ends: float) -> float:
    return _run(conn, statement, values, ends)[0]


def _cold_run(one: Opened, statement: str, values: Sequence[Value], ends: float) -> float:
    """The same on a new connection to a file of which the system keeps nothing, as far as it can be asked."""
    with bench_opened.cold(one) as conn:
        return _run(conn, statement, values, ends)[0]


def _over(ends: float) -> Callable[[], bool]:
    return lambda: time.perf_counter() > ends
