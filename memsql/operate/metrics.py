"""Figures of a database for a monitoring system. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql.advise import outcomes
from memsql.advise.costs import QueryCost, costs_of
from memsql.advise.forecasts import Outcome, compared
from memsql.advise.outcomes import CostOutcome
from memsql.advise.queries import planned_of
from memsql.advise.samples import with_samples
from memsql.backups.catalogue import newest_proven
from memsql.config import Settings
from memsql.db import Connection, Value, connection, queries
from memsql.engine.signals import interruptible
from memsql.engine.state import read_state
from memsql.operate.stats import Stats, stats
from memsql.operate.timing import QueryTiming, time_queries
from memsql.progress import Progress
from memsql.project import load, plan
from memsql.project.named_queries import hot_queries
from memsql.project.queries import Query

_SHARE_OF_COUNTING = 0.25
"""Of the time for the queries, the part in which the rows that they read are counted."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What the history says; None where nothing of the kind was tried yet.

    Ratios lie between 0 and 1, except ``rollback``, the number of rollbacks for each application.
    """

    success: float | None = None
    mean_seconds: float | None = None
    rollback: float | None = None
    verification_pass: float | None = None


@dataclass(frozen=True, slots=True)
class NewestBackup:
    """The newest proven backup: the name of its file, when it was made (UTC), how many seconds ago, and its size."""

    name: str
    created_at: str
    age_seconds: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Contracts:
    """How many hot queries expect something of their plan: where all of it holds, where some of it does not, and where
    some could not be judged."""

    held: int = 0
    broken: int = 0
    unproven: int = 0


@dataclass(frozen=True, slots=True)
class Metrics:
    """All figures. ``version`` is the newest migration that is applied; ``attempts`` are (operation, status, number);
    ``costs`` has the plan of each query and the rows that it reads; ``forecasts`` are the migrations of which a dry run
    forecast the time, the newest first, and ``cost_forecasts`` the transactions of which it forecast lock and bytes."""

    database: str
    environment: str | None
    version: int | None
    rates: Rates
    attempts: tuple[tuple[str, str, int], ...]
    pending: int
    stats: Stats
    queries: tuple[QueryTiming, ...]
    costs: tuple[QueryCost, ...]
    contracts: Contracts
    backup: NewestBackup | None
    forecasts: tuple[Outcome, ...] = ()
    cost_forecasts: tuple[CostOutcome, ...] = ()


def contracts_of(costs: Sequence[QueryCost], hot: Sequence[Query]) -> Contracts:
    """Count how the contracts of the queries ``hot`` stand, those that have no cost among them. A query without
    expectations has no contract."""
    states = Counter(
        "broken" if cost.breaches or cost.has_error else "unproven" if cost.unproven else "held"
        for cost in costs
        if cost.plan.expected
    )
    missing = sum(1 for query in hot if query.expected) - states.total()
    return Contracts(states["held"], states["broken"], states["unproven"] + missing)


def measure(settings: Settings, *, rounds: int, budget: float, progress: Progress) -> Metrics:
    """Read the history, weigh the tables, and time the queries of sql/queries.

    Each query runs ``rounds`` times, and once more to count the rows that it reads; all of them together for about
    ``budget`` seconds. Raises FileError where the project's files, and ConnectError where the database cannot be read.
    """
    settings.target.expect_file()
    project = load.load_project(settings)
    hot = hot_queries(settings)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
        forecasts = compared(settings, conn)
        rates, attempts = _history(conn) if "memsql_history" in state.ledger.tables else (Rates(), ())
        progress.start("weighing tables")
        figures = stats(conn)
        timings = time_queries(
            conn,
            with_samples(conn, hot),
            rounds=rounds,
            budget=budget * (1 - _SHARE_OF_COUNTING),
            progress=progress,
        )
        # What does not end in its share of the time may be the SELECT of a sample value, without which is no plan.
        in_time = [query for query, timing in zip(hot, timings, strict=True) if not timing.late]
        costs = _costs(conn, in_time, budget * _SHARE_OF_COUNTING, progress)
    return Metrics(
        database=settings.target.display,
        environment=settings.env,
        version=max((s.version for s in state.statuses if s.is_applied), default=None),
        rates=rates,
        attempts=attempts,
        pending=sum(1 for s in state.statuses if s.state in plan.WAITING),
        stats=figures,
        queries=tuple(timings),
        costs=tuple(costs),
        contracts=contracts_of(costs, hot),
        backup=_newest_backup(settings),
        forecasts=tuple(forecasts),
        cost_forecasts=tuple(outcomes.compared(settings)),
    )


def _costs(conn: Connection, hot: Sequence[Query], seconds: float, progress: Progress) -> list[QueryCost]:
    """The cost of each of the queries ``hot``; all of them may take so many ``seconds``."""
    with interruptible() as interrupted:
        planned = planned_of(conn, hot, seconds, interrupted)
        return costs_of(conn, planned, budget=seconds, progress=progress, interrupted=interrupted)


def _history(conn: Connection) -> tuple[Rates, tuple[tuple[str, str, int], ...]]:
    rates, attempts = conn.batch([(queries.load("operate/rates"), ()), (queries.load("operate/attempts"), ())])
    numbers = [_number(value) for value in rates.rows[0]]
    return Rates(*numbers), tuple((str(o), str(s), int(n)) for o, s, n in attempts.rows)  # type: ignore[arg-type]


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _newest_backup(settings: Settings) -> NewestBackup | None:
    newest = newest_proven(settings)
    if newest is None or newest.manifest is None:
        return None
    seconds = round(newest.age(datetime.now(UTC)), 3)
    return NewestBackup(newest.path.name, newest.manifest.created_at, seconds, newest.manifest.bytes)
