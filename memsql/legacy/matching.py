"""Finds out which migrations of a project the ledger of another tool is about. Pure: files and ledger go in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from operator import itemgetter

from memsql.db import Value
from memsql.exchange.ledgers import OtherLedger, Record
from memsql.exchange.tools import tool_of
from memsql.legacy.unfolding import Half, unfolded
from memsql.project.files import Migration
from memsql.words import whole_number

_ENDING = re.compile(r"(\.(up|do|migration))?\.[A-Za-z]{1,6}$")
_NUMBERED = re.compile(r"V?(\d{1,40})(?:_+|-|$)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_DIGITS = re.compile(r"\d{1,40}", re.ASCII)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Origin:
    """What an import kept of a migration of another tool: its ``version``, ``path`` and ``name`` there, the SHA-256 of
    its file, its SHA-384, and the time in the journal in milliseconds; empty or None where the tool has none."""

    version: str
    path: str
    name: str = ""
    _: KW_ONLY
    sha256: str = ""
    sha384: str = ""
    journal: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What a ledger says of the migrations of a project.

    ``applied``: those that count as applied, in the order of the project, with the row that says so; None for those
    that only a later row implies. ``dirty``: rows of migrations that stopped halfway. ``unmatched``: rows that are
    about no file, with the end of a sentence about each. ``gaps``: migrations that are not applied, though a later one
    is. ``heads``: rows of which only one may be there. ``rewritten``: those that are applied, and have another text now
    than the tool ran, as the hash in its row says. ``halves``: those that stand for others, of which only some are
    applied.
    """

    applied: tuple[tuple[Migration, Record | None], ...]
    dirty: tuple[Record, ...] = ()
    unmatched: tuple[tuple[Record, str], ...] = ()
    gaps: tuple[Migration, ...] = ()
    heads: tuple[Record, ...] = ()
    rewritten: tuple[Migration, ...] = ()
    halves: tuple[Half, ...] = ()


def origins(ordered: Sequence[Migration], word: str) -> dict[str, Origin]:
    """What an import from the tool that the command line calls ``word`` kept, by id."""
    kept = {}
    for migration in ordered:
        origin = migration.header.origin if b"imported_from" in migration.up.data else None
        if origin is not None and origin.tool == word:
            marks = dict(origin.marks)
            journal = whole_number(marks.get("when", ""))
            version, name = _version_and_name(word, origin.path)
            hashes = marks.get("sha256", ""), marks.get("sha384", "")
            kept[migration.id] = Origin(version, origin.path, name, sha256=hashes[0], sha384=hashes[1], journal=journal)
    return kept


def _version_and_name(word: str, path: str) -> tuple[str, str]:
    """The version of the file at ``path`` as the tool ``word`` counts, and the name behind it; "" where it has none."""
    habits = tool_of(word).files
    if habits.order == "script":
        return path, ""
    named = re.fullmatch(habits.ups, path)
    groups = named.groupdict() if named else {}
    return (groups.get("version") or "").replace(*habits.respelled), groups.get("name") or ""


def match(ledger: OtherLedger, ordered: Sequence[Migration], origins: Mapping[str, Origin] | None = None) -> Match:
    """Compare ``ledger`` with the migrations of a project, ``ordered`` as they are applied. ``origins``: what an import
    from the same tool kept of them, by id."""
    dirty = tuple(record for record in ledger.records if record.state == "dirty")
    records = [record for record in ledger.records if record.state in ("applied", "baseline")]
    before = unfolded(ordered)
    finder = _Finder(before.entries, origins or {}, ledger.table.is_revision)
    last = ledger.table.says == "last"
    if last and len(records) > 1:
        return Match((), dirty, heads=tuple(records))
    applied: dict[int, Record | None] = {}
    unmatched = []
    for record in records:
        if record.state == "baseline":
            reached = finder.up_to(record)
            applied = {**dict.fromkeys(reached), **applied}
            continue
        positions, why = finder.find(record)
        if len(positions) != 1:
            unmatched.append((record, why))
            continue
        applied[positions[0]] = record
        if last:
            applied = {**dict.fromkeys(range(positions[0])), **applied}
    whole, halves = before.fold(applied)
    gaps = tuple(ordered[place] for place in range(max(whole, default=-1)) if place not in whole)
    rows = tuple((ordered[place], whole[place][0]) for place in sorted(whole))
    rewritten = tuple(
        ordered[place]
        for place, (record, entry) in sorted(whole.items(), key=itemgetter(0))
        if entry is not None and finder.is_rewritten(entry, record)
    )
    return Match(rows, dirty, tuple(unmatched), gaps, rewritten=rewritten, halves=tuple(halves))


