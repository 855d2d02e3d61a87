"""What the reports of chains recorded about a database. Others may have written these files: what has another form than
memsql writes is passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from memsql.config import Settings, parse_target
from memsql.errors import UsageError
from memsql.storage import regular

_STAMP = "run-%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The steps of one report that belong to the database; ``readable`` is False where it is no report."""

    name: str
    steps: tuple[Mapping[str, object], ...] = ()
    readable: bool = True


def recorded(settings: Settings, since: datetime) -> Iterator[Recorded]:
    """The reports of ``settings`` that are not older than ``since``, by the time in their names."""
    first = since.strftime(_STAMP)
    for path in sorted(path for path in settings.runs.glob("run-*.json") if path.name >= first):
        yield _read(path, settings)


def steps_of(report: object, settings: Settings) -> list[Mapping[str, object]]:
    """The steps in the ``report`` of a chain that belong to the database of ``settings``."""
    return [
        step
        for step in mappings(field(report, "steps"))
        if isinstance(step.get("started"), str) and is_of(step.get("database"), settings)
    ]


def field(value: object, name: str) -> object:
    """The field ``name`` of ``value`` where that is an object, otherwise None."""
    return value.get(name) if isinstance(value, Mapping) else None


def mappings(value: object) -> list[Mapping[str, object]]:
    """The objects in ``value`` where that is a list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _read(path: Path, settings: Settings) -> Recorded:
    try:
        report = json.loads(regular.read_text(path))
    except (OSError, ValueError, RecursionError):
        return Recorded(path.name, readable=False)
    return Recorded(path.name, tuple(steps_of(report, settings)))


def is_of(database: object, settings: Settings) -> bool:
    """Whether ``database``, as a report names it, is the database of ``settings``."""
    if not isinstance(database, str):
        return False
    if database == settings.target.display:
        return True
    try:
        return parse_target(database, settings.root).identity == settings.target.identity
    except (UsageError, ValueError):
        # A name that no path can have is of no database.
        return False
