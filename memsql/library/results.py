"""What the library returns. Times of day are datetimes in UTC, durations are milliseconds, sizes are bytes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

MigrationState = Literal["applied", "pending", "rolled_back", "failed", "edited", "missing", "out_of_order"]
"""``edited`` and ``missing``: it was applied, and its file changed since or is gone; ``rolled_back``, ``failed`` and
``out_of_order`` wait like ``pending``, the last one before others that are applied."""

_APPLIED = frozenset({"applied", "edited", "missing"})


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """One migration. ``version`` is the number that its ``id``, the file name without ``.sql``, begins with; -1 where
    it has none. ``applied_at``: when it was applied or tried last, in UTC. ``applied_by``: user@host. ``duration_ms``:
    how many milliseconds it took. ``note``: what a person should know."""

    id: str
    version: int
    name: str
    state: MigrationState
    applied_at: datetime | None = None
    applied_by: str | None = None
    duration_ms: int | None = None
    note: str | None = None

    @property
    def is_applied(self) -> bool:
        """Whether the database has it, also where its file was edited or is missing."""
        return self.state in _APPLIED


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The state of every migration of a database, in the order to apply. ``database`` is its path, or its URL without
    secrets. ``is_legacy``: it has tables, and memsql applied nothing there yet."""

    database: str
    migrations: tuple[MigrationStatus, ...]
    is_legacy: bool = False

    @property
    def pending(self) -> tuple[MigrationStatus, ...]:
        """Those that migrate() would apply."""
        return tuple(m for m in self.migrations if not m.is_applied)

    @property
    def is_current(self) -> bool:
        """Whether all migrations are applied, as their files are now."""
        return not self.is_legacy and all(m.state == "applied" for m in self.migrations)

    @property
    def version(self) -> int | None:
        """The highest version that is applied; None where none is."""
        return max((m.version for m in self.migrations if m.is_applied), default=None)


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """A migration that a run applied. ``duration_ms``: milliseconds, None where nobody measured it. ``changes``: what
    it did to rows by name, ``losses``: what it lost with permission, ``warnings``: what its checks warn of and what
    could not be proven; each is a tuple of sentences."""

    id: str
    version: int
    name: str
    duration_ms: int | None
    changes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MigrateReport:
    """What a run did.

    ``outcome``: "migrated" where this call applied something, "current" where nothing was to do, "busy" where another
    process held the lock and this call did not wait. ``applied``: the migrations, in order. ``pending``: how many still
    wait, behind ``to``; None where nobody looked, because the database was busy. ``adopted``: sentences about how a
    legacy database was taken over. ``notices``: files that changed after they were applied and still do the same.
    ``locked_ms``: for how many milliseconds the longest transaction held the write lock. ``backup``: the file of the
    backup that was made before, None where none was. ``connection``: the new database, where ":memory:" was migrated;
    whoever called closes it. None otherwise.
    """

    database: str
    outcome: Literal["migrated", "current", "busy"]
    applied: tuple[AppliedMigration, ...] = ()
    pending: int | None = 0
    adopted: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    locked_ms: int = 0
    backup: Path | None = None
    connection: sqlite3.Connection | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run did to a clone. ``ok``: it would go through. ``problem``: what would stop it, in sentences.
    ``schema``: lines, with "+" for what it adds, "-" for what it removes and "~" for what it changes. ``rows``: tables
    whose number of rows changes, with the numbers before and after; None where there is no such table. ``plans``: how
    plans of hot queries change. ``seconds``: how long the run took there, without the cloning."""

    ok: bool
    problem: tuple[str, ...]
    schema: tuple[str, ...]
    rows: tuple[tuple[str, int | None, int | None], ...]
    plans: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What migrate() would do now. ``pending``: the migrations it would apply, in order. ``adopts``: it would take over
    a legacy database first, and apply fewer of them perhaps. ``rehearsal``: what that did to a clone, where that was
    asked for."""

    database: str
    pending: tuple[MigrationStatus, ...]
    adopts: bool = False
    rehearsal: Rehearsal | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question. ``severity`` is error, warning or info. ``messages``: a sentence for each problem;
    none means proven. ``why``: what the question is good for. ``unproven``: the messages say what could not be looked
    at, and nothing is known to be wrong."""

    name: str
    severity: str
    messages: tuple[str, ...]
    why: str = ""
    unproven: bool = False

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.messages


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """All that verify() looked at."""

    database: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(f for f in self.findings if f.messages and f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are warnings, such as rows that refer to no row."""
        return tuple(f for f in self.findings if f.messages and f.severity == "warning")


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was made and proven. ``path`` is its file, ``bytes`` and ``sha256`` are of that, ``version`` is the
    highest migration in it (None: none), ``tables`` how many rows each of its tables has."""

    path: Path
    bytes: int
    sha256: str
    created_at: datetime
    version: int | None
    tables: tuple[tuple[str, int], ...]
