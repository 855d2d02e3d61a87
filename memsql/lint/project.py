"""Files with what stands around them: their kind, the migrations before them, the queries."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from memsql.config import Settings
from memsql.errors import FileError
from memsql.lint.header import read_header
from memsql.lint.judge import judge
from memsql.lint.model import Finding
from memsql.lint.replay import Replay
from memsql.lint.script import Before, Query, Script
from memsql.lint.step import Step, Steps
from memsql.project.files import parse_file_name, read_file
from memsql.sqltext import fold, split

_PARTS = {"migrations": "migration", "checks": "check", "queries": "query"}


def lint_text(
    text: str,
    path: str,
    before: Before | None = None,
    queries: Sequence[Query] = (),
    *,
    kind: str | None = None,
    siblings: Sequence[str] | None = None,
    final: Before | None = None,
    made_by_up: frozenset[str] = frozenset(),
) -> list[Finding]:
    """What the rules find in ``text``, the content of the file at ``path``; sorted by line. Nothing is read, nothing raised.

    ``before`` is the schema before the file runs, None where that is not known. ``queries`` are the application's.
    ``kind`` is told by the path where it is not given. ``siblings`` names the .sql files of the folder, and ``final`` is the
    schema after all migrations, both None where that is not known. ``made_by_up`` are the names, in lower case, of what the
    migration of a rollback makes.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    kind = kind or kind_of(path)
    with closing(Replay(before)) as replay:
        return _lint(text, path, kind, replay, before is not None, queries, siblings, final, made_by_up)


def lint_files(settings: Settings, paths: Iterable[Path]) -> list[Finding]:
    """What the rules find in these files of a project, file by file, by line. One look at each, one replay of the migrations.

    A file that cannot be read, or is not UTF-8, is a finding. Raises FileError only where a folder cannot be listed.
    """
    with closing(Folder(settings)) as folder:
        found: list[Finding] = []
        for path in sorted(paths, key=folder.place):
            found += folder.lint(path)
        return found


def sql_files(settings: Settings, paths: Sequence[Path] = ()) -> list[Path]:
    """The .sql files that ``paths`` (files and folders) name; of the whole project where there are none.

    Raises FileError for a path that does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths or [p for p in (settings.migrations, settings.sql) if p.is_dir()]:
        path = _placed(settings, path)
        if path.is_dir():
            found |= dict.fromkeys(sorted(p for p in path.rglob("*.sql") if p.is_file()))
        elif path.is_file():
            found[path] = None
        else:
            raise FileError(f"there is no file or folder {settings.show(path)}")
    return list(found)


def _placed(settings: Settings, path: Path) -> Path:
    """``path`` below the project's folder as settings name it, whichever way it was reached; others as they are."""
    real = (
        Path(os.path.realpath(path.parent), path.name) if path.name not in ("", "..") else Path(os.path.realpath(path))
    )
    try:
        return settings.root / real.relative_to(os.path.realpath(settings.root))
    except ValueError:
        return Path(os.path.abspath(path))


def kind_of(path: str, migrations: Path | None = None, sql: Path | None = None) -> str:
    """What kind of file ``path`` is, by the folder it lies in: the project's, or ones that are named like them."""
    file = Path(path)
    folder = file.parent
    if migrations is not None and sql is not None:
        kinds = {
            migrations: "migration",
            migrations / "legacy": "legacy",
            sql / "checks": "check",
            sql / "queries": "query",
            sql: "snapshot" if file.name == "schema.sql" else "other",
            sql / "legacy": "snapshot",
        }
        kind = kinds.get(folder, "other")
    else:
        kind = _PARTS.get(folder.name, "snapshot" if file.name == "schema.sql" else "other")
        if folder.name == "legacy":
            kind = "legacy" if folder.parent.name == "migrations" else "snapshot"
    return "rollback" if kind == "migration" and file.name.endswith(".rollback.sql") else kind


@dataclass(frozen=True, slots=True)
class _File:
    version: int
    stem: str
    name: str


