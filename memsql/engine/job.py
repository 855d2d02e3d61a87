"""What runs: a migration in one direction, read and validated; and what the run reports of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from memsql import ledger
from memsql.engine.analysis import Analysis, analyse
from memsql.engine.loss.model import Account
from memsql.engine.statements import StatementTiming
from memsql.errors import FileError, Location, Refused
from memsql.project.admission import Mode
from memsql.project.checks import Check
from memsql.project.files import WRITE_IT, Migration, SqlFile, unwritten
from memsql.project.load import Project
from memsql.sqltext import MigrationHeader

Direction = Literal["up", "down"]


class LedgerMoved(Exception):
    """Another process changed the ledger since planning; plan again."""


@dataclass(frozen=True, slots=True)
class Script:
    """What the history alone hears of a script without a version: the ``operation``, "" where nobody keeps a record,
    the ``checksum`` of what it does, and a ``message``."""

    operation: str
    checksum: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Job:
    """A migration in one direction: its file is read, its header parsed, and nothing in it is forbidden.

    ``checks`` are the migration's own checks, for an up. ``guarded`` marks a legacy upgrade: its statements may
    stand under a condition, and the ledger keeps one line of history about it instead of a version. ``ordered``, for a
    down: all migrations of the project, in the order they are applied. ``alone``: it is a script without
    a version.
    """

    migration: Migration
    direction: Direction
    file: SqlFile
    header: MigrationHeader
    analysis: Analysis
    checks: tuple[Check, ...] = ()
    guarded: bool = False
    ordered: Sequence[Migration] = ()
    alone: Script | None = None

    @property
    def allows_loss(self) -> bool:
        """Whether the header has an ``-- allow: data-loss``."""
        return self.header.allows_loss

    @property
    def earlier(self) -> Sequence[Migration]:
        """The migrations before it, for a down."""
        return self.ordered[: self.ordered.index(self.migration)] if self.migration in self.ordered else ()

    @property
    def enforces_keys(self) -> bool:
        """Whether the engine refuses every row that breaks a foreign key. PRAGMA defer_foreign_keys makes it wait, and
        forgets what it waits for when it is switched off."""
        return self.header.foreign_keys and "defer_foreign_keys" not in self.analysis.settings

    @property
    def label(self) -> str:
        """What a progress bar shows: ``applying 0003_add_notes``."""
        verb = "running" if self.alone is not None else "applying" if self.direction == "up" else "rolling back"
        return f"{verb} {self.migration.id}"

    @property
    def operation(self) -> str:
        """The word for it in the history: ``apply`` or ``rollback``, or that of a script without a version."""
        if self.alone is not None:
            return self.alone.operation or "repeat"
        return "apply" if self.direction == "up" else "rollback"

    def entry(self, started: datetime, duration_ms: int) -> ledger.Entry:
        """The ledger's entry about a run of this job that began at ``started``."""
        entry = entry_of(self.migration, started, duration_ms)
        if self.alone is None:
            return entry
        script = self.alone
        checksum = script.checksum or entry.checksum
        return replace(
            entry, version=None, hashes=None, checksum=checksum, alone=script.operation, message=script.message
        )


@dataclass(frozen=True, slots=True)
class Done:
    """A migration that ran and was committed.

    ``account`` says what it lost with permission and what it changed by name, ``rebuilt`` which full-text indexes were
    rebuilt, ``warnings`` what its checks warn of; ``broken`` which views and triggers it broke with permission,
    ``weaker`` which constraints and definitions hold less than before; ``unproven`` what could not be looked at, and
    why; ``timings`` has the time of every statement where the run measured them. ``script``: it has no version, and
    the history has it under this operation, "" where it has not.
    """

    id: str
    version: int
    name: str
    direction: Direction
    duration_ms: int
    account: Account = field(default_factory=Account)
    rebuilt: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: tuple[StatementTiming, ...] = ()
    broken: tuple[str, ...] = ()
    weaker: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    script: str | None = None


def entry_of(migration: Migration, started: datetime, duration_ms: int) -> ledger.Entry:
    """The ledger's entry about a run of ``migration`` that began at ``started`` and took ``duration_ms``
    milliseconds."""
    return ledger.Entry(
        version=migration.version,
        name=migration.name,
        id=migration.id,
        description=migration.header.description or None,
        checksum=migration.checksum,
        started=started,
        duration_ms=duration_ms,
        hashes=migration.hashes,
    )


def up_jobs(project: Project, migrations: Sequence[Migration], *, replayed: bool = False) -> list[Job]:
    """Jobs that apply ``migrations``. ``replayed``: they were applied elsewhere long ago, when other rules held.

    Raises FileError for a file that must not run.
    """
    for migration in migrations:
        migration.up.hash_beside()
    jobs = []
    for migration in migrations:
        checks = tuple(c for c in project.checks if c.version == migration.version)
        jobs.append(_up_job(migration, checks, "replay" if replayed else None))
    return jobs


def down_jobs(migrations: Sequence[Migration], ordered: Sequence[Migration], *, replayed: bool = False) -> list[Job]:
    """Jobs that roll ``migrations`` back, in the order of the argument. ``ordered``: all migrations of the project, in
    the order they are applied; ``replayed`` as for up_jobs().

    Raises Refused where one has no rollback file, or one without a statement, before anything runs.
    """
    mode: Mode | None = "replay" if replayed else None
    return [replace(_down_job(m, mode), ordered=ordered) for m in migrations]


def job_of(migration: Migration, direction: Direction, header: MigrationHeader, mode: Mode | None = None) -> Job:
    """The job that runs ``migration`` in ``direction``, with the ``header`` of its file there. ``mode``: see analyse().

    Foreign keys are off for a file that switches them off and on itself: inside a transaction that does nothing. Raises
    FileError for a file that must not run.
    """
    file = migration.up if direction == "up" else migration.down or migration.up
    analysis = analyse(file, header, mode)
    if analysis.keys_off:
        header = replace(header, foreign_keys=False)
    return Job(migration, direction, file, header, analysis)


def _up_job(migration: Migration, checks: tuple[Check, ...], mode: Mode | None) -> Job:
    job = replace(job_of(migration, "up", migration.header, mode), checks=checks)
    if job.analysis.empty:
        _refuse_unwritten(migration.up)
    if migration.down is not None:
        # A mistake in the header of a rollback is found now, not when somebody needs it in a hurry.
        _ = migration.down_header
        migration.down.text()
    return job


def _down_job(migration: Migration, mode: Mode | None) -> Job:
    header = migration.down_header
    job = job_of(migration, "down", header, mode) if header is not None else None
    if job is not None and not job.analysis.empty:
        return job
    # What did nothing needs no way back.
    if analyse(migration.up, mode="replay").empty:
        return job or job_of(migration, "down", migration.header, mode)
    if migration.down is None:
        raise _no_way_back(migration, f"{migration.id} has no rollback file", f"{migration.id}.rollback.sql")
    raise _no_way_back(migration, f"{migration.down.path} holds no statement", migration.down.name)


def _refuse_unwritten(file: SqlFile) -> None:
    """Raise FileError where ``file``, which holds no statement, is not meant to do nothing."""
    what = unwritten(file.text())
    if what is not None:
        raise FileError(f"{file.path} {what}", where=Location(file.path), state="nothing was changed", hint=WRITE_IT)


def _no_way_back(migration: Migration, message: str, file: str) -> Refused:
    return Refused(
        f"{message}, so there is no way back from it",
        where=Location((migration.down or migration.up).path),
        state="nothing was changed",
        hint=f"write {file}, or go forward with a new migration",
    )