@dataclass(frozen=True)
class _Finder:
    """Finds the migration that a row is about; positions are those in ``ordered``."""

    ordered: Sequence[Migration]
    origins: Mapping[str, Origin]
    by_revision: bool

    def find(self, record: Record) -> tuple[list[int], str]:
        """The positions of the migrations that ``record`` is about, and what to say where there is not exactly one."""
        if record.version is not None:
            places, why = self._by_version(record)
            return self._of_that_name(record, places) or (places, why)
        if record.file is not None:
            return self._by_file(record.file) if isinstance(record.file, str) else ([], "is no name of a file")
        if record.sha256 is not None or record.journal is not None:
            return self._by_content(record)
        return [], "names no migration"

    def _of_that_name(self, record: Record, places: Sequence[int]) -> tuple[list[int], str] | None:
        """What to say of the one migration with the version of ``record`` where the two have other names."""
        name = _plain(record.name) if isinstance(record.name, str) else ""
        if not name or len(places) != 1:
            return None
        migration = self.ordered[places[0]]
        origin = self.origins.get(migration.id)
        if _plain(migration.name if origin is None else origin.name) in (name, ""):
            return None
        return [], _other_name(migration)

    def is_rewritten(self, place: int, record: Record | None) -> bool:
        """Whether the migration at ``place`` certainly has another text than the one that ``record`` is about."""
        sha256 = record.sha256 if record is not None else None
        if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{96}", sha256.lower()):
            return False
        origin = self.origins.get(self.ordered[place].id)
        if origin is not None and not (origin.sha384 if len(sha256) > 64 else origin.sha256):
            return False
        return place not in self._by_hash.get(sha256.lower(), [])

    def up_to(self, record: Record) -> list[int]:
        """The positions of the migrations up to the version of ``record``."""
        reach = _parts(str(record.version))
        return [place for place, own in enumerate(self._versions) if reach and own and own <= reach]

    def _by_content(self, record: Record) -> tuple[list[int], str]:
        sha256 = record.sha256.lower() if isinstance(record.sha256, str) else ""
        places, generated = self._by_hash.get(sha256, []), self._by_journal.get(record.journal, [])
        # Two files may have one text, and then the time tells which of them it is.
        both = [place for place in places if place in generated]
        places = both or places or generated
        return places, self._several(places) if places else "is about no file: none has that hash"

    def _by_version(self, record: Record) -> tuple[list[int], str]:
        version = record.version
        if isinstance(version, float) and version.is_integer():
            version = int(version)
        text = str(version) if isinstance(version, int | str) else ""
        parts, places = _parts(text), list[int]()
        if self.by_revision:
            places = [place for place, m in enumerate(self.ordered) if self._is_called(m, text)]
        if not places and parts:
            places = self._numbers.get(parts, [])
        if not places and isinstance(record.file, str):
            places = self._files.get(_stem(record.file), [])
        if not places and not parts and not self.by_revision:
            return [], "is no number of a version"
        return places, self._several(places)

    def _by_file(self, file: str) -> tuple[list[int], str]:
        stem = _stem(file)
        places = self._files.get(stem, [])
        number, name = _split(stem)
        same = [] if number is None else self._numbers.get((number,), [])
        if same and not places:
            return [], _other_name(self.ordered[same[0]])
        places = places or self._names.get(name, [])
        return places, self._several(places)

    def _several(self, places: Sequence[int]) -> str:
        few = ", ".join(self.ordered[place].id for place in places[:3])
        return f"may be about {len(places)} files: {few}" if places else "is about no file"

    @cached_property
    def _numbers(self) -> dict[tuple[int, ...], list[int]]:
        """Positions by version."""
        numbers: dict[tuple[int, ...], list[int]] = {}
        for place, parts in enumerate(self._versions):
            if parts:
                numbers.setdefault(parts, []).append(place)
        return numbers

    @cached_property
    def _versions(self) -> list[tuple[int, ...]]:
        origins = (self.origins.get(m.id) for m in self.ordered)
        return [
            (m.version,) if origin is None else _parts(origin.version)
            for m, origin in zip(self.ordered, origins, strict=True)
        ]

    @cached_property
    def _files(self) -> dict[str, list[int]]:
        """Positions by the name of the file without ending, the number of which has no zeros in front."""
        files: dict[str, list[int]] = {}
        for place, migration in enumerate(self.ordered):
            origin = self.origins.get(migration.id)
            for stem in {_stem(migration.id), *(() if origin is None else _stems(origin.path))}:
                files.setdefault(stem, []).append(place)
        return files

    @cached_property
    def _names(self) -> dict[str, list[int]]:
        """Positions by the name behind the number."""
        names: dict[str, list[int]] = {}
        for place, migration in enumerate(self.ordered):
            names.setdefault(_plain(migration.name), []).append(place)
        return names

    @cached_property
    def _by_hash(self) -> dict[str, list[int]]:
        hashes: dict[str, list[int]] = {}
        for place, migration in enumerate(self.ordered):
            origin = self.origins.get(migration.id)
            kept = {origin.sha256, origin.sha384} - {""} if origin else set()
            for digest in kept or set(_digests(migration.up.data)):
                hashes.setdefault(digest, []).append(place)
        return hashes

    @cached_property
    def _by_journal(self) -> dict[Value, list[int]]:
        times: dict[Value, list[int]] = {}
        for place, migration in enumerate(self.ordered):
            origin = self.origins.get(migration.id)
            if origin is not None and origin.journal is not None:
                for time in (origin.journal, str(origin.journal)):
                    times.setdefault(time, []).append(place)
        return times

    def _is_called(self, migration: Migration, text: str) -> bool:
        """Whether ``text``, a version that is no number, is the id of ``migration``, its name, or a part of it."""
        origin = self.origins.get(migration.id)
        if origin is not None and origin.version:
            return origin.version == text
        name, version = _plain(migration.name), _plain(text)
        return _stem(migration.id) == _stem(text) or name == version or f"_{version}_" in f"_{name}_"


