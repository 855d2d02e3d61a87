"""The permits in the files of a project, and narrow ones in place of those that name no table."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

from memsql import hints
from memsql.author.files import write_sum
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.job import Direction
from memsql.engine.permits import tables_in
from memsql.errors import FileError, MemsqlError
from memsql.legacy.eras import read_phases
from memsql.progress import Progress
from memsql.project.files import Migration, SqlFile
from memsql.project.load import Project, load_project, refuse_stale_sum
from memsql.project.writing import replace_file
from memsql.schema import Schema, read
from memsql.scratch.database import copy_of, project_of, try_run
from memsql.scratch.fitting import concerned, destination, populate
from memsql.scratch.losses import Loss, run_for_losses
from memsql.sqltext import BrokenPermit, MigrationHeader, Permit, fold, parse_migration_header, permit_line
from memsql.storage import regular

_ROWS = 50


@dataclass(frozen=True, slots=True)
class WidePermit:
    """An ``-- allow: data-loss`` that names no table: its line from 1, and all that stands behind ``data-loss``."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class FilePermits:
    """The permits of the file at ``path``.

    ``wide`` are those that name no table, ``proposal`` the lines that say the same by name, as a replay on made-up rows
    shows it; it is empty where nothing is lost there. ``problem``: why there is no proposal.
    """

    path: str
    permits: tuple[Permit, ...]
    broken: tuple[BrokenPermit, ...]
    wide: tuple[WidePermit, ...] = ()
    proposal: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Side:
    """One file of a migration, with its header and the direction that it is for."""

    file: SqlFile
    header: MigrationHeader
    direction: Direction


def list_permits(settings: Settings, progress: Progress) -> tuple[FilePermits, ...]:
    """The permits of every migration and rollback in the order to apply, and of the legacy upgrades.

    Raises FileError for a file that cannot be read.
    """
    project = load_project(settings)
    listed: list[FilePermits] = []
    tables: set[str] = set()
    with closing(_Replay(project)) as replay:
        for migration in project.ordered:
            progress.start(f"reading {migration.id}")
            sides = list(_sides(migration))
            tables.update(*(tables_in(side.file) for side in sides))
            if any(_has_permits(side) for side in sides):
                wide = {side.direction: _wide(side, tables) for side in sides}
                listed += _permits_of(replay, migration, wide)
    return (*listed, *_of_legacy_upgrades(settings))


def rewrite(settings: Settings, listed: Iterable[FilePermits]) -> tuple[str, ...]:
    """Write the proposals into the files, and memsql.sum anew. Returns the paths of the files that were changed.

    Raises FileError where memsql.sum did not match before, and where a file cannot be written.
    """
    refuse_stale_sum(load_project(settings))
    changed = []
    for permits in listed:
        if not permits.wide or permits.problem:
            continue
        path = settings.root / permits.path
        replace_file(path, _rewritten(path, permits), permits.path)
        changed.append(permits.path)
    if changed:
        try:
            write_sum(settings)
        except FileError as e:
            e.state = "the migrations are rewritten, and memsql.sum is as it was"
            e.hint = f"write it: {hints.command('migrate.sum')}"
            raise
    return tuple(changed)


def _rewritten(path: Path, permits: FilePermits) -> str:
    """The text of the file with the proposal in place of its first wide permit, and without the others."""
    text = regular.read_bytes(path).decode("utf-8")
    lines = text.split("\n")
    end = "\r" if lines[0].endswith("\r") else ""
    wide = [permit.line - 1 for permit in permits.wide]
    for number in reversed(wide):
        lines[number : number + 1] = [line + end for line in permits.proposal] if number == wide[0] else []
    return "\n".join(lines)


class _Replay:
    """An empty database in memory on which the migrations of ``project`` run one after the other, without checks."""

    def __init__(self, project: Project) -> None:
        self._conn = memory()
        self._settings = replace(project.settings, sql=Path(os.devnull))
        self._waiting = list(project.ordered)
        self._done: list[Migration] = []

    def close(self) -> None:
        """Forget the database."""
        self._conn.close()

    def before(self, migration: Migration) -> SQLiteConnection:
        """The database as those before ``migration`` leave it. One that does not run there is left out."""
        place = self._waiting.index(migration)
        coming, self._waiting = self._waiting[:place], self._waiting[place:]
        if coming and try_run(self._conn, self._project(coming), "up", allow=True) is None:
            self._done += coming
            return self._conn
        for one in coming:
            if try_run(self._conn, self._project([one]), "up", allow=True) is None:
                self._done.append(one)
        return self._conn

    def project(self, migration: Migration) -> Project:
        """What ran, with ``migration`` behind it."""
        return self._project([migration])

    def _project(self, coming: Sequence[Migration]) -> Project:
        return project_of(self._settings, (*self._done, *coming))


