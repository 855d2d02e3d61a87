"""One migration, in one direction, in one transaction: change, proof and bookkeeping.

The caller has begun the transaction and decides about COMMIT, so that several migrations can share
one. Whatever is raised from here, the caller rolls back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from memsql import ledger as books
from memsql.db import Connection, Touched
from memsql.db.queries import load
from memsql.engine import bulk, verdict
from memsql.engine import statements as script
from memsql.engine.job import Done, Job, entry
from memsql.engine.loss import guard
from memsql.engine.signals import Stop
from memsql.errors import StatementError
from memsql.project.checks import run_checks
from memsql.project.files import SqlFile
from memsql.sqltext import fold, identifiers


@dataclass
class Session:
    """What holds for all migrations of one run on one connection."""

    conn: Connection
    stop: Stop
    allow_data_loss: bool = False
    timed: bool = False
    tick: Callable[[float | None], None] = lambda _: None
    fts: dict[str, frozenset[str]] | None = field(default=None)
    virtual: guard.Virtual | None = None
    note: Callable[[str], None] = lambda _: None
    replacing: bool | None = None
    parents: frozenset[str] | None = None
    looked: Callable[[guard.Look], None] = lambda _: None
    unwritten: list[tuple[Job, datetime, int]] | None = None
    run_text: Callable[[Connection, SqlFile, Callable[[float], None]], None] | None = None

    def virtual_tables(self) -> guard.Virtual:
        """The virtual tables, read once until one changes."""
        if self.virtual is None:
            self.virtual = guard.virtual_tables(self.conn)
        return self.virtual

    def fts_tables(self) -> dict[str, frozenset[str]]:
        """FTS5 tables and, lower case, the table that each shows, or the view and what it names; read once until one changes."""
        if self.fts is None:
            self.fts = {}
            if self.conn.execute(load("engine/has_fts")).rows:
                from memsql.fts import discover, shown

                self.fts = shown(self.conn, discover(self.conn))
        return self.fts

    def replaces(self) -> bool:
        """Whether a constraint or trigger of the schema replaces rows, so that any INSERT may delete. Read once,
        and again after the statements of a migration that may have armed it."""
        if self.replacing is None:
            self.replacing = bool(self.conn.execute(load("engine/replaces")).rows)
        return self.replacing

    def keyed(self, touched: Touched) -> frozenset[str]:
        """The tables that lost an index and to which others refer, lower case. Who is referred to is read once, and again
        where that may have grown."""
        if touched.created or touched.altered:
            self.parents = None
        if not touched.unindexed:
            return frozenset()
        if self.parents is None:
            self.parents = guard.parents(self.conn)
        return self.parents & {fold(t) for t in touched.unindexed}

    def forget(self) -> None:
        """The schema may be another now: another process was here."""
        self.fts = self.virtual = self.replacing = self.parents = None

    def write_unwritten(self) -> None:
        """Write the ledger's rows for the jobs of this transaction that lack them: where ``unwritten`` is a list they are
        written before COMMIT, all together, which takes a fifth of the time."""
        if self.unwritten:
            jobs, self.unwritten = self.unwritten, []
            books.mark_all(self.conn, [entry(*job) for job in jobs], applied=jobs[0][0].direction == "up")

    def allows_loss(self, job: Job) -> bool:
        """Whether the file or the person allows ``job`` to lose data."""
        return job.allows_loss or self.allow_data_loss

    def interrupted(self) -> bool:
        self.tick(None)
        return bool(self.stop)


def run_job(session: Session, job: Job) -> Done:
    """Run ``job`` inside the open transaction: statements, proof, ledger. Does not commit.

    Raises MigrationFailed, Refused, Interrupted, LockedError or ConnectError; the transaction then
    holds unproven changes and must be rolled back, or with undo() to where this job began.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    if job.checks or job.analysis.reads_ledger:
        session.write_unwritten()
    touched, before, watch, timings = execute(session, job)
    lost = _prove_nothing_lost(session, job, before, watch)
    rebuilt = _prove_fts(session, job, touched)
    warnings = verdict.judge_checks(job, run_checks(session.conn, job.checks))
    elapsed = round((time.perf_counter() - clock) * 1000)
    if session.stop:
        raise verdict.interrupted(job, session.stop)
    later = session.unwritten if not job.guarded else None
    if later is None:
        write_ledger(session.conn, job, started, elapsed)
    session.conn.execute("RELEASE memsql_migration")
    if later is not None:
        later.append((job, started, elapsed))
    return Done(
        job.migration.id,
        job.migration.version,
        job.migration.name,
        job.direction,
        elapsed,
        lost,
        rebuilt,
        warnings,
        tuple(timings),
    )


def undo(conn: Connection) -> None:
    """Take back what the job that failed last did in the open transaction. Raises where SQLite ended that already."""
    conn.execute("ROLLBACK TO memsql_migration")
    conn.execute("RELEASE memsql_migration")


def execute(session: Session, job: Job) -> tuple[Touched, guard.Look, guard.Watch, Sequence[script.Timing]]:
    """Look, run, and compare what was looked at with what was reached; when the run reached more,
    undo it, look at that too, and run again."""
    conn = session.conn
    fk_off = not job.header.foreign_keys
    watch = _first_watch(session, job, fk_off)
    values = not session.allows_loss(job)
    rebuilds = job.analysis.rebuilds and bool(
        fk_off or job.analysis.deletes or job.analysis.drops or job.analysis.strips
    )
    existing = guard.tables(conn) if job.analysis.replaces or rebuilds else None
    replaced = job.analysis.replaces or session.replaces()
    while True:
        before = guard.observe(conn, watch, values=values)
        session.looked(before)
        conn.execute("SAVEPOINT memsql_migration")
        touched, timings = _run(session, job)
        if touched.schema and job.analysis.arms:
            session.replacing = None
        replaces = replaced or session.replaces()
        keyed = session.keyed(touched)
        if not (touched.deleted or touched.dropped or fk_off or replaces or keyed):
            break
        wanted = guard.needed(
            touched,
            job.analysis,
            session.virtual_tables(),
            replaces=replaces,
            fk_off=fk_off,
            existing=existing,
            keyed=keyed,
        )
        unknown = existing is None and guard.doubtful(touched, watch, job.analysis, replaces=replaces)
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
    return guard.planned(analysis, named, session.virtual_tables())


