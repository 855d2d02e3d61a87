"""On which engines the SQL of a project, or the schema of a database, runs: for ``check --for``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from memsql.config import Settings
from memsql.project.files import read_file
from memsql.schema import Schema
from memsql.sqltext import split
from memsql.targets import TargetEngine, uses
from memsql.words import count


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that a target does not accept.

    ``place`` is the file with its line, or the object of a database. ``feature`` names what it uses, ``reason`` why
    ``target`` does not accept it.
    """

    place: str
    feature: str
    target: TargetEngine
    reason: str


@dataclass(frozen=True, slots=True)
class Portability:
    """What stands in the way of each target. ``source`` says what was looked at, ``statements`` how many there were."""

    source: str
    targets: tuple[TargetEngine, ...]
    statements: int
    obstacles: tuple[Obstacle, ...]

    def of(self, target: TargetEngine) -> tuple[Obstacle, ...]:
        """The obstacles of one target."""
        return tuple(obstacle for obstacle in self.obstacles if obstacle.target == target)


def portability_of_files(settings: Settings, files: Sequence[Path], targets: tuple[TargetEngine, ...]) -> Portability:
    """Whether the statements of ``files`` run on ``targets``, by their text alone.

    Raises FileError for a file that cannot be read.
    """
    statements = 0
    obstacles: list[Obstacle] = []
    for file in files:
        shown = settings.show(file)
        text = read_file(file, shown).text()
        for statement in split(text):
            statements += 1
            obstacles += _obstacles(shown, statement.line, statement.text, targets)
    return Portability(count(len(files), "file"), targets, statements, tuple(obstacles))


def portability_of_schema(schema: Schema, source: str, targets: tuple[TargetEngine, ...]) -> Portability:
    """Whether ``schema`` can be made on ``targets``. ``source`` names the database."""
    objects = [o for o in schema.objects if o.sql]
    parts = (_obstacles(f"{o.type} {o.name}", None, o.sql, targets) for o in objects)
    return Portability(source, targets, len(objects), tuple(chain.from_iterable(parts)))


def _obstacles(place: str, line: int | None, text: str, targets: tuple[TargetEngine, ...]) -> Iterator[Obstacle]:
    for use in uses(text):
        where = place if line is None else f"{place}:{line + text.count(chr(10), 0, use.at)}"
        for target, reason in use.refused_by(targets):
            yield Obstacle(where, use.feature.name, target, reason)
