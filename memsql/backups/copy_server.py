"""A server's database in a SQLite file, copied and hashed out of one read transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from memsql.backups.copied import Copied
from memsql.backups.digest import Hasher, readings
from memsql.backups.manifest import Source
from memsql.config import Target
from memsql.db import connect
from memsql.db.copying import Copier, CopyOptions, Selections, Sink, every_row
from memsql.db.exact import Cell
from memsql.db.libsql import LibsqlConnection
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import ConnectError, MemsqlError
from memsql.progress import Progress
from memsql.schema import read
from memsql.sqltext import quote

_LOOK_AHEAD = 20_000


def copy_server(target: Target, into: Path, busy_timeout: int, progress: Progress, *, salvage: bool = False) -> Copied:
    """Copy the database at ``target`` into the new file ``into``: every row with its rowid, every object, and full-text
    indexes as they are there, broken ones too. No lock is held; memory holds about a megabyte of rows.

    Vector indexes, and other indexes, views and triggers that SQLite cannot make, are in ``omitted``. Raises ConnectError
    where the server is not reached, or goes away half-way, or has a table that the SQLite of this machine cannot
    make; with ``salvage`` such tables, and rows that cannot be read, are in ``omitted`` too. After any error there is no file.
    """
    exact: set[str] = set()
    while True:
        work = _Work(target, into, progress, salvage, frozenset(exact))
        try:
            return work.run(busy_timeout)
        except BaseException as e:
            for path in (into, *(into.with_name(into.name + end) for end in ("-journal", "-wal", "-shm"))):
                path.unlink(missing_ok=True)
            odd = work.odd_table(busy_timeout) if isinstance(e, ConnectError) else None
            if odd is None or odd in exact:
                raise
            progress.start(f"beginning again: {odd} holds text that is no UTF-8")
            # Where two tables hold such text, more may.
            exact |= work.tables() if exact else {odd}


class _Work:
    """One attempt."""

    def __init__(self, target: Target, into: Path, progress: Progress, salvage: bool, exact: frozenset[str]) -> None:
        self._target = target
        self._into = into
        self._progress = progress
        self._salvage = salvage
        self._exact = exact
        self._hashers: dict[str, Hasher] = {}
        self._selections: Selections = {}
        self._copier: Copier | None = None
        self._size = self._done = 0

    def run(self, busy_timeout: int) -> Copied:
        file = Target(path=self._into, display=str(self._into))
        with (
            closing(connect(self._target, "ro", busy_timeout)) as source,
            closing(connect(file, "rwc", busy_timeout)) as copy,
        ):
            assert isinstance(source, LibsqlConnection)
            assert isinstance(copy, SQLiteConnection)
            copier = self._copier = Copier(
                source,
                copy,
                self._progress,
                CopyOptions(
                    required="none" if self._salvage else "all",
                    exact=self._exact,
                    verb="backed up",
                    selections=self._select,
                    sink=self._watch,
                ),
            )
            self._size = copier.begin()
            omitted = copier.run(every_row)
            copy.execute("PRAGMA journal_mode = delete")
        found = Source(str(self._target), self._target.identity, "libsql", copier.engine_version, copier.journal_mode)
        hashes = [self._hashers.get(name, Hasher(name)).digest() for name in self._selections]
        return Copied(found, tuple(hashes), omitted)

    def tables(self) -> set[str]:
        return set(self._selections)

    def odd_table(self, busy_timeout: int) -> str | None:
        """The table whose text ended the stream because it is no UTF-8, if that is what happened: the server says
        nothing, so the rows that were to come next are read in another way."""
        if self._copier is None or self._copier.reading is None:
            return None
        name, count = self._copier.reading
        columns, sql = self._selections.get(name, ((), ""))
        if not columns:
            return None
        blobs = ", ".join(f"CASE WHEN typeof({quote(c)}) = 'text' THEN CAST({quote(c)} AS BLOB) END" for c in columns)
        look = f"SELECT {blobs} FROM ({sql} LIMIT {_LOOK_AHEAD} OFFSET {count})"
        try:
            with closing(connect(self._target, "ro", busy_timeout)) as again:
                assert isinstance(again, LibsqlConnection)
                for rows in again.stream_lists(look):
                    for value in (value for row in rows for value in row if isinstance(value, bytes)):
                        value.decode()
        except UnicodeDecodeError:
            return name
        except MemsqlError:
            return None
        return None

    def _select(self, copy: SQLiteConnection) -> Selections:
        self._selections = {r.name: (r.columns, r.sql) for r in readings(read(copy, internal=True))}
        return self._selections

    def _watch(self, name: str) -> Sink:
        hasher = Hasher(name)
        if name in self._selections:
            self._hashers[name] = hasher

        def see(rows: Sequence[Sequence[Cell]]) -> None:
            before = hasher.bytes
            hasher.add(rows)
            self._done += hasher.bytes - before
            # What indexes will take is not known.
            self._progress.tick(min(1.0, self._done / self._size) if self._size else None)

        return see
