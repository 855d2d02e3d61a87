"""Conducting a run on an open connection: plan, run, and plan again when another process was faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from memsql import ledger as books
from memsql.db import Connection
from memsql.engine.job import Done, Job, LedgerMoved
from memsql.engine.jobs import down_jobs, up_jobs
from memsql.engine.on_file import Session
from memsql.engine.run import Runner
from memsql.engine.signals import listening
from memsql.engine.state import Report, State, Watcher, Wish, read_state, unchanged
from memsql.ledger import Ledger
from memsql.project import plan
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.project.plan import Status


def up_on(
    conn: Connection, project: Project, wish: Wish, watcher: Watcher, *, jobs: Sequence[Job] = (), timed: bool = False
) -> Report:
    """Apply what waits, on a connection that may write: the database, or a clone of it.

    ``jobs`` are those that the caller validated already.
    """
    with listening() as stop:
        session = Session(conn, stop, wish.allow_data_loss, timed, watcher.tick)
        adopted: tuple[str, ...] = ()
        done: list[Done] = []
        completed: tuple[str, ...] = ()
        while True:
            state = read_state(project, conn)
            if state.is_legacy:
                from memsql.legacy.adopt import adopt

                adopted += adopt(session, state, watcher.note)
                continue
            waiting = plan.to_apply(state.statuses, to=wish.to, out_of_order=wish.out_of_order)
            jobs = _prepared(waiting, jobs, lambda migrations: up_jobs(project, migrations))
            if newly := complete(conn, state):
                completed += newly
                continue
            if not jobs:
                return replace(unchanged(state), done=tuple(done), completed=completed, adopted=adopted)
            runner = _runner(session, state.ledger, watcher)
            try:
                runner.run(jobs, one_transaction=wish.all_or_nothing, fresh=not state.has_tables)
            except LedgerMoved:
                done += runner.done
                continue
            return replace(
                unchanged(state, len(runner.done)), done=(*done, *runner.done), completed=completed, adopted=adopted
            )


def down_on(
    conn: Connection, project: Project, wish: Wish, watcher: Watcher, *, jobs: Sequence[Job] = (), timed: bool = False
) -> Report:
    """Roll back what ``wish`` names, on a connection that may write; ``jobs`` as for up_on()."""
    with listening() as stop:
        session = Session(conn, stop, wish.allow_data_loss, timed, watcher.tick)
        done: list[Done] = []
        goal: set[str] | None = None
        while True:
            state = read_state(project, conn)
            leaving = plan.to_roll_back(state.statuses, steps=wish.steps, to=wish.to)
            # When the ledger moves on the way, only what was chosen first is still rolled back.
            goal = goal or {m.id for m in leaving}
            leaving = (
                [m for m in leaving if m.id in goal]
                if not done
                else [
                    s.migration
                    for s in reversed(state.statuses)
                    if s.state == plan.APPLIED and s.migration and s.migration.id in goal
                ]
            )
            jobs = _prepared(leaving, jobs, down_jobs)
            if complete(conn, state):
                continue
            runner = _runner(session, state.ledger, watcher)
            try:
                runner.run(jobs, one_transaction=wish.all_or_nothing and bool(jobs), fresh=False)
            except LedgerMoved:
                done += runner.done
                continue
            return replace(unchanged(state, -len(runner.done)), done=(*done, *runner.done))


def _runner(session: Session, ledger: Ledger, watcher: Watcher) -> Runner:
    if session.conn.body_limit is None:
        return Runner(session, ledger, watcher.started)
    from memsql.engine.on_server import ServerRunner

    return ServerRunner(session, ledger, watcher.started)


def _prepared(
    migrations: Sequence[Migration], jobs: Sequence[Job], prepare: Callable[[Sequence[Migration]], Sequence[Job]]
) -> Sequence[Job]:
    if [job.migration.id for job in jobs] == [migration.id for migration in migrations]:
        return jobs
    return prepare(migrations)


def complete(conn: Connection, state: State) -> tuple[str, ...]:
    """Fill the ledger in for what yoyo applied or rolled back by itself, in one transaction.

    Returns the ids concerned.
    """
    if not any(s.incomplete and s.migration for s in state.statuses):
        return ()
    conn.begin()
    try:
        # Inside the lock: another process may have been faster.
        state = read_state(state.project, conn)
        lacking = [s for s in state.statuses if s.incomplete and s.migration]
        books.create_tables(conn, state.ledger)
        for found in lacking:
            assert found.migration is not None
            books.complete(conn, _entry_of(found), found.state, found.applied_by)
        conn.commit()
    except BaseException:
        conn.rollback()
        raise
    return tuple(s.migration.id for s in lacking if s.migration)


def _entry_of(found: Status) -> books.Entry:
    migration = found.migration
    assert migration is not None
    when = datetime.now(UTC)
    if found.applied_at:
        read = datetime.fromisoformat(found.applied_at)
        when = read if read.tzinfo else read.replace(tzinfo=UTC)
    return books.Entry(
        migration.version,
        migration.name,
        migration.id,
        migration.header.description or None,
        migration.checksum,
        when,
        found.duration_ms or 0,
    )
