"""Running a migration without a transaction (``-- transactional: false``): VACUUM and its like, on SQLite files only.

None of the statements that may stand in such a file changes a row (see project.admission). Each commits by itself and
is counted in the history in the same transaction, so that a run that was stopped goes on behind the last statement
done. Only what cannot run in a transaction (VACUUM, a PRAGMA) is counted afterwards, and may run twice when the process
is killed in between.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql import ledger
from memsql.db import damage, litestream, transaction
from memsql.engine import verdict
from memsql.engine.index_work import IndexWork
from memsql.engine.isolation import isolated
from memsql.engine.job import Job, LedgerMoved
from memsql.engine.loss import guard
from memsql.engine.loss.model import Account
from memsql.engine.on_file import OnFile
from memsql.engine.session import Session
from memsql.engine.state import State
from memsql.engine.verdict import Evidence
from memsql.errors import (
    ConnectError,
    FileError,
    Interrupted,
    Location,
    LockedError,
    MemsqlError,
    MigrationFailed,
    Refused,
    StatementError,
)
from memsql.ledger import Entry, Ledger
from memsql.project.checks import run_checks
from memsql.sqltext import Statement, effect, split
from memsql.sqltext.pragmas import is_set_back, read_pragma

# VACUUM refuses a transaction; a PRAGMA in one may do nothing without saying so.
_ALONE = frozenset({"vacuum", "pragma"})


class Stepwise:
    """Runs one job at a time (see engine.transaction.Transaction); what is committed stays, whatever the verdict."""

    def __init__(self, session: Session, planned: State, file: OnFile) -> None:
        """``planned``: the state that the run was planned from. ``file`` takes the lock and records failures."""
        self.session = session
        self.running: Sequence[Job] = ()
        self._planned = planned
        self._file = file
        self._steps: _Steps | None = None

    def take(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """One."""
        return jobs[:1]

    def prove(self, jobs: Sequence[Job]) -> Iterator[Evidence]:
        """Run the statements from where the last attempt stopped, each committed by itself, then the checks.

        Raises MigrationFailed with the number of statements that are done, FileError where a statement that is done was
        changed in the file, LedgerMoved where another process does the same work.
        """
        self.running, job = jobs[:1], jobs[0]
        self._file.begin(foreign_keys=job.header.foreign_keys)
        self._file.commit(())
        session = self.session
        session.progress.start(job.label)
        started, clock = datetime.now(UTC), time.perf_counter()
        self._steps = steps = _Steps(session, job, split(job.file.text()), started)
        with isolated(session.conn, job):
            steps.resume(self._planned.ledger)
            steps.refuse_harm()
            steps.run()
        checks = run_checks(session.conn, job.checks, session.interrupted)
        if session.stopped:
            raise verdict.interrupted(job, session.stop)
        yield Evidence(
            account=Account(),
            before=guard.Counts(),
            after=guard.Counts(),
            indexes=IndexWork(),
            broken_indexes=(),
            checks=tuple(checks),
            started=started,
            duration_ms=round((time.perf_counter() - clock) * 1000),
        )

    def commit(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """Write ``applied`` or ``rolled_back`` into the ledger."""
        assert self._steps is not None
        self._steps.mark(entries[0])
        return self._steps.remarks()

    def abandon(self, keep: int) -> bool:
        """End a transaction that is still open; what is committed stays."""
        return self._file.abandon(0)

    def record_failure(self, entry: Entry, operation: str, message: str) -> None:
        """In a transaction of its own."""
        self._file.record_failure(entry, operation, message)

    def aftermath(self, problem: MemsqlError, job: Job, *, whole: bool) -> str:
        """The statements that are done stay done."""
        if self._steps is not None and self._steps.done:
            # Whoever raised it may know nothing of the statements before.
            return self._steps.state
        if problem.state:
            return problem.state
        if self._steps is None:
            return verdict.undone(problem, job, self.running, whole=whole)
        return self._steps.state


@dataclass
class _Steps:
    """The statements of a job, taken one at a time; ``done`` is how many are known to be done."""

    session: Session
    job: Job
    statements: Sequence[Statement]
    started: datetime
    done: int = 0
    _version: object = None

    @property
    def state(self) -> str:
        """What the database holds now, as a sentence."""
        return f"it runs without a transaction: {self.done} statements are done and stay done"

    def resume(self, planned: Ledger) -> None:
        """Go on where the last attempt stopped, according to the ledger."""
        progress = planned.progress.get(self.job.migration.version)
        if progress is None or progress.operation != self.job.operation:
            return
        done = progress.statements_done
        if done > len(self.statements) or _digest(self.statements[:done]) != progress.checksum:
            raise FileError(
                f"the first {done} statements of {self.job.file.path} ran already, and were changed since",
                where=Location(self.job.file.path),
                state=f"{done} statements are done",
                hint="restore them (git checkout) and change only what comes after",
            )
        self.done = done
        # VACUUM needs what was set for it, and that went with the connection.
        for statement in self.statements[:done]:
            pragma = read_pragma(statement.text)
            if pragma is not None and is_set_back(pragma.name):
                self.session.conn.execute(statement.text)

    def refuse_harm(self) -> None:
        """Raise Refused where a statement does harm to the log of a file that Litestream replicates, or would write
        damaged pages anew."""
        if any(effect(statement.text).kind == "vacuum" for statement in self.statements[self.done :]):
            damage.refuse(self.session.conn)
        for statement in self.statements[self.done :]:
            pragma = read_pragma(statement.text)
            reason = None if pragma is None else litestream.harm(pragma)
            if pragma is not None and reason is not None and litestream.is_replicated(self.session.conn):
                raise Refused(
                    f"{self.job.migration.id} sets PRAGMA {pragma.name}, {reason}",
                    where=Location(self.job.file.path, statement.line),
                    state=self.state,
                    hint=litestream.advice(self.session.conn.target),
                )

    def run(self) -> None:
        """Run the statements that are not done yet."""
        try:
            while self.done < len(self.statements):
                if self.session.interrupted():
                    raise verdict.interrupted(self.job, self.session.stop)
                self._step()
                self.session.progress.tick(self.done / len(self.statements))
        except MemsqlError as e:
            raise self._stopped(e) from e

    def remarks(self) -> tuple[str, ...]:
        """What a person should know of what was done."""
        vacuums = any(effect(statement.text).kind == "vacuum" for statement in self.statements)
        if vacuums and litestream.is_replicated(self.session.conn):
            return ("Litestream replicates this file, and sends the whole database again after VACUUM",)
        return ()

    def mark(self, entry: Entry) -> None:
        """Write the job's ``entry`` into the ledger."""
        conn = self.session.conn
        mark = ledger.mark_applied if self.job.direction == "up" else ledger.mark_rolled_back
        with transaction(conn):
            self._expect_same_progress()
            mark(conn, entry)

    def _step(self) -> None:
        """Run the next statement and count it, in one transaction where it can run in one."""
        conn, sql = self.session.conn, self.statements[self.done].text
        so_far = self.statements[: self.done + 1]
        kind = effect(sql).kind
        alone = kind in _ALONE
        if kind == "vacuum":
            self._refuse_renumbering()
        if alone:
            conn.execute(sql)
        with transaction(conn):
            self._expect_same_progress()
            if not alone:
                self._execute(sql)
            migration = self.job.migration
            row = Entry(migration.version, migration.name, migration.id, None, _digest(so_far), self.started, 0)
            ledger.mark_progress(conn, row, self.job.operation, len(so_far))
        self.done = len(so_far)

    def _refuse_renumbering(self) -> None:
        """Raise StatementError where VACUUM may give rows another number by which a full-text index finds them."""
        from memsql.fts.check import content_of
        from memsql.fts.discover import discover

        for index in discover(self.session.conn):
            if content_of(self.session.conn, index).may_be_renumbered:
                raise StatementError(
                    f"VACUUM may renumber the rows of {index.content}, by whose numbers the index {index.name} finds "
                    f"them: give {index.content} an INTEGER PRIMARY KEY first"
                )

    def _execute(self, sql: str) -> None:
        try:
            with self.session.conn.observe(self.session.interrupted):
                self.session.conn.execute(sql)
        except StatementError as e:
            if self.session.stopped:
                raise verdict.interrupted(self.job, self.session.stop) from e
            raise

    def _expect_same_progress(self) -> None:
        """Inside the lock: raise LedgerMoved where another process ran some of these statements."""
        version = self.session.conn.execute("PRAGMA data_version").one()
        if version == self._version:
            return
        now = ledger.read(self.session.conn)
        migration = self.job.migration
        progress = now.progress.get(migration.version)
        done = 0 if progress is None or progress.operation != self.job.operation else progress.statements_done
        if done != self.done or (migration.id in (now.yoyo or ())) != (self.job.direction == "down"):
            raise LedgerMoved
        self._version = version

    def _stopped(self, error: MemsqlError) -> MemsqlError:
        """``error`` with the number of statements done, and the statement that raised it."""
        kind = type(error) if isinstance(error, (Interrupted, LockedError, ConnectError)) else MigrationFailed
        statement = self.statements[self.done] if self.done < len(self.statements) else None
        return kind(
            f"{self.job.migration.id} stopped after {self.done} of {len(self.statements)} statements: {error.message}",
            where=Location(self.job.file.path, statement.line if statement else None),
            statement=statement.text if statement else None,
            state=self.state,
            hint="correct the cause and run the command again; it goes on behind the last statement done",
        )


def _digest(statements: Sequence[Statement]) -> str:
    return hashlib.sha256(b"\0".join(s.text.encode() for s in statements)).hexdigest()