class Folder:
    """The files of one project, the migrations replayed up to the one that was looked at last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        folder = self._migrations = _placed(settings, settings.migrations)
        self._sql = _placed(settings, settings.sql)
        self._names = tuple(sorted(p.name for p in folder.glob("*.sql") if p.is_file())) if folder.is_dir() else ()
        self._ups = sorted(_migrations(self._names), key=lambda f: (f.version, f.name))
        self._stems = {file.stem: place for place, file in enumerate(self._ups)}
        self._steps: dict[str, tuple[Step, ...]] = {}
        self._replay, self._at = Replay(), 0
        self._last = Replay()
        self._final: tuple[Before, tuple[Query, ...]] | None = None

    def close(self) -> None:
        """Forget the replayed schema."""
        self._replay.close()
        self._last.close()

    def place(self, path: Path) -> tuple[int, int, str]:
        """A key to sort files by: migrations in their order, each rollback behind its migration, then the rest."""
        stem = path.name.removesuffix(".sql").removesuffix(".rollback")
        if _placed(self.settings, path).parent == self._migrations and stem in self._stems:
            return 0, self._stems[stem], str(path)
        return 1, 0, str(path)

    def lint(self, path: Path, text: str | None = None) -> list[Finding]:
        """What the rules find in one file, or in ``text`` if that is to take its place."""
        path = _placed(self.settings, path)
        shown = self.settings.show(path)
        if text is None:
            try:
                text = read_file(path, shown).text()
            except FileError as e:
                return [
                    Finding(
                        "MS30",
                        "does_not_run",
                        "error",
                        shown,
                        (e.where.line if e.where else None) or 1,
                        1,
                        1,
                        e.message,
                        e.hint or "",
                    )
                ]
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        kind = kind_of(str(path), self._migrations, self._sql)
        stem = path.name.removesuffix(".sql").removesuffix(".rollback")
        place = self._stems.get(stem) if kind in ("migration", "rollback") else None
        final, queries = self.final()
        if place is None:
            if kind in ("check", "query"):
                return _lint(text, shown, kind, self._last, True, (), None, final)
            if kind in ("migration", "rollback"):
                return _lint(text, shown, kind, self._last, True, queries, self._names, final)
            return _alone(text, shown, kind, self._made_beside(path))
        self._go(place)
        if kind == "migration":
            return _lint(text, shown, kind, self._replay, True, queries, self._names, final)
        earlier = self._replay.state()
        self._go(place + 1)
        made = _names(self._replay.state()) - _names(earlier)
        return _lint(text, shown, kind, self._replay, True, (), self._names, final, made)

    def _made_beside(self, path: Path) -> frozenset[str]:
        """What the file makes that this rollback, outside the migrations, undoes."""
        up = path.with_name(path.name.removesuffix(".rollback.sql") + ".sql")
        if not path.name.endswith(".rollback.sql") or not up.is_file():
            return frozenset()
        try:
            steps = map(Step, split(read_file(up, up.name).text()))
        except FileError:
            return frozenset()
        return frozenset(step.name for step in steps if step.kind == "create")

    def final(self) -> tuple[Before, tuple[Query, ...]]:
        """The schema after all migrations, and the application's queries that do not run on it."""
        if self._final is None:
            queries = _queries(self.settings)
            for file in self._ups:
                self._last.advance(self._read(file))
            dead = self._last.refuses(queries)
            self._final = self._last.state(), tuple(q for q in queries if q.path in dead)
        return self._final

    def _go(self, place: int) -> None:
        """Replay up to and without the migration at ``place``."""
        if place < self._at:
            self._replay.close()
            self._replay, self._at = Replay(), 0
        for file in self._ups[self._at : place]:
            self._replay.advance(self._read(file))
        self._at = place

    def _read(self, file: _File) -> tuple[Step, ...]:
        if file.name not in self._steps:
            try:
                text = read_file(self.settings.migrations / file.name, file.name).text()
            except FileError:
                text = ""
            # Only the schema is of interest; the rows of a large file would fill the memory.
            self._steps[file.name] = tuple(
                s for s in map(Step, split(text)) if s.kind not in ("insert", "update", "delete")
            )
        return self._steps[file.name]


def _alone(text: str, path: str, kind: str, made: frozenset[str] = frozenset()) -> list[Finding]:
    with closing(Replay()) as replay:
        return _lint(text, path, kind, replay, False, (), None, None, made)


def _lint(
    text: str,
    path: str,
    kind: str,
    replay: Replay,
    known: bool,
    queries: Sequence[Query],
    siblings: Sequence[str] | None,
    final: Before | None,
    made: frozenset[str] = frozenset(),
) -> list[Finding]:
    header, problems = read_header(text, path, kind)
    steps = Steps(Step(statement) for statement in split(text))
    trial = replay.trial(steps, queries)
    return judge(
        Script(
            path,
            kind,
            text,
            header,
            problems,
            steps,
            trial.before if known else None,
            trial.after if known else replace(trial.after, exact=False),
            final,
            tuple(queries),
            trial.failures,
            trial.broken,
            trial.strings,
            None if siblings is None else tuple(siblings),
            made,
        )
    )


def _names(state: Before) -> frozenset[str]:
    return frozenset(fold(o.name) for o in state.schema.objects)


def _migrations(names: Iterable[str]) -> Iterator[_File]:
    for name in names:
        parsed = parse_file_name(name)
        if parsed and not parsed.is_rollback:
            yield _File(parsed.version, name.removesuffix(".sql"), name)


def _queries(settings: Settings) -> list[Query]:
    """The texts that must go on running: the application's queries, and the checks."""
    found = []
    for path in [p for folder in ("queries", "checks") for p in sorted((settings.sql / folder).glob("*.sql"))]:
        shown = settings.show(path)
        try:
            text = read_file(path, shown).text()
        except FileError:
            continue
        found += [Query(os.path.splitext(path.name)[0], shown, s.text) for s in split(text)[:1]]
    return found
