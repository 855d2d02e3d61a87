"""memsql init"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memsql import config, hints
from memsql.errors import ConfigError, UsageError
from memsql.tasks.task import PROJECT_OPTIONS, Outcome, task

if TYPE_CHECKING:
    from memsql.author.init import Plan
    from memsql.config import Settings
    from memsql.report.progress import Bar

# The environment chooses a database for a command, and init writes what holds for all of them.
_NO_CHOICE = {"TURSO_URL": "", "MEMSQL_ENV": ""}


def _settings(values: Mapping[str, Any]) -> Settings:
    """The settings of the folder itself, not of a project above it."""
    from memsql.author.init import has_section

    typed = values["project"]
    if typed is not None and not Path(typed).is_dir():
        raise UsageError(
            f"--project {typed}: there is no such folder", hint=f"make it first: mkdir -p {shlex.quote(typed)}"
        )
    root = Path(typed).absolute() if typed else Path.cwd()
    if has_section(root):
        return config.load(project=str(root), environ=_NO_CHOICE)
    _refuse_inside(root)
    return config.defaults(root)


@task(
    "init",
    common=PROJECT_OPTIONS,
    help={
        "tasks": "also write tasks.py, for the command invoke",
        "github": "also write a workflow of GitHub Actions that reviews pull requests",
        "pre-commit": "also write .pre-commit-config.yaml: lint and memsql.sum before each commit",
        "all": "all three of them",
        "dry-run": "say what would be written, and write nothing",
    },
    load=_settings,
)
def init(
    settings: Settings,
    progress: Bar,
    *,
    tasks: bool = False,
    github: bool = False,
    pre_commit: bool = False,
    all: bool = False,
    dry_run: bool = False,
    project: str | None = None,
) -> Outcome:
    """Make this folder a project: settings, migrations/, sql/ and what git is to leave out.

    Nothing is overwritten: what is there stays as it is, and lines are added to the end of setup.cfg (or of
    pyproject.toml, where there is no setup.cfg) and .gitignore. A second run adds nothing.

    Examples:  memsql init     memsql init --all     memsql init --dry-run
    Exit codes: 0 done, 2 a file cannot be written or read; then nothing was changed.
    """
    from memsql.author.init import Wanted, plan
    from memsql.project.additions import Written
    from memsql.report.init import Begun, data, text

    wanted = Wanted(tasks=tasks or all, github=github or all, pre_commit=pre_commit or all)
    planned = plan(settings, wanted)
    _note_surroundings(planned, settings)
    if not dry_run:
        Written().add(planned.additions)
    begun = Begun(str(settings.root), planned, _next(settings, project), dry_run)
    return Outcome(text(begun), data(begun))


def _next(settings: Settings, project: str | None) -> tuple[str, ...]:
    """The three commands that come next, as they are typed."""
    from memsql.project.files import SUM_NAME

    at = f" --project {shlex.quote(project)}" if project and settings.root != Path.cwd() else ""
    has_files = settings.migrations.is_dir() and any(settings.migrations.glob("*.sql"))
    first = "migrate.create first_tables"
    if has_files:
        first = "migrate.status" if (settings.migrations / SUM_NAME).exists() else "migrate.sum"
    return tuple(hints.command(f"{words}{at}") for words in (first, "migrate.up --dry-run", "migrate.up"))


def _note_surroundings(planned: Plan, settings: Settings) -> None:
    """Note the project above, and databases that lie in the folder already."""
    from memsql.author.init import databases_in

    above = _above(settings.root)
    if above is not None:
        planned.notes.append(f"{above} is a project too; commands that are typed in {settings.root} mean this one")
    databases = databases_in(settings.root)
    if databases and not (settings.migrations.is_dir() and any(settings.migrations.glob("*.sql"))):
        command = hints.command(f"init --from {shlex.quote(databases[0])}")
        planned.notes.append(f"{', '.join(databases[:3])} is here: {command} writes the first migration from it")


def _above(root: Path) -> Path | None:
    try:
        return config.find_root(root.parent)
    except ConfigError:
        return None


def _refuse_inside(root: Path) -> None:
    """Raise UsageError where ``root`` is a folder that the project above it has for its own files."""
    above = _above(root)
    if above is None:
        return
    of_above = config.load(project=str(above), environ=_NO_CHOICE)
    for folder in (of_above.migrations, of_above.sql, of_above.backups):
        if folder != above and root.is_relative_to(folder):
            raise UsageError(
                f"{root} belongs to the project {above}, which keeps {of_above.show(folder)}/ there",
                state="nothing was changed",
                hint="go to the folder that is to be a project, or name it with --project DIR",
            )
