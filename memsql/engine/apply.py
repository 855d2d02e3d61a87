"""One migration, in one direction, in one transaction: change, proof and bookkeeping.

The caller has begun the transaction and decides about COMMIT, so that several migrations can share
one. Whatever is raised from here, the caller rolls back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from memsql import ledger as books
from memsql.checks import Check, run_checks
from memsql.db import Connection, Touched
from memsql.db.queries import load
from memsql.engine import guard, script
from memsql.engine.signals import Stop
from memsql.errors import Interrupted, Location, MigrationFailed, Refused, StatementError
from memsql.files import Migration, SqlFile
from memsql.sqltext import MigrationHeader, identifiers

Direction = Literal["up", "down"]


class LedgerMoved(Exception):
    """Another process changed the ledger since planning; plan again."""


@dataclass(frozen=True)
class Job:
    """A migration in one direction, read and validated: nothing about it can surprise any more.
    ``guarded`` marks a legacy upgrade, whose statements may carry a condition and whose ledger is a
    line of history."""

    migration: Migration
    direction: Direction
    file: SqlFile
    header: MigrationHeader
    analysis: script.Analysis
    checks: tuple[Check, ...] = ()
    guarded: bool = False

    @property
    def allows_loss(self) -> bool:
        return any(a.rule == "data-loss" for a in self.header.allows)


@dataclass(frozen=True, slots=True)
class Done:
    """A migration that ran: what it was, how long, what it lost with permission, and, from a
    rehearsal, the time of every statement."""

    id: str
    version: int
    name: str
    direction: Direction
    duration_ms: int
    lost: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: tuple[script.Timing, ...] = ()


@dataclass
class Session:
    """What holds for all migrations of one run on one connection."""

    conn: Connection
    stop: Stop
    allow_data_loss: bool = False
    timed: bool = False
    tick: Callable[[float | None], None] = lambda _: None
    fts: dict[str, str] | None = field(default=None)
    virtual: frozenset[str] | None = None
    note: Callable[[str], None] = lambda _: None
    replacing: bool | None = None

    def virtual_tables(self) -> frozenset[str]:
        """Lower-case names of the virtual tables, read once until one changes."""
        if self.virtual is None:
            self.virtual = guard.virtual_tables(self.conn)
        return self.virtual

    def fts_tables(self) -> dict[str, str]:
        """FTS5 tables and the lower-case name of their content table, read once until one changes."""
        if self.fts is None:
            self.fts = {}
            if self.conn.execute(load("engine/has_fts")).rows:
                from memsql.fts import discover

                self.fts = {t.name: (t.content or "").lower() for t in discover(self.conn)}
        return self.fts

    def replaces(self) -> bool:
        """Whether a constraint or trigger of the schema replaces rows, so that any INSERT may delete. Read once,
        and again after the statements of a migration that may have armed it."""
        if self.replacing is None:
            self.replacing = bool(self.conn.execute(load("engine/replaces")).rows)
        return self.replacing

    def forget(self) -> None:
        """The schema may be another now: another process was here."""
        self.fts = self.virtual = self.replacing = None

    def interrupted(self) -> bool:
        self.tick(None)
        return bool(self.stop)


def run_job(session: Session, job: Job) -> Done:
    """Run ``job`` inside the open transaction: statements, proof, ledger. Does not commit.

    Raises MigrationFailed, Refused, Interrupted, LockedError or ConnectError; the transaction then
    holds unproven changes and must be rolled back, or with undo() to where this job began.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    touched, before, watch, timings = _execute(session, job)
    lost = _prove_nothing_lost(session, job, before, watch)
    rebuilt = _prove_fts(session, job, touched)
    warnings = _prove_checks(session, job)
    elapsed = round((time.perf_counter() - clock) * 1000)
    _write_ledger(session.conn, job, started, elapsed)
    if session.stop:
        raise _interrupted(session, job)
    session.conn.execute("RELEASE memsql_migration")
    return Done(
        job.migration.id, job.migration.version, job.migration.name, job.direction, elapsed,
        lost, rebuilt, warnings, tuple(timings),
    )


def undo(conn: Connection) -> None:
    """Take back what the job that failed last did in the open transaction. Raises where SQLite ended that already."""
    conn.execute("ROLLBACK TO memsql_migration")
    conn.execute("RELEASE memsql_migration")


