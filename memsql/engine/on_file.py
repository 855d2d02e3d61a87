"""Running jobs on a SQLite file: each in a savepoint of a transaction that several may share.

The file's authorizer tells what a job reached while it runs, and the evidence of each job is there before the next
begins.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from memsql import ledger
from memsql.db import Touched
from memsql.db.counters import Counters
from memsql.db.sqlite import SQLiteConnection
from memsql.engine import shadows, statements, verdict
from memsql.engine.analysis import names_counter
from memsql.engine.index_work import IndexProof, IndexWork, rebuild_and_check, work_after
from memsql.engine.isolation import isolated, refuse_ledger_written
from memsql.engine.job import Job, LedgerMoved
from memsql.engine.loss import counting, guard
from memsql.engine.loss.guard import Virtual
from memsql.engine.loss.model import Account, MustRunAlone
from memsql.engine.loss.watched import SAVEPOINT, Ran, run_watched, undo
from memsql.engine.session import Session
from memsql.engine.state import State
from memsql.engine.structure import proof
from memsql.engine.verdict import Evidence
from memsql.engine.violations import violations
from memsql.errors import ConnectError, LockedError, MemsqlError, StatementError
from memsql.ledger import Entry
from memsql.project.checks import CheckResult, run_checks
from memsql.sqltext import fold

# More than this many do not run before patience ends; to look at all that wait for each share would take long.
_MOST = 256


class OnFile:
    """Transactions on a file (see engine.transaction.Transaction)."""

    def __init__(self, session: Session, planned: State, patience: float) -> None:
        """``planned``: the state that the run was planned from. ``patience``: for how many seconds jobs go on
        sharing a transaction, during which other writers wait."""
        self.session = session
        self._jobs: Sequence[Job] = ()
        self._kept = self._begun = 0
        self._planned = planned
        self._ledger = planned.ledger
        self._patience = patience
        self._entries: list[Entry] = []
        self._written = 0
        self._data_version: int | None = None

    @property
    def running(self) -> Sequence[Job]:
        """Those that began, without those that abandon() kept."""
        return self._jobs[self._kept : self._begun]

    def take(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Those that run with a transaction and with the same foreign-key mode, no more than patience allows."""
        if self._patience < math.inf:
            jobs = jobs[:_MOST]
        first = jobs[0].header
        for place, job in enumerate(jobs):
            if not job.header.transactional or job.header.foreign_keys != first.foreign_keys:
                return jobs[:place]
        return jobs

    def prove(self, jobs: Sequence[Job]) -> Iterator[Evidence]:
        """Run jobs until patience ends."""
        self._jobs, self._kept, self._begun = jobs, 0, 1
        self._entries, self._written = [], 0
        began = time.perf_counter()
        self.begin(foreign_keys=jobs[0].header.foreign_keys)
        whole, alone = self.session.options.all_or_nothing, False
        for place, job in enumerate(jobs):
            if place and (alone or time.perf_counter() - began > self._patience):
                return
            self._begun = place + 1
            self.session.progress.start(job.label)
            if job.checks or job.analysis.reads_ledger:
                self._write(self._entries)
            try:
                evidence = prove_job(self.session, job, shares=bool(place) and not whole)
            except MustRunAlone:
                undo(self.session.conn)
                self.session.schema.forget()
                self._begun = place
                return
            alone = evidence.has_copies and not whole
            yield evidence
            # The caller came back for more, so this job passed.
            self.session.conn.execute(f"RELEASE {SAVEPOINT}")
            self._entries.append(job.entry(evidence.started, evidence.duration_ms))

    def commit(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """All rows of the ledger table by table, which takes a fifth of the time that job by job takes."""
        self._write(entries)
        self.session.conn.commit()
        # What this transaction created is known; the ledger need not be read again.
        self._ledger = self._ledger.with_tables()
        return ()

    def abandon(self, keep: int) -> bool:
        """ROLLBACK TO the savepoint of the job that failed."""
        conn = self.session.conn
        self.session.schema.forget()
        if keep and conn.in_transaction:
            with contextlib.suppress(MemsqlError):
                undo(conn)
                self._kept = keep
                return True
        # Also where SQLite has rolled back by itself: then it lets the connection go on.
        with contextlib.suppress(MemsqlError):
            conn.rollback()
        return False

    def record_failure(self, entry: Entry, operation: str, message: str) -> None:
        """In a transaction of its own."""
        ledger.record_failure(self.session.conn, entry, operation, message)

    def aftermath(self, problem: MemsqlError, job: Job, *, whole: bool) -> str:
        """The transaction of ``job`` was rolled back."""
        return verdict.undone(problem, job, self.running, whole=whole)

    def begin(self, *, foreign_keys: bool) -> None:
        """Take the write lock, and expect the ledger as it was when the run was planned. Raises LedgerMoved,
        LockedError."""
        self._set_foreign_keys(foreign_keys)
        self.session.conn.begin()
        self._expect_planned_ledger()
        ledger.create_tables(self.session.conn, self._ledger)

    def _write(self, entries: Sequence[Entry]) -> None:
        new = entries[self._written :]
        if new:
            ledger.mark_all(self.session.conn, new, applied=self._jobs[0].direction == "up")
            self._written = len(entries)

    def _set_foreign_keys(self, on: bool) -> None:
        conn = self.session.conn
        # Inside a transaction this pragma does nothing and says nothing
        # (https://sqlite.org/pragma.html#pragma_foreign_keys).
        conn.execute(f"PRAGMA foreign_keys = {'on' if on else 'off'}")
        if conn.execute("PRAGMA foreign_keys").one() != int(on):
            raise ConnectError("the engine did not take PRAGMA foreign_keys; nothing was changed")

    def _expect_planned_ledger(self) -> None:
        # Commits of this connection do not change data_version, those of other processes do
        # (https://sqlite.org/pragma.html#pragma_data_version).
        version = self.session.conn.execute("PRAGMA data_version").one()
        assert isinstance(version, int)
        if version == self._data_version:
            return
        self.session.schema.forget()
        now = ledger.read(self.session.conn)
        if now.yoyo_lock is not None:
            raise LockedError(
                f"yoyo (process {now.yoyo_lock}) holds its lock on this database",
                hint="wait for it; if it crashed, remove its lock with: yoyo break-lock",
            )
        if now != self._ledger or (self._data_version is None and self._planned.is_another_now(self.session.conn)):
            raise LedgerMoved
        self._data_version = version


def prove_job(session: Session, job: Job, *, shares: bool = False) -> Evidence:
    """Run ``job`` inside the open transaction, in a savepoint that stays open, and gather the evidence for its verdict.
    ``shares``: others ran in that transaction.

    Raises MigrationFailed, Refused, Interrupted, LockedError, NoSpace or ConnectError, or MustRunAlone where it shares
    what it must not; the savepoint then holds unproven changes.
    """
    conn = session.conn
    started, clock = datetime.now(UTC), time.perf_counter()
    shadows.refuse_by_name(job, session.schema.virtual)
    run = _Statements(session, job, shares=shares)
    objects = None if session.options.replayed else proof.begin(session.schema.structure, job)
    count = partial(counting.count, conn)
    watched = run_watched(session, job, count=count, run=run)
    refuse_ledger_written(job, watched.touched)
    shadows.refuse_by_trigger(job, run.shadow_writes)
    after = count(watched.after_watch) if watched.watch.linked or watched.watch.keyed else guard.Counts()
    structure = proof.findings(conn, session.schema.structure, job, objects)
    indexes = IndexWork()
    index_proof = IndexProof()
    checks: list[CheckResult] = []
    if verdict.keeps_data(job, run.account, watched.before, after, allows_all=session.allows_all(job)):
        indexes = work_after(session.schema, job, watched.touched)
        index_proof = rebuild_and_check(conn, indexes)
        checks = run_checks(conn, job.checks, session.interrupted)
    if session.stopped:
        raise verdict.interrupted(job, session.stop)
    return Evidence(
        account=run.account,
        before=watched.before,
        after=after,
        indexes=indexes,
        broken_indexes=index_proof.broken,
        checks=tuple(checks),
        started=started,
        duration_ms=round((time.perf_counter() - clock) * 1000),
        timings=tuple(watched.timings),
        structure=structure,
        unproven=index_proof.unproven,
        has_copies=run.has_copies,
    )


class _Statements:
    """Runs the statements of a job; in the last run ``account`` is what they did to the rows from before,
    ``has_copies`` whether rows were kept, and ``shadow_writes`` as in Accounting."""

    def __init__(self, session: Session, job: Job, *, shares: bool) -> None:
        self._session, self._job, self._shares = session, job, shares
        self.account = Account()
        self.has_copies = False
        self.shadow_writes: dict[str, tuple[str, str]] = {}

    def __call__(self) -> Ran:
        """Run them: in large pieces where they only insert, else one by one."""
        job, options = self._job, self._session.options
        if not (job.analysis.measured or job.guarded or options.timed):
            ran = self._plain()
            if ran is not None:
                return ran
        return self._measured()

    def _plain(self, *, exact: bool = False) -> Ran | None:
        """None where a trigger or a constraint may have destroyed something; then all is undone."""
        session, job = self._session, self._job
        conn, progress = session.conn, session.progress
        touched: Touched | None = None
        self._begin_counters(precise=False)
        try:
            with isolated(conn, job), conn.observe(session.interrupted) as touched:
                assert touched is not None
                if exact:
                    statements.run(conn, job.file, progress)
                else:
                    bulk = job.analysis.bulk
                    statements.run_quickly(conn, job.file, bulk, interrupted=session.interrupted, progress=progress)
        except StatementError as e:
            if session.stopped:
                raise verdict.interrupted(job, session.stop) from e
            if not exact and conn.in_transaction and statements.cut_wrongly(job.file):
                conn.execute(f"ROLLBACK TO {SAVEPOINT}")
                return self._plain(exact=True)
            raise _explained(session, job, e, touched) from e
        virtual = session.schema.virtual() if touched.inserted or touched.writes else Virtual()
        silent = any(trigger is not None or virtual.is_plain(table) for _, table, _, trigger in touched.writes)
        if (
            silent
            or any(map(virtual.is_contentless, touched.inserted))
            or (touched.inserted and session.schema.replaces())
        ):
            conn.execute(f"ROLLBACK TO {SAVEPOINT}")
            return None
        return touched, ()

    def _begin_counters(self, *, precise: bool) -> Counters | None:
        """Set last_insert_rowid() and its like to what they are before a file. None where nothing asks them;
        ``precise``: find that out for a large file too."""
        schema, job = self._session.schema, self._job
        if not schema.counts() and not (job.analysis.counts and (not precise or names_counter(job.file.data.lower()))):
            return None
        counters = schema.counters()
        counters.begin()
        return counters

    def _measured(self) -> Ran:
        # Imported here, because most migrations only create and insert.
        from memsql.engine.loss.account import Accountant

        session, job = self._session, self._job
        conn, progress = session.conn, session.progress
        assert isinstance(conn, SQLiteConnection)
        accountant = Accountant(
            conn,
            session.schema.structure.catalog,
            session.interrupted,
            foreign_keys=job.header.foreign_keys,
            drops=bool(job.analysis.drops),
        )
        accountant.shares, accountant.counters = self._shares, self._begin_counters(precise=True)
        timings: Sequence[statements.StatementTiming] = ()
        try:
            with isolated(conn, job):
                if job.guarded:
                    timings = statements.run_guarded(conn, job.file, progress, accountant.run)
                elif session.options.timed:
                    timings = statements.run_timed(accountant.run, job.file, progress)
                else:
                    statements.run_measured(accountant, job.file, progress)
                self.account, self.has_copies = accountant.finish(), accountant.has_copies
                self.shadow_writes = accountant.shadow_writes
        except StatementError as e:
            if session.stopped:
                raise verdict.interrupted(job, session.stop) from e
            raise _explained(session, job, e, accountant.touched) from e
        return accountant.touched, timings


def _explained(session: Session, job: Job, error: StatementError, touched: Touched | None) -> MemsqlError:
    """What to tell of ``job``, whose statements raised ``error``."""
    conn = session.conn
    if error.code == "SQLITE_LOCKED" and touched is not None and conn.in_transaction:
        # SQLite cannot drop a table while the cascade of the drop writes to a full-text index. The reason to refuse is
        # the loss of the rows.
        conn.execute(f"ROLLBACK TO {SAVEPOINT}")
        lost = counting.cascades(conn, frozenset(fold(t) for t in touched.dropped))
        if lost:
            return verdict.refused(job, lost)
    located = error
    if error.where is None and conn.in_transaction:
        conn.execute(f"ROLLBACK TO {SAVEPOINT}")
        with conn.observe(session.interrupted):
            located = statements.locate(conn, job.file, error)
    forbidden = touched.forbidden if touched else None
    details = violations(conn, located, session.interrupted) if forbidden is None else ()
    return verdict.statement_failed(job, located, error.code, forbidden, details)
