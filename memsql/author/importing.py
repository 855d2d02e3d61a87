"""Take over the migrations of another tool: read its folder, prove the pairs, and write all of them or none."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memsql import hints
from memsql.author import import_files
from memsql.author.import_pairs import ImportedPair
from memsql.author.import_proof import ImportProof
from memsql.config import Settings
from memsql.errors import FileError, Location, UsageError
from memsql.exchange.model import ForeignSet, LeftOut, Tool
from memsql.exchange.naming import ids_of
from memsql.exchange.reading import read_set
from memsql.exchange.recognising import foreign_text
from memsql.exchange.writing import scripts_of
from memsql.progress import Progress
from memsql.project.files import Migration, raw_bytes
from memsql.project.load import load_project, refuse_stale_sum

_SHOWN = 10
_SKIPPED = frozenset({"node_modules", "__pycache__", "target", "vendor"})
_MOST_FILES = 20_000
_STATE = "nothing was written"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote, or would write.

    ``source``: the folder of the tool as messages show it. ``pairs`` are new, ``present`` the ids of those that were
    taken over before. ``left_out`` became no migration. ``files``: the paths that were written; none in a dry run.
    """

    tool: Tool
    source: str
    pairs: tuple[ImportedPair, ...]
    present: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    files: tuple[str, ...] = ()


def import_set(settings: Settings, tool: Tool, folder: Path, *, dry_run: bool, progress: Progress) -> Imported:
    """Write a pair for each migration of ``tool`` in ``folder`` (or in the file of that name), and memsql.sum.

    What was taken over before is left as it is. Raises FileError, which names every file that cannot be taken over, and
    UsageError where there is no such folder; then nothing is written.
    """
    shown = settings.show(folder)
    _refuse_own_folder(settings, tool, folder)
    progress.start(f"reading {shown}")
    if not dry_run:
        import_files.take_away(settings)
    foreign = read_set(tool, _tree(settings, folder, shown), shown)
    existing = _existing(settings)
    present = _taken(tool, existing)
    pairs = _pairs(foreign, shown, ids_of(foreign, present, max((m.version for m in existing), default=0)), present)
    _refuse_taken_versions(settings, existing, pairs)
    proven = ImportProof(settings, shown, progress).prove(existing, pairs)
    texts = _texts(settings, proven)
    words = f"import {tool.word} {shlex.quote(shown)}"
    files = import_files.write(settings, words, texts) if texts and not dry_run else ()
    ids = tuple(present[m.path] for m in foreign.migrations if m.path in present)
    return Imported(tool, shown, proven, ids, (*foreign.left_out, *_changed(foreign, existing)), files)


def _refuse_own_folder(settings: Settings, tool: Tool, folder: Path) -> None:
    if not folder.exists():
        raise UsageError(f"there is no folder {settings.show(folder)}", state=_STATE)
    if folder.is_dir() and settings.migrations.is_dir() and os.path.samefile(folder, settings.migrations):
        shown, aside = settings.show(folder), f"{tool.word}-migrations"
        raise UsageError(
            f"{shown} is the folder of memsql, and an import writes there without changing what it reads",
            state=_STATE,
            hint=f"move the files of {tool.title} first: mv {shown} {aside} && "
            f"{hints.command(f'import {tool.word} {aside}')}",
        )


def _tree(settings: Settings, folder: Path, shown: str) -> dict[str, bytes]:
    """The files of ``folder`` by their paths below it. Raises FileError for one that is a link or cannot be read."""
    if folder.is_file():
        return {folder.name: raw_bytes(folder, shown)}
    own = {os.path.realpath(settings.migrations), os.path.realpath(settings.sql)}
    tree: dict[str, bytes] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in _SKIPPED and os.path.realpath(f"{place}/{name}") not in own
        )
        for name in sorted(names):
            path = Path(place, name).relative_to(folder).as_posix()
            if not name.startswith("."):
                tree[path] = raw_bytes(Path(place, name), f"{shown}/{path}")
        if len(tree) > _MOST_FILES:
            raise UsageError(f"{shown} holds more than {_MOST_FILES} files: name the folder of the migrations")
    return tree


def _existing(settings: Settings) -> tuple[Migration, ...]:
    if not settings.migrations.is_dir():
        return ()
    project = load_project(settings)
    refuse_stale_sum(project)
    return project.ordered


