"""Scratch databases: copies in memory on which migrations really run, and their contents to compare."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from memsql.backups.digest import Hasher, TableDigest, TableSelect, content_selects, rows_as_bytes
from memsql.config import Settings
from memsql.db import rolled_back
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.job import Direction
from memsql.engine.pending import run_on
from memsql.engine.state import Report, RunOptions
from memsql.errors import MemsqlError, MigrationFailed, StatementError
from memsql.fts import check_in_transaction, discover
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import Schema, is_internal, read
from memsql.sqltext import ROWIDS, quote

TIME_LIMIT = 60.0
"""Seconds after which a migration on made-up rows is stopped."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a scratch database held at one moment: the schema, how each table was read, the digest of its rows by table,
    the last AUTOINCREMENT key by table, and the full-text indexes that are ``broken``, in sentences."""

    schema: Schema
    selects: tuple[TableSelect, ...]
    digests: dict[str, TableDigest]
    sequences: dict[str, int]
    broken: tuple[str, ...]


class _TooLong(Exception):
    """A migration went on for longer than TIME_LIMIT."""


@contextmanager
def copy_of(conn: SQLiteConnection) -> Iterator[SQLiteConnection]:
    """A copy of ``conn`` in memory for the block."""
    with closing(memory()) as copy:
        conn.copy_to(copy)
        yield copy


def project_of(settings: Settings, migrations: Sequence[Migration]) -> Project:
    """A project that has only ``migrations``, in this order."""
    return Project(settings, tuple(migrations))


def try_run(
    conn: SQLiteConnection,
    project: Project,
    direction: Direction,
    *,
    allow: bool = False,
    seconds: float | None = None,
) -> MemsqlError | None:
    """Apply the pending migrations, or roll the last one back, with guard and proof.

    ``allow`` permits the loss of data, and does not look at broken views and the like. It is stopped after ``seconds``,
    TIME_LIMIT where they are None. Returns the error that stopped it, None where it succeeded.
    """
    try:
        run_here(conn, project, direction, allow=allow, seconds=seconds)
    except MemsqlError as e:
        return e
    return None


def run_here(
    conn: SQLiteConnection,
    project: Project,
    direction: Direction,
    *,
    allow: bool = False,
    seconds: float | None = None,
) -> Report:
    """The same as try_run(): returns what was done, and raises the error that stopped it."""
    limit = TIME_LIMIT if seconds is None else seconds
    deadline = _Deadline(time.monotonic() + limit)
    options = RunOptions(
        steps=None if direction == "up" else 1,
        allow_data_loss=allow,
        out_of_order=True,
        old_permits=True,
        replayed=allow,
    )
    try:
        return run_on(conn, project, direction, options, progress=deadline)
    except _TooLong:
        problem: MemsqlError | None = None
    except MemsqlError as e:
        problem = e
    conn.rollback()
    if deadline.passed or problem is None:
        raise MigrationFailed(f"it did not end within {limit:.0f} seconds on a sample")
    raise problem


class _Deadline:
    """A progress that stops a run at its deadline: SQLite ends a statement whose progress handler raises."""

    def __init__(self, ends: float) -> None:
        self._ends = ends
        self.passed = False

    def start(self, label: str) -> None:
        """Do nothing: the deadline is the same for all migrations of a run."""

    def tick(self, fraction: float | None = None) -> None:
        """Raise _TooLong after the deadline."""
        if time.monotonic() > self._ends:
            self.passed = True
            raise _TooLong


def contents_of(conn: SQLiteConnection, like: Contents | None = None) -> Contents:
    """The contents of ``conn``. Columns are read in the order of ``like``, so that the digests of both can be compared
    where a migration changed the order."""
    schema = read(conn)
    broken: tuple[str, ...] = ()
    tables = [t.name for t in discover(conn)]
    if tables:
        with rolled_back(conn):
            broken = tuple(check_in_transaction(conn, tables))
    chosen = [_by_columns(r) for r in content_selects(read(conn, internal=True)) if not is_internal(r.name, ())]
    if like is not None:
        columns = {r.name: set(r.columns) for r in chosen}
        before = {
            r.name: replace(r, columns=tuple(c for c in r.columns if c in columns[r.name]))
            for r in like.selects
            if r.name in columns
        }
        chosen = [before.get(r.name, r) for r in chosen]
    sequences = {}
    if conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").rows:
        sequences = {
            str(name): seq
            for name, seq in conn.execute("SELECT name, seq FROM sqlite_sequence").rows
            if isinstance(seq, int)
        }
    return Contents(schema, tuple(chosen), {r.name: _digest(conn, r) for r in chosen}, sequences, broken)


def result_code_of(error: MemsqlError) -> str:
    """The name of SQLite's result code that stopped a migration, such as SQLITE_CONSTRAINT_UNIQUE; empty where another
    problem stopped it."""
    cause: BaseException | None = error
    visited: set[int] = set()
    # An error that was raised again can be its own cause.
    while cause is not None and id(cause) not in visited:
        visited.add(id(cause))
        if isinstance(cause, StatementError) and cause.code:
            return cause.code
        cause = cause.__cause__
    return ""


def _by_columns(select: TableSelect) -> TableSelect:
    # Without the rowid of a table that has no name for it, because a rebuild may number its rows anew. Without an
    # order, because _digest() sorts the rows.
    columns = tuple(c for c in select.columns if c not in ROWIDS)
    return TableSelect(select.name, columns or select.columns, "")


def _digest(conn: SQLiteConnection, select: TableSelect) -> TableDigest:
    hasher = Hasher(select.name)
    listed = ", ".join(map(quote, select.columns)) or "1"
    with rows_as_bytes(conn, f"SELECT {listed} FROM {quote(select.name)}") as rows:
        hasher.add(sorted(rows, key=repr))
    return hasher.digest()
