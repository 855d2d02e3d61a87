"""Up, down and status of a project on its database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from memsql import ledger as books
from memsql import plan
from memsql.config import Settings
from memsql.db import Connection, connect
from memsql.db.queries import load
from memsql.engine import project as projects
from memsql.engine.apply import Done, Job, Session
from memsql.engine.project import Project
from memsql.engine.run import LedgerMoved, Runner
from memsql.engine.signals import listening
from memsql.errors import UsageError
from memsql.ledger import Ledger
from memsql.plan import Status


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked ``up`` or ``down`` to do."""

    to: int | None = None
    steps: int | None = None
    allow_data_loss: bool = False
    all_or_nothing: bool = False
    out_of_order: bool = False


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who wants to know how it goes: a job starts, a fraction is done (None: still alive), it ended."""

    started: Callable[[Job], None] = lambda _: None
    tick: Callable[[float | None], None] = lambda _: None
    ended: Callable[[Done], None] = lambda _: None
    note: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. ``completed`` are migrations that yoyo applied and whose ledger rows were
    filled in; ``adopted`` says in sentences how a legacy database was taken over."""

    done: tuple[Done, ...]
    applied: int
    waiting: int
    completed: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Files and ledger side by side."""

    project: Project
    ledger: Ledger
    statuses: tuple[Status, ...]
    has_tables: bool

    @property
    def is_legacy(self) -> bool:
        """Tables, but no migration of ours or yoyo's was ever applied here."""
        ours = not self.ledger.is_foreign and any(
            row.status in (plan.APPLIED, plan.ROLLED_BACK) for row in self.ledger.rows.values())
        return self.has_tables and not self.ledger.yoyo and not ours


def read_state(project: Project, conn: Connection) -> State:
    """Read the ledger and hold it against the files; three requests."""
    ledger = books.read(conn)
    has_tables = bool(conn.execute(load("engine/has_tables")).rows)
    return State(project, ledger, tuple(plan.statuses(project.ordered, ledger)), has_tables)


def status(settings: Settings) -> State:
    """The state of every migration. Reads only; a database that does not exist reads as empty."""
    project = projects.load(settings)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        return read_state(project, conn)
    finally:
        conn.close()


def up(settings: Settings, wish: Wish, watcher: Watcher) -> Report:
    """Apply every waiting migration up to ``wish.to``; adopt a legacy database first.

    Raises any MemsqlError; its ``state`` says what the database holds.
    """
    project = projects.load(settings)
    projects.refuse_stale_sum(project)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        state = read_state(project, conn)
    finally:
        conn.close()
    if not state.is_legacy:
        waiting = plan.to_apply(state.statuses, to=wish.to, out_of_order=wish.out_of_order)
        if not waiting and not any(s.incomplete for s in state.statuses):
            return _nothing(state)
        projects.up_jobs(project, waiting)
    conn = connect(settings.target, "rwc", settings.busy_timeout)
    try:
        return up_on(conn, project, wish, watcher)
    finally:
        conn.close()


def up_on(conn: Connection, project: Project, wish: Wish, watcher: Watcher, *, timed: bool = False) -> Report:
    """The same on an open connection that may write: the database, or a clone of it."""
    with listening() as stop:
        session = Session(conn, stop, wish.allow_data_loss, timed, watcher.tick)
        adopted: tuple[str, ...] = ()
        done: list[Done] = []
        completed: tuple[str, ...] = ()
        while True:
            state = read_state(project, conn)
            if state.is_legacy:
                from memsql.engine.adopt import adopt

                adopted += adopt(session, state, watcher.note)
                continue
            waiting = plan.to_apply(state.statuses, to=wish.to, out_of_order=wish.out_of_order)
            jobs = projects.up_jobs(project, waiting)
            completed += complete(conn, state)
            if completed and not jobs:
                state = read_state(project, conn)
            if not jobs:
                return replace(_nothing(state), done=tuple(done), completed=completed, adopted=adopted)
            runner = Runner(session, books.read(conn) if completed else state.ledger, watcher.ended, watcher.started)
            try:
                runner.run(jobs, one_transaction=wish.all_or_nothing, fresh=not state.has_tables)
            except LedgerMoved:
                done += runner.done
                continue
            done += runner.done
            state = read_state(project, conn)
            return replace(_nothing(state), done=tuple(done), completed=completed, adopted=adopted)


def down(settings: Settings, wish: Wish, watcher: Watcher) -> Report:
    """Roll back ``wish.steps`` migrations, or all above ``wish.to``, latest first."""
    project = projects.load(settings)
    projects.refuse_stale_sum(project)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        state = read_state(project, conn)
        leaving = plan.to_roll_back(state.statuses, steps=wish.steps, to=wish.to)
        projects.down_jobs(leaving)
        if not leaving:
            return _nothing(state)
    finally:
        conn.close()
    conn = connect(settings.target, "rw", settings.busy_timeout)
    try:
        return down_on(conn, project, wish, watcher)
    finally:
        conn.close()


def down_on(conn: Connection, project: Project, wish: Wish, watcher: Watcher, *, timed: bool = False) -> Report:
    """The same on an open connection that may write."""
    with listening() as stop:
        session = Session(conn, stop, wish.allow_data_loss, timed, watcher.tick)
        done: list[Done] = []
        goal: set[str] | None = None
        while True:
            state = read_state(project, conn)
            leaving = plan.to_roll_back(state.statuses, steps=wish.steps, to=wish.to)
            # When the ledger moves on the way, only what was chosen first is still rolled back.
            goal = goal or {m.id for m in leaving}
            leaving = [m for m in leaving if m.id in goal] if not done else [
                s.migration for s in reversed(state.statuses)
                if s.state == plan.APPLIED and s.migration and s.migration.id in goal]
            jobs = projects.down_jobs(leaving)
            completed = complete(conn, state)
            runner = Runner(session, books.read(conn) if completed else state.ledger, watcher.ended, watcher.started)
            try:
                runner.run(jobs, one_transaction=wish.all_or_nothing and bool(jobs), fresh=False)
            except LedgerMoved:
                done += runner.done
                continue
            done += runner.done
            return replace(_nothing(read_state(project, conn)), done=tuple(done))


def direction_to(settings: Settings, version: int) -> Literal["up", "down"]:
    """Whether ``version`` is above or below what is applied. Raises UsageError where it does not exist."""
    state = status(settings)
    if version != 0 and version not in {s.version for s in state.statuses}:
        raise UsageError(f"there is no migration {version}", hint="see: invoke migrate.status")
    above = any(s.is_applied and s.version > version for s in state.statuses)
    return "down" if above or version == 0 else "up"


def complete(conn: Connection, state: State) -> tuple[str, ...]:
    """Fill the ledger in for what yoyo applied or rolled back by itself, in one transaction.

    Returns the ids concerned.
    """
    lacking = [s for s in state.statuses if s.incomplete and s.migration]
    if not lacking:
        return ()
    conn.begin()
    try:
        books.create_tables(conn, books.read(conn))
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
    return books.Entry(migration.version, migration.name, migration.id, migration.header.description or None,
                       migration.checksum, when, found.duration_ms or 0)


def _nothing(state: State) -> Report:
    applied = sum(1 for s in state.statuses if s.is_applied)
    return Report((), applied, sum(1 for s in state.statuses if s.state in plan.WAITING))


def ids(migrations: Sequence[Done]) -> str:
    """Their ids, for a sentence."""
    return ", ".join(d.id for d in migrations)


