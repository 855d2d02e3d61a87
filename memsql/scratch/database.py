"""Scratch databases: copies in memory on which migrations really run, and what is looked at in them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from memsql.backups.digest import Hasher, Reading, TableDigest, readings
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.job import Direction
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import MemsqlError, MigrationFailed, StatementError
from memsql.fts import check_in_transaction, discover
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import Schema, is_internal, read
from memsql.sqltext import ROWIDS, quote

SECONDS = 60.0
"""How long one migration may take on a sample before it is stopped."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A scratch database as it was: schema, rows by table, where AUTOINCREMENT stands, and broken full-text indexes."""

    schema: Schema
    readings: tuple[Reading, ...]
    digests: dict[str, TableDigest]
    sequences: dict[str, int]
    broken: tuple[str, ...]


class _TooLong(Exception):
    """A migration went on for longer than SECONDS."""


@contextmanager
def copy_of(conn: SQLiteConnection) -> Iterator[SQLiteConnection]:
    """A copy of ``conn`` in memory, gone afterwards."""
    copy = memory()
    try:
        conn.copy_to(copy)
        yield copy
    finally:
        copy.close()


def project_of(settings: Settings, migrations: Sequence[Migration]) -> Project:
    """A project of these migrations alone, in this order."""
    return Project(settings, tuple(migrations))


def go(conn: SQLiteConnection, project: Project, direction: Direction, *, allow: bool = False) -> MemsqlError | None:
    """Apply what waits, or roll the last migration back, with guard and proof. What the engine raises is returned."""
    deadline = _Deadline(time.monotonic() + SECONDS)
    options = RunOptions(steps=None if direction == "up" else 1, allow_data_loss=allow, out_of_order=True)
    try:
        run_on(conn, project, direction, options, progress=deadline)
    except _TooLong:
        problem: MemsqlError | None = None
    except MemsqlError as e:
        problem = e
    else:
        return None
    conn.rollback()
    if deadline.passed or problem is None:
        return MigrationFailed(f"it did not end within {SECONDS:.0f} seconds on a sample")
    return problem


class _Deadline:
    """A progress that stops what goes on for too long: SQLite ends a statement whose progress handler raises."""

    def __init__(self, ends: float) -> None:
        self._ends = ends
        self.passed = False

    def start(self, label: str) -> None:
        """Another migration begins; the time does not."""

    def tick(self, fraction: float | None = None) -> None:
        """Raise _TooLong behind the deadline."""
        if time.monotonic() > self._ends:
            self.passed = True
            raise _TooLong


def look(conn: SQLiteConnection, like: Seen | None = None) -> Seen:
    """Look at everything; ``like`` says in which order columns were read before, whatever their order is now."""
    schema = read(conn)
    broken: tuple[str, ...] = ()
    tables = [t.name for t in discover(conn)]
    if tables:
        conn.begin()
        try:
            broken = tuple(check_in_transaction(conn, tables))
        finally:
            conn.rollback()
    chosen = [_by_columns(r) for r in readings(read(conn, internal=True)) if not is_internal(r.name, ())]
    known = {r.name: set(r.columns) for r in chosen}
    if like is not None:
        was = {
            r.name: replace(r, columns=tuple(c for c in r.columns if c in known[r.name]))
            for r in like.readings
            if r.name in known
        }
        chosen = [was.get(r.name, r) for r in chosen]
    sequences = {}
    if conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").rows:
        sequences = {
            str(name): seq
            for name, seq in conn.execute("SELECT name, seq FROM sqlite_sequence").rows
            if isinstance(seq, int)
        }
    return Seen(schema, tuple(chosen), {r.name: _digest(conn, r) for r in chosen}, sequences, broken)


def code_of(error: MemsqlError) -> str:
    """The name that SQLite has for what stopped a migration, or nothing."""
    cause: BaseException | None = error
    seen: set[int] = set()
    # An error that was told again can be its own cause.
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, StatementError) and cause.code:
            return cause.code
        cause = cause.__cause__
    return ""


def _by_columns(reading: Reading) -> Reading:
    # Without the rowid where it has no name: a rebuild may give another one. Without an order, which is made below.
    columns = tuple(c for c in reading.columns if c not in ROWIDS)
    return Reading(reading.name, columns or reading.columns, "")


def _digest(conn: SQLiteConnection, reading: Reading) -> TableDigest:
    hasher = Hasher(reading.name)
    listed = ", ".join(map(quote, reading.columns)) or "1"
    hasher.add(sorted(conn.execute(f"SELECT {listed} FROM {quote(reading.name)}").rows, key=repr))
    return hasher.digest()