def _execute(
    session: Session, job: Job
) -> tuple[Touched, guard.Look, guard.Watch, Sequence[script.Timing]]:
    """Look, run, and compare what was looked at with what was reached; when the run reached more,
    undo it, look at that too, and run again."""
    conn = session.conn
    fk_off = not job.header.foreign_keys
    watch = _first_watch(session, job, fk_off)
    values = not (job.allows_loss or session.allow_data_loss)
    existing = guard.tables(conn) if job.analysis.replaces else None
    replaced = job.analysis.replaces or session.replaces()
    while True:
        before = guard.observe(conn, watch, values=values)
        conn.execute("SAVEPOINT memsql_migration")
        touched, timings = _run(session, job)
        if touched.schema and job.analysis.arms:
            session.replacing = None
        replaces = replaced or session.replaces()
        if not (touched.deleted or touched.dropped or fk_off or replaces):
            break
        wanted = guard.needed(
            touched, job.analysis, session.virtual_tables(), replaces=replaces, fk_off=fk_off, existing=existing)
        unknown = existing is None and guard.doubtful(touched, watch, replaces=replaces)
        if watch.covers(wanted) and not unknown:
            break
        undo(conn)
        watch |= wanted
        existing = guard.tables(conn) if unknown else existing
    return touched, before, watch, timings


def _first_watch(session: Session, job: Job, fk_off: bool) -> guard.Watch:
    analysis = job.analysis
    if not (fk_off or analysis.deletes or analysis.drops or analysis.strips):
        return guard.Watch()
    named = identifiers(job.file.text()) if fk_off else frozenset()
    tables = guard.tables(session.conn) if named else frozenset()
    return guard.planned(analysis, named & tables, session.virtual_tables())


def _run(session: Session, job: Job) -> tuple[Touched, Sequence[script.Timing]]:
    conn = session.conn
    try:
        with conn.observe(session.interrupted) as touched:
            assert touched is not None
            if job.guarded:
                return touched, script.run_guarded(conn, job.file, session.tick)
            if session.timed:
                return touched, script.run_timed(conn, job.file, session.tick)
            script.run(conn, job.file, session.tick)
            return touched, ()
    except StatementError as e:
        if session.stop:
            raise _interrupted(session, job) from e
        if e.code == "SQLITE_LOCKED" and touched is not None and conn.in_transaction:
            # SQLite cannot drop a table while the cascade of the drop goes through a full-text index. It
            # refuses by chance what we refuse on principle, so the reason is ours to give.
            conn.execute("ROLLBACK TO memsql_migration")
            lost = guard.cascades(conn, frozenset(t.lower() for t in touched.dropped))
            if lost:
                raise _refused(job, [loss.message for loss in lost]) from e
        raise _failure(session, job, e, touched) from e


def _failure(
    session: Session, job: Job, error: StatementError, touched: Touched | None
) -> MigrationFailed:
    conn = session.conn
    located = error
    if error.where is None and conn.in_transaction:
        conn.execute("ROLLBACK TO memsql_migration")
        with conn.observe(session.interrupted):
            located = script.locate(conn, job.file, error)
    message, hint = located.message, "correct the file and run the command again"
    if touched is not None and touched.forbidden is not None:
        message, hint = f"{touched.forbidden} is not allowed inside a migration", "remove it; memsql owns the transaction"
    elif error.code == "SQLITE_FULL":
        message, hint = "the disk is full", "free space (the journal needs as much as the change), then run it again"
    elif error.code == "SQLITE_CORRUPT_VTAB":
        hint = "a full-text index is damaged: invoke fts.status names it, invoke fts.rebuild mends it"
    elif error.code == "SQLITE_LOCKED":
        hint = "delete the rows of the table first, or rebuild it with `-- foreign_keys: off` in the header"
    elif error.code == "SQLITE_CONSTRAINT_FOREIGNKEY":
        hint = "a table rebuild needs `-- foreign_keys: off` in the header; otherwise find the rows that refer to nothing"
    number = f" in statement {located.index + 1}" if located.index is not None else ""
    return MigrationFailed(
        f"{job.migration.id} failed{number}: {message}",
        where=located.where or Location(job.file.path),
        statement=located.statement,
        hint=hint,
    )


