"""Copy a server's database into a SQLite file, and hash it, in one read transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memsql.backups.connections import file_connection, server_connection
from memsql.backups.copied import Copied
from memsql.backups.digest import Hasher, content_selects
from memsql.backups.manifest import Source
from memsql.config import Target
from memsql.db.copying import Copier, CopyOptions, Selections, Sink, every_row
from memsql.db.exact import Cell
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import ConnectError, MemsqlError
from memsql.progress import Progress
from memsql.schema import read
from memsql.sqltext import quote
from memsql.storage import space
from memsql.storage.leftovers import remove_file

_LOOK_AHEAD = 20_000
"""How many rows after the last one that arrived may hold the text that ended the stream."""


def copy_server(target: Target, into: Path, busy_timeout: int, progress: Progress, *, salvage: bool = False) -> Copied:
    """Copy the database at ``target`` into the new file ``into``: every row with its rowid, every object, and full-text
    indexes as they are there, broken ones too. No lock is held; memory holds about a megabyte of rows.

    Vector indexes, and other indexes, views and triggers that SQLite cannot make, are in ``omitted``. Raises
    ConnectError where the server is not reached, or goes away halfway, or has a table that the SQLite of this machine
    cannot make. With ``salvage`` such tables, and rows that cannot be read, are in ``omitted`` too. After any error
    there is no file.
    """
    exact: set[str] = set()
    while True:
        attempt = _Attempt(target, into, progress, salvage, frozenset(exact))
        try:
            return attempt.run(busy_timeout)
        except BaseException as e:
            for path in (into, *(into.with_name(into.name + end) for end in ("-journal", "-wal", "-shm"))):
                remove_file(path)
            table = attempt.table_with_bytes(busy_timeout) if isinstance(e, ConnectError) else None
            if table is None or table in exact:
                raise
            progress.start(f"beginning again: {table} holds text that is no UTF-8")
            # Where two tables hold such text, more of them may.
            exact |= attempt.tables() if exact else {table}


@dataclass(slots=True)
class _Attempt:
    """One attempt to copy. The tables in ``exact`` hold text that is not UTF-8."""

    target: Target
    into: Path
    progress: Progress
    salvage: bool
    exact: frozenset[str]
    _hashers: dict[str, Hasher] = field(default_factory=dict, init=False)
    _selections: Selections = field(default_factory=dict, init=False)
    _copier: Copier | None = field(default=None, init=False)
    _size: int = field(default=0, init=False)
    _done: int = field(default=0, init=False)

    def run(self, busy_timeout: int) -> Copied:
        """Copy and hash."""
        options = CopyOptions(
            required="none" if self.salvage else "all",
            exact=self.exact,
            verb="backed up",
            selections=self._select,
            sink=self._sink,
        )
        with (
            server_connection(self.target, "ro", busy_timeout) as server,
            file_connection(self.into, str(self.into), "rwc", busy_timeout) as copy,
        ):
            copier = self._copier = Copier(server, copy, self.progress, options)
            self._size = copier.begin()
            space.refuse_without(self._size, self.into.parent, f"a copy of {self.target}", "make room there")
            omitted = copier.run(every_row)
            copy.execute("PRAGMA journal_mode = delete")
        source = Source(str(self.target), self.target.identity, "libsql", copier.engine_version, copier.journal_mode)
        tables = tuple(self._hashers.get(name, Hasher(name)).digest() for name in self._selections)
        return Copied(source, tables, omitted)

    def tables(self) -> set[str]:
        """The tables with content."""
        return set(self._selections)

    def table_with_bytes(self, busy_timeout: int) -> str | None:
        """The table whose text is not UTF-8 and so ended the stream, if that is what happened.

        The server sends no reason. So the rows that would have come next are read again, with their text as blobs.
        """
        if self._copier is None or self._copier.reading is None:
            return None
        name, rows_read = self._copier.reading
        columns, sql = self._selections.get(name, ((), ""))
        if not columns:
            return None
        blobs = ", ".join(f"CASE WHEN typeof({quote(c)}) = 'text' THEN CAST({quote(c)} AS BLOB) END" for c in columns)
        next_rows = f"SELECT {blobs} FROM ({sql} LIMIT {_LOOK_AHEAD} OFFSET {rows_read})"
        try:
            with server_connection(self.target, "ro", busy_timeout) as server:
                for rows in server.stream_lists(next_rows):
                    for value in (value for row in rows for value in row if isinstance(value, bytes)):
                        value.decode()
        except UnicodeDecodeError:
            return name
        except MemsqlError:
            return None
        return None

    def _select(self, copy: SQLiteConnection) -> Selections:
        self._selections = {s.name: (s.columns, s.sql) for s in content_selects(read(copy, internal=True))}
        return self._selections

    def _sink(self, name: str) -> Sink:
        """What hashes the rows of the table ``name``."""
        hasher = Hasher(name)
        if name in self._selections:
            self._hashers[name] = hasher

        def add(rows: Sequence[Sequence[Cell]]) -> None:
            before = hasher.bytes
            hasher.add(rows)
            self._done += hasher.bytes - before
            # The size includes indexes, which are not copied, so the fraction only estimates.
            self.progress.tick(min(1.0, self._done / self._size) if self._size else None)

        return add
