"""The files of a project with what stands around them: the migrations before them, the queries, the files beside
them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from pathlib import Path

from memsql import deadline
from memsql.config import Settings
from memsql.errors import FileError
from memsql.lint.catalogue import Catalogue
from memsql.lint.files import kind_of, placed
from memsql.lint.header import read_header
from memsql.lint.history import History
from memsql.lint.judge import judge
from memsql.lint.memory import MemoryDatabase
from memsql.lint.model import OURS, Finding
from memsql.lint.script import Script
from memsql.lint.siblings import Siblings
from memsql.lint.step import Step, Steps, switches
from memsql.lint.trial import SavedQuery, Trial, World, try_file
from memsql.project.admission import off_and_on
from memsql.project.files import SqlFile, parse_file_name, read_file
from memsql.project.load import REPEATABLE, repeatables_of
from memsql.project.repeatables import Repeatable, in_order, read_script
from memsql.project.seeds import read_seed
from memsql.sandbox import isolated
from memsql.sqltext import Statement, quote, split
from memsql.targets import TargetEngine, parse_targets

_ROWS = ("insert", "update", "delete")
_AFTER_MIGRATIONS = frozenset({"migration", "rollback", "check", "query", "smoke", "repeatable"})


def lint_text(
    text: str,
    path: str,
    before: Catalogue | None = None,
    queries: Sequence[SavedQuery] = (),
    *,
    kind: str | None = None,
    siblings: Sequence[str] | None = None,
    final: Catalogue | None = None,
    made_by_up: frozenset[str] = frozenset(),
    checked: frozenset[int] | None = None,
    targets: tuple[TargetEngine, ...] = (),
) -> list[Finding]:
    """What the rules find in ``text``, the content of the file at ``path``; sorted by line. Nothing is read or raised.

    ``before`` is the schema before the file runs, None where that is not known. ``queries`` are the application's.
    ``kind`` (see Script) follows from the path where it is None. ``siblings`` names the .sql files of the folder,
    and ``final`` is the schema after all migrations, both None where that is not known. ``made_by_up`` are the
    names, in lower case, of what the migration of a rollback makes. ``checked`` are the versions that have a check.
    ``targets`` are the engines on which it is to run.
    """
    file = _File.of(path, kind or kind_of(path), text)
    names = None if siblings is None else Siblings(siblings)
    trial = _trial_alone(file, before, queries)
    around = _Around(
        schema=before is not None,
        siblings=names,
        final=final,
        made_by_up=made_by_up,
        checked=checked,
        targets=targets,
    )
    return file.findings(trial, around)


def lint_files(settings: Settings, paths: Iterable[Path]) -> list[Finding]:
    """What the rules find in these files of a project, file by file, by line. One look at each, one replay of the
    migrations.

    A file that cannot be read, or is not UTF-8, is a finding. Raises FileError only where a folder cannot be listed.
    """
    return isolated(_lint_files, settings, list(paths))


def _lint_files(settings: Settings, paths: Sequence[Path]) -> list[Finding]:
    with closing(Folder(settings)) as folder:
        if any(kind_of(str(path), settings.migrations, settings.sql) in _AFTER_MIGRATIONS for path in paths):
            folder.settle()
        files = sorted((*folder.place(path), _is_rollback(path), str(path), path) for path in paths)
        # A rollback runs behind its migration, and its findings come first.
        results = [(group, place, name, folder.lint_in_time(path)) for group, place, _, name, path in files]
        return [finding for *_, findings in sorted(results) for finding in findings]


@dataclass(frozen=True, slots=True)
class _Around:
    """What is known of the surroundings of a file: whether the schema before it is, and see Script."""

    _: KW_ONLY
    schema: bool
    siblings: Siblings | None = None
    final: Catalogue | None = None
    made_by_up: frozenset[str] = frozenset()
    undoes_nothing: bool = False
    checked: frozenset[int] | None = None
    targets: tuple[TargetEngine, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    """A file with its statements; ``path`` is as shown to people."""

    path: str
    kind: str
    text: str
    steps: Steps

    @classmethod
    def of(cls, path: str, kind: str, text: str) -> _File:
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        return cls(path, kind, text, Steps(map(Step, split(text))))

    def findings(self, trial: Trial, around: _Around) -> list[Finding]:
        header, problems = read_header(self.text, self.path, self.kind)
        if self.kind in OURS and off_and_on(switches(self.steps)):
            header = replace(header, foreign_keys=False)
        script = Script(
            self.path,
            self.kind,
            self.text,
            header,
            problems,
            self.steps,
            trial.before if around.schema else None,
            trial.after if around.schema else trial.after.with_exact(False),
            around.final,
            trial.failures,
            trial.broken,
            trial.strings,
            around.siblings,
            around.made_by_up,
            around.undoes_nothing,
            around.checked,
            around.targets,
        )
        return judge(script)


class Folder:
    """The files of one project, and the schema at each of its migrations."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._targets = parse_targets(settings.engines)
        folder = self._migrations = placed(settings, settings.migrations)
        self._sql = placed(settings, settings.sql)
        names = sorted(p.name for p in folder.glob("*.sql") if p.is_file()) if folder.is_dir() else ()
        self._siblings = Siblings(names)
        self._ups = _in_order(names)
        self._places = {name.removesuffix(".sql"): place for place, name in enumerate(self._ups)}
        self._folders: dict[Path, Path] = {}
        self._steps: dict[str, tuple[Step, ...]] = {}
        # The repeatable scripts run behind the last migration, all of them as if they were one file.
        self._scripts = _scripts(settings)
        self._end = len(self._ups) + bool(self._scripts)
        self._history = History(self._end, self._read)

    def close(self) -> None:
        """Forget the replayed schema."""
        self._history.close()

    def place(self, path: Path) -> tuple[int, int]:
        """A key to sort files by: migrations in their order, each with its rollback, then the rest."""
        stem = _stem(path)
        if self._placed(path).parent == self._migrations and stem in self._places:
            return 0, self._places[stem]
        return 1, 0

    def _placed(self, path: Path) -> Path:
        """``path`` as the settings name its folder; each folder is looked up once."""
        if path.parent not in self._folders:
            self._folders[path.parent] = placed(self.settings, path).parent
        return self._folders[path.parent] / path.name

    def settle(self) -> None:
        """Work out the schema at each migration, each as a part of the work."""
        folder = self.settings.show(self.settings.migrations)
        names = [*(f"{folder}/{name}" for name in self._ups), f"{self.settings.show(self.settings.sql)}/{REPEATABLE}"]
        self._history.settle(names.__getitem__)

    def lint_in_time(self, path: Path) -> list[Finding]:
        """lint() as a part of the work; where it is stopped, a finding."""
        shown = self.settings.show(self._placed(path))
        stopped = self._history.stopped(self._places.get(_stem(path))) if not _is_rollback(path) else None
        try:
            if stopped is not None:
                raise stopped
            with deadline.part(f"lint of {shown}"):
                return self.lint(path)
        except deadline.Stopped as e:
            message = f"to try its statements was stopped: {e.reason}"
            return [Finding("MS30", "does_not_run", "error", shown, 1, 1, 1, message)]

    def lint(self, path: Path, text: str | None = None) -> list[Finding]:
        """What the rules find in one file, or in ``text`` if that is to take its place."""
        path = self._placed(path)
        shown = self.settings.show(path)
        if text is None:
            try:
                text = read_file(path, shown).text()
            except FileError as e:
                return [_unusable(shown, e)]
        file = _File.of(shown, kind_of(str(path), self._migrations, self._sql), text)
        if file.kind in ("check", "query", "smoke"):
            trial = self._history.trial(self._end, file.steps)
            return file.findings(trial, _Around(schema=True, final=self._history.final(), targets=self._targets))
        if file.kind == "seed":
            return _lint_seed(SqlFile(shown, path.name, text.encode()), path.parent.name)
        if file.kind == "repeatable":
            return self._lint_script(shown, SqlFile(shown, path.name, text.encode()))
        if file.kind in ("migration", "rollback"):
            return self._lint_migration(file, self._places.get(_stem(path)))
        return file.findings(
            _trial_alone(file), _Around(schema=False, made_by_up=self._created_beside(path), targets=self._targets)
        )

    def _lint_script(self, shown: str, file: SqlFile) -> list[Finding]:
        """A repeatable script: whether it may hold what it holds, and its views can be read behind the migrations."""
        try:
            script = read_script(file)
            in_order([script, *(s for s in self._scripts if s.name != script.name)])
        except FileError as e:
            return [_unusable(shown, e)]
        views = [SavedQuery(n, shown, f"SELECT * FROM {quote(n)}") for kind, n in script.objects if kind == "view"]
        return [
            Finding(
                "MS30", "does_not_run", "error", shown, 1, 1, 1, f"view {query.name} cannot be read after migrations"
            )
            for query in self._history.refused(views)
        ]

    def _lint_migration(self, file: _File, place: int | None) -> list[Finding]:
        """A migration or rollback; ``place`` is None for one whose name does not fit, or without its migration."""
        history, final = self._history, self._history.final()
        around = _Around(
            schema=True, siblings=self._siblings, final=final, checked=self._checked, targets=self._targets
        )
        if place is None:
            return file.findings(history.trial(len(self._ups), file.steps, self._dead_queries), around)
        if file.kind == "migration":
            return file.findings(history.trial(place, file.steps, self._dead_queries), around)
        created = history.created_names(place)
        undoes_nothing = not file.steps and not self._statements(self._ups[place])
        around = replace(around, made_by_up=created, undoes_nothing=undoes_nothing)
        return file.findings(history.trial(place + 1, file.steps), around)

    def _statements(self, name: str) -> list[Statement]:
        """The statements of the migration ``name``, a file name; none where it cannot be read."""
        try:
            return split(read_file(self.settings.migrations / name, name).text())
        except FileError:
            return []

    @cached_property
    def _checked(self) -> frozenset[int]:
        """The versions of the migrations that have a check."""
        names = (parse_file_name(path.name) for path in (self._sql / "checks").glob("*.sql"))
        return frozenset(name.version for name in names if name and not name.is_rollback)

    @cached_property
    def _dead_queries(self) -> list[SavedQuery]:
        """The application's queries, and the checks, that do not run after all migrations."""
        return self._history.refused(_saved_queries(self.settings))

    def _created_beside(self, path: Path) -> frozenset[str]:
        """What the file creates that this rollback, outside the migrations, undoes."""
        up = path.with_name(path.name.removesuffix(".rollback.sql") + ".sql")
        if not _is_rollback(path) or not up.is_file():
            return frozenset()
        try:
            steps = map(Step, split(read_file(up, up.name).text()))
        except FileError:
            return frozenset()
        return frozenset(step.name for step in steps if step.kind == "create")

    def _read(self, place: int) -> tuple[Step, ...]:
        if place == len(self._ups):
            return tuple(Step(s) for script in self._scripts for s in split(script.file.text()))
        name = self._ups[place]
        if name not in self._steps:
            # Only the schema is of interest; the rows of a large file would fill the memory.
            self._steps[name] = tuple(s for s in map(Step, self._statements(name)) if s.kind not in _ROWS)
        return self._steps[name]