def _sides(migration: Migration) -> Iterator[_Side]:
    yield _Side(migration.up, migration.header, "up")
    header = migration.down_header
    if migration.down is not None and header is not None:
        yield _Side(migration.down, header, "down")


def _has_permits(side: _Side) -> bool:
    return side.header.allows_loss or bool(side.header.broken)


def _permits_of(
    replay: _Replay, migration: Migration, wide: Mapping[Direction, tuple[WidePermit, ...]]
) -> Iterator[FilePermits]:
    """The permits of ``migration``; ``wide`` are those of each direction that name no table."""
    losses: dict[Direction, tuple[Loss, ...]] = {}
    problem = "there is no way to try it"
    if any(wide.values()):
        try:
            losses = _losses(replay, replay.before(migration), migration)
        except MemsqlError as e:
            problem = f"it does not run on an empty database: {e.message}"
    for side in filter(_has_permits, _sides(migration)):
        lines = wide[side.direction]
        known = tuple(p for p in side.header.permits if p.line not in {w.line for w in lines})
        permits = FilePermits(side.file.path, known, side.header.broken, lines)
        if not lines:
            yield permits
        elif side.direction in losses:
            yield replace(permits, proposal=_proposal(lines, known, losses[side.direction]))
        else:
            yield replace(permits, problem=problem)


def _of_legacy_upgrades(settings: Settings) -> Iterator[FilePermits]:
    """The permits of the legacy upgrades. Only the database that one is for has its tables, so none is tried."""
    for phase in read_phases(settings).values():
        for file in filter(None, (phase.up, phase.down)):
            side = _Side(file, parse_migration_header(file.head(), file.path), "up")
            if _has_permits(side):
                wide = _wide(side, frozenset(fold(permit.table) for permit in side.header.permits))
                problem = "a legacy upgrade is not tried here; write it by hand" if wide else ""
                yield FilePermits(file.path, side.header.permits, side.header.broken, wide, problem=problem)


def _wide(side: _Side, tables: Collection[str]) -> tuple[WidePermit, ...]:
    """The permits of a file that name none of ``tables``."""
    wide = [WidePermit(allow.line, allow.reason) for allow in side.header.allows if allow.rule == "data-loss"]
    lines = side.file.head().split("\n")
    for permit in side.header.permits:
        if fold(permit.table) not in tables:
            wide.append(WidePermit(permit.line, lines[permit.line - 1].partition("data-loss")[2].strip()))
    return tuple(sorted(wide, key=lambda permit: permit.line))


def _losses(replay: _Replay, base: SQLiteConnection, migration: Migration) -> dict[Direction, tuple[Loss, ...]]:
    """What both directions lose on made-up rows. Raises what stops ``migration`` on an empty database."""
    project = replay.project(migration)
    with copy_of(base) as conn:
        before = read(conn)
        losses: dict[Direction, tuple[Loss, ...]] = {"up": run_for_losses(conn, project, "up")}
        after = read(conn)
        if migration.down is not None:
            losses["down"] = run_for_losses(conn, project, "down")
    # Where nobody can make up rows, or the migration refuses them, the empty tables have said what they can.
    with copy_of(base) as conn, suppress(MemsqlError):
        _fill(conn, before, after, migration)
        losses["up"] = run_for_losses(conn, project, "up")
        if migration.down is not None:
            losses["down"] = run_for_losses(conn, project, "down")
    return losses


def _fill(conn: SQLiteConnection, before: Schema, after: Schema, migration: Migration) -> None:
    texts = [file.text() for file in (migration.up, migration.down) if file is not None]
    part = concerned(before, "\n".join(texts))
    populate(conn, part, destination(part, after), rows=_ROWS, seed=crc32(migration.id.encode()))


def _proposal(wide: Sequence[WidePermit], known: Sequence[Permit], losses: Sequence[Loss]) -> tuple[str, ...]:
    """The lines for those ``losses`` that no permit of ``known`` names, with the reason of the wide ones."""
    if not wide:
        return ()
    reason = "; ".join(dict.fromkeys(permit.reason for permit in wide))
    named = {(fold(p.table), fold(p.column) if p.column is not None else None) for p in known}
    return tuple(
        permit_line(table, column, reason)
        for table, column in losses
        if (fold(table), fold(column) if column is not None else None) not in named
    )
