"""Migrations without a transaction (``-- transactional: false``): VACUUM and the like.

Each statement commits by itself, and is counted in the history in the same transaction, so that a run that was
stopped goes on behind the last statement done. Only what cannot run in a transaction at all (VACUUM, a PRAGMA)
is counted afterwards, and may run twice when the process is killed in between.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql import ledger as books
from memsql.engine.job import Done, Job, LedgerMoved, entry
from memsql.engine.loss import guard
from memsql.engine.on_file import Session
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
from memsql.ledger import Ledger
from memsql.project.checks import run_checks
from memsql.sqltext import Statement, effect, split

# VACUUM refuses a transaction; a PRAGMA in one may do nothing without saying so.
_ALONE = frozenset({"vacuum", "pragma"})


def run_partial(session: Session, job: Job, ledger: Ledger) -> Done:
    """Run ``job`` statement by statement, from where the last attempt stopped.

    Raises MigrationFailed with the number of statements that are done, Refused before the first
    statement where rows would be dropped without permission, FileError where a statement that is
    already done was changed in the file, LedgerMoved where another process does the same work.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    statements = split(job.file.text())
    walk = _Walk(session, job, "apply" if job.direction == "up" else "rollback", started)
    walk.done = _resume_at(job, statements, ledger, walk.operation)
    if not walk.done:
        _refuse_loss(session, job)
    try:
        while walk.done < len(statements):
            if session.interrupted():
                raise Interrupted(f"{session.stop.name} stopped {job.migration.id}")
            walk.step(statements[: walk.done + 1])
            session.tick(walk.done / len(statements))
        for result in run_checks(session.conn, job.checks):
            if not result.ok and result.check.severity == "error":
                raise MigrationFailed(f"its check {result.check.name!r} failed: {'; '.join(result.messages[:5])}")
    except MemsqlError as e:
        raise _stopped(job, statements, walk.done, e) from e
    elapsed = round((time.perf_counter() - clock) * 1000)
    walk.finish(elapsed)
    return Done(job.migration.id, job.migration.version, job.migration.name, job.direction, elapsed)


@dataclass
class _Walk:
    """Takes the statements one at a time; ``done`` is how many are known to be done."""

    session: Session
    job: Job
    operation: str
    started: datetime
    done: int = 0
    _version: object = None

    def step(self, so_far: Sequence[Statement]) -> None:
        """Run the last of ``so_far`` and count it, in one transaction where it can run in one."""
        conn, sql = self.session.conn, so_far[-1].text
        alone = effect(sql).kind in _ALONE
        if alone:
            conn.execute(sql)
        conn.begin()
        try:
            self._expect_same_progress()
            if not alone:
                self._execute(sql)
            migration = self.job.migration
            row = books.Entry(migration.version, migration.name, migration.id, None, _digest(so_far), self.started, 0)
            books.mark_progress(conn, row, self.operation, len(so_far))
            conn.commit()
        except BaseException:
            conn.rollback()
            raise
        self.done = len(so_far)

    def finish(self, elapsed: int) -> None:
        """Write ``applied`` or ``rolled_back``."""
        conn = self.session.conn
        mark = books.mark_applied if self.job.direction == "up" else books.mark_rolled_back
        conn.begin()
        try:
            self._expect_same_progress()
            mark(conn, entry(self.job, self.started, elapsed))
            conn.commit()
        except BaseException:
            conn.rollback()
            raise

    def _execute(self, sql: str) -> None:
        try:
            with self.session.conn.observe(self.session.interrupted):
                self.session.conn.execute(sql)
        except StatementError as e:
            if self.session.stop:
                raise Interrupted(f"{self.session.stop.name} stopped {self.job.migration.id}") from e
            raise

    def _expect_same_progress(self) -> None:
        """Inside the lock: another process may be taking the same statements, and has then done this one."""
        version = self.session.conn.execute("PRAGMA data_version").one()
        if version == self._version:
            return
        now = books.read(self.session.conn)
        migration = self.job.migration
        progress = now.progress.get(migration.version)
        done = 0 if progress is None or progress.operation != self.operation else progress.statements_done
        if done != self.done or (migration.id in (now.yoyo or ())) != (self.job.direction == "down"):
            raise LedgerMoved
        self._version = version


def _resume_at(job: Job, statements: Sequence[Statement], ledger: Ledger, operation: str) -> int:
    progress = ledger.progress.get(job.migration.version)
    if progress is None or progress.operation != operation:
        return 0
    done = progress.statements_done
    if done <= len(statements) and _digest(statements[:done]) == progress.checksum:
        return done
    raise FileError(
        f"the first {done} statements of {job.file.path} ran already, and were changed since",
        where=Location(job.file.path),
        state=f"{done} statements are done",
        hint="restore them (git checkout) and change only what comes after",
    )


def _refuse_loss(session: Session, job: Job) -> None:
    if job.allows_loss or session.allow_data_loss:
        return
    look = guard.observe(session.conn, guard.planned(job.analysis, frozenset(), session.virtual_tables()), values=False)
    held = [t for name, t in look.tables.items() if t.rows and name in job.analysis.drops | job.analysis.strips]
    if held:
        raise Refused(
            f"{job.migration.id} would lose data, and without a transaction it could not be undone",
            where=Location(job.file.path),
            details=tuple(f"{t.name} holds {t.rows:,} rows" for t in held),
            state="nothing was changed",
            hint="write `-- allow: data-loss <reason>` into the header of the file, or pass --allow-data-loss",
        )


def _stopped(job: Job, statements: Sequence[Statement], done: int, error: MemsqlError) -> MemsqlError:
    kind = type(error) if isinstance(error, (Interrupted, LockedError, ConnectError)) else MigrationFailed
    failed = statements[done] if done < len(statements) else None
    return kind(
        f"{job.migration.id} stopped after {done} of {len(statements)} statements: {error.message}",
        where=Location(job.file.path, failed.line if failed else None),
        statement=failed.text if failed else None,
        state=f"it runs without a transaction: {done} statements are done and stay done",
        hint="correct the cause and run the command again; it goes on behind the last statement done",
    )


def _digest(statements: Sequence[Statement]) -> str:
    return hashlib.sha256(b"\0".join(s.text.encode() for s in statements)).hexdigest()
