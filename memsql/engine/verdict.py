"""Verdicts on a job: what was seen goes in, what to tell the person comes out. No database is asked."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.engine.job import Job
from memsql.engine.loss import guard
from memsql.engine.signals import Stop
from memsql.errors import Interrupted, Location, MigrationFailed, Refused, StatementError
from memsql.project.checks import CheckResult


def statement_failed(
    job: Job, error: StatementError, code: str | None, forbidden: str | None = None
) -> MigrationFailed:
    """What to tell of ``job``: its statement ``error`` failed with SQLite's ``code``, or was denied as ``forbidden``."""
    message, hint = error.message, "correct the file and run the command again"
    if forbidden is not None:
        message, hint = f"{forbidden} is not allowed inside a migration", "remove it; memsql owns the transaction"
    elif code == "SQLITE_FULL":
        message, hint = "the disk is full", "free space (the journal needs as much as the change), then run it again"
    elif code == "SQLITE_CORRUPT_VTAB":
        hint = "a full-text index is damaged: invoke fts.status names it, invoke fts.rebuild mends it"
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
        statement=error.statement,
        hint=hint,
    )


def judge_loss(job: Job, before: guard.Look, after: guard.Look, *, allowed: bool) -> tuple[str, ...]:
    """What was lost with permission. Raises Refused where there is none, MigrationFailed for keys that point nowhere and
    for indexes and triggers that a rebuild forgot."""
    problems = guard.forgotten(before, after, job.analysis) + guard.broken_keys(before, after)
    lost = [loss.message for loss in guard.losses(before, after, job.analysis)]
    if lost and not allowed:
        raise refused(job, lost)
    if problems:
        raise unproven(job, problems, "correct the file and run the command again")
    return tuple(lost)


def judge_checks(job: Job, results: Sequence[CheckResult]) -> tuple[str, ...]:
    """The warnings among ``results``. Raises MigrationFailed for the first error."""
    warnings = []
    for result in results:
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


def unproven(job: Job, problems: Sequence[str], hint: str, what: str = "") -> MigrationFailed:
    """The job ran, and its proof failed."""
    return MigrationFailed(
        f"{job.migration.id} ran, but its proof failed{what}",
        where=Location(job.file.path),
        details=tuple(problems),
        hint=hint,
    )


def broken_index(job: Job, problems: Sequence[str]) -> MigrationFailed:
    """The job left a full-text index out of step."""
    return unproven(
        job,
        problems,
        "if the index was broken before, mend it with: invoke fts.rebuild; otherwise let the migration "
        "rebuild it: `-- fts_rebuild: all` in its header",
        ": a full-text index disagrees with its content",
    )


def refused(job: Job, lost: Sequence[str]) -> Refused:
    """The job would lose what nobody allowed it to lose."""
    return Refused(
        f"{job.migration.id} would lose data",
        where=Location(job.file.path),
        details=tuple(lost),
        hint="if that is meant, write `-- allow: data-loss <reason>` into the header of the file, or pass "
        "--allow-data-loss; a table rebuild needs `-- foreign_keys: off`, or the rows of tables that refer to it go too",
    )


def no_such_index(job: Job, name: str, known: Sequence[str]) -> MigrationFailed:
    """The job asks to rebuild what is no full-text index."""
    return MigrationFailed(
        f"{job.migration.id} asks to rebuild {name}, which is no FTS5 table here",
        where=Location(job.file.path),
        hint="FTS5 tables: " + (", ".join(known) or "none"),
    )


def interrupted(job: Job, stop: Stop) -> Interrupted:
    """Somebody asked to stop while the job ran."""
    return Interrupted(
        f"{stop.name} stopped {job.migration.id}",
        where=Location(job.file.path),
        hint="run the command again to go on",
    )
