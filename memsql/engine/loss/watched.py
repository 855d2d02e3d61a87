"""Run a job and have checked, before it ran, the foreign keys of everything that it reached."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from memsql.db import Connection, Touched
from memsql.engine.job import Job
from memsql.engine.loss import guard
from memsql.engine.session import Session
from memsql.engine.statements import StatementTiming
from memsql.engine.structure.snapshot import Snapshot
from memsql.sqltext import fold, identifiers

SAVEPOINT = "memsql_migration"
Before = TypeVar("Before")
Ran = tuple[Touched, Sequence[StatementTiming]]


@dataclass(frozen=True, slots=True)
class Watched(Generic[Before]):
    """A job that ran inside a savepoint: what it ``touched``, what was watched and checked ``before`` it, and what to
    check after it."""

    touched: Touched
    watch: guard.Watch
    before: Before
    after_watch: guard.Watch
    timings: Sequence[StatementTiming]


def run_watched(
    session: Session, job: Job, *, count: Callable[[guard.Watch], Before], run: Callable[[], Ran]
) -> Watched[Before]:
    """Check foreign keys, open SAVEPOINT, and ``run``. Where the run reached more than was checked, undo it, check that
    too, and run again.

    ``count`` checks a watch before the run; ``run`` runs the statements of ``job``. The savepoint stays open.
    Raises what ``run`` raises.
    """
    conn, analysis, schema = session.conn, job.analysis, session.schema
    catalog = schema.structure.catalog
    objects = catalog.checked() if analysis.dropped else catalog.mark()
    watch = _keyed(objects, analysis.dropped)
    if not job.enforces_keys:
        watch |= guard.planned(identifiers(job.file.text()), schema.virtual())
    while True:
        before = count(watch)
        conn.execute(f"SAVEPOINT {SAVEPOINT}")
        touched, timings = run()
        if touched.schema and analysis.arms:
            schema.forget_replaces()
        if touched.schema and analysis.counts:
            schema.forget_counts()
        indexes = {fold(name) for kind, name in touched.removed if kind == "index"}
        needed = _keyed(objects, indexes, touched.unindexed)
        if not job.enforces_keys:
            needed |= guard.needed(touched, analysis, schema.virtual())
        if not watch.covers(needed) or (indexes and objects is None):
            undo(conn)
            catalog.back_to(objects)
            objects, watch = catalog.checked(), watch | needed
            continue
        # Not earlier: a virtual table that was dropped still tells which of the dropped tables were its shadows.
        schema.forget_changed(touched)
        return Watched(touched, watch, before, guard.after_watch(watch, analysis), timings)


def _keyed(objects: Snapshot | None, indexes: Collection[str], tables: Collection[str] = ()) -> guard.Watch:
    """What to watch where ``indexes`` (folded) of ``objects`` are dropped: tables that lose a UNIQUE one and to which
    others may refer, for no other index is a key (https://sqlite.org/foreignkeys.html#fk_indexes). ``tables``: those
    that lost an index under the names that they had then."""
    if objects is None:
        return guard.Watch()
    there = objects.in_order(("index", name) for name in indexes)
    unique = [o for o in there if "unique" in o.sql.lower()]
    keyed = frozenset(name for name in (fold(o.table) for o in unique) if objects.referring_to([name]))
    renamed = frozenset(map(fold, tables)) - {fold(o.table) for o in there} if unique else frozenset()
    return guard.Watch(keyed=keyed | renamed)


def undo(conn: Connection) -> None:
    """Take back what the job did since its savepoint. Raises StatementError where the engine has ended the
    transaction."""
    conn.execute(f"ROLLBACK TO {SAVEPOINT}")
    conn.execute(f"RELEASE {SAVEPOINT}")
