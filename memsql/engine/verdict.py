"""Verdicts on a job: what its run showed goes in, what to tell the person comes out. No database is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from memsql import hints
from memsql.engine.index_work import IndexWork
from memsql.engine.job import Done, Job
from memsql.engine.loss import guard
from memsql.engine.loss.guard import Counts
from memsql.engine.loss.model import Account, Loss
from memsql.engine.signals import Stop
from memsql.engine.statements import StatementTiming
from memsql.engine.structure.proof import UNTOUCHED, Structure
from memsql.errors import (
    CommitUnknown,
    ConnectError,
    Interrupted,
    Location,
    LockedError,
    MemsqlError,
    MigrationFailed,
    NoSpace,
    Refused,
    StatementError,
)
from memsql.project.checks import CheckResult


def corrected(job: Job) -> str:
    """What to type once the file of ``job`` is corrected: memsql.sum has the checksum of its old text."""
    again = hints.command("migrate.up" if job.direction == "up" else "migrate.down")
    return f"correct the file, then run the command again: {hints.command('migrate.sum')} && {again}"


@dataclass(frozen=True)
class Evidence:
    """What a run of a job showed before anything of it is committed.

    ``account``: what became of the rows and values from before. ``before``, ``after``: the counts around its
    statements. ``indexes``: the full-text indexes that were rebuilt
    and checked; ``broken_indexes``: a sentence for each that disagrees with its content. ``checks``: the answers of
    the job's own checks. ``started``, ``duration_ms``: when it ran and how long, the proof included. ``structure``:
    what became of views, triggers, indexes and constraints. ``unproven``: a sentence for each thing that could not be
    looked at, with the reason. ``has_copies``: rows were kept before some statement.
    """

    account: Account
    before: Counts
    after: Counts
    indexes: IndexWork
    broken_indexes: tuple[str, ...]
    checks: tuple[CheckResult, ...]
    started: datetime
    duration_ms: int
    timings: tuple[StatementTiming, ...] = ()
    structure: Structure = UNTOUCHED
    unproven: tuple[str, ...] = ()
    has_copies: bool = False


def judge(job: Job, evidence: Evidence, *, allows_all: bool) -> Done:
    """The job as done.

    Raises Refused where it loses what its header does not permit and ``allows_all`` is false, MigrationFailed where a
    foreign key, a view, an index, a trigger, a full-text index or a check of it is broken.
    """
    judge_loss(job, evidence.account, evidence.before, evidence.after, allows_all=allows_all)
    structure = evidence.structure
    if structure.problems:
        raise unproven(job, structure.problems, "; ".join(structure.remedies))
    if evidence.indexes.unknown is not None:
        raise no_such_index(job, evidence.indexes)
    if evidence.broken_indexes:
        raise broken_index(job, evidence.broken_indexes)
    return Done(
        id=job.migration.id,
        version=job.migration.version,
        name=job.migration.name,
        direction=job.direction,
        duration_ms=evidence.duration_ms,
        account=evidence.account,
        rebuilt=evidence.indexes.rebuild,
        warnings=judge_checks(job, evidence.checks),
        timings=evidence.timings,
        broken=structure.broken,
        weaker=structure.weaker,
        unproven=(*evidence.account.unproven, *evidence.unproven, *structure.unproven),
        script=None if job.alone is None else job.alone.operation,
    )


def keeps_data(job: Job, account: Account, before: Counts, after: Counts, *, allows_all: bool) -> bool:
    """Whether judge_loss() raises nothing, so that the rest of the evidence is worth its time."""
    try:
        judge_loss(job, account, before, after, allows_all=allows_all)
    except (MigrationFailed, Refused):
        return False
    return True


def judge_loss(job: Job, account: Account, before: Counts, after: Counts, *, allows_all: bool) -> None:
    """Raise Refused where ``job`` loses what nothing permits, MigrationFailed for foreign keys that a row breaks."""
    lost = () if allows_all else account.refused(job.header.permits)
    if lost:
        raise refused(job, lost)
    problems = guard.broken_keys(before, after)
    if problems:
        raise unproven(job, problems, corrected(job))


def judge_checks(job: Job, results: Sequence[CheckResult]) -> tuple[str, ...]:
    """The warnings among ``results``. Raises MigrationFailed for the first one of severity error that has a problem."""
    warnings = []
    for result in results:
        if result.ok:
            continue
        if result.check.severity == "error":
            uncounted = result.problems > len(result.messages)
            raise MigrationFailed(
                f"{job.migration.id} ran, but its check {result.check.name!r} failed"
                + (f": {result.problems:,} problems, of which these are some" if uncounted else ""),
                where=Location(result.check.path),
                details=result.messages,
                hint=result.check.why or corrected(job),
            )
        warnings += [f"{result.check.name}: {m}" for m in result.messages]
    return tuple(warnings)


def statement_failed(
    job: Job, error: StatementError, code: str | None, forbidden: str | None = None, details: tuple[str, ...] = ()
) -> MigrationFailed:
    """A statement of ``job`` raised ``error`` with SQLite's ``code``, or the observer denied it as ``forbidden``.
    ``details``: sentences about the rows."""
    message, hint = error.message, corrected(job)
    if forbidden is not None:
        message = f"{forbidden} is not allowed inside a migration"
        hint = "remove it; memsql owns the transaction, and a migration reaches nothing outside of its database"
    elif message.startswith(("error in view ", "error in trigger ")):
        hint = (
            "SQLite renames or drops nothing where a view or trigger would not compile: drop it before, and create it "
            "again after"
        )
    elif code == "SQLITE_FULL":
        message, hint = "the disk is full", "free space (the journal needs as much as the change), then run it again"
    elif code == "SQLITE_CORRUPT_VTAB":
        status, rebuild = hints.command("fts.status"), hints.command("fts.rebuild")
        hint = f"a full-text index is damaged: {status} names it, {rebuild} mends it"
    elif code == "SQLITE_LOCKED":
        hint = "delete the rows of the table first, or rebuild it with `-- foreign_keys: off` in the header"
    elif code == "SQLITE_CONSTRAINT_FOREIGNKEY":
        hint = (
            "a table rebuild needs `-- foreign_keys: off` in the header; otherwise find the rows that refer to nothing"
        )
    number = f" in statement {error.index + 1}" if error.index is not None else ""
    return MigrationFailed(
        f"{job.migration.id} failed{number}: {message}",
        where=error.where or Location(job.file.path),
        details=details,
        statement=error.statement,
        hint=hint,
    )


def not_committed(job: Job, error: StatementError, broken_keys: tuple[str, ...]) -> MigrationFailed:
    """COMMIT raised ``error``. ``broken_keys``: a sentence for each deferred foreign key that a row breaks."""
    full = error.code == "SQLITE_FULL"
    return MigrationFailed(
        f"{job.migration.id} could not be committed: {error.message}",
        where=Location(job.file.path),
        details=broken_keys,
        hint="free space (the journal needs as much as the change), then run it again"
        if full
        else "correct the cause and run the command again",
    )


def unproven(job: Job, problems: Sequence[str], hint: str, what: str = "") -> MigrationFailed:
    """The statements of ``job`` ran, and its proof failed: ``problems`` has a sentence each, ``what`` ends the
    message."""
    return MigrationFailed(
        f"{job.migration.id} ran, but its proof failed{what}",
        where=Location(job.file.path),
        details=tuple(problems),
        hint=hint,
    )


def broken_index(job: Job, problems: Sequence[str]) -> MigrationFailed:
    """A full-text index disagrees with its content after ``job``."""
    return unproven(
        job,
        problems,
        f"if the index was broken before, mend it with: {hints.command('fts.rebuild')}; otherwise let the migration "
        "rebuild it: `-- fts_rebuild: all` in its header",
        ": a full-text index disagrees with its content",
    )


def refused(job: Job, lost: Sequence[Loss]) -> Refused:
    """``job`` loses data without permission."""
    lines = dict.fromkeys(loss.permit for loss in lost)
    pasted = "".join(f"\n    {line}" for line in lines)
    return Refused(
        f"{job.migration.id} would lose data",
        where=Location(job.file.path),
        details=tuple(loss.message for loss in lost),
        hint=f"if that is meant, paste into the header of {job.file.path}, with the reason:{pasted}\n"
        "  or pass --allow-data-loss; a rebuild of a table to which others refer needs `-- foreign_keys: off`, or "
        "their rows are reached too",
    )


def no_such_index(job: Job, work: IndexWork) -> MigrationFailed:
    """The header of ``job`` asks to rebuild what is no FTS5 table."""
    return MigrationFailed(
        f"{job.migration.id} asks to rebuild {work.unknown}, which is no FTS5 table here",
        where=Location(job.file.path),
        hint="FTS5 tables: " + (", ".join(work.existing) or "none"),
    )


def not_kept(job: Job, error: StatementError) -> NoSpace:
    """The server could not keep the rows that ``job`` may reach."""
    return NoSpace(
        f"rows that {job.migration.id} reaches have to be kept on the server, to compare them afterwards, and that "
        f"failed: {error.message}",
        where=Location(job.file.path),
        hint="make room on the server, and run the command again",
    )


def interrupted(job: Job, stop: Stop) -> Interrupted:
    """Somebody asked to stop while ``job`` ran."""
    return Interrupted(
        f"{stop.name or 'Ctrl-C'} stopped {job.migration.id}",
        where=Location(job.file.path),
        hint="run the command again to go on",
    )


def undone(problem: MemsqlError, job: Job, running: Sequence[Job], *, whole: bool) -> str:
    """What the database holds now that a transaction was rolled back because of ``problem`` of ``job``.

    ``running``: the jobs that had begun in the transaction, or were sent with it. ``whole``: several jobs were to
    be all or nothing.
    """
    several = len(running) > 1
    ids = [j.migration.id for j in running]
    before = ids[: ids.index(job.migration.id)]
    if isinstance(problem, (LockedError, ConnectError)):
        names = "no migration was" if whole else f"{ids[0]} to {ids[-1]} were not" if several else f"{ids[0]} was not"
        prefix = f"{problem.state}; if not, " if isinstance(problem, CommitUnknown) else ""
        return f"{prefix}{names} applied"
    if whole:
        return "every migration of this run was rolled back"
    if several and not before and isinstance(problem, Interrupted):
        return f"{ids[0]} to {ids[-1]}, which shared a transaction, were rolled back"
    if before:
        return f"it and {', '.join(before)}, in whose transaction it ran, were rolled back"
    return "this migration was rolled back"