def _run(session: Session, job: Job, *, exact: bool = False) -> tuple[Touched, Sequence[script.Timing]]:
    conn = session.conn
    quick = not (exact or job.guarded or session.timed or session.run_text)
    try:
        with conn.observe(session.interrupted) as touched:
            assert touched is not None
            if job.guarded:
                return touched, script.run_guarded(conn, job.file, session.tick)
            if session.timed:
                return touched, script.run_timed(conn, job.file, session.tick)
            if quick:
                bulk.run_quickly(conn, job.file, job.analysis, session.tick, session.interrupted)
            else:
                (session.run_text or script.run)(conn, job.file, session.tick)
            return touched, ()
    except StatementError as e:
        if session.stop:
            raise verdict.interrupted(job, session.stop) from e
        if quick and conn.in_transaction and bulk.cut_wrongly(job.file):
            conn.execute("ROLLBACK TO memsql_migration")
            return _run(session, job, exact=True)
        if e.code == "SQLITE_LOCKED" and touched is not None and conn.in_transaction:
            # SQLite cannot drop a table while the cascade of the drop goes through a full-text index. It
            # refuses by chance what we refuse on principle, so the reason is ours to give.
            conn.execute("ROLLBACK TO memsql_migration")
            lost = guard.cascades(conn, frozenset(fold(t) for t in touched.dropped))
            if lost:
                raise verdict.refused(job, [loss.message for loss in lost]) from e
        located = e
        if e.where is None and conn.in_transaction:
            conn.execute("ROLLBACK TO memsql_migration")
            with conn.observe(session.interrupted):
                located = script.locate(conn, job.file, e)
        raise verdict.statement_failed(job, located, e.code, touched.forbidden if touched else None) from e


def _prove_nothing_lost(session: Session, job: Job, before: guard.Look, watch: guard.Watch) -> tuple[str, ...]:
    if not (watch.linked or watch.keyed or before.holds_something):
        return ()
    after = guard.observe(session.conn, guard.after_watch(watch, job.analysis), values=not session.allows_loss(job))
    return verdict.judge_loss(job, before, after, allowed=session.allows_loss(job))


def _prove_fts(session: Session, job: Job, touched: Touched) -> tuple[str, ...]:
    """Rebuild what the header asks for, then check every FTS5 table the migration reached at rank 1."""
    rebuild, check = fts_work(session, job, touched)
    if rebuild or check:
        mend_and_check(session.conn, job, rebuild, check)
    return rebuild


def mend_and_check(conn: Connection, job: Job, rebuild: Sequence[str], check: Sequence[str]) -> None:
    """Build the full-text indexes ``rebuild`` anew and check ``check`` at rank 1. Raises MigrationFailed."""
    from memsql.fts import check_in_transaction, rebuild_in_transaction

    rebuild_in_transaction(conn, rebuild)
    problems = check_in_transaction(conn, check)
    if problems:
        raise verdict.broken_index(job, problems)


def fts_work(session: Session, job: Job, touched: Touched) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The full-text indexes to rebuild after ``job``, and those to check. Raises MigrationFailed for one it asks for
    that does not exist."""
    over_view = any(len(content) > 1 for content in (session.fts or {}).values())
    if touched.virtual or touched.altered or (touched.schema and over_view):
        session.fts = session.virtual = None
    asked = job.header.fts_rebuild
    # The index goes on reading its content under the old names.
    analysis = job.analysis
    renamed = {old for old, _ in analysis.renames} | {table for table, _, _ in analysis.columns} | analysis.strips
    if not (asked or touched.written() or touched.virtual or renamed or analysis.dropped):
        return (), ()
    tables = session.fts_tables()
    written = {fold(t) for t in touched.written() | touched.created} | renamed | analysis.dropped
    return chosen(job, tables, [name for name, content in tables.items() if written & {fold(name), *content}])


def chosen(job: Job, tables: Collection[str], reached: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of all full-text indexes ``tables``, those to rebuild as the header of ``job`` asks, and those to check: these and
    what it ``reached``. Raises MigrationFailed for one that does not exist."""
    asked = job.header.fts_rebuild
    by_lower = {fold(name): name for name in tables}
    for name in asked:
        if (name == "all" and not tables) or (name != "all" and fold(name) not in by_lower):
            raise verdict.no_such_index(job, name, tuple(tables))
    rebuild = reached if asked == ("all",) else [by_lower[fold(name)] for name in asked if name != "all"]
    return tuple(rebuild), tuple(sorted({*reached, *rebuild}))


def write_ledger(conn: Connection, job: Job, started: datetime, elapsed: int) -> None:
    """Write what yoyo's tables and ours hold about ``job``, which ran for ``elapsed`` milliseconds."""
    if job.guarded:
        if books.has_history(conn):
            books.add_history(conn, replace(entry(job, started, elapsed), version=None), f"legacy_{job.direction}")
    elif job.direction == "up":
        books.mark_applied(conn, entry(job, started, elapsed))
    else:
        books.mark_rolled_back(conn, entry(job, started, elapsed))
