"""Migrations without a transaction (``-- transactional: false``): VACUUM and the like.

Each statement commits by itself and is then counted in the history, so that a run that was stopped
goes on behind the last statement that is known to be done. The one in between may run twice.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from memsql import ledger as books
from memsql.checks import run_checks
from memsql.engine import guard
from memsql.engine.apply import Done, Job, Session, entry
from memsql.errors import FileError, Interrupted, Location, MemsqlError, MigrationFailed, Refused
from memsql.ledger import Ledger
from memsql.sqltext import Statement, split


def run_partial(session: Session, job: Job, ledger: Ledger) -> Done:
    """Run ``job`` statement by statement, from where the last attempt stopped.

    Raises MigrationFailed with the number of statements that are done, Refused before the first
    statement where rows would be dropped without permission, FileError where a statement that is
    already done was changed in the file.
    """
    conn = session.conn
    started, clock = datetime.now(UTC), time.perf_counter()
    statements = split(job.file.text())
    operation = "apply" if job.direction == "up" else "rollback"
    skip = _resume_at(job, statements, ledger, operation)
    if not skip:
        _refuse_loss(session, job)
    done = skip
    try:
        for statement in statements[skip:]:
            if session.interrupted():
                raise Interrupted(f"{session.stop.name} stopped {job.migration.id}")
            conn.execute(statement.text)
            done += 1
            _record(session, job, statements[:done], operation, started)
            session.tick(done / len(statements))
        for result in run_checks(conn, job.checks):
            if not result.ok and result.check.severity == "error":
                raise MigrationFailed(
                    f"its check {result.check.name!r} failed: {'; '.join(result.messages[:5])}")
    except MemsqlError as e:
        raise _stopped(job, statements, done, e) from e
    elapsed = round((time.perf_counter() - clock) * 1000)
    conn.begin()
    try:
        mark = books.mark_applied if job.direction == "up" else books.mark_rolled_back
        mark(conn, entry(job, started, elapsed))
        conn.commit()
    except BaseException:
        conn.rollback()
        raise
    return Done(job.migration.id, job.migration.version, job.migration.name, job.direction, elapsed)


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
    look = guard.observe(
        session.conn, guard.planned(job.analysis, frozenset(), session.virtual_tables()), values=False)
    held = [t for name, t in look.tables.items() if t.rows and name in job.analysis.drops]
    if held:
        raise Refused(
            f"{job.migration.id} would lose data, and without a transaction it could not be undone",
            where=Location(job.file.path),
            details=tuple(f"{t.name} holds {t.rows:,} rows" for t in held),
            state="nothing was changed",
            hint="write `-- allow: data-loss <reason>` into the header of the file, or pass --allow-data-loss",
        )


def _record(
    session: Session, job: Job, done: Sequence[Statement], operation: str, started: datetime
) -> None:
    conn = session.conn
    migration = job.migration
    row = books.Entry(migration.version, migration.name, migration.id, None, _digest(done), started, 0)
    conn.begin()
    try:
        books.mark_progress(conn, row, operation, len(done))
        conn.commit()
    except BaseException:
        conn.rollback()
        raise


def _stopped(job: Job, statements: Sequence[Statement], done: int, error: MemsqlError) -> MigrationFailed:
    kind = Interrupted if isinstance(error, Interrupted) else MigrationFailed
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
