"""The shapes that the project knows: every prefix of its migrations, and every era with its upgrades."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass

from memsql import deadline, hints
from memsql.config import Settings
from memsql.db import Connection
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.replay import replay_prefixes
from memsql.engine.statements import run_guarded
from memsql.errors import FileError, Location, StatementError, UsageError
from memsql.legacy.shapes import Era, KnownShapes, Shape, Unknown
from memsql.progress import SILENT
from memsql.project.files import SqlFile, read_file
from memsql.project.links import refuse_linked_folders
from memsql.project.load import Project
from memsql.sandbox import isolated
from memsql.schema import read
from memsql.schema.compare import Definitions, Element, definitions
from memsql.sqltext import fold, parse_header
from memsql.words import whole_number

_PHASE = re.compile(r"L(\d+)_(\w+)\.sql")
_ERA_KEYS = frozenset({"era", "phases", "counts_as", "optional", "applied_at"})


@dataclass(frozen=True, slots=True)
class Phase:
    """A legacy upgrade: its number in the order, its name, and its two files (``down`` is None where there is none)."""

    number: int
    name: str
    up: SqlFile
    down: SqlFile | None


def read_phases(settings: Settings) -> dict[str, Phase]:
    """The legacy upgrades of the project by name, in order. Raises FileError for a file that is not named like one."""
    folder = settings.migrations / "legacy"
    phases = []
    for path in sorted(folder.glob("*.sql")) if folder.is_dir() else []:
        if path.name.endswith(".rollback.sql"):
            continue
        match = _PHASE.fullmatch(path.name)
        if match is None:
            raise FileError(
                f"{settings.show(path)} is not named like a legacy upgrade",
                where=Location(settings.show(path)),
                hint="name it L1_name.sql, with L1_name.rollback.sql beside it",
            )
        down = path.with_name(path.name.removesuffix(".sql") + ".rollback.sql")
        phases.append(
            Phase(
                int(match[1]),
                match[2],
                read_file(path, settings.show(path)),
                read_file(down, settings.show(down)) if down.exists() else None,
            )
        )
    return {phase.name: phase for phase in sorted(phases, key=lambda p: p.number)}


def known_shapes(project: Project) -> KnownShapes:
    """Every schema that a database of ``project`` may have had: the prefixes of the migrations, the longest first, and
    the eras. A migration that does not run on an empty database ends the prefixes.

    A prefix that ends with a file without a statement is none of its own: whether that ran makes no difference.
    Their SQL runs in a process of its own. Raises FileError for an era or upgrade that does not run.
    """
    refuse_linked_folders(project.settings)
    return isolated(_shapes, project)


def _shapes(project: Project) -> KnownShapes:
    settings = project.settings
    shapes: list[Shape] = []
    versions: list[int] = []
    idle = {m.id for m in project.ordered if not m.has_statement}
    pool: dict[Element, tuple[Element, object]] = {}
    prefixes = replay_prefixes(project)
    for version, name, schema in prefixes.schemas:
        versions.append(version)
        if name in idle:
            continue
        era = Era(f"migration {name}", "", (), tuple(versions), frozenset(), is_prefix=True)
        shapes.append(Shape(era, (), _shared(definitions(schema), pool)))
    shapes.reverse()
    phases = read_phases(settings)
    for era, file in era_files(settings):
        shapes += _era_shapes(era, file, phases)
    unknown = Unknown(prefixes.unknown, prefixes.problem) if prefixes.unknown else None
    return KnownShapes(tuple(shapes), unknown)


def _shared(own: Definitions, pool: dict[Element, tuple[Element, object]]) -> Definitions:
    """``own`` with the objects of ``pool`` where they are equal: a thousand prefixes hold the same tables, which take
    memory and time to send only once. What is new goes into ``pool``."""
    shared = {}
    for element, definition in own.items():
        entry = pool.get(element)
        if entry is None or entry[1] != definition:
            entry = pool[element] = element, definition
        shared[entry[0]] = entry[1]
    return shared


def era_files(settings: Settings) -> list[tuple[Era, SqlFile]]:
    """Every era of the project with the file that makes its schema, by file name. Raises FileError for a header that
    does not fit."""
    phases, folder, eras = read_phases(settings), settings.sql / "legacy", []
    for path in sorted(folder.glob("*.sql")) if folder.is_dir() else []:
        file = read_file(path, settings.show(path))
        eras.append((_read_era(file, settings.show(path), phases), file))
    return eras


def shapes_at(known: KnownShapes, version: int) -> KnownShapes:
    """Those shapes whose newest version that counts as applied is ``version``. Raises UsageError where there is none,
    FileError where it is not known what its migrations make."""
    chosen = tuple(shape for shape in known.shapes if max(shape.era.counts_as, default=0) == version)
    if not chosen and known.unknown:
        raise does_not_run(known.unknown)
    if not chosen:
        raise UsageError(
            f"there is no migration {version} that makes anything",
            state="nothing was changed",
            hint=f"see: {hints.command('migrate.status')}",
        )
    return KnownShapes(chosen)


def does_not_run(unknown: Unknown) -> FileError:
    """The error where the schema of a migration is needed that does not run on an empty database."""
    return FileError(
        f"{unknown.id} does not run on an empty database",
        details=(unknown.problem,),
        state="it was tried on a scratch database; nothing was changed in any other",
        hint="correct the file, or move it away until it is done",
    )


def record_objects(conn: Connection, phase: str) -> None:
    """Write down which objects and columns the database has before ``phase``, so that its rollback can look."""
    conn.write(recording(phase))


def recording(phase: str) -> list[tuple[str, tuple[str, ...]]]:
    """What record_objects() writes."""
    return [
        (load("legacy/create_objects"), ()),
        (load("legacy/forget_objects"), (phase,)),
        (load("legacy/record_objects"), (phase,)),
        (load("legacy/record_columns"), (phase,)),
    ]


def _era_shapes(era: Era, file: SqlFile, phases: dict[str, Phase]) -> list[Shape]:
    with closing(memory()) as conn:
        conn.begin()
        _run(conn, file)
        shapes = [Shape(era, (), definitions(read(conn)))]
        for done, name in enumerate(era.phases, 1):
            record_objects(conn, name)
            _run(conn, phases[name].up)
            shapes.append(Shape(era, era.phases[:done], definitions(read(conn))))
        return shapes


def _run(conn: SQLiteConnection, file: SqlFile) -> None:
    """Run the ``file`` of an era. Raises FileError for a statement that fails, is refused or does not end."""
    try:
        with deadline.part(file.path):
            run_guarded(conn, file, SILENT)
    except StatementError as e:
        raise FileError(
            f"{file.path} does not run: {e.message}",
            where=e.where or Location(file.path),
            statement=e.statement,
            state="nothing was changed",
            hint="correct the statement, or remove it",
        ) from e
    except deadline.Stopped as e:
        raise FileError(
            f"{file.path} does not run: {e.reason}", where=Location(file.path), state="nothing was changed"
        ) from None


def _read_era(file: SqlFile, shown: str, phases: dict[str, Phase]) -> Era:
    header = parse_header(file.text(), shown, _ERA_KEYS, repeatable=frozenset({"phases", "counts_as", "optional"}))

    def words(name: str) -> list[str]:
        return [word for line in header.all(name) for word in line.value.split()]

    unknown = [name for name in words("phases") if name not in phases]
    if unknown:
        raise FileError(
            f"{shown} needs the upgrade {unknown[0]}, which is not in migrations/legacy", where=Location(shown)
        )
    numbers = [number for word in words("counts_as") if (number := whole_number(word)) is not None]
    if len(numbers) < len(words("counts_as")):
        raise FileError(f"{shown}: counts_as takes version numbers", where=Location(shown))
    return Era(
        header.get("era") or file.name.removesuffix(".sql"),
        header.description,
        tuple(words("phases")),
        tuple(numbers),
        frozenset(fold(w) for w in words("optional")),
        header.get("applied_at"),
    )