def _other_name(migration: Migration) -> str:
    return f"is about no file: {migration.id} has its number and another name"


def _digests(data: bytes) -> Iterator[str]:
    """SHA-256 and SHA-384 of a file as it may have been, before it was read: with a byte-order mark or
    without, and with the line ends of Unix or of Windows."""
    windows = data.replace(b"\n", b"\r\n")
    for text in (data, _BOM + data, windows, _BOM + windows):
        yield hashlib.sha256(text).hexdigest()
        yield hashlib.sha384(text).hexdigest()


def _parts(version: str) -> tuple[int, ...]:
    """``version`` as numbers, without zeros at its end: (1, 2) of "1.2.0"; empty where it is none."""
    pieces = re.split(r"[._-]", version.strip())
    if not all(_DIGITS.fullmatch(piece) for piece in pieces):
        return ()
    numbers = [int(piece) for piece in pieces]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _stems(path: str) -> set[str]:
    """The names by which a ledger may know the file at ``path``: its own, and that of its folder."""
    folder, _, name = path.rpartition("/")
    return {_stem(name), _stem(folder.rpartition("/")[2])} if folder else {_stem(name)}


def _stem(file: str) -> str:
    """``file`` without folders and ending, in lower case, its number without zeros in front."""
    stem = _ENDING.sub("", file.rpartition("/")[2])
    number, name = _split(stem)
    return name if number is None else f"{number}_{name}"


def _split(stem: str) -> tuple[int | None, str]:
    """The number at the beginning of ``stem``, None where there is none, and the name behind it."""
    numbered = _NUMBERED.fullmatch(stem)
    return (int(numbered[1]), _plain(numbered[2])) if numbered else (None, _plain(stem))


def _plain(name: str) -> str:
    """``name`` in lower case, with ``_`` for what file names cannot be trusted to keep."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")
