"""The project's migrations: read and in the order to apply."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from memsql import hints
from memsql.config import Settings
from memsql.errors import FileError, Location
from memsql.project import plan
from memsql.project.files import Migration, read_folder
from memsql.project.sums import sum_problems

if TYPE_CHECKING:
    from memsql.project.checks import Check
    from memsql.project.repeatables import Repeatable
    from memsql.project.seeds import Seed


SEEDS = "seeds"
"""The folder with a folder of seeds for each environment that has some, in that of the project's SQL."""
REPEATABLE = "repeatable"
"""The folder of the repeatable scripts, in that of the project's SQL."""


@dataclass(frozen=True)
class Project:
    """Migrations in the order to apply, and in theirs ``repeatables`` and ``seeds``, which run behind them; the seeds
    where a run is told to."""

    settings: Settings
    ordered: tuple[Migration, ...]
    repeatables: tuple[Repeatable, ...] = ()
    seeds: tuple[Seed, ...] = ()

    @cached_property
    def sum_problems(self) -> tuple[str, ...]:
        """What memsql.sum holds against them. Read when it is asked for, because all files are hashed for it."""
        by_version = sorted(self.ordered, key=lambda migration: migration.version)
        return tuple(sum_problems(self.settings.migrations, by_version))

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """All checks of the project, read once. Raises FileError for a file that is no check."""
        # A status needs none, and is quicker without the import.
        from memsql.project.checks import read_checks

        settings = self.settings
        return read_checks(settings.sql / "checks", f"{settings.show(settings.sql)}/checks", settings.check_timeout)


def load_project(settings: Settings) -> Project:
    """Read the migrations folder. Raises FileError for anything in it that cannot be used."""
    shown = settings.show(settings.migrations)
    return Project(
        settings, in_order(read_folder(settings.migrations, shown)), repeatables_of(settings), _seeds(settings)
    )


def _seeds(settings: Settings) -> tuple[Seed, ...]:
    if not settings.seeds:
        return ()
    from memsql.project.seeds import read_seeds

    return read_seeds(settings.sql / SEEDS / settings.seeds, f"{settings.show(settings.sql)}/{SEEDS}/{settings.seeds}")


def repeatables_of(settings: Settings) -> tuple[Repeatable, ...]:
    """The repeatable scripts in the order to run. Raises FileError for one that cannot be used."""
    folder = f"{settings.sql}/{REPEATABLE}"
    # Most projects have none, and a status need not import what reads them.
    if not os.path.isdir(folder):
        return ()
    from memsql.project.repeatables import read_repeatables

    return read_repeatables(Path(folder), f"{settings.show(settings.sql)}/{REPEATABLE}")


def in_order(migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """``migrations`` in the order to apply: by version, what they depend on first. Raises FileError for a
    dependency that is not there, or goes in a circle."""
    return tuple(plan.order(migrations, _yoyo_sort))


def refuse_stale_sum(project: Project) -> None:
    """Raise FileError where memsql.sum disagrees with the files."""
    if project.sum_problems:
        raise FileError(
            "memsql.sum does not match the migration files",
            where=Location(project.settings.show(project.settings.migrations) + "/memsql.sum"),
            details=project.sum_problems,
            state="nothing was changed",
            hint=f"look at the change (git diff); if it is meant, write the sums anew: {hints.command('migrate.sum')}",
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
