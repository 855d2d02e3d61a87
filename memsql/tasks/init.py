"""memsql init"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memsql import config, hints, settings_file
from memsql.errors import ConfigError, FileError, UsageError
from memsql.tasks.gate import CHANGE_HELP, LEDGER_HELP, admit
from memsql.tasks.task import PROJECT_OPTIONS, Outcome, task

if TYPE_CHECKING:
    from memsql.author.init import Plan, Wanted
    from memsql.config import Settings, Target
    from memsql.report.progress import Bar

# The environment chooses a database for a command, and init writes what holds for all of them.
_NO_CHOICE = {"TURSO_URL": "", "MEMSQL_ENV": ""}


def _settings(values: Mapping[str, Any]) -> Settings:
    """The settings of the folder itself, not of a project above it."""
    typed = values["project"]
    if typed is not None and not Path(typed).is_dir():
        raise UsageError(
            f"--project {typed}: there is no such folder", hint=f"make it first: mkdir -p {shlex.quote(typed)}"
        )
    root = Path(typed).absolute() if typed else Path.cwd()
    if settings_file.name_in(root):
        return config.load(project=str(root), environ=_NO_CHOICE)
    _refuse_inside(root)
    return config.defaults(root)


@task(
    "init",
    common=PROJECT_OPTIONS,
    help={
        **CHANGE_HELP,
        "tasks": "also write tasks.py, for the command invoke",
        "github": "also write a workflow of GitHub Actions that reviews pull requests",
        "pre-commit": "also write .pre-commit-config.yaml: lint and memsql.sum before each commit",
        "all": "all three of them",
        "from": "file or URL of a database: write the first migration from its schema, and adopt it",
        "take-over": LEDGER_HELP["take-over"],
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
    from_: str | None = None,
    take_over: bool = False,
    dry_run: bool = False,
    yes: bool = False,
    project: str | None = None,
) -> Outcome:
    """Make this folder a project: settings, migrations/, sql/ and what git is to leave out.

    Nothing is overwritten: what is there stays as it is, and lines are added to the end of setup.cfg (or of
    pyproject.toml, where there is no setup.cfg) and .gitignore. A second run adds nothing.

    With --from the first migration is written from the schema of a database that is there: a baseline, which is proven
    to make the same schema on an empty database. The database is adopted at it; no row of it is touched.

    Examples:  memsql init     memsql init --all     memsql init --from app.db
    Exit codes: 0 done, 2 a file cannot be written or read, or there are migrations already, 3 no access,
    6 the schema cannot be made again, the database is empty or has a ledger. Then nothing was changed.
    """
    from memsql.author.init import Wanted, plan
    from memsql.project.additions import Written
    from memsql.report.init import Begun, data, text

    wanted = Wanted(tasks=tasks or all, github=github or all, pre_commit=pre_commit or all)
    if from_ is not None:
        return _from(settings, wanted, Start(from_, project, take_over=take_over, dry_run=dry_run, yes=yes))
    if take_over:
        raise UsageError("--take-over is about the database of --from", hint="add --from FILE_OR_URL, or leave it out")
    planned = plan(settings, wanted)
    _note_surroundings(planned, settings)
    if not dry_run:
        Written().add(planned.additions)
    begun = Begun(str(settings.root), planned, _next(settings, project), dry_run)
    return Outcome(text(begun), data(begun))


@dataclass(frozen=True, slots=True)
class Start:
    """What a person typed: the ``database`` to start from, the folder of the ``project``, and switches."""

    database: str
    project: str | None
    _: KW_ONLY
    take_over: bool
    dry_run: bool
    yes: bool


def _from(settings: Settings, wanted: Wanted, start: Start) -> Outcome:
    """Make the folder of ``settings`` a project whose first migration makes what a database has."""
    from memsql.author import from_database
    from memsql.author.init import plan
    from memsql.report.init import Begun, baseline_data, baseline_lines, data, text

    target = config.named_target(settings, start.database, origin="--from")
    of_target = replace(settings, target=target)
    draft = from_database.draft(of_target, take_over=start.take_over)
    own = _default_name(settings, target)
    planned = plan(settings, wanted, own)
    new = {addition.path for addition in draft.additions}
    planned.additions = [*(one for one in planned.additions if one.path not in new), *draft.additions]
    renamed = None
    if not start.dry_run:
        admit(of_target, f"count {draft.pair.name.id} as applied, without running it", yes=start.yes)
        renamed = from_database.write(of_target, draft, planned.additions, take_over=start.take_over)
    is_default = own is not None or target.identity == settings.target.identity
    at = "" if is_default else f" --database {shlex.quote(start.database)}"
    words = (f"migrate.status{at}", f"verify{at}", "migrate.create NAME")
    begun = Begun(
        str(settings.root), planned, tuple(_typed(one, settings, start.project) for one in words), start.dry_run
    )
    more = baseline_lines(draft, str(target), renamed, dry_run=start.dry_run)
    return Outcome(text(begun, more), {**data(begun), **baseline_data(draft, str(target))})


def _default_name(settings: Settings, target: Target) -> str | None:
    """The name by which a new section calls ``target``: a file in the folder whose name stays as it is there."""
    if settings_file.name_in(settings.root) or target.path is None or not target.path.is_relative_to(settings.root):
        return None
    name = target.path.relative_to(settings.root).as_posix()
    return name if re.fullmatch(r"[\w.@+-][\w.@+/ -]*(?<! )", name) and ".." not in name else None


def _next(settings: Settings, project: str | None) -> tuple[str, ...]:
    """The three commands that come next, as they are typed."""
    from memsql.project.files import SUM_NAME

    has_files = settings.migrations.is_dir() and any(settings.migrations.glob("*.sql"))
    first = "migrate.create first_tables"
    if has_files:
        first = "migrate.status" if (settings.migrations / SUM_NAME).exists() else "migrate.sum"
    return tuple(_typed(words, settings, project) for words in (first, "migrate.up --dry-run", "migrate.up"))


def _typed(words: str, settings: Settings, project: str | None) -> str:
    at = f" --project {shlex.quote(project)}" if project and settings.root != Path.cwd() else ""
    return hints.command(f"{words}{at}")


def _note_surroundings(planned: Plan, settings: Settings) -> None:
    """Note the project above, files that are no migrations of memsql, and databases that lie in the folder already."""
    from memsql.author.init import databases_in
    from memsql.project.files import read_folder

    above = _above(settings.root)
    if above is not None:
        planned.notes.append(f"{above} is a project too; commands that are typed in {settings.root} mean this one")
    try:
        if settings.migrations.is_dir():
            read_folder(settings.migrations, settings.show(settings.migrations))
    except FileError as e:
        planned.notes.append(f"{e.message}; {e.hint}" if e.hint else e.message)
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
