"""Read the migrations of another tool: from the files of a folder and a declaration to a list in the tool's order.

Pure: whoever calls has read the files, and nothing of them is changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from memsql.errors import FileError, Location
from memsql.exchange.line import Step, in_line
from memsql.exchange.line_ends import outside_values
from memsql.exchange.marks import Part, PlacedMark, cut, placed_marks
from memsql.exchange.model import FileHabits, ForeignMigration, ForeignSet, LeftOut, Tool
from memsql.exchange.recognising import is_program
from memsql.sqltext.header import directive_lines
from memsql.sqltext.meaning import has_statement
from memsql.sqltext.tokens import without_comments

_PROGRAM = re.compile(r".*\.(?:sql|ddl)", re.IGNORECASE)
_SHOWN = 10
_SQLITE = frozenset({"sqlite", "turso", "libsql", "d1"})


@dataclass(frozen=True, slots=True)
class _File:
    """The file of a migration: its path, and the groups of the pattern that it fits."""

    path: str
    groups: Mapping[str, str | None]

    @property
    def pair(self) -> str:
        """What it has in common with its way back, and with no other migration: 1, 01 and 1.0 are one version."""
        pair = self.groups.get("pair") or self.groups.get("version") or self.path
        numbers = [pair] if self.groups.get("pair") else re.split(r"[._]", pair)
        if not all(number.isdecimal() for number in numbers):
            return pair
        return re.sub(r"(?:\.0)+$", "", ".".join(str(int(number)) for number in numbers))


@dataclass(slots=True)
class _Sorted:
    """The files of a folder by what they are: migrations and ways back by what pairs them."""

    ups: dict[str, _File] = field(default_factory=dict)
    downs: dict[str, _File] = field(default_factory=dict)
    settings: dict[str, _File] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    problems: dict[str, None] = field(default_factory=dict)


def read_set(tool: Tool, tree: Mapping[str, bytes], shown: str) -> ForeignSet:
    """The migrations of ``tool`` in ``tree``, the bytes of the files of its folder by their paths below it.

    ``shown`` is the folder as messages show it. Raises FileError that names every file which cannot be taken over, and
    where there is no migration at all.
    """
    files = _sort(tool, tree)
    reader = _Reader(tool, tree, files)
    reader.look_at_dialect()
    migrations = tuple(reader.migrations()) if not files.problems else ()
    if files.problems:
        problems = list(files.problems)
        raise FileError(
            f"{shown} holds what memsql cannot take over from {tool.title}",
            where=Location(f"{shown}/{reader.first_problem}" if reader.first_problem else shown),
            details=tuple(problems[:_SHOWN]) + ((f"and {len(problems) - _SHOWN} more",) if problems[_SHOWN:] else ()),
            state="nothing was written",
            hint="change a copy of the folder, and import the copy",
        )
    if not migrations:
        raise FileError(
            f"{shown} holds no migration of {tool.title}",
            where=Location(shown),
            details=tuple(f"{path} {what}" for path, what in files.left_out[:_SHOWN]),
            state="nothing was written",
            hint="name the folder in which the files lie, or another tool",
        )
    return ForeignSet(tool, migrations, tuple(files.left_out))


def _sort(tool: Tool, tree: Mapping[str, bytes]) -> _Sorted:
    habits = tool.files
    files = _Sorted()
    ways = [(files.settings, habits.settings[0] if habits.settings else ""), (files.downs, habits.downs)]
    for path in sorted(tree):
        kind = next((k for k in (*habits.refused, *habits.reported) if re.fullmatch(k.pattern, path)), None)
        if kind is not None:
            if kind in habits.refused:
                files.problems[f"{path} {kind.what}"] = None
            else:
                files.left_out.append(LeftOut(path, kind.what))
            continue
        for place, pattern in (*ways, (files.ups, habits.ups)):
            match = re.fullmatch(pattern, path) if pattern else None
            if match is None:
                continue
            file = _File(path, match.groupdict())
            if file.pair in place:
                files.problems[f"{path} has the version of {place[file.pair].path}"] = None
            place[file.pair] = file
            break
        else:
            if _PROGRAM.fullmatch(path):
                files.left_out.append(LeftOut(path, f"is not named like a migration of {tool.title}"))
            elif is_program(path.rpartition("/")[2]):
                files.left_out.append(LeftOut(path, "is named like a migration, and is no SQL"))
    for pair, file in files.downs.items():
        if pair not in files.ups:
            files.problems[f"{file.path} is a way back without its migration"] = None
    return files


@dataclass(slots=True)
class _Reader:
    """Makes migrations of sorted files; what is wrong with one becomes a problem."""

    tool: Tool
    tree: Mapping[str, bytes]
    files: _Sorted
    first_problem: str = ""
    journal: dict[str, str] = field(default_factory=dict)

    @property
    def habits(self) -> FileHabits:
        return self.tool.files

    def look_at_dialect(self) -> None:
        """Note a problem where the files are for another engine."""
        if self.habits.dialect is None or self.habits.dialect[0] not in self.tree:
            return
        path, pattern = self.habits.dialect
        match = re.search(pattern, self._text(path))
        if match is not None and match[1].lower() not in _SQLITE:
            self._problem(path, f"says that the files are for {match[1]}, and memsql runs on SQLite and libSQL")

    def migrations(self) -> Iterator[ForeignMigration]:
        """The migrations in the order of the tool."""
        if self.habits.order == "script":
            yield from self._of_scripts()
            return
        for pair, file in self._ordered():
            migration = self._migration(pair, file)
            if migration is not None:
                yield migration

    def _ordered(self) -> list[tuple[str, _File]]:
        files = list(self.files.ups.items())
        if self.habits.order == "journal":
            return self._as_in_journal(dict(files))
        if self.habits.order == "version":
            return sorted(files, key=lambda item: (_numbers(item[1]), item[1].path))
        files.sort(key=lambda item: item[1].path.rpartition("/")[0] + "/" + item[1].path)
        return self._by_dependencies(files) if self.habits.order == "depends" else files

    def _as_in_journal(self, files: dict[str, _File]) -> list[tuple[str, _File]]:
        by_stem = {file.path.removesuffix(".sql"): (pair, file) for pair, file in files.items()}
        self.journal = self._read_journal()
        for tag in self.journal.keys() - by_stem.keys():
            self._problem(self.habits.journal, f"names {tag}.sql, which is not there")
        self.files.left_out += [
            LeftOut(file.path, f"is not in {self.habits.journal}")
            for tag, (_, file) in by_stem.items()
            if tag not in self.journal
        ]
        return [by_stem[tag] for tag in self.journal if tag in by_stem]

    def _read_journal(self) -> dict[str, str]:
        """The files that the journal lists, without their ending, each with its time."""
        path = self.habits.journal
        try:
            entries = json.loads(self.tree[path])["entries"]
            return {str(entry["tag"]): str(entry.get("when", "")) for entry in entries}
        except KeyError as e:
            self._problem(path, "is not there" if path not in self.tree else f"lacks {e}")
        except (ValueError, TypeError, AttributeError, RecursionError):
            self._problem(path, "is no journal")
        return {}

    def _by_dependencies(self, files: list[tuple[str, _File]]) -> list[tuple[str, _File]]:
        waiting = dict(files)
        pairs = {file.path: pair for pair, file in reversed(files)}
        ordered: list[tuple[str, _File]] = []
        for first, _ in files:
            # A loop and no recursion: thousands of files may depend on each other in a row.
            chain = {first: self._needed(waiting[first])} if first in waiting else {}
            while chain:
                pair, needed = next(reversed(chain.items()))
                name = next(needed, None)
                other = pairs.get(f"{name}.sql")
                if name is None:
                    ordered.append((pair, waiting.pop(pair)))
                    del chain[pair]
                elif other is None:
                    self._problem(waiting[pair].path, f"depends on {name}, which is not there")
                elif other in chain:
                    self._problem(waiting[other].path, "depends on itself")
                elif other in waiting:
                    chain[other] = self._needed(waiting[other])
        return ordered

    def _needed(self, file: _File) -> Iterator[str]:
        return iter(self._depends(self._text(file.path)))

    def _depends(self, text: str) -> tuple[str, ...]:
        if self.habits.order != "depends":
            return ()
        return tuple(name for key, value in directive_lines(text) if key == "depends" for name in value.split())

    def _migration(self, pair: str, file: _File) -> ForeignMigration | None:
        text = self._text(file.path)
        up, down = self._ways(file.path, self._parts(file.path, text))
        if up is None:
            return None
        down_file = self.files.downs.get(pair)
        if down_file is not None:
            down = self._parts(down_file.path, self._text(down_file.path))
        alone = self._runs_alone(pair, text)
        return ForeignMigration(
            re.sub(*self.habits.respelled, file.groups["version"] or ""),
            file.groups["name"] or "",
            file.path,
            _joined(up),
            _joined(down) if down is not None else None,
            no_transaction=(alone or _alone(up), alone or _alone(down or [])),
            depends=tuple(f"{name}.sql" for name in self._depends(text)),
            hashes=self._hashes(file, down_file),
        )

    def _runs_alone(self, pair: str, text: str) -> bool:
        """Whether the migration with this ``text`` runs without a transaction, both ways."""
        settings = self.files.settings.get(pair)
        if settings is not None and self.habits.settings is not None:
            return re.search(self.habits.settings[1], self._text(settings.path)) is not None
        if self.habits.order == "depends" and ("transactional", "false") in directive_lines(text):
            return True
        return any(placed.mark.means == "no transaction" for placed in placed_marks(text, self.habits.marks))

    def _hashes(self, up: _File, down: _File | None) -> tuple[str, ...]:
        when = self.journal.get(up.path.removesuffix(".sql"))
        hashes = [f"when={when}"] if when else []
        hashes.append(f"sha256={hashlib.sha256(self.tree[up.path]).hexdigest()}")
        if self.habits.sha384:
            hashes.append(f"sha384={hashlib.sha384(self.tree[up.path]).hexdigest()}")
        if down is not None:
            hashes.append(f"down_sha256={hashlib.sha256(self.tree[down.path]).hexdigest()}")
        return tuple(hashes)

    def _ways(self, path: str, parts: list[Part]) -> tuple[list[Part] | None, list[Part] | None]:
        """The parts of the way up, and of the way back, of a file; None where it has none."""
        ways = {mark.means for mark in self.habits.marks}
        if "up" not in ways:
            return parts, None
        ups = [part for part in parts if part.opening is not None and part.opening.mark.means == "up"]
        downs = [part for part in parts if part.opening is not None and part.opening.mark.means == "down"]
        if not ups:
            self._problem(path, f"has no line at which {self.tool.title} would begin the way up")
            return None, None
        if has_statement(parts[0].text):
            self._problem(path, f"has a statement before the line at which {self.tool.title} begins")
        return [parts[0], *ups], downs or None

    def _parts(self, path: str, text: str) -> list[Part]:
        placed = list(placed_marks(text, self.habits.marks))
        if self.habits.in_one_block:
            placed = self._first_of_each(path, placed)
        for mark in placed:
            if mark.mark.means == "refused":
                self._problem(path, f"has `{mark.text}` in line {mark.line}, and {mark.mark.why}")
        if self.habits.placeholders:
            match = re.search(self.habits.placeholders, without_comments(text))
            if match is not None:
                self._problem(path, f"has {match[0]}, for which {self.tool.title} puts a value: write the value")
        return cut(text, placed)

    def _first_of_each(self, path: str, placed: list[PlacedMark]) -> list[PlacedMark]:
        """``placed``, of which the first ``up`` and the first ``down`` begin something and the others are comments."""
        begun: list[str] = []
        marks = []
        for mark in placed:
            means = mark.mark.means
            if means == "up" and begun == ["down"]:
                self._problem(path, f"has the way back before the way up, which {self.tool.title} refuses")
            if means in begun:
                line = f"line {mark.line}: {self.tool.title} takes a second `{mark.text}` for a comment"
                self.files.left_out.append(LeftOut(f"{path},", line))
                mark = replace(mark, mark=replace(mark.mark, means="layout"))
            elif means in ("up", "down"):
                begun.append(means)
            marks.append(mark)
        return marks

    def _of_scripts(self) -> Iterator[ForeignMigration]:
        ups: dict[str, tuple[Step, str]] = {}
        downs: dict[str, str] = {}
        for file in self.files.ups.values():
            parts = self._parts(file.path, self._text(file.path))
            for part in parts:
                key = part.opening.groups.get("key") if part.opening is not None else None
                if part.opening is None or key is None:
                    continue
                if part.opening.mark.means == "down":
                    downs[key] = part.text
                elif key in ups:
                    self._problem(file.path, f"has {key}, which {ups[key][0].path} has too")
                else:
                    ups[key] = (Step(key, file.path, part.opening.groups.get("after")), part.text)
            if len(parts) == 1:
                self.files.left_out.append(LeftOut(file.path, f"holds no line at which {self.tool.title} begins one"))
        line, problems = in_line([step for step, _ in ups.values()])
        for path, what in problems:
            self._problem(path, what)
        for key in line:
            text = ups[key][1]
            version = key if key.isdecimal() else ""
            hashes = (f"sha256={hashlib.sha256(text.encode()).hexdigest()}",)
            yield ForeignMigration(version, "" if version else key, key, text, downs.pop(key, None), hashes=hashes)
        for key in sorted(downs.keys() - ups.keys()):
            self._problem(key, "has a way back alone: print the way up too")

    def _text(self, path: str) -> str:
        try:
            text = self.tree[path].decode("utf-8-sig")
        except UnicodeDecodeError as e:
            self._problem(path, f"is not UTF-8: byte 0x{self.tree[path][e.start]:02x}")
            return ""
        if "\0" in text:
            self._problem(path, "holds a NUL character")
            return ""
        return outside_values(text)

    def _problem(self, path: str, what: str) -> None:
        problem = f"{path} {what}"
        self.first_problem = self.first_problem or path
        self.files.problems[problem] = None


def _numbers(file: _File) -> tuple[bool, list[int]]:
    numbers = [int(digits) for digits in re.findall(r"\d+", file.groups.get("version") or "")]
    return not numbers, numbers


def _joined(parts: list[Part]) -> str:
    return "".join(part.text for part in parts)


def _alone(parts: list[Part]) -> bool:
    """Whether a direction says of itself that it runs without a transaction."""
    return any(part.opening is not None and part.opening.groups.get("option") for part in parts)
