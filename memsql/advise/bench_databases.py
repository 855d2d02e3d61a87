"""Makes the databases of a benchmark: files with the schema of a version or an era, and the same rows each time.

The rows come from the scripts in sql/bench of the project. Where it has none they are made up, as many in each table.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.config import Settings, Target
from memsql.db import connection
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.engine.statements import run_guarded
from memsql.errors import FileError, Location, MemsqlError, StatementError, UsageError
from memsql.legacy.eras import era_files
from memsql.progress import SILENT, Progress
from memsql.project.files import read_file
from memsql.project.links import refuse_linked_folders
from memsql.project.queries import with_values
from memsql.schema import read
from memsql.sqltext import parse_header, quote, split
from memsql.words import whole_number

if TYPE_CHECKING:
    from memsql.project.load import Project

ROWS = 1000
"""So many rows a table gets at scale 1 where they are made up."""
CAN_FORGET = hasattr(os, "posix_fadvise")
"""Whether the system can be asked to forget what it keeps of a file in memory."""
_SEED = 1
_KEYS = frozenset({"name", "why", "allow"})
_LACKING = ("no such table", "no such column", "has no column named")
_REPLAYED = RunOptions(allow_data_loss=True, out_of_order=True, old_permits=True, replayed=True, without_rows=True)


class OutOfTimeError(Exception):
    """A database could not be made in the time that there was for it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many rows: ``factor`` times those of scale 1, of so many ``owners``."""

    factor: int
    owners: int


@dataclass(frozen=True, slots=True)
class Filled:
    """The rows of each table by name, and which statements of sql/bench were left out, because the schema lacks what
    they name."""

    rows: dict[str, int]
    left_out: tuple[str, ...] = ()


@contextmanager
def writable(path: Path) -> Iterator[SQLiteConnection]:
    """A connection to the file ``path``, which is created where it is missing, for SQL of the project alone."""
    target = Target(path=path, display=path.name)
    with connection(target, "rw" if path.exists() else "rwc", 0) as conn:
        assert isinstance(conn, SQLiteConnection)
        # The file is thrown away, so that nothing has to survive a loss of power.
        conn.execute("PRAGMA synchronous = off")
        conn.confine()
        yield conn


@contextmanager
def measured(path: Path) -> Iterator[SQLiteConnection]:
    """A connection to the file ``path`` for writes that are timed, as an application has one: what is committed is on
    the disk. Foreign keys are not enforced."""
    with connection(Target(path=path, display=path.name), "rw", 0) as conn:
        assert isinstance(conn, SQLiteConnection)
        conn.execute("PRAGMA foreign_keys = off")
        yield conn


def make_schema(project: Project, conn: SQLiteConnection, name: str, progress: Progress = SILENT) -> None:
    """Give the empty database ``conn`` the schema called ``name``: an era of sql/legacy, or a version.

    Raises UsageError for a name that is neither, and FileError for a file that does not run.
    """
    refuse_linked_folders(project.settings)
    for era, file in era_files(project.settings):
        if era.name == name:
            run_guarded(conn, file, progress)
            return
    migrate_to(project, conn, version_of(project, name), progress)


def is_era(settings: Settings, name: str) -> bool:
    """Whether sql/legacy has an era of that name."""
    refuse_linked_folders(settings)
    return any(era.name == name for era, _ in era_files(settings))


def version_of(project: Project, name: str) -> int:
    """The version that ``name`` means. Raises UsageError where no migration has it."""
    versions = [migration.version for migration in project.ordered]
    version = whole_number(name)
    if version in versions:
        return version
    known = ", ".join(map(str, versions)) or "none"
    raise UsageError(f"{name}: there is no such version; the project has {known}", state="nothing was changed")


def migrate_to(
    project: Project, conn: SQLiteConnection, version: int, progress: Progress = SILENT, *, ends: float = math.inf
) -> None:
    """Apply the migrations up to ``version`` to a database that is thrown away. Raises OutOfTimeError where that takes
    longer than until ``ends``."""
    until = _Until(progress, ends)
    try:
        run_on(conn, project, "up", replace(_REPLAYED, to=version), progress=until)
    except MemsqlError as e:
        if until.is_over:
            raise OutOfTimeError from e
        raise


class _Until:
    """A progress that stops the work at a moment: SQLite ends a statement whose progress handler raises."""

    def __init__(self, progress: Progress, ends: float) -> None:
        self._progress, self._ends, self.is_over = progress, ends, False

    def start(self, label: str) -> None:
        """Hand it on."""
        self._progress.start(label)

    def tick(self, fraction: float | None = None) -> None:
        """Hand it on, or raise OutOfTimeError."""
        if time.perf_counter() > self._ends:
            self.is_over = True
            raise OutOfTimeError
        self._progress.tick(fraction)


def fill(settings: Settings, conn: SQLiteConnection, scale: Scale, ends: float) -> Filled:
    """Insert the rows of ``scale`` into ``conn``, by the moment ``ends`` of time.perf_counter().

    Raises OutOfTimeError where they are not there by then, and FileError for a script of sql/bench that does not run.
    """
    scripts = _scripts(settings)
    if not scripts:
        _make_up(conn, scale, ends)
        return Filled(_rows(conn))
    values = {"scale": str(scale.factor), "owners": str(scale.owners)}
    left_out: list[str] = []
    done = 0
    conn.begin()
    for shown, text in scripts:
        for statement in split(text):
            problem = _run(conn, with_values(statement.text, values), Location(shown, statement.line), ends)
            done += problem is None
            left_out += [f"{shown}:{statement.line}: {problem}"] if problem is not None else []
    conn.commit()
    if not done:
        raise FileError(
            f"none of the statements of sql/bench fits the schema: {left_out[0] if left_out else 'there are none'}"
        )
    return Filled(_rows(conn), tuple(left_out))


def forget_pages(path: Path) -> None:
    """Ask the system to forget what it keeps of the file ``path`` in memory, where it can be asked."""
    if not CAN_FORGET:
        return
    file = os.open(path, os.O_RDONLY)
    try:
        # What was not written to the disk yet is not forgotten.
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def _scripts(settings: Settings) -> list[tuple[str, str]]:
    """The scripts of sql/bench: what messages call each, and its text."""
    refuse_linked_folders(settings)
    folder = settings.sql / "bench"
    scripts = []
    for path in sorted(folder.glob("*.sql")) if folder.is_dir() else []:
        shown = settings.show(path)
        text = read_file(path, shown).text()
        parse_header(text, shown, _KEYS)
        scripts.append((shown, text))
    return scripts


def _run(conn: SQLiteConnection, sql: str, where: Location, ends: float) -> str | None:
    """Run ``sql``; what the schema lacks for it, None where it ran."""
    try:
        with conn.observe(lambda: time.perf_counter() > ends):
            conn.execute(sql)
    except StatementError as e:
        if any(words in e.message for words in _LACKING):
            return e.message
        if e.is_interrupt and time.perf_counter() > ends:
            raise OutOfTimeError from e
        if e.is_full or e.is_interrupt:
            raise
        raise FileError(f"{where.path} does not run: {e.message}", where=where, statement=e.statement) from e
    return None


def _make_up(conn: SQLiteConnection, scale: Scale, ends: float) -> None:
    from memsql.scratch import rows

    rows.fill(conn, read(conn), ROWS * scale.factor, _SEED, accept=_until(ends))


def _until(ends: float) -> Callable[[str, object], bool]:
    def accept(_table: str, _row: object) -> bool:
        if time.perf_counter() > ends:
            raise OutOfTimeError
        return True

    return accept


def _rows(conn: SQLiteConnection) -> dict[str, int]:
    """How many rows each ordinary table has."""
    tables: Sequence[str] = [t.name for t in read(conn).tables.values() if t.kind == "table"]
    return {name: int(str(conn.execute(f"SELECT count(*) FROM {quote(name)}").one())) for name in tables}
