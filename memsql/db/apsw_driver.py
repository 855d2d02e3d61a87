"""SQLite through the library apsw, with the interface of sqlite3.Connection as far as memsql uses it.

apsw brings a newer SQLite than Python has, and can load extensions where Python was built without that. Errors are
those of sqlite3, with ``sqlite_errorname`` and ``sqlite_errorcode``. What differs from sqlite3: nobody begins a
transaction or converts a value behind one's back.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import apsw

# What a mapping of values lacks is NULL; see memsql.db.compiling.
apsw.allow_missing_dict_bindings(True)
_Row = tuple[Any, ...]
_changes_rows = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.I | re.S).match
_several = re.compile(r";\s*\S").search
_BUSY = frozenset({apsw.SQLITE_BUSY, apsw.SQLITE_LOCKED})
_PAUSE = 0.25
"""How many seconds a copy waits for a lock, as sqlite3 does."""
_OPERATIONAL = frozenset(
    {
        "SQLITE_ERROR", "SQLITE_PERM", "SQLITE_ABORT", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_READONLY",
        "SQLITE_INTERRUPT", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_PROTOCOL", "SQLITE_EMPTY",
        "SQLITE_SCHEMA",
    }
)  # fmt: skip
_INTEGRITY = frozenset({"SQLITE_CONSTRAINT", "SQLITE_MISMATCH"})


class Cursor:
    """The rows of one statement."""

    def __init__(self, connection: Connection, sql: str) -> None:
        self._connection = connection
        self._sql = sql
        self._columns: list[str] = []
        self._read = 0
        self._rows: apsw.Cursor | Iterator[_Row] = connection.apsw.cursor()

    def run(self, bindings: Any) -> Cursor:
        """Begin to run the statement."""
        cursor = self._rows
        assert isinstance(cursor, apsw.Cursor)
        # The description of a statement without rows is there only before it runs.
        cursor.exec_trace = partial(_note_columns, self._columns)
        with _errors():
            try:
                cursor.execute(self._sql, bindings)
            except UnicodeDecodeError:
                self._read_exactly()
        return self

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """The columns as sqlite3 has them; None for a statement that returns no rows."""
        return [(name, *(None,) * 6) for name in self._columns] or None

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed; -1 where it is none that changes rows."""
        return self._connection.apsw.changes() if _changes_rows(self._sql) else -1

    def fetchone(self) -> _Row | None:
        """The next row; None behind the last."""
        return next(self, None)

    def fetchall(self) -> list[_Row]:
        """All rows that are left."""
        return list(self)

    def __iter__(self) -> Iterator[_Row]:
        return self

    def __next__(self) -> _Row:
        if self._connection.text_factory is not str and isinstance(self._rows, apsw.Cursor):
            self._rows = self._converted(self._rows, self._connection.text_factory)
        with _errors():
            try:
                row: _Row = next(self._rows)
            except UnicodeDecodeError:
                self._read_exactly()
                row = next(self._rows)
        self._read += 1
        return row

    def _converted(self, rows: Iterator[_Row], factory: Callable[[bytes], Any]) -> Iterator[_Row]:
        for row in rows:
            yield tuple(factory(value.encode()) if isinstance(value, str) else value for value in row)

    def _read_exactly(self) -> None:
        """Go on, behind the rows that were read, with texts as bytes: apsw has no other way to one that is not UTF-8.

        Raises sqlite3.OperationalError where such a text is to be a str.
        """
        factory = self._connection.text_factory
        if factory is str:
            raise sqlite3.OperationalError("Could not decode to UTF-8: a text in the database is not UTF-8")
        names = [f"c{number}" for number in range(len(self._columns))]
        exact = ", ".join(f"iif(typeof({c}) = 'text', CAST({c} AS BLOB), {c}), typeof({c})" for c in names)
        sql = f"WITH memsql_raw ({', '.join(names)}) AS ({self._sql}\n) SELECT {exact} FROM memsql_raw"
        rows = self._connection.apsw.execute(sql)
        for _ in range(self._read):
            next(rows)
        self._rows = (
            tuple(factory(v) if kind == "text" else v for v, kind in zip(row[::2], row[1::2], strict=True))
            for row in rows
        )

    def close(self) -> None:
        """Forget the rows that are left."""
        if isinstance(self._rows, apsw.Cursor):
            self._rows.close(True)
        self._rows = iter(())


