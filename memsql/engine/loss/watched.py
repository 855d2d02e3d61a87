"""Run a job and have counted, before it ran, everything that it reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from memsql.db import Connection, Touched
from memsql.engine.job import Job
from memsql.engine.loss import counting, guard
from memsql.engine.session import Session
from memsql.engine.statements import StatementTiming
from memsql.sqltext import identifiers

SAVEPOINT = "memsql_migration"
Before = TypeVar("Before")
Ran = tuple[Touched, Sequence[StatementTiming]]


@dataclass(frozen=True, slots=True)
class Watched(Generic[Before]):
    """A job that ran inside a savepoint: what it ``touched``, what was watched and counted ``before`` it, and what
    to count after it."""

    touched: Touched
    watch: guard.Watch
    before: Before
    after_watch: guard.Watch
    timings: Sequence[StatementTiming]


def run_watched(
    session: Session, job: Job, *, count: Callable[[guard.Watch], Before], run: Callable[[], Ran], rows: bool = True
) -> Watched[Before]:
    """Count, open SAVEPOINT, and ``run``. Where the run reached more than was counted, undo it, count that too, and
    run again.

    ``count`` counts a watch before the run; ``run`` runs the statements of ``job``. Without ``rows`` only foreign keys
    are watched, for the run accounts for rows by itself. The savepoint stays open.
    Raises what ``run`` raises.
    """
    conn, analysis = session.conn, job.analysis
    foreign_keys = job.enforces_keys
    watch = _planned_watch(session, job)
    if not rows:
        watch = watch.keys
    rebuilds = analysis.rebuilds and bool(not foreign_keys or analysis.deletes or analysis.drops or analysis.strips)
    existing = counting.tables(conn) if rows and (analysis.replaces or rebuilds) else None
    replaced = analysis.replaces or session.schema.replaces()
    while True:
        before = count(watch)
        conn.execute(f"SAVEPOINT {SAVEPOINT}")
        touched, timings = run()
        if touched.schema and analysis.arms:
            session.schema.forget_replaces()
        replaces = replaced or session.schema.replaces()
        keyed = session.schema.keyed(touched)
        if touched.deleted or touched.dropped or not foreign_keys or replaces or keyed:
            schema = guard.Schema(session.schema.virtual(), replaces, existing, keyed)
            needed = guard.needed(touched, analysis, schema, foreign_keys=foreign_keys)
            needed = needed if rows else needed.keys
            unknown = rows and existing is None and guard.doubtful(touched, watch, analysis, replaces=replaces)
            if unknown or not watch.covers(needed):
                undo(conn)
                watch |= needed
                existing = counting.tables(conn) if unknown else existing
                continue
        # Not earlier: a virtual table that was dropped still tells which of the dropped tables were its shadows.
        session.schema.forget_changed(touched)
        return Watched(touched, watch, before, guard.after_watch(watch, analysis), timings)


def undo(conn: Connection) -> None:
    """Take back what the job did since its savepoint. Raises StatementError where the engine has ended the
    transaction."""
    conn.execute(f"ROLLBACK TO {SAVEPOINT}")
    conn.execute(f"RELEASE {SAVEPOINT}")


def _planned_watch(session: Session, job: Job) -> guard.Watch:
    analysis, foreign_keys = job.analysis, job.enforces_keys
    if foreign_keys and not (analysis.deletes or analysis.drops or analysis.strips):
        return guard.Watch()
    named = frozenset() if foreign_keys else identifiers(job.file.text())
    return guard.planned(analysis, named, session.schema.virtual())
