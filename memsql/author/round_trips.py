"""Tries every migration and legacy upgrade on scratch databases: dry run, up, verification, down, and up again.

From a fresh database and from one of each legacy era, without rows. No database of the person's is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from memsql.actions.verify import verify
from memsql.backups.digest import TableDigest, TableSelect, content_selects, differences, digests
from memsql.config import Settings, Target
from memsql.db import Connection, connection, transaction
from memsql.db.clone import clone
from memsql.engine.job import Direction
from memsql.engine.pending import run_on
from memsql.engine.session import trial_on
from memsql.engine.state import RunOptions, read_state
from memsql.engine.statements import run_guarded
from memsql.errors import MemsqlError
from memsql.ledger import TABLES
from memsql.legacy.adopt import Choice, adopt
from memsql.legacy.eras import Phase, era_files, known_shapes, read_phases
from memsql.legacy.rollback import rollback_phase
from memsql.legacy.shapes import KnownShapes
from memsql.legacy.upgrades import run_phase
from memsql.progress import SILENT, Progress
from memsql.project.checks import Check, run_checks
from memsql.project.files import Migration, SqlFile
from memsql.project.load import Project, load_project, refuse_stale_sum
from memsql.schema import Schema, diff, read
from memsql.sqltext.meaning import has_statement
from memsql.storage import work_folders

FRESH = "a fresh database"
_UPGRADES = "memsql_legacy_objects"
_LINES = 5


@dataclass(slots=True)
class Coverage:
    """What is proven of one migration or legacy upgrade. None stands for what it does not need.

    ``rollback``: it has a way back. ``check``: it has a check in sql/checks. ``dry_run``: it ran on a clone.
    ``round_trip``: up, verification, down and up again, with the schema and the rows as they were each time.
    ``starts``: from which databases that was tried. ``problems``: what went wrong, in sentences.
    """

    id: str
    rollback: bool | None
    check: bool | None
    dry_run: bool = False
    round_trip: bool | None = False
    starts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def aspects(self) -> tuple[bool | None, bool | None, bool | None, bool | None]:
        """Rollback, check, dry run, round trip."""
        return self.rollback, self.check, self.dry_run, self.round_trip

    @property
    def covered(self) -> int:
        """How many of its aspects are proven."""
        return sum(1 for aspect in self.aspects if aspect)

    @property
    def needed(self) -> int:
        """How many of its aspects there are to prove."""
        return sum(1 for aspect in self.aspects if aspect is not None)

    @property
    def failed(self) -> bool:
        """Whether something that was tried went wrong."""
        return bool(self.problems)


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """The coverage of every migration, in order, and of every legacy upgrade; ``starts`` are the databases from which
    they were tried, ``problems`` are those that belong to none of them."""

    migrations: tuple[Coverage, ...]
    upgrades: tuple[Coverage, ...]
    starts: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def all(self) -> tuple[Coverage, ...]:
        """The coverage of migrations and upgrades."""
        return (*self.migrations, *self.upgrades)

    @property
    def failed(self) -> bool:
        """Whether something that was tried went wrong."""
        return bool(self.problems) or any(coverage.failed for coverage in self.all)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing either."""
        return not self.failed and all(coverage.covered == coverage.needed for coverage in self.all)


def round_trips(settings: Settings, progress: Progress = SILENT) -> RoundTrips:
    """Try all migrations and legacy upgrades of the project.

    Raises FileError for files that cannot be used; what goes wrong with one of them is in the result.
    """
    project = load_project(settings)
    refuse_stale_sum(project)
    phases = read_phases(settings)
    migrations = {m.id: _coverage_of(project, m) for m in project.ordered}
    upgrades = {p.name: _coverage_of_upgrade(project, p) for p in phases.values()}
    trial = _Trial(project, migrations, upgrades, progress)
    trial.from_fresh()
    eras = era_files(settings)
    for era, file in eras:
        trial.from_era(era.name, file, [phases[name] for name in era.phases], era.counts_as)
    starts = (FRESH, *(era.name for era, _ in eras))
    return RoundTrips(tuple(migrations.values()), tuple(upgrades.values()), starts, tuple(trial.problems))


def _coverage_of(project: Project, migration: Migration) -> Coverage:
    if not migration.has_statement:
        return Coverage(migration.id, None, None, round_trip=False if migration.down is not None else None)
    checked = any(check.version == migration.version for check in project.checks)
    return Coverage(migration.id, _undoes(migration.down), checked)


