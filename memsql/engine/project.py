"""The project's migrations as jobs: read, ordered, validated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memsql import plan
from memsql.checks import Check, read_checks
from memsql.config import Settings
from memsql.engine.apply import Job
from memsql.engine.script import analyse
from memsql.errors import FileError, Location, Refused
from memsql.files import Migration, read_folder, sum_problems


@dataclass(frozen=True, slots=True)
class Project:
    """Migrations in the order to apply, and what memsql.sum holds against them."""

    settings: Settings
    ordered: tuple[Migration, ...]
    sum_problems: tuple[str, ...]


def load(settings: Settings) -> Project:
    """Read the migrations folder. Raises FileError for anything in it that cannot be used."""
    shown = settings.show(settings.migrations)
    migrations = read_folder(settings.migrations, shown)
    problems = sum_problems(settings.migrations, migrations)
    return Project(settings, tuple(plan.order(migrations, _yoyo_sort)), tuple(problems))


def refuse_stale_sum(project: Project) -> None:
    """Raise FileError where memsql.sum disagrees with the files."""
    if project.sum_problems:
        raise FileError(
            "memsql.sum does not match the migration files",
            where=Location(project.settings.show(project.settings.migrations) + "/memsql.sum"),
            details=project.sum_problems[:20],
            state="nothing was changed",
            hint="look at the change (git diff); if it is meant, write the sums anew: invoke migrate.sum",
        )


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
        analyse(migration.down, transactional=down_header.transactional)
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


def _yoyo_sort(migrations: Sequence[Migration]) -> list[Migration]:
    from yoyo.topologicalsort import CycleError, topological_sort

    by_id = {m.id: m for m in migrations}
    graph = {m.id: set(m.depends) for m in migrations}
    try:
        return [by_id[name] for name in topological_sort([m.id for m in migrations], graph)]
    except CycleError as e:
        ring = [str(name) for name in e.args[1]]
        raise FileError(
            "these migrations depend on each other in a circle: " + " -> ".join([*ring, ring[0]]),
            where=Location(by_id[ring[0]].up.path),
            state="nothing was changed",
            hint="remove one of the `-- depends:` lines",
        ) from None


