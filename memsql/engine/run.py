"""Running jobs on a connection: transactions, grouping, failure records, what to do when the ledger moves."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from memsql import ledger as books
from memsql import words
from memsql.db.queries import load
from memsql.engine.job import Done, Job, LedgerMoved, entry
from memsql.engine.on_file import Session, run_job, undo
from memsql.engine.stepwise import run_partial
from memsql.errors import (
    ConnectError,
    Interrupted,
    Location,
    LockedError,
    MemsqlError,
    MigrationFailed,
    Refused,
    StatementError,
    UsageError,
)
from memsql.ledger import Ledger

_SEARCHED = 1 << 20
# Seconds for which migrations go on sharing a transaction: less than another writer notices.
_PATIENCE = 0.05


class Clock:
    """When a migration began, as a date and to measure by."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._begun = time.perf_counter()

    def elapsed(self) -> int:
        """Milliseconds since then."""
        return round((time.perf_counter() - self._begun) * 1000)


@dataclass
class Runner:
    """Runs jobs one after another; remembers the ledger as planned with, and what is done so far."""

    session: Session
    ledger: Ledger
    on_start: Callable[[Job], None] = lambda _: None
    done: list[Done] = field(default_factory=list)
    _patience: float = 0
    _foreign_keys: bool | None = None
    _data_version: int | None = None

    def run(self, jobs: Sequence[Job], *, one_transaction: bool, fresh: bool) -> None:
        """Run ``jobs`` in order. ``one_transaction`` makes it all or nothing; ``fresh`` says that the
        database is empty, so that nobody waits for the lock while migrations share a transaction.

        Raises what stopped it, with ``state`` saying what the database holds now; LedgerMoved where
        the plan is out of date, after which ``done`` says what ran already.
        """
        if one_transaction:
            refuse_mixed(jobs)
            self._all(jobs)
            return
        self._patience = 0 if self._defers(jobs) else math.inf if fresh else _PATIENCE
        with self.session.conn.many_commits() if len(jobs) > 1 else contextlib.nullcontext():
            for group in groups(jobs):
                self._run_group(group, len(jobs))

    def _defers(self, jobs: Sequence[Job]) -> bool:
        """Whether foreign keys may wait until COMMIT: then one migration could mend what another one broke, and neither
        would do alone."""
        return any(b"defer" in job.file.data[:_SEARCHED].lower() for job in jobs) or bool(
            self.session.conn.execute(load("engine/has_deferred")).rows
        )

    def _run_group(self, jobs: Sequence[Job], total: int) -> None:
        while jobs:
            if jobs[0].header.transactional:
                jobs = jobs[self._some(jobs) :]
            else:
                self._partial(jobs[0])
                jobs = jobs[1:]
            self._stopped_between(total)

    def _all(self, jobs: Sequence[Job]) -> None:
        """Run ``jobs`` in one transaction, all or nothing."""
        finished: list[Done] = []
        job, clock = jobs[0], Clock()
        try:
            self._begin(job)
            for job in jobs:
                self.on_start(job)
                finished.append(run_job(self.session, job))
            self.session.write_unwritten()
            self.session.conn.commit()
        except LedgerMoved:
            raise
        except (MemsqlError, KeyboardInterrupt) as e:
            raise self._failed(e, job, clock, "everything was " if len(jobs) > 1 else "") from e
        finally:
            self._leave()
        self._finished(finished)

    def _some(self, jobs: Sequence[Job]) -> int:
        """Run the first of ``jobs`` and those that begin before patience ends in one transaction; return how many.

        Sharing saves time and changes no meaning: one that fails is undone alone, and those before it are committed.
        """
        conn = self.session.conn
        finished: list[Done] = []
        job, clock, began, begun = jobs[0], Clock(), time.perf_counter(), 0
        try:
            self._begin(job)
            for following in jobs:
                if finished and time.perf_counter() - began > self._patience:
                    break
                job, clock, begun = following, Clock(), begun + 1
                self.on_start(job)
                finished.append(run_job(self.session, job))
            self.session.write_unwritten()
            conn.commit()
        except LedgerMoved:
            raise
        except (MemsqlError, KeyboardInterrupt) as e:
            self.session.forget()
            kept = begun > 1 and isinstance(e, (MigrationFailed, Refused, KeyboardInterrupt)) and self._keep()
            if kept:
                self._finished(finished[: begun - 1])
            elif (
                begun > 1
                and isinstance(e, (StatementError, MigrationFailed, Refused))
                and not isinstance(e, Interrupted)
            ):
                # The engine undid all of them, or COMMIT failed and does not say which is to blame: each is to run alone.
                self._leave()
                self._patience = 0
                return self._some(jobs)
            undone = ", ".join(j.migration.id for j in jobs[: begun - 1]) if not kept else ""
            raise self._failed(
                e, job, clock, f"it and {undone}, in whose transaction it ran, were " if undone else ""
            ) from e
        finally:
            self._leave()
        self._finished(finished)
        return len(finished)

    def _begin(self, job: Job) -> None:
        self._set_foreign_keys(job.header.foreign_keys)
        self.session.conn.begin()
        self.session.unwritten = []
        self._expect_same_ledger()
        books.create_tables(self.session.conn, self.ledger)

    def _keep(self) -> bool:
        """Undo the migration that is running and commit those before it; False where that is not possible."""
        conn = self.session.conn
        if not conn.in_transaction:
            return False
        try:
            undo(conn)
            self.session.write_unwritten()
            conn.commit()
        except MemsqlError:
            return False
        return True

    def _leave(self) -> None:
        """End a transaction that did not come to its COMMIT."""
        self.session.unwritten = None
        if self.session.conn.in_transaction:
            self.session.forget()
            with contextlib.suppress(MemsqlError):
                self.session.conn.rollback()

    def _finished(self, finished: Sequence[Done]) -> None:
        if len(self.ledger.tables) < 5:
            self.ledger = books.read(self.session.conn)
        self.done += finished

    def _failed(self, error: MemsqlError | KeyboardInterrupt, job: Job, clock: Clock, undone: str) -> MemsqlError:
        """Undo what is open, record what failed, and say what the database holds now. ``undone`` begins the sentence
        where more than ``job`` was undone."""
        problem = _named(error, job, self._broken_keys(error))
        self._leave()
        if isinstance(problem, (MigrationFailed, Refused)):
            self._record_failure(job, problem, clock)
        problem.state = self._state(problem, undone or "this migration was ")
        return problem

    def _broken_keys(self, error: MemsqlError | KeyboardInterrupt) -> tuple[str, ...]:
        """What refers to nothing where a key that may wait until COMMIT made that fail, while the rows are still there."""
        conn = self.session.conn
        if not (
            isinstance(error, StatementError) and error.code == "SQLITE_CONSTRAINT_FOREIGNKEY" and conn.in_transaction
        ):
            return ()
        rows = conn.execute(load("engine/foreign_key_violations")).rows
        return tuple(words.orphans(words.count(int(str(count)), "row"), child, parent) for child, parent, count in rows)

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
        self._finished(())
        self.on_start(job)
        clock = Clock()
        try:
            result = run_partial(self.session, job, self.ledger)
        except (MigrationFailed, Refused) as problem:
            self._record_failure(job, problem, clock)
            raise
        self._finished([result])

    def _record_failure(self, job: Job, problem: MemsqlError, clock: Clock) -> None:
        """In a transaction of its own; when even that cannot be written, the error stands alone."""
        conn = self.session.conn
        try:
            conn.begin()
            now = books.read(conn)
            books.create_tables(conn, now)
            operation = "apply" if job.direction == "up" else "rollback"
            # Another process may have applied it since; then only the history says that this one failed.
            row = job.migration.id not in (now.yoyo or ())
            books.mark_failed(conn, entry(job, clock.started, clock.elapsed()), operation, problem.message, row=row)
            conn.commit()
            self._finished(())
        except MemsqlError as e:
            problem.details = (*problem.details, f"the failure could not be recorded in the ledger: {e.message}")
            with contextlib.suppress(MemsqlError):
                conn.rollback()

    def _state(self, problem: MemsqlError, what: str) -> str:
        verb = "not applied" if isinstance(problem, (LockedError, ConnectError)) else "rolled back"
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
        """Inside the lock: the ledger must be the one we planned with. Our own commits do not change
        data_version, those of other processes do."""
        version = self._read_data_version()
        if version == self._data_version:
            return
        self.session.forget()
        now = books.read(self.session.conn)
        if now.yoyo_lock is not None:
            raise LockedError(
                f"yoyo (process {now.yoyo_lock}) holds its lock on this database",
                hint="wait for it; if it crashed, remove its lock with: yoyo break-lock",
            )
        self._data_version = version
        if now != self.ledger:
            raise LedgerMoved

    def _read_data_version(self) -> int | None:
        value = self.session.conn.execute("PRAGMA data_version").one()
        return value if isinstance(value, int) else None


def _named(error: MemsqlError | KeyboardInterrupt, job: Job, broken_keys: tuple[str, ...]) -> MemsqlError:
    if isinstance(error, StatementError):
        return MigrationFailed(
            f"{job.migration.id} could not be committed: {error.message}",
            where=Location(job.file.path),
            details=broken_keys,
            hint="free space (the journal needs as much as the change), then run it again"
            if error.code == "SQLITE_FULL"
            else "correct the cause and run the command again",
        )
    if isinstance(error, MemsqlError):
        return error
    return Interrupted(f"Ctrl-C stopped {job.migration.id}")


def groups(jobs: Sequence[Job]) -> list[list[Job]]:
    """Runs of consecutive jobs that can share a transaction."""
    groups: list[list[Job]] = []
    for job in jobs:
        last = groups[-1][-1] if groups else None
        if (
            last is not None
            and last.header.transactional
            and job.header.transactional
            and last.header.foreign_keys == job.header.foreign_keys
        ):
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def refuse_mixed(jobs: Sequence[Job]) -> None:
    """Raise UsageError where ``jobs`` cannot share one transaction."""
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