def _coverage_of_upgrade(project: Project, phase: Phase) -> Coverage:
    checked = any(_is_of(check, phase) for check in project.checks)
    return Coverage(_name_of(phase), _undoes(phase.down), checked)


def _name_of(phase: Phase) -> str:
    return f"L{phase.number}_{phase.name}"


def _is_of(check: Check, phase: Phase) -> bool:
    """Whether the file of ``check`` is named after ``phase``."""
    stem = check.path.rpartition("/")[2].removesuffix(".sql")
    return stem == _name_of(phase) or stem.startswith(f"{_name_of(phase)}_")


def _undoes(down: SqlFile | None) -> bool:
    return down is not None and has_statement(down.data.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class _Contents:
    """The schema and the rows of a scratch database, without the ledger."""

    schema: Schema
    tables: tuple[TableDigest, ...]


@dataclass(slots=True)
class _Trial:
    """Runs the round trips and writes what they show into the coverages."""

    project: Project
    migrations: dict[str, Coverage]
    upgrades: dict[str, Coverage]
    progress: Progress
    problems: list[str] = field(default_factory=list)
    known: KnownShapes | None = None

    def from_fresh(self) -> None:
        """Every migration, from an empty database."""
        with self._scratch() as (settings, conn):
            self._migrate(settings, conn, FRESH, self.project.ordered)

    def from_era(self, name: str, file: SqlFile, phases: Sequence[Phase], counts_as: Sequence[int]) -> None:
        """The upgrades of an era and back, its adoption, and every migration that comes then."""
        self.progress.start(f"from {name}")
        with self._scratch() as (settings, conn):
            try:
                with transaction(conn):
                    run_guarded(conn, file, SILENT)
                if not self._upgrade(conn, name, phases):
                    return
                with trial_on(conn, RunOptions(), SILENT) as session:
                    adopt(
                        session, read_state(self.project, conn), Choice(max(counts_as, default=0)), known=self._known()
                    )
            except MemsqlError as e:
                self.problems.append(f"from {name}: {_sentence(e)}")
                return
            later = [m for m in self.project.ordered if m.version not in counts_as]
            self._migrate(settings, conn, name, later)

    def _known(self) -> KnownShapes:
        """The known shapes of the project. To make them takes longer than most steps of a trip."""
        if self.known is None:
            self.known = known_shapes(self.project)
        return self.known

    @contextmanager
    def _scratch(self) -> Iterator[tuple[Settings, Connection]]:
        """An empty database in a temporary folder, and settings for it."""
        with work_folders.temporary("test") as folder:
            target = Target(path=folder / "scratch.db", display="a scratch database")
            settings = replace(self.project.settings, target=target, protected=False)
            with connection(target, "rwc", settings.busy_timeout) as conn:
                yield settings, conn

    def _migrate(self, settings: Settings, conn: Connection, start: str, migrations: Sequence[Migration]) -> None:
        """Try each of ``migrations``, which come after what is applied, and then the whole database."""
        for migration in migrations:
            self.progress.start(f"{migration.id} from {start}")
            if not self._try(conn, start, migration):
                return
        problems = [
            f"from {start}, verify at the end: {finding.name}: {message}"
            for finding in verify(settings, deep=False, progress=SILENT)
            if not finding.ok and finding.severity == "error"
            for message in finding.messages[:_LINES]
        ]
        self.problems += problems

    def _try(self, conn: Connection, start: str, migration: Migration) -> bool:
        """One round trip. Returns whether the migration is applied afterwards, so that the next one may follow."""
        coverage = self.migrations[migration.id]
        coverage.starts.append(start)
        last = self.project.ordered.index(migration) + 1
        prefix = Project(self.project.settings, self.project.ordered[:last])
        checks = [c for c in self.project.checks if c.version in {m.version for m in prefix.ordered}]

        def run(direction: Direction, on: Connection = conn) -> None:
            steps = None if direction == "up" else 1
            run_on(on, prefix, direction, RunOptions(steps=steps, out_of_order=True))

        def dry_run() -> None:
            with clone(conn.target, self.project.settings.busy_timeout) as copy:
                run("up", copy.connection)

        if not self._dry_run(coverage, start, dry_run):
            return False
        trip = _Trip(conn, lambda: run("up"), lambda: run("down"), partial(self._look, conn, checks))
        can_go_back = coverage.rollback or (coverage.rollback is None and migration.down is not None)
        lossy = migration.header.allows_loss or bool(migration.down_header and migration.down_header.allows_loss)
        return self._round_trip(coverage, start, trip, can_go_back=bool(can_go_back), lossy=lossy)

    def _look(self, conn: Connection, checks: Sequence[Check]) -> list[str]:
        """What ``checks`` of severity error find."""
        return [
            f"check {result.check.name}: {message}"
            for result in run_checks(conn, checks)
            if result.check.severity == "error"
            for message in result.messages[:_LINES]
        ]

    def _upgrade(self, conn: Connection, start: str, phases: Sequence[Phase]) -> bool:
        """Try the legacy upgrades one after the other. Returns whether all of them are done afterwards."""
        settings = self.project.settings
        for phase in phases:
            coverage = self.upgrades[phase.name]
            checks = [c for c in self.project.checks if _is_of(c, phase)]
            coverage.starts.append(start)

            def run(on: Connection, *, phase: Phase = phase, back: bool = False) -> None:
                with trial_on(on, RunOptions(), SILENT) as session:
                    if back:
                        rollback_phase(session, self.project, phase)
                    else:
                        run_phase(session, self.project, phase.number, known=self._known())

            def dry_run(run: Callable[[Connection], None] = run) -> None:
                with clone(conn.target, settings.busy_timeout) as copy:
                    run(copy.connection)

            if not self._dry_run(coverage, start, dry_run):
                return False
            trip = _Trip(conn, partial(run, conn), partial(run, conn, back=True), partial(self._look, conn, checks))
            if not self._round_trip(coverage, start, trip, can_go_back=bool(coverage.rollback), lossy=False):
                return False
        return True

    def _round_trip(self, coverage: Coverage, start: str, trip: _Trip, *, can_go_back: bool, lossy: bool) -> bool:
        """Up, look, down and up again. ``lossy``: rows may differ after it. Returns whether it is applied then."""
        before = _contents(trip.conn)
        if not self._step(coverage, start, "up", trip.up):
            return False
        after = read(trip.conn)
        self._differs(coverage, start, "after it", trip.look())
        if not (can_go_back and self._step(coverage, start, "down", trip.down)):
            return True
        changes = _changes(before, _contents(trip.conn), lossy=lossy)
        self._differs(coverage, start, "up and down leave another database", changes)
        if not self._step(coverage, start, "up again after down", trip.up):
            return False
        # The schema alone, because rows may hold the time at which they were written.
        changes = diff(after, read(trip.conn)).lines()
        self._differs(coverage, start, "up, down and up make another schema than up", changes)
        coverage.round_trip = not coverage.problems
        return True

    def _dry_run(self, coverage: Coverage, start: str, do: Callable[[], object]) -> bool:
        """Whether the dry run ``do`` succeeds."""
        worked = self._step(coverage, start, "the dry run", do)
        coverage.dry_run = worked and (coverage.dry_run or len(coverage.starts) == 1)
        return worked

    def _step(self, coverage: Coverage, start: str, what: str, do: Callable[[], object]) -> bool:
        """Whether ``do`` succeeds; what stops it becomes a problem of ``coverage``."""
        try:
            do()
        except MemsqlError as e:
            self._differs(coverage, start, what, [_sentence(e)])
            return False
        return True

    def _differs(self, coverage: Coverage, start: str, what: str, lines: Sequence[str]) -> None:
        if lines:
            coverage.problems.append(f"from {start}, {what}: {'; '.join(lines[:_LINES])}")
            coverage.round_trip = False


@dataclass(frozen=True, slots=True)
class _Trip:
    """How to go up and down on ``conn``, and how to look at what is wrong after going up."""

    conn: Connection
    up: Callable[[], object]
    down: Callable[[], object]
    look: Callable[[], list[str]]


def _contents(conn: Connection) -> _Contents:
    return _Contents(read(conn), tuple(digests(conn, SILENT, choose=_compared)))


def _compared(schema: Schema) -> list[TableSelect]:
    """The tables whose rows must come back. Keys that AUTOINCREMENT gave once are not given again."""
    return [s for s in content_selects(schema) if s.name not in TABLES | {_UPGRADES, "sqlite_sequence"}]


def _changes(before: _Contents, now: _Contents, *, lossy: bool) -> list[str]:
    """How the schema and, unless ``lossy``, the rows differ."""
    rows = [] if lossy else differences(before.tables, now.tables)
    return [*rows, *diff(before.schema, now.schema).lines()]


def _sentence(error: MemsqlError) -> str:
    return "; ".join([error.message, *error.details[:_LINES]])