def _prove_nothing_lost(session: Session, job: Job, before: guard.Look, watch: guard.Watch) -> tuple[str, ...]:
    if not (watch.linked or before.holds_something):
        return ()
    values = not (job.allows_loss or session.allow_data_loss)
    after = guard.observe(session.conn, guard.after_watch(watch, job.analysis), values=False)
    problems = guard.forgotten(before, after, job.analysis) + guard.broken_keys(before, after)
    lost = [loss.message for loss in guard.losses(before, after, job.analysis)]
    if lost and values:
        raise _refused(job, lost)
    if problems:
        raise MigrationFailed(
            f"{job.migration.id} ran, but its proof failed",
            where=Location(job.file.path),
            details=tuple(problems),
            hint="correct the file and run the command again",
        )
    return tuple(lost)


def _refused(job: Job, lost: Sequence[str]) -> Refused:
    return Refused(
        f"{job.migration.id} would lose data",
        where=Location(job.file.path),
        details=tuple(lost),
        hint="if that is meant, write `-- allow: data-loss <reason>` into the header of the file, or pass "
        "--allow-data-loss; a table rebuild needs `-- foreign_keys: off`, or the rows of tables that refer to it go too",
    )


def _prove_fts(session: Session, job: Job, touched: Touched) -> tuple[str, ...]:
    """Rebuild what the header asks for, then check every FTS5 table the migration reached at rank 1."""
    if touched.virtual or touched.altered:
        session.fts = session.virtual = None
    asked = job.header.fts_rebuild
    if not (asked or touched.written() or touched.virtual):
        return ()
    tables = session.fts_tables()
    if not tables:
        if asked:
            raise _no_such_fts(job, asked[0], ())
        return ()
    from memsql.fts import check_in_transaction, rebuild_in_transaction

    written = {t.lower() for t in touched.written() | touched.created}
    reached = [name for name, content in tables.items() if name.lower() in written or content in written]
    by_lower = {name.lower(): name for name in tables}
    for name in asked:
        if name != "all" and name.lower() not in by_lower:
            raise _no_such_fts(job, name, tuple(tables))
    rebuild = reached if asked == ("all",) else [by_lower[name.lower()] for name in asked if name != "all"]
    if rebuild:
        rebuild_in_transaction(session.conn, rebuild)
    problems = check_in_transaction(session.conn, sorted({*reached, *rebuild}))
    if problems:
        raise MigrationFailed(
            f"{job.migration.id} ran, but its proof failed: a full-text index disagrees with its content",
            where=Location(job.file.path),
            details=tuple(problems),
            hint="if the index was broken before, mend it with: invoke fts.rebuild; otherwise let the migration "
            "rebuild it: `-- fts_rebuild: all` in its header",
        )
    return tuple(rebuild)


def _no_such_fts(job: Job, name: str, known: tuple[str, ...]) -> MigrationFailed:
    return MigrationFailed(
        f"{job.migration.id} asks to rebuild {name}, which is no FTS5 table here",
        where=Location(job.file.path),
        hint="FTS5 tables: " + (", ".join(known) or "none"),
    )


def _prove_checks(session: Session, job: Job) -> tuple[str, ...]:
    warnings = []
    for result in run_checks(session.conn, job.checks):
        if result.ok:
            continue
        if result.check.severity == "error":
            raise MigrationFailed(
                f"{job.migration.id} ran, but its check {result.check.name!r} failed",
                where=Location(result.check.path),
                details=result.messages[:20],
                hint=result.check.why or "correct the migration and run the command again",
            )
        warnings += [f"{result.check.name}: {m}" for m in result.messages]
    return tuple(warnings)


def _write_ledger(conn: Connection, job: Job, started: datetime, elapsed: int) -> None:
    if job.guarded:
        if books.has_history(conn):
            books.add_history(conn, replace(entry(job, started, elapsed), version=None), f"legacy_{job.direction}")
    elif job.direction == "up":
        books.mark_applied(conn, entry(job, started, elapsed))
    else:
        books.mark_rolled_back(conn, entry(job, started, elapsed))


def entry(job: Job, started: datetime, elapsed: int) -> books.Entry:
    """What the ledger says about this run of ``job``."""
    migration = job.migration
    return books.Entry(
        migration.version, migration.name, migration.id, migration.header.description or None,
        migration.checksum, started, elapsed,
    )


def _interrupted(session: Session, job: Job) -> Interrupted:
    return Interrupted(
        f"{session.stop.name} stopped {job.migration.id}",
        where=Location(job.file.path),
        hint="run the command again to go on",
    )
