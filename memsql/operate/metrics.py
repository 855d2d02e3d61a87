"""Figures of a database for a monitoring system. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from memsql.backups.catalogue import newest_proven
from memsql.config import Settings
from memsql.db import Connection, Value, connection
from memsql.db.queries import load
from memsql.engine.state import read_state
from memsql.errors import ConnectError
from memsql.operate.stats import Stats, stats
from memsql.operate.timing import Timing, time_queries
from memsql.progress import Progress
from memsql.project import load as projects
from memsql.project import plan
from memsql.project.queries import read_queries


@dataclass(frozen=True, slots=True)
class Rates:
    """What the history says; None where nothing of the kind was tried yet. Ratios lie between 0 and 1, but for
    ``rollback``, which is rollbacks for each application."""

    success: float | None = None
    mean_seconds: float | None = None
    rollback: float | None = None
    verification_pass: float | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """The newest proven backup: its file's name, when it was made, how many seconds ago, bytes of the file."""

    name: str
    created_at: str
    age_seconds: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """All of it. ``attempts`` are (operation, status, number)."""

    database: str
    environment: str | None
    rates: Rates
    attempts: tuple[tuple[str, str, int], ...]
    pending: int
    stats: Stats
    queries: tuple[Timing, ...]
    backup: Saved | None


def measure(settings: Settings, *, rounds: int, budget: float, progress: Progress) -> Metrics:
    """Read the history, weigh the tables, and time the queries of the project: each ``rounds`` times, within ``budget`` seconds.

    Raises FileError where the project's files, and ConnectError where the database cannot be read.
    """
    if settings.target.path is not None and not settings.target.path.exists():
        raise ConnectError(f"{settings.target} does not exist", hint="check --database and --env")
    project = projects.load(settings)
    queries = read_queries(settings.sql / "queries", settings.show(settings.sql) + "/queries")
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
        rates, attempts = _history(conn) if "memsql_history" in state.ledger.tables else (Rates(), ())
        progress.start("weighing tables")
        weighed = stats(conn)
        timed = time_queries(conn, queries, rounds, budget, progress)
    pending = sum(1 for s in state.statuses if s.state in plan.WAITING)
    return Metrics(
        settings.target.display, settings.env, rates, attempts, pending, weighed, tuple(timed), _saved(settings)
    )


def _history(conn: Connection) -> tuple[Rates, tuple[tuple[str, str, int], ...]]:
    rates, attempts = conn.batch([(load("operate/rates"), ()), (load("operate/attempts"), ())])
    found = [_number(value) for value in rates.rows[0]]
    return Rates(*found), tuple((str(o), str(s), int(n)) for o, s, n in attempts.rows)  # type: ignore[arg-type]


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _saved(settings: Settings) -> Saved | None:
    newest = newest_proven(settings)
    if newest is None or newest.manifest is None:
        return None
    old = (datetime.now(UTC) - newest.created).total_seconds()
    return Saved(newest.path.name, newest.manifest.created_at, round(old, 3), newest.manifest.bytes)
