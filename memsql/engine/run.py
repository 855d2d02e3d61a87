"""Running jobs one after another, whichever transaction runs them.

The one rule for failures: a job that fails is undone alone, those before it stay, and it is reported as if it had
run alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from memsql import words
from memsql.db.queries import load
from memsql.engine import verdict
from memsql.engine.job import Done, Job, LedgerMoved
from memsql.engine.session import Session
from memsql.engine.transaction import JobFailed, Transaction
from memsql.engine.verdict import Evidence
from memsql.errors import (
    CommitUnknown,
    FileError,
    Interrupted,
    MemsqlError,
    MigrationFailed,
    Refused,
    StatementError,
    UsageError,
)
from memsql.ledger import Entry

# A larger file is searched for "defer" in its first bytes only.
_SEARCHED_BYTES = 1 << 20
_Proven = tuple[Done, Entry]


@dataclass
class Runner:
    """Runs jobs; ``done`` are those that are committed, and ``locked_ms`` is for how many milliseconds the longest
    transaction held the write lock. ``earlier`` are those that were committed by the run before it planned again.

    ``transaction`` runs the jobs that run in one; ``stepwise`` makes the one for those that cannot. ``defers`` tells
    whether a foreign key of the database waits until COMMIT; by default the database is asked.
    """

    session: Session
    transaction: Transaction
    stepwise: Callable[[], Transaction]
    done: list[Done] = field(default_factory=list)
    earlier: Sequence[Done] = ()
    locked_ms: int = 0
    defers: Callable[[], bool] | None = None
    _alone: bool = False

    def run(self, jobs: Sequence[Job], *, whole: bool) -> None:
        """Run ``jobs`` in order. ``whole``: all of them in one transaction, or none.

        Raises what stopped it, with ``state`` saying what the database holds now; LedgerMoved where the plan is out
        of date.
        """
        if whole:
            refuse_mixed(jobs)
            self._share(self.transaction, jobs, whole=True)
            return
        several = len(jobs) > 1
        self._alone = several and self._defers(jobs)
        rest = jobs
        with self.session.conn.many_commits() if several else contextlib.nullcontext():
            while rest:
                transaction = self.transaction if rest[0].header.transactional else self.stepwise()
                share = transaction.take(rest[:1] if self._alone else rest)
                rest = rest[self._share(transaction, share, whole=False) :]
                self._stop_between(len(jobs))

    def _share(self, transaction: Transaction, jobs: Sequence[Job], *, whole: bool) -> int:
        """Run the first of ``jobs`` in one transaction, as many as it takes; return how many are committed."""
        started, clock = datetime.now(UTC), time.perf_counter()
        opened = clock
        proven: list[_Proven] = []
        try:
            for evidence in transaction.prove(jobs):
                proven.append(self._judge(jobs[len(proven)], evidence))
                # Of the next one.
                started, clock = datetime.now(UTC), time.perf_counter()
            self._commit(transaction, proven)
            self.locked_ms = max(self.locked_ms, round((time.perf_counter() - opened) * 1000))
            return len(proven)
        except LedgerMoved:
            transaction.abandon(0)
            raise
        except (MemsqlError, JobFailed, KeyboardInterrupt) as error:
            place = _place(error, len(proven), len(transaction.running))
            job, problem = jobs[place], self._named(error, jobs[place])
            if whole:
                transaction.abandon(0)
            elif isinstance(error, StatementError) and len(transaction.running) > 1 and not self.session.stopped:
                # COMMIT failed and does not say which job is to blame.
                transaction.abandon(0)
                self._alone = True
                return self._share(transaction, jobs[:1], whole=False)
            elif not self._keep(transaction, proven[:place], problem) and place and _is_own(problem):
                return self._share(transaction, jobs[:place], whole=False)
            elapsed = round((time.perf_counter() - clock) * 1000)
            self._report(transaction, job.entry(started, elapsed), job, problem)
            problem.state = self._state(transaction.aftermath(problem, job, whole=whole and len(jobs) > 1))
            problem.finished = self._finished()
            # Its cause stays what it was.
            raise problem from (error.__cause__ if problem is error else error)

    def _judge(self, job: Job, evidence: Evidence) -> _Proven:
        done = verdict.judge(job, evidence, allows_all=self.session.allows_all(job))
        if self.session.stopped:
            raise verdict.interrupted(job, self.session.stop)
        return done, job.entry(evidence.started, evidence.duration_ms)

    def _commit(self, transaction: Transaction, proven: Sequence[_Proven]) -> None:
        remarks = transaction.commit([entry for _, entry in proven])
        self.done += [replace(done, warnings=(*done.warnings, *remarks)) for done, _ in proven]

    def _keep(self, transaction: Transaction, before: Sequence[_Proven], problem: MemsqlError) -> bool:
        """Undo the job that failed with ``problem`` and commit those ``before`` it; False where everything is
        undone."""
        keep = len(before) if isinstance(problem, (FileError, MigrationFailed, Refused)) else 0
        if not transaction.abandon(keep):
            return False
        try:
            self._commit(transaction, before)
        except MemsqlError:
            transaction.abandon(0)
            return False
        return True

    def _report(self, transaction: Transaction, entry: Entry, job: Job, problem: MemsqlError) -> None:
        """Record the failure in the ledger; where even that cannot be written, ``problem`` says so."""
        if not isinstance(problem, (MigrationFailed, Refused)):
            return
        try:
            transaction.record_failure(entry, job.operation, problem.message)
        except MemsqlError as e:
            what = "the failure could not be recorded in the ledger"
            if isinstance(e, CommitUnknown):
                what = "whether the failure was recorded in the ledger is not known"
            problem.details = (*problem.details, f"{what}: {e.message}")

    def _named(self, error: MemsqlError | JobFailed | KeyboardInterrupt, job: Job) -> MemsqlError:
        """``error`` as the person is told of it. Reads what a failed COMMIT left, so it comes before any rollback."""
        if isinstance(error, JobFailed):
            return error.problem
        if isinstance(error, KeyboardInterrupt) or (isinstance(error, StatementError) and self.session.stopped):
            return verdict.interrupted(job, self.session.stop)
        if isinstance(error, StatementError):
            return verdict.not_committed(job, error, self._broken_keys(error))
        return error

    def _broken_keys(self, error: StatementError) -> tuple[str, ...]:
        """A sentence for each deferred foreign key that made COMMIT fail, while the rows that break it are still
        there."""
        conn = self.session.conn
        if error.code != "SQLITE_CONSTRAINT_FOREIGNKEY" or not conn.in_transaction:
            return ()
        violations = conn.execute(load("engine/foreign_key_violations")).rows
        return tuple(words.orphans(int(str(rows)), child, parent) for child, parent, rows in violations)

    def _defers(self, jobs: Sequence[Job]) -> bool:
        """Whether foreign keys may wait until COMMIT. Then one migration could repair what another one breaks, so
        they must not share a transaction."""
        defers = self.defers or self.session.schema.defers
        return any(b"defer" in job.file.data[:_SEARCHED_BYTES].lower() for job in jobs) or defers()

    def _finished(self) -> tuple[str, ...]:
        """The ids of what is committed."""
        return tuple(done.id for done in (*self.earlier, *self.done))

    def _state(self, aftermath: str) -> str:
        before = ", ".join(self._finished())
        if before:
            # Whoever raised it may know nothing of the jobs before.
            aftermath = aftermath.replace("nothing was changed", "it changed nothing")
        return aftermath + (f"; before it, this run finished {before}" if before else "")

    def _stop_between(self, total: int) -> None:
        if self.session.stopped and len(self.done) < total:
            stopped = Interrupted(
                f"{self.session.stop.name} stopped the run between two migrations",
                state="finished: " + ", ".join(self._finished()) + "; the rest was not begun",
                hint="run the command again to go on",
            )
            stopped.finished = self._finished()
            raise stopped


def refuse_mixed(jobs: Sequence[Job]) -> None:
    """Raise UsageError where ``jobs`` cannot share one transaction."""
    stepwise = [job.migration.id for job in jobs if not job.header.transactional]
    if stepwise:
        raise UsageError(
            f"--all-or-nothing cannot include {', '.join(stepwise)}: "
            "`-- transactional: false` runs without a transaction",
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


def _place(error: Exception | KeyboardInterrupt, proven: int, running: int) -> int:
    """Which of the ``running`` jobs is told to have failed: the one after the ``proven`` ones, unless ``error``
    says another. COMMIT fails behind all of them and does not say which is to blame; then it is the first."""
    if isinstance(error, JobFailed):
        return error.place
    return proven if proven < running else 0


def _is_own(problem: MemsqlError) -> bool:
    """Whether ``problem`` is the migration's own, so that those before it can run without it."""
    return isinstance(problem, (FileError, MigrationFailed, Refused)) and not isinstance(problem, Interrupted)
