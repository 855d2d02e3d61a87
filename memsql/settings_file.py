"""The file that holds the settings of a project: setup.cfg, or pyproject.toml with the same keys.

The sections are ``[memsql]`` and ``[memsql:NAME]``, in TOML ``[tool.memsql]`` and ``[tool.memsql.NAME]``. Values are
texts here, whatever they are in TOML, so that everything else reads one kind of settings.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memsql import hints
from memsql.errors import ConfigError, Location
from memsql.storage import regular

SETUP, PYPROJECT = "setup.cfg", "pyproject.toml"
_SECTION = re.compile(r"^\[memsql\]", re.MULTILINE)
_TABLE = re.compile(r"^\s*\[\s*tool\s*\.\s*[\"']?memsql[\"']?\s*[\].]", re.MULTILINE)
_LISTS = dict.fromkeys(("extensions", "models", "queries", "target", "trust_base_url"), ", ") | {"notify": None}
_FOLDERS = frozenset({"migrations", "sql", "backups", "runs"})
_LONGEST_NAME = 255
_SWITCHES = frozenset({"insecure", "out_of_order", "protected"})
_NUMBERS = frozenset(
    {"backup_max_age", "busy_timeout", "check_timeout", "lock_budget", "rehearsal_timeout", "server_copy_rows"}
    | {"slow_query_ms"}
)
_AMOUNTS = frozenset({"price_rows_read"})


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The settings of the folder ``root``, in the file ``name``: those of each environment by its name, and those of
    the project by ""."""

    root: Path
    name: str
    sections: Mapping[str, Mapping[str, str]]

    @property
    def where(self) -> Location:
        """The file as a place to name in messages."""
        return Location(str(self.root / self.name))

    @property
    def environments(self) -> list[str]:
        """The names of the environments."""
        return [name for name in self.sections if name]


def find(start: Path) -> Path:
    """The nearest folder from ``start`` upwards with settings of memsql. Raises ConfigError where there is none, or
    where one has them twice."""
    for folder in (start, *start.parents):
        if _names(folder):
            return folder
    raise ConfigError(
        f"no memsql project here: no setup.cfg with a [memsql] section in {start} or above it, and no pyproject.toml "
        "with [tool.memsql]",
        hint="write one line, [memsql], into setup.cfg, or [tool.memsql] into pyproject.toml "
        f"({hints.command('init')} does that); or name the folder with --project DIR",
    )


def name_in(folder: Path) -> str | None:
    """The name of the file in ``folder`` that has settings of memsql; None where there is none. Raises like find()."""
    return next(iter(_names(folder)), None)


def _names(folder: Path) -> list[str]:
    names = [SETUP] if _has_section(folder / SETUP) else []
    names += [PYPROJECT] if _table_of(folder / PYPROJECT) is not None else []
    if len(names) == 2:
        raise ConfigError(
            f"{folder} has settings of memsql twice: [memsql] in {SETUP} and [tool.memsql] in {PYPROJECT}",
            state="nothing was changed",
            hint="keep one of them: which of two databases is meant would not be clear",
        )
    return names


def _has_section(path: Path) -> bool:
    return path.is_file() and _SECTION.search(_read(path)) is not None


def read(root: Path) -> SettingsFile:
    """The settings of the folder ``root``, which find() returned. Raises ConfigError. Messages name this file
    afterwards."""
    names = _names(root)
    name = names[0] if names else SETUP
    hints.use_settings_file(name)
    if name == PYPROJECT:
        sections = _from_table(root, _table_of(root / name) or {})
    else:
        sections = _from_ini(root / name)
    for env, values in sections.items():
        for key, value in values.items():
            problem = _problem(key, value)
            if problem is not None:
                raise ConfigError(f"{key} in {hints.section(env)} {problem}", where=Location(str(root / name)))
    return SettingsFile(root, name, sections)


def read_dotenv(root: Path) -> dict[str, str]:
    """The variables in the file .env of the folder ``root``; none where there is no file. Raises ConfigError."""
    path = root / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        values = {k: v for k, v in dotenv_values(path).items() if v is not None}
    except (OSError, ValueError) as e:
        # Without the text of the file, which holds tokens.
        why = e.strerror if isinstance(e, OSError) else "it is not UTF-8, or has an escape that means no character"
        raise ConfigError(f".env cannot be read: {why}", where=Location(str(path))) from None
    bad = next((name for name, value in values.items() if "\0" in value), None)
    if bad is not None:
        # A path or a variable of the environment cannot hold it.
        raise ConfigError(f"{bad} in .env holds a NUL character", where=Location(str(path)))
    return values


