"""Running jobs on a connection: transactions, grouping, failure records, what to do when the ledger moves."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from memsql import ledger as books
from memsql.db import Connection
from memsql.engine.apply import Done, Job, LedgerMoved, Session, entry, run_job
from memsql.engine.partial import run_partial
from memsql.errors import (
    ConnectError,
    Interrupted,
    LockedError,
    MemsqlError,
    MigrationFailed,
    Refused,
    StatementError,
    UsageError,
)
from memsql.ledger import Ledger


@dataclass
class Runner:
    """Runs jobs one after another; remembers the ledger as planned with, and what is done so far."""

    session: Session
    ledger: Ledger
    on_start: Callable[[Job], None] = lambda _: None
    prepare: Callable[[Connection], None] | None = None
    done: list[Done] = field(default_factory=list)
    _foreign_keys: bool | None = None
    _data_version: int | None = None

    def run(self, jobs: Sequence[Job], *, one_transaction: bool, fresh: bool) -> None:
        """Run ``jobs`` in order. ``one_transaction`` makes it all or nothing; ``fresh`` says that the
        database is empty, so that migrations may share a transaction.

        Raises what stopped it, with ``state`` saying what the database holds now; LedgerMoved where
        the plan is out of date, after which ``done`` says what ran already.
        """
        if one_transaction:
            _refuse_mixed(jobs)
            self._transaction(jobs)
            return
        groups = _groups(jobs) if fresh else [[job] for job in jobs]
        with self.session.conn.many_commits() if len(groups) > 1 else contextlib.nullcontext():
            self._run_groups(groups, len(jobs))

    def _run_groups(self, groups: Sequence[Sequence[Job]], total: int) -> None:
        for group in groups:
            if not group[0].header.transactional:
                self._partial(group[0])
            elif len(group) == 1:
                self._transaction(group)
            else:
                self._shared(group)
            self._stopped_between(total)

    def _shared(self, group: Sequence[Job]) -> None:
        """Several in one transaction. Sharing only saves time: when anything goes wrong, each runs
        on its own, so that failures mean the same either way."""
        try:
            self._transaction(group, record=False)
        except (MigrationFailed, Refused, StatementError) as e:
            if isinstance(e, Interrupted):
                raise
            for job in group:
                self._transaction([job])

    def _transaction(self, jobs: Sequence[Job], *, record: bool = True) -> None:
        conn = self.session.conn
        started = datetime.now(UTC)
        clock = time.perf_counter()
        self._set_foreign_keys(jobs[0].header.foreign_keys)
        finished: list[Done] = []
        current = jobs[0]
        try:
            conn.begin()
            self._expect_same_ledger()
            if self.prepare is not None:
                self.prepare(conn)
            books.create_tables(conn, self.ledger)
            for job in jobs:
                current = job
                self.on_start(job)
                finished.append(run_job(self.session, job))
            conn.commit()
        except LedgerMoved:
            conn.rollback()
            raise
        except (MemsqlError, KeyboardInterrupt) as e:
            problem = self._undo(e, current)
            if record and isinstance(problem, (MigrationFailed, Refused)):
                self._record_failure(current, problem, started, round((time.perf_counter() - clock) * 1000))
            problem.state = self._state(problem, len(jobs) > 1)
            raise problem from e
        except BaseException:
            conn.rollback()
            raise
        self.prepare = None
        self._after_commit()
        for result in finished:
            self.done.append(result)

    def _partial(self, job: Job) -> None:
        self._set_foreign_keys(job.header.foreign_keys)
        conn = self.session.conn
        conn.begin()
        try:
            self._expect_same_ledger()
            books.create_tables(conn, self.ledger)
            conn.commit()
        except BaseException:
            conn.rollback()
            raise
        self._after_commit()
        self.on_start(job)
        started, clock = datetime.now(UTC), time.perf_counter()
        try:
            result = run_partial(self.session, job, self.ledger)
        except (MigrationFailed, Refused) as problem:
            self._record_failure(job, problem, started, round((time.perf_counter() - clock) * 1000))
            raise
        self._after_commit()
        self.done.append(result)

    def _undo(self, error: BaseException, job: Job) -> MemsqlError:
        conn = self.session.conn
        try:
            conn.rollback()
        except MemsqlError:
            conn.close()
        if isinstance(error, StatementError):
            return MigrationFailed(
                f"{job.migration.id} could not be committed: {error.message}",
                hint="free space (the journal needs as much as the change), then run it again"
                if error.code == "SQLITE_FULL" else "correct the cause and run the command again",
            )
        if isinstance(error, MemsqlError):
            return error
        return Interrupted(f"Ctrl-C stopped {job.migration.id}")

    def _record_failure(self, job: Job, problem: MemsqlError, started: datetime, elapsed: int) -> None:
        """In a transaction of its own; when even that cannot be written, the error stands alone."""
        conn = self.session.conn
        try:
            conn.begin()
            books.create_tables(conn, books.read(conn))
            operation = "apply" if job.direction == "up" else "rollback"
            books.mark_failed(conn, entry(job, started, elapsed), operation, problem.message)
            conn.commit()
            self._after_commit()
        except MemsqlError as e:
            problem.details = (*problem.details, f"the failure could not be recorded in the ledger: {e.message}")
            with contextlib.suppress(MemsqlError):
                conn.rollback()

    def _state(self, problem: MemsqlError, several: bool) -> str:
        verb = "rolled back"
        what = "everything was " if several else "this migration was "
        if isinstance(problem, (LockedError, ConnectError)):
            what, verb = "this migration was ", "not applied"
        before = ", ".join(d.id for d in self.done)
        return what + verb + (f"; before it, this run finished {before}" if before else "")

    def _stopped_between(self, total: int) -> None:
        if self.session.stop and len(self.done) < total:
            raise Interrupted(
                f"{self.session.stop.name} stopped the run between two migrations",
                state="finished: " + ", ".join(d.id for d in self.done) + "; the rest was not begun",
                hint="run the command again to go on",
            )

    def _set_foreign_keys(self, on: bool) -> None:
        # Inside a transaction this pragma silently does nothing, so it is set here and read back.
        if self._foreign_keys == on:
            return
        conn = self.session.conn
        conn.execute(f"PRAGMA foreign_keys = {'on' if on else 'off'}")
        if conn.execute("PRAGMA foreign_keys").one() != int(on):
            raise ConnectError("the engine did not take PRAGMA foreign_keys; nothing was changed")
        self._foreign_keys = on

    def _expect_same_ledger(self) -> None:
        """Inside the lock: the ledger must be the one we planned with."""
        version = self._read_data_version()
        if version == self._data_version:
            return
        now = books.read(self.session.conn)
        if now.yoyo_lock is not None:
            raise LockedError(
                f"yoyo (process {now.yoyo_lock}) holds its lock on this database",
                hint="wait for it; if it crashed, remove its lock with: yoyo break-lock",
            )
        self._data_version = version
        if now != self.ledger:
            raise LedgerMoved

    def _after_commit(self) -> None:
        """Our own commits do not change data_version; other processes' do."""
        if len(self.ledger.tables) < 5:
            self.ledger = books.read(self.session.conn)

    def _read_data_version(self) -> int | None:
        value = self.session.conn.execute("PRAGMA data_version").one()
        return value if isinstance(value, int) else None


def _groups(jobs: Sequence[Job]) -> list[list[Job]]:
    """Runs of consecutive jobs that can share a transaction."""
    groups: list[list[Job]] = []
    for job in jobs:
        last = groups[-1][-1] if groups else None
        if (last is not None and last.header.transactional and job.header.transactional
                and last.header.foreign_keys == job.header.foreign_keys):
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def _refuse_mixed(jobs: Sequence[Job]) -> None:
    partial = [job.migration.id for job in jobs if not job.header.transactional]
    if partial:
        raise UsageError(
            f"--all-or-nothing cannot include {', '.join(partial)}: `-- transactional: false` runs without a transaction",
            state="nothing was changed",
            hint="apply up to there first with --to, then it alone, then the rest",
        )
    if len({job.header.foreign_keys for job in jobs}) > 1:
        off = ", ".join(job.migration.id for job in jobs if not job.header.foreign_keys)
        raise UsageError(
            f"--all-or-nothing cannot mix {off} (`-- foreign_keys: off`) with migrations that keep foreign keys on: "
            "SQLite cannot switch inside a transaction",
            state="nothing was changed",
            hint="apply them in steps with --to",
        )