def _trial_alone(file: _File, before: Catalogue | None = None, queries: Sequence[SavedQuery] = ()) -> Trial:
    """What comes of running the file on the schema ``before``, or on an empty database."""
    with closing(MemoryDatabase()) as database:
        if before is not None:
            database.load(before.entries())
        world = World.whole(database, exact=before is None or before.exact)
        return try_file(world, file.steps, queries)


def _is_rollback(path: Path) -> bool:
    return path.name.endswith(".rollback.sql")


def _stem(path: Path) -> str:
    return path.name.removesuffix(".sql").removesuffix(".rollback")


def _in_order(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are names of migrations, in the order in which they run."""
    parsed = ((name, parse_file_name(name)) for name in names)
    ups = ((file_name.version, name) for name, file_name in parsed if file_name and not file_name.is_rollback)
    return [name for _, name in sorted(ups)]


def _lint_seed(file: SqlFile, folder: str) -> list[Finding]:
    try:
        read_seed(file, folder)
    except FileError as e:
        return [_unusable(file.path, e)]
    return []


def _unusable(shown: str, error: FileError) -> Finding:
    line = (error.where.line if error.where else None) or 1
    return Finding("MS30", "does_not_run", "error", shown, line, 1, 1, error.message, error.hint or "")


def _scripts(settings: Settings) -> tuple[Repeatable, ...]:
    """The repeatable scripts in the order to run; none where one cannot be used, which the look at it says."""
    try:
        return repeatables_of(settings)
    except FileError:
        return ()


def _saved_queries(settings: Settings) -> list[SavedQuery]:
    """The texts that must go on running: the application's queries, and the checks."""
    queries = []
    for path in _query_files(settings):
        shown = settings.show(path)
        try:
            text = read_file(path, shown).text()
        except FileError:
            continue
        name = os.path.splitext(path.name)[0]
        queries += [SavedQuery(name, shown, statement.text) for statement in split(text)[:1]]
    return queries


def _query_files(settings: Settings) -> Iterator[Path]:
    for folder in ("queries", "checks"):
        yield from sorted((settings.sql / folder).glob("*.sql"))
