"""Decides what a folder lacks to be a project: files to write, lines to append, and what is there already."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from memsql import git, settings_file
from memsql.author import init_texts
from memsql.author.init_texts import Layout
from memsql.config import Settings
from memsql.errors import FileError, Location, UsageError
from memsql.project.additions import Addition
from memsql.project.files import SUM_NAME
from memsql.project.sums import sum_text
from memsql.settings_file import PYPROJECT, SETUP
from memsql.storage import regular
from memsql.storage.replacing import is_unfinished

IGNORE = ".gitignore"
_DATABASES = ("*.db", "*.sqlite", "*.sqlite3")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files a person wants beside those of every project."""

    tasks: bool = False
    github: bool = False
    pre_commit: bool = False


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines that a person has to put into the file ``shown`` by hand, because they belong inside of it."""

    shown: str
    text: str


@dataclass
class Plan:
    """What to add, in order; what is ``present`` already, a sentence each; what to paste by hand; and ``notes``."""

    additions: list[Addition] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    snippets: list[Snippet] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan(settings: Settings, wanted: Wanted, database: str | None = None) -> Plan:
    """What the folder of ``settings`` lacks. Reads only.

    ``database``: the database to name in the section where that is written now; None where the default will do.
    Raises FileError where a file cannot be read, or does not take what has to be appended.
    """
    result = Plan()
    _plan_section(result, settings.root, database)
    _plan_folder(result, settings, settings.migrations, SUM_NAME, sum_text(()))
    _plan_folder(result, settings, settings.sql, ".gitkeep", "")
    _plan_ignore(result, settings, database)
    if wanted.tasks:
        _plan_tasks(result, settings.root)
    if wanted.github or wanted.pre_commit:
        _plan_repository(result, settings, wanted)
    return result


def _plan_section(result: Plan, root: Path, database: str | None) -> None:
    there = settings_file.name_in(root)
    if there is not None:
        section = "[memsql]" if there == SETUP else "[tool.memsql]"
        result.present.append(f"{there} has {section}")
        return
    setup, pyproject = _read(root / SETUP), _read(root / PYPROJECT)
    if setup is None and pyproject is not None:
        name = json.dumps(database or "memory.db", ensure_ascii=False)
        text = f"[tool.memsql]\ndatabase = {name}\n"
        addition = _appended(root / PYPROJECT, PYPROJECT, pyproject, text, "[tool.memsql]")
        _refuse_unread(addition, lambda: "memsql" in _tools(pyproject + addition.data.decode()))
    else:
        text = f"[memsql]\ndatabase = {database or 'memory.db'}\n"
        addition = _appended(root / SETUP, SETUP, setup, text, "[memsql]")
        _refuse_unread(addition, lambda: "memsql" in _sections((setup or "") + addition.data.decode()))
    result.additions.append(addition)


def _refuse_unread(addition: Addition, is_read: Callable[[], bool]) -> None:
    """Raise FileError where the section of ``addition`` would not be read behind what the file holds."""
    try:
        if is_read():
            return
        problem = "a section at its end would not be read"
    except (configparser.Error, tomllib.TOMLDecodeError) as e:
        problem = " ".join(str(e).split())
    raise FileError(
        f"{addition.shown} takes no section: {problem}",
        where=Location(addition.shown),
        state="nothing was changed",
        hint=f"correct the file, and write {addition.what} into it",
    )


def _plan_folder(result: Plan, settings: Settings, folder: Path, name: str, text: str) -> None:
    """Plan ``folder``. git keeps no empty one, so that a new one gets a file, ``name``."""
    shown = settings.show(folder)
    if folder.is_symlink() and not folder.exists():
        raise FileError(f"{shown} is a link to a folder that is not there", state="nothing was changed")
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{shown} is a file, and has to be a folder", state="nothing was changed")
    if folder.is_dir() and any(not is_unfinished(entry.name) for entry in folder.iterdir()):
        result.present.append(f"{shown}/ is there")
    else:
        result.additions.append(Addition(folder / name, f"{shown}/{name}", text.encode(), f"keeps {shown}/ in git"))


def _plan_ignore(result: Plan, settings: Settings, database: str | None) -> None:
    text = _read(settings.root / IGNORE)
    decided = _patterns(text or "")
    own = database if database is not None else _inside(settings, settings.target.path)
    lines = [
        pattern
        for pattern, path in init_texts.gitignore_lines(own, _inside(settings, settings.backups))
        # A pattern of the author's that is about the file decides, whatever it says.
        if not any(_matches(one, path) for one in decided)
    ]
    if not lines:
        result.present.append(f"{IGNORE} has the database, the backups and .env")
    else:
        heading = "# Databases, backups and secrets stay on their machine; migrations belong into git.\n"
        addition = _appended(settings.root / IGNORE, IGNORE, text, heading + "\n".join([*lines, ""]), ", ".join(lines))
        result.additions.append(addition)
    example = f"{settings.show(settings.migrations)}/0001_first.sql"
    hiding = [one for one in decided if _matches(one, example)]
    if hiding and not hiding[-1].startswith("!"):
        shows = " and ".join(_shows_again(decided, settings.show(settings.migrations)))
        result.notes.append(f"{IGNORE} hides the migrations from git, by {hiding[-1]}: add {shows}")


def _shows_again(patterns: Sequence[str], folder: str) -> list[str]:
    """The lines that bring ``folder`` back behind ``patterns``. git does not look into a folder that it leaves out, so
    that each one on the way comes back first, without what else is in it."""
    parts = folder.split("/")
    lines = []
    for end in range(1, len(parts)):
        head = "/".join(parts[:end])
        if any(_matches(one, f"{head}/") for one in patterns):
            lines += [f"!/{head}/", f"/{head}/*"]
    return [*lines, f"!/{folder}/", f"!/{folder}/**"]


def _plan_tasks(result: Plan, root: Path) -> None:
    text = _read(root / "tasks.py")
    if text is None:
        result.additions.append(Addition(root / "tasks.py", "tasks.py", init_texts.TASKS.encode(), "for Invoke"))
    elif "memsql.tasks" in text:
        result.present.append("tasks.py has the tasks of memsql")
    else:
        result.snippets.append(Snippet("tasks.py", init_texts.TASKS_SNIPPET))


def _plan_repository(result: Plan, settings: Settings, wanted: Wanted) -> None:
    """Plan the files that belong into the top folder of the repository."""
    try:
        repository = git.find_repository(settings.root, "")
        top, prefix = repository.root, repository.prefix
    except UsageError:
        top, prefix = settings.root, ""
    layout = Layout(prefix, tuple(settings.show(folder) for folder in (settings.migrations, settings.sql)))
    if wanted.github:
        _plan_workflow(result, settings, top, layout)
    if wanted.pre_commit:
        _plan_pre_commit(result, settings, top, layout)


def _plan_workflow(result: Plan, settings: Settings, top: Path, layout: Layout) -> None:
    folder = top / ".github" / "workflows"
    for path in sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")]):
        if re.search(r"memsql review|sql-review\.ya?ml@", _read(path) or ""):
            result.present.append(f"{_shown(settings, path)} reviews pull requests")
            return
    path = folder / "sql-review.yml"
    if path.exists():
        result.present.append(f"{_shown(settings, path)} is there, and is left as it is")
        return
    what = "reviews pull requests"
    result.additions.append(Addition(path, _shown(settings, path), init_texts.workflow(layout).encode(), what))


def _plan_pre_commit(result: Plan, settings: Settings, top: Path, layout: Layout) -> None:
    path = top / ".pre-commit-config.yaml"
    text, shown = _read(path), _shown(settings, path)
    if text is None:
        what = "lint and memsql.sum before each commit"
        result.additions.append(Addition(path, shown, init_texts.pre_commit(layout).encode(), what))
    elif "memsql-lint" in text:
        result.present.append(f"{shown} has the hooks of memsql")
    else:
        result.snippets.append(Snippet(shown, init_texts.pre_commit_snippet(layout)))


def databases_in(root: Path) -> tuple[str, ...]:
    """The names of files in the folder ``root`` that look like databases."""
    return tuple(sorted({path.name for pattern in _DATABASES for path in root.glob(pattern) if path.is_file()}))


def _appended(path: Path, shown: str, text: str | None, lines: str, what: str) -> Addition:
    """``lines`` behind ``text``, the content of the file (None where there is none), with an empty line before them and
    the line ends of the file."""
    before = "" if not text else ("\n" if text.endswith("\n") else "\n\n")
    added = before + lines
    if text and "\r\n" in text:
        added = added.replace("\n", "\r\n")
    return Addition(path, shown, added.encode(), what, size=None if text is None else len(text.encode()))


def _patterns(text: str) -> list[str]:
    """The patterns of a .gitignore, without comments."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _matches(pattern: str, path: str) -> bool:
    """Whether a pattern of a .gitignore is about ``path``, which ends with a slash where it is a folder."""
    pattern = pattern.removeprefix("!")
    folders_only = pattern.endswith("/")
    anchored = "/" in pattern.rstrip("/")
    pattern = pattern.strip("/").removeprefix("**/")
    name = path.rstrip("/")
    parts = name.split("/")
    heads = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    for position, head in enumerate(heads):
        is_folder = position < len(heads) - 1 or path.endswith("/")
        if folders_only and not is_folder:
            continue
        if fnmatchcase(head if anchored else parts[position], pattern.removesuffix("/**")):
            return True
    return False


def _inside(settings: Settings, path: Path | None) -> str | None:
    """``path`` relative to the project; None where it lies elsewhere."""
    if path is None or not path.is_relative_to(settings.root) or path == settings.root:
        return None
    return path.relative_to(settings.root).as_posix()


def _shown(settings: Settings, path: Path) -> str:
    return settings.show(path) if path.is_relative_to(settings.root) else str(path)


def _tools(text: str) -> dict[str, object]:
    tools = tomllib.loads(text).get("tool", {})
    return tools if isinstance(tools, dict) else {}


def _sections(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


def _read(path: Path) -> str | None:
    """The text of a file with its line ends as they are; None where there is none. Raises FileError where it cannot be
    read."""
    try:
        return regular.read_bytes(path).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not UTF-8"
        raise FileError(f"{path.name} cannot be read: {reason}", state="nothing was changed") from None