class Connection:
    """A connection in autocommit; ``apsw`` is the one of the library."""

    def __init__(self, name: str, busy_timeout: int) -> None:
        """Open the URI or ``:memory:`` that ``name`` is. ``busy_timeout`` is in milliseconds."""
        self.text_factory: Callable[[bytes], Any] = str
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
        with _errors():
            self.apsw = apsw.Connection(name, flags=flags)
        self.apsw.set_busy_timeout(busy_timeout)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return not self.apsw.get_autocommit()

    @property
    def total_changes(self) -> int:
        """Rows changed since the connection was opened."""
        return self.apsw.total_changes()

    def execute(self, sql: str, parameters: Any = None) -> Cursor:
        """Run one statement."""
        if _several(sql) is not None:
            _refuse_several(sql)
        return Cursor(self, sql).run(parameters)

    def executemany(self, sql: str, rows: Iterable[Any]) -> None:
        """Run one statement for each of ``rows``."""
        with _errors():
            for _ in self.apsw.executemany(sql, rows):
                pass

    def executescript(self, sql: str) -> None:
        """Run all statements of a text, behind a COMMIT where a transaction is open, as sqlite3 does."""
        with _errors():
            if self.in_transaction:
                self.apsw.execute("COMMIT")
            for _ in self.apsw.execute(sql):
                pass

    def create_function(
        self, name: str, arguments: int, function: Callable[..., Any] | None, *, deterministic: bool = False
    ) -> None:
        """Register a function; None removes it."""
        with _errors():
            self.apsw.create_scalar_function(name, function, arguments, deterministic=deterministic)

    def create_collation(self, name: str, compare: Callable[[str, str], int] | None) -> None:
        """Register a collation; None removes it."""
        with _errors():
            self.apsw.create_collation(name, compare)

    def set_authorizer(self, callback: Callable[..., int] | None) -> None:
        """Ask ``callback`` whenever a statement is compiled."""
        self.apsw.set_authorizer(None if callback is None else _guarded(callback, sqlite3.SQLITE_DENY))

    def set_progress_handler(self, callback: Callable[[], Any] | None, instructions: int) -> None:
        """Call ``callback`` each time that many ``instructions`` ran; what it returns stops the statement."""
        if callback is None or instructions < 1:
            self.apsw.set_progress_handler(None)
        else:
            self.apsw.set_progress_handler(_guarded(callback, True), instructions)

    def setlimit(self, category: int, limit: int) -> int:
        """Set one of SQLite's limits. Returns the former one."""
        return self.apsw.limit(category, limit)

    def backup(
        self, target: Connection, *, pages: int = -1, progress: Callable[[int, int, int], object] | None = None
    ) -> None:
        """Copy this database over ``target``, ``pages`` at a time."""
        with _errors(), target.apsw.backup("main", self.apsw, "main") as copy:
            while not copy.done:
                status = apsw.SQLITE_OK
                try:
                    copy.step(pages)
                except (apsw.BusyError, apsw.LockedError) as e:
                    status = _codes(e)[0]
                if progress is not None:
                    progress(status, copy.remaining, copy.page_count)
                if status in _BUSY:
                    time.sleep(_PAUSE)

    def interrupt(self) -> None:
        """Stop what runs in another thread."""
        self.apsw.interrupt()

    def load_extension(self, path: str, entry_point: str | None) -> None:
        """Load a program into SQLite; see load_extension()."""
        with _errors():
            load_extension(self.apsw, path, entry_point)

    def close(self) -> None:
        """Close the connection, with everything that still runs on it."""
        with _errors():
            self.apsw.close(True)


def load_extension(connection: apsw.Connection, path: str, entry_point: str | None) -> None:
    """Load a program into SQLite; statements can load none, neither before nor afterwards. Raises apsw.Error."""
    # It lets the library load one, and not the function of SQL.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1)
    try:
        connection.load_extension(path, entry_point)
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)


def _note_columns(columns: list[str], cursor: apsw.Cursor, _sql: str, _bindings: object) -> bool:
    # A method would keep the cursor, and with it the lock of its statement, until the garbage is collected.
    columns[:] = [str(column[0]) for column in cursor.get_description()]
    return True


def _guarded(callback: Callable[..., Any], otherwise: Any) -> Callable[..., Any]:
    """``callback``, whose exceptions stop the statement and go no further, as in sqlite3."""

    def call(*arguments: Any) -> Any:
        try:
            return callback(*arguments)
        except BaseException:
            return otherwise

    return call


def _refuse_several(sql: str) -> None:
    from memsql.sqltext import statements

    if len(list(statements(sql))) > 1:
        raise sqlite3.ProgrammingError("You can only execute one statement at a time.")


@contextmanager
def _errors() -> Iterator[None]:
    """In place of the errors of apsw those of sqlite3."""
    try:
        yield
    except apsw.NoMemError as e:
        raise MemoryError from e
    except apsw.BindingsError as e:
        raise sqlite3.ProgrammingError(str(e)) from e
    except apsw.ConnectionClosedError as e:
        raise sqlite3.ProgrammingError("Cannot operate on a closed database.") from e
    except apsw.Error as e:
        raise _error(e) from e


def _error(error: apsw.Error) -> sqlite3.Error:
    code, extended = _codes(error)
    name = str(apsw.mapping_result_codes.get(code, ""))
    kind: type[sqlite3.Error] = sqlite3.DatabaseError
    if name in _OPERATIONAL:
        kind = sqlite3.OperationalError
    elif name in _INTEGRITY:
        kind = sqlite3.IntegrityError
    elif name == "SQLITE_TOOBIG":
        kind = sqlite3.DataError
    result = kind(str(error))
    result.sqlite_errorcode = extended
    result.sqlite_errorname = str(apsw.mapping_extended_result_codes.get(extended, name))
    return result


def _codes(error: apsw.Error) -> tuple[int, int]:
    """The result code of SQLite and the extended one (https://sqlite.org/rescode.html); the errors of apsw that do not
    come from SQLite have none."""
    return getattr(error, "result", 0) & 0xFF, getattr(error, "extendedresult", 0)
