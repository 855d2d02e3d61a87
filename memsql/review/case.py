"""A migration on trial, and what every part of the trial says of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

from memsql import hints
from memsql.config import Settings
from memsql.errors import MemsqlError, Refused
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.scratch.database import project_of

LINES = 6
"""How many details of an error a finding has."""
"""What to do where only real rows can tell."""


@dataclass(frozen=True, slots=True)
class Case:
    """A migration on trial, the last one of ``project``. The flags say which direction permits a loss of data."""

    project: Project
    migration: Migration
    _: KW_ONLY
    up_may_lose: bool
    down_may_lose: bool

    @property
    def up(self) -> str:
        return self.migration.up.path

    @property
    def down(self) -> str:
        return (self.migration.down or self.migration.up).path

    @property
    def may_lose(self) -> bool:
        """Whether one of the directions may lose data."""
        return self.up_may_lose or self.down_may_lose

    @property
    def text(self) -> str:
        """Everything that its files say."""
        files = (self.migration.up, self.migration.down)
        return "\n".join(f.data.decode("utf-8", "replace") for f in files if f is not None)

    def without_checks(self) -> Case:
        """The same without the checks of the project."""
        return replace(self, project=replace(self.project, settings=without_checks(self.project.settings)))

    def is_check(self, error: MemsqlError) -> bool:
        """Whether a check of the project stopped the migration."""
        return (
            error.where is not None and error.where.path not in (self.up, self.down) and not isinstance(error, Refused)
        )


def without_checks(settings: Settings) -> Settings:
    """``settings`` of a project that has no checks."""
    return replace(settings, sql=Path(os.devnull))


def case_of(settings: Settings, earlier: Sequence[Migration], migration: Migration) -> Case:
    """The trial of ``migration`` behind the ``earlier`` ones."""
    up, down = _may_lose(migration)
    return Case(project_of(settings, (*earlier, migration)), migration, up_may_lose=up, down_may_lose=down)


def _may_lose(migration: Migration) -> tuple[bool, bool]:
    """Whether up and down may lose data."""
    try:
        headers = (migration.header, migration.down_header)
    except MemsqlError:
        return False, False
    up, down = (h is not None and h.allows_loss for h in headers)
    return up, down


def place(error: MemsqlError, path: str) -> tuple[str, int]:
    """The file and line that ``error`` names; ``path`` where it names none."""
    where = error.where
    return (where.path, where.line or 1) if where is not None else (path, 1)


def reason(error: MemsqlError) -> str:
    """What ``error`` says, in one line."""
    return "; ".join((error.message, *error.details[:LINES]))


def rehearse() -> str:
    """What to do where only the data of a database can tell."""
    return f"try it on a copy of your data: {hints.command('migrate.up --dry-run')}"
