"""Figures of a database for a monitoring system. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from memsql.advise.samples import with_samples
from memsql.backups.catalogue import newest_proven
from memsql.config import Settings
from memsql.db import Connection, Value, connection, queries
from memsql.engine.state import read_state
from memsql.operate.stats import Stats, stats
from memsql.operate.timing import QueryTiming, time_queries
from memsql.progress import Progress
from memsql.project import load, plan
from memsql.project.named_queries import hot_queries


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
class Metrics:
    """All figures. ``attempts`` are (operation, status, number)."""

    database: str
    environment: str | None
    rates: Rates
    attempts: tuple[tuple[str, str, int], ...]
    pending: int
    stats: Stats
    queries: tuple[QueryTiming, ...]
    backup: NewestBackup | None


def measure(settings: Settings, *, rounds: int, budget: float, progress: Progress) -> Metrics:
    """Read the history, weigh the tables, and time the queries of sql/queries.

    Each query runs ``rounds`` times, and all of them together for about ``budget`` seconds. Raises FileError where the
    project's files, and ConnectError where the database cannot be read.
    """
    settings.target.expect_file()
    project = load.load_project(settings)
    queries_of_files = hot_queries(settings)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
        rates, attempts = _history(conn) if "memsql_history" in state.ledger.tables else (Rates(), ())
        progress.start("weighing tables")
        figures = stats(conn)
        timings = time_queries(
            conn, with_samples(conn, queries_of_files), rounds=rounds, budget=budget, progress=progress
        )
    return Metrics(
        database=settings.target.display,
        environment=settings.env,
        rates=rates,
        attempts=attempts,
        pending=sum(1 for s in state.statuses if s.state in plan.WAITING),
        stats=figures,
        queries=tuple(timings),
        backup=_newest_backup(settings),
    )


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
