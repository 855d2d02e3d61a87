"""The table of what engines accept, features.toml, and the names of targets."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from memsql.errors import UsageError

Version = tuple[int, ...]
_FORMS = "sqlite 3.40 (any version), sqlite (the one that runs here), libsql, d1"


@dataclass(frozen=True, slots=True)
class TargetEngine:
    """An engine on which SQL is to run. ``key`` is sqlite, libsql or d1, ``name`` its name as people write it.

    ``version`` is the version of SQLite, or the one on which the engine is built. ``pragmas`` are those that it takes;
    None where it takes all.
    """

    key: str
    name: str
    version: Version
    pragmas: frozenset[str] | None = None

    def __str__(self) -> str:
        """``SQLite 3.40``, ``libSQL``."""
        return self.name


@dataclass(frozen=True, slots=True)
class Feature:
    """What some engines accept and others do not.

    ``since`` is the version of SQLite from which on it is accepted, None for never. ``others`` says of an engine
    whether it differs from the SQLite on which it is built. ``build`` is an option with which SQLite has to be built.
    The rest says how it is found, see features.toml.
    """

    name: str
    since: Version | None
    others: Mapping[str, bool]
    effects: frozenset[str]
    words: tuple[tuple[str, ...], ...]
    functions: frozenset[str]
    options: tuple[tuple[str, ...], ...]
    special: str
    example: str
    build: str = ""


@cache
def features() -> tuple[Feature, ...]:
    """All features of the table."""
    return tuple(map(_feature, _table()["features"]))


def parse_targets(text: str) -> tuple[TargetEngine, ...]:
    """The targets that ``text`` names, with commas, ``|`` or line ends between them: ``sqlite 3.40, libsql, d1``.

    Raises UsageError for a name that is no target.
    """
    words = [part.strip() for part in re.split(r"[,|\n]", text)]
    return tuple(dict.fromkeys(_target(word) for word in words if word))


def refusal(target: TargetEngine, feature: Feature, detail: str = "") -> str:
    """Why ``target`` does not accept ``feature``, as words; empty where it does. ``detail``: which PRAGMA it is."""
    if feature.special == "pragma":
        known = target.pragmas is None or detail in target.pragmas
        return "" if known else f"{target} refuses PRAGMA {detail}"
    accepted = feature.others.get(target.key)
    if accepted is None:
        accepted = feature.since is not None and feature.since <= target.version
        if accepted and feature.build:
            return f"{target} has it only where it is built with {feature.build}"
    if accepted:
        return ""
    if feature.since is None:
        return f"{target} has no such thing"
    if target.key != "sqlite":
        return f"{target} refuses it"
    return f"{target} has it from SQLite {_shown(feature.since)} on"


def _target(word: str) -> TargetEngine:
    match = re.fullmatch(r"(sqlite|libsql|d1)\s*(\d+(?:\.\d+){0,3})?", word.lower())
    if match is None or (match[2] and match[1] != "sqlite"):
        raise UsageError(f"{word!r} is no target", hint=f"a target is one of: {_FORMS}")
    if match[1] == "sqlite":
        version = _version(match[2] or sqlite3.sqlite_version)[:2]
        return TargetEngine("sqlite", f"SQLite {_shown(version)}", version)
    engine = _table()["engines"][match[1]]
    return TargetEngine(match[1], engine["name"], _version(engine["sqlite"]), frozenset(engine["pragmas"]))


def _feature(row: Mapping[str, Any]) -> Feature:
    return Feature(
        row["name"],
        _version(row["sqlite"]) if "sqlite" in row else None,
        {engine: row[engine] for engine in _table()["engines"] if engine in row},
        frozenset(row.get("effects", ())),
        tuple(tuple(words.split()) for words in row.get("words", ())),
        frozenset(row.get("functions", ())),
        tuple(tuple(words.split()) for words in row.get("options", ())),
        row.get("special", ""),
        row["example"],
        row.get("build", ""),
    )


@cache
def _table() -> dict[str, Any]:
    # Only projects that name a target, and the task check, read it.
    import tomllib

    return tomllib.loads(Path(__file__).with_name("features.toml").read_text(encoding="utf-8"))


def _version(text: str) -> Version:
    numbers = tuple(map(int, text.split(".")))
    return numbers if len(numbers) > 1 else (*numbers, 0)


def _shown(version: Version) -> str:
    return ".".join(map(str, version))