def _problem(key: str, value: str) -> str | None:
    """Why no operating system takes ``value``, the setting ``key``, as the end of a sentence; None where one may."""
    if "\0" in value:
        return "holds a NUL character"
    if key in _FOLDERS and any(len(name.encode("utf-8", "replace")) > _LONGEST_NAME for name in value.split("/")):
        return f"is no folder: a name has at most {_LONGEST_NAME} bytes"
    return None


def _from_ini(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_read(path), source=path.name)
    except configparser.Error as e:
        raise ConfigError(
            f"{path.name} cannot be read: {' '.join(str(e).split())}", where=Location(str(path))
        ) from None
    sections = {"": dict(parser["memsql"])} if "memsql" in parser else {}
    prefix = "memsql:"
    return sections | {s.removeprefix(prefix): dict(parser[s]) for s in parser.sections() if s.startswith(prefix)}


def _table_of(path: Path) -> dict[str, Any] | None:
    """The table ``tool.memsql`` of the TOML file ``path``; None where it has none. A file that cannot be read and has
    no such header belongs to others."""
    text = _read(path) if path.is_file() else ""
    if "memsql" not in text or "tool" not in text:
        return None
    import tomllib

    try:
        tool = tomllib.loads(text).get("tool")
    except (ValueError, RecursionError) as e:
        # Not TOMLDecodeError alone: numbers of thousands of digits are another ValueError.
        if _TABLE.search(text) is None:
            return None
        raise ConfigError(f"{path.name} cannot be read: {e}", where=Location(str(path))) from None
    table = tool.get("memsql") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(
            f"tool.memsql in {path.name} is {_kind(table)}, and has to be a table", where=Location(str(path))
        )
    return table


def _from_table(root: Path, table: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {"": {}}
    for key, value in table.items():
        if isinstance(value, dict):
            sections[key] = {name: _text(root, key, name, each) for name, each in value.items()}
        else:
            sections[""][key] = _text(root, "", key, value)
    return sections


def _text(root: Path, env: str, key: str, value: Any) -> str:
    """The TOML ``value`` of ``key`` as setup.cfg would have it. Raises ConfigError where it is of another type."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        if key in _SWITCHES:
            return "yes" if value else "no"
    elif (isinstance(value, int) and key in _NUMBERS | _AMOUNTS) or (isinstance(value, float) and key in _AMOUNTS):
        return str(value)
    elif isinstance(value, list) and key in _LISTS and all(isinstance(item, str) for item in value):
        return _joined(root, env, key, value)
    expected = (
        "true or false"
        if key in _SWITCHES
        else "a number or a text"
        if key in _AMOUNTS
        else "a whole number or a text"
        if key in _NUMBERS
        else "a text"
    )
    expected += " or a list of texts" if key in _LISTS else ""
    raise ConfigError(
        f"{key} in {hints.section(env)} is {_kind(value)}, and has to be {expected}",
        where=Location(str(root / PYPROJECT)),
        hint=f'write: {key} = "…"' if expected.startswith("a text") else f"write: {key} = {_EXAMPLES.get(key, 'true')}",
    )


def _joined(root: Path, env: str, key: str, items: list[str]) -> str:
    separator = _LISTS[key]
    if separator is None:
        import shlex

        return shlex.join(items)
    bad = next((item for item in items if re.search(r"[\s,]", item) and key != "target"), None)
    if bad is not None:
        raise ConfigError(
            f"{key} in {hints.section(env)}: {bad!r} holds a blank or a comma", where=Location(str(root / PYPROJECT))
        )
    return separator.join(items)


_EXAMPLES = {"server_copy_rows": "100000", "price_rows_read": "1.0", "protected": "true", "insecure": "true"} | {
    key: '"30s"' for key in _NUMBERS if key != "server_copy_rows"
}


def _kind(value: object) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number with a fraction",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or a time")


def _read(path: Path) -> str:
    try:
        return regular.read_text(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path.name} cannot be read: {e}", where=Location(str(path))) from None
