"""Migrations as jobs: validated before the first one runs."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.engine.analysis import analyse, refuse_forbidden
from memsql.engine.job import Job
from memsql.errors import FileError, Location, Refused
from memsql.project.checks import Check, read_checks
from memsql.project.files import Migration
from memsql.project.load import Project


def up_jobs(project: Project, migrations: Sequence[Migration]) -> list[Job]:
    """Jobs that apply ``migrations``. Raises FileError for a file that must not run."""
    settings = project.settings
    checks = read_checks(settings.sql / "checks", settings.show(settings.sql) + "/checks") if migrations else ()
    return [_up_job(m, tuple(c for c in checks if c.version == m.version)) for m in migrations]


def down_jobs(migrations: Sequence[Migration]) -> list[Job]:
    """Jobs that roll ``migrations`` back, in the given order.

    Raises Refused where one has no rollback, or one without a statement, before anything runs.
    """
    return [_down_job(m) for m in migrations]


def _up_job(migration: Migration, checks: tuple[Check, ...]) -> Job:
    header = migration.header
    analysis = analyse(migration.up, transactional=header.transactional)
    if analysis.empty:
        raise FileError(
            f"{migration.up.path} holds no statement",
            where=Location(migration.up.path),
            state="nothing was changed",
            hint="write the migration, or delete the pair",
        )
    if migration.down is not None:
        # A rollback that cannot be read is found out now, not on the night it is needed.
        down_header = migration.down_header
        assert down_header is not None
        refuse_forbidden(migration.down, transactional=down_header.transactional)
    return Job(migration, "up", migration.up, header, analysis, checks)


def _down_job(migration: Migration) -> Job:
    if migration.down is None:
        raise _no_way_back(migration, f"{migration.id} has no rollback file", f"{migration.id}.rollback.sql")
    header = migration.down_header
    assert header is not None
    analysis = analyse(migration.down, transactional=header.transactional)
    if analysis.empty:
        raise _no_way_back(migration, f"{migration.down.path} holds no statement", migration.down.name)
    return Job(migration, "down", migration.down, header, analysis)


def _no_way_back(migration: Migration, message: str, file: str) -> Refused:
    return Refused(
        f"{message}, so there is no way back from it",
        where=Location((migration.down or migration.up).path),
        state="nothing was changed",
        hint=f"write {file}, or go forward with a new migration",
    )