def _taken(tool: Tool, existing: Sequence[Migration]) -> dict[str, str]:
    """The ids of what was taken over from ``tool`` before, by the path that it had there."""
    origins = ((m.header.origin, m.id) for m in existing)
    return {origin.path: name for origin, name in origins if origin is not None and origin.tool == tool.word}


def _changed(foreign: ForeignSet, existing: Sequence[Migration]) -> Iterator[LeftOut]:
    """The files that are not as they were when they were taken over, as far as the hashes in the headers tell."""
    origins = ((m.header.origin, m.id) for m in existing)
    marks = {o.path: (dict(o.marks), name) for o, name in origins if o is not None and o.tool == foreign.tool.word}
    for migration in foreign.migrations:
        before, name = marks.get(migration.path, ({}, ""))
        now = dict(mark.split("=", 1) for mark in migration.hashes)
        if any(before.get(key) != now.get(key) for key in ("sha256", "down_sha256") if "sha256" in before):
            yield LeftOut(migration.path, f"has changed since it was taken over as {name}, which stays as it is")


def _pairs(foreign: ForeignSet, shown: str, ids: Mapping[str, str], present: Mapping[str, str]) -> list[ImportedPair]:
    """A pair for each migration that is not ``present``. Raises FileError that names what memsql cannot run."""
    tool = foreign.tool
    problems: list[str] = []
    pairs: list[ImportedPair] = []
    for source in foreign.migrations:
        if source.path in present:
            continue
        scripts = scripts_of(source, tool.files.tables, own_directives=tool.files.order == "depends")
        problems += [f"{source.path}: {problem}" for script in scripts for problem in script.problems]
        other = foreign_text(scripts[0].text.encode())
        if other is not None:
            problems.append(f"{source.path} {other.what}: import it as {other.words[0]}")
        if any(ord(character) < 32 for character in source.path):
            problems.append(f"{source.path!r} has a control character in its name")
        depends = tuple(ids[path] for path in source.depends)
        pair = ImportedPair(tool, source, ids[source.path], scripts[0], scripts[1] if scripts[1:] else None, depends)
        pairs.append(pair.noting(*_notes(pair)))
    if problems:
        raise FileError(
            f"{shown} holds what memsql cannot run",
            where=Location(shown),
            details=tuple(problems[:_SHOWN]) + ((f"and {len(problems) - _SHOWN} more",) if problems[_SHOWN:] else ()),
            state=_STATE,
            hint="change a copy of the folder, and import the copy",
        )
    return pairs


def _notes(pair: ImportedPair) -> list[str]:
    """What a person should know of what was left out, and of transactions."""
    scripts = [script for script in (pair.up, pair.down) if script is not None]
    notes = [f"left out `{removal.statement}`: {removal.why}" for script in scripts for removal in script.removals]
    notes += [note for script in scripts for note in script.notes]
    if pair.down is None and pair.source.down is not None:
        notes.append(f"its way back does nothing in {pair.tool.title}, and memsql takes it for none")
    if any(pair.source.no_transaction) and all(script.transactional for script in scripts):
        notes.append(f"{pair.tool.title} runs it without a transaction, memsql in one")
    return notes


def _refuse_taken_versions(settings: Settings, existing: Sequence[Migration], pairs: Sequence[ImportedPair]) -> None:
    """Raise FileError where a pair would have the version of a migration that is there."""
    versions = {m.version: m for m in existing}
    clashes = [
        f"{pair.id}.sql has the version of {settings.show(settings.migrations)}/{versions[version].up.name}"
        for pair in pairs
        if (version := int(pair.id.partition("_")[0])) in versions
    ]
    if clashes:
        raise FileError(
            "an import overwrites no migration",
            where=Location(settings.show(settings.migrations)),
            details=tuple(clashes[:_SHOWN]),
            state=_STATE,
            hint="renumber or move what is there, or import into a project of its own (--project)",
        )


def _texts(settings: Settings, pairs: Sequence[ImportedPair]) -> dict[Path, str]:
    texts: dict[Path, str] = {}
    for pair in pairs:
        texts[settings.migrations / f"{pair.id}.sql"] = pair.up_text
        if pair.down_text is not None:
            texts[settings.migrations / f"{pair.id}.rollback.sql"] = pair.down_text
    return texts
