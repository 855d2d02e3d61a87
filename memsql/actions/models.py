"""Finds the source code that declares models, reads it, and holds a schema against it: for ``schema.check``, ``verify``
and ``review``."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memsql.config import Settings
from memsql.engine.replay import replay_schema
from memsql.engine.state import State
from memsql.errors import FileError, MemsqlError, UsageError
from memsql.project import plan
from memsql.project.files import read_file
from memsql.project.load import Project
from memsql.project.named_queries import hot_queries
from memsql.schema import Schema
from memsql.schema.code import Comparison, Finding, Source, compare, read_python, read_typescript

_READERS = {".py": read_python, ".pyi": read_python} | dict.fromkeys((".ts", ".tsx", ".mts", ".cts"), read_typescript)
_PASSED_OVER = frozenset({"node_modules", "__pycache__", "venv", "dist", "build"})
# Files that are read only for the types that others import from them.
_MOST_BESIDE = 200
WHAT_COUNTS = (
    "models are TypeScript interfaces and object types, and in Python dataclasses (attrs and pydantic too), NamedTuple "
    "and TypedDict"
)


def compare_models(settings: Settings, schema: Schema, named: Sequence[str]) -> tuple[Comparison, list[Source]]:
    """Hold ``schema`` against the models in ``named``: files, folders, and Python modules by their dotted names.

    Source code is read as text; nothing of it is imported or run. Raises UsageError for a name that is nothing, or
    where there are no models, and FileError, with the line, for a file that cannot be read.
    """
    sources = read_sources(settings, named)
    queries = {f"the query {query.name} ({query.path})": query.text for query in hot_queries(settings)}
    comparison = compare(schema, sources, queries)
    if not any(declaration.is_model for source in sources if not source.beside for declaration in source.declarations):
        raise UsageError(f"there are no models in {', '.join(named)}", hint=WHAT_COUNTS)
    return comparison, sources


def sentence(finding: Finding) -> str:
    """What ``finding`` says, and what breaks by it, without its place."""
    return f"{finding.rule}: {finding.message}" + (f"; {finding.effect}" if finding.effect else "")


@dataclass(frozen=True, slots=True)
class Fitness:
    """How the models of a project fit the schema of a database: sentences with their places. ``unproven``: why nothing
    was compared. ``waits_for``: the pending migration with which there are no ``errors`` any more."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    waits_for: str = ""


def fitness(state: State, schema: Schema) -> Fitness:
    """How the models that the setting ``models`` names fit ``schema``, that of a database in this ``state``."""
    project = state.project
    settings = project.settings
    try:
        comparison, _ = compare_models(settings, schema, settings.models)
        errors, warnings = _placed(comparison, "error"), _placed(comparison, "warning")
        pending = [s.version for s in state.statuses if s.state in plan.WAITING]
        if errors and pending and not _errors_behind(project):
            return Fitness(errors, warnings, waits_for=f"migration {max(pending):04d}")
        return Fitness(errors, warnings)
    except FileError as e:
        return Fitness((e.message,))
    except UsageError as e:
        # The code need not be on the machine that looks at a database.
        return Fitness(unproven=(e.message.removeprefix("--models "),))


def _errors_behind(project: Project) -> bool:
    """Whether the models do not fit the schema that all migrations make, or nobody knows."""
    settings = project.settings
    try:
        comparison, _ = compare_models(settings, replay_schema(project), settings.models)
    except MemsqlError:
        return True
    return comparison.count("error") > 0


def _placed(comparison: Comparison, level: str) -> tuple[str, ...]:
    findings = [finding for finding in comparison.findings if finding.level == level]
    return tuple(f"{f.path}:{f.line}: {sentence(f)}" if f.path else sentence(f) for f in findings)


def read_sources(settings: Settings, named: Iterable[str]) -> list[Source]:
    """What the files of ``named`` declare, with those that they pass on as their own; behind them, for their types, the
    files of the project that they import."""
    pending = deque((file, False) for name in named for file in _files_of(settings, name))
    later: deque[tuple[Path, bool]] = deque()
    sources: list[Source] = []
    seen: set[str] = set()
    beside = 0
    while pending or later:
        # What is named comes first, so that no file is read for its types alone and is named as well.
        file, is_beside = (pending or later).popleft()
        real = os.path.realpath(file)
        if real in seen or (is_beside and beside >= _MOST_BESIDE):
            continue
        seen.add(real)
        try:
            source = replace(_read(settings, file), beside=is_beside)
        except FileError:
            if is_beside:
                continue  # What it declares is not known then, and the comparison says so where that matters.
            raise
        beside += is_beside
        sources.append(source)
        exports = _modules_of(settings, file, source.language, source.exports)
        (later if is_beside else pending).extend((other, is_beside) for other in exports)
        later.extend((other, True) for other in _modules_of(settings, file, source.language, source.imports))
    return sources


def _read(settings: Settings, file: Path) -> Source:
    shown = settings.show(file)
    return _READERS[file.suffix](read_file(file, shown).text(), shown)


def _files_of(settings: Settings, name: str) -> list[Path]:
    """The files that ``name`` means: itself, those of a folder, or those of a module."""
    for base in (Path.cwd(), settings.root):
        path = base / name
        if path.is_dir():
            files = sorted(_below(path))
            if not files:
                raise UsageError(f"--models {name}: the folder holds no Python and no TypeScript", hint=WHAT_COUNTS)
            return files
        if path.exists() or path.is_symlink():
            if path.suffix not in _READERS:
                raise UsageError(f"--models {name}: not a .py or .ts file", hint=WHAT_COUNTS)
            return [Path(os.path.normpath(path))]
    module = _module(settings, name)
    if module is None:
        raise UsageError(
            f"--models {name}: there is no such file, folder or module",
            hint="a module is looked up in the project folder and in its folder src; nothing is imported",
        )
    return [module]


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER and not name.startswith("."))
        yield from (Path(place, name) for name in names if Path(name).suffix in _READERS)


def _module(settings: Settings, name: str) -> Path | None:
    """The file of the Python module ``name``, None where the project has none."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    bases = dict.fromkeys((Path.cwd(), settings.root, settings.root / "src"))
    places = [base.joinpath(*parts) for base in bases]
    return next(filter(None, map(_module_at, places)), None)


def _module_at(place: Path) -> Path | None:
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _modules_of(settings: Settings, file: Path, language: str, names: Iterable[str]) -> Iterator[Path]:
    """The files inside the project that ``file`` calls ``names``."""
    root = os.path.realpath(settings.root) + os.sep
    for name in names:
        path = _python_import(settings, file, name) if language == "python" else _typescript_import(file, name)
        if path is not None and os.path.realpath(path).startswith(root):
            yield path


def _python_import(settings: Settings, file: Path, name: str) -> Path | None:
    level = len(name) - len(name.lstrip("."))
    if level == 0:
        return _module(settings, name)
    folder = file.parents[min(level, len(file.parents)) - 1]
    place = folder.joinpath(*filter(None, name[level:].split(".")))
    return _module_at(place)


def _typescript_import(file: Path, name: str) -> Path | None:
    if not name.startswith("."):
        return None
    place = Path(os.path.normpath(file.parent / name))
    # TypeScript names a module by the file that it becomes.
    stem = place.with_suffix("") if place.suffix in (".js", ".mjs", ".cjs", ".jsx", ".ts") else place
    endings = (".ts", ".tsx", ".mts", ".cts", ".d.ts")
    candidates = [stem.with_name(stem.name + ending) for ending in endings]
    candidates += [place / f"index{ending}" for ending in endings]
    return next((candidate for candidate in candidates if candidate.is_file()), None)
