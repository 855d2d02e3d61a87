"""A DB-API 2 driver (PEP 249) over Connection, for tools that bring their own SQL: files and servers alike.

Statements commit at once unless BEGIN was sent, as with sqlite3 and ``isolation_level = None``. Dates go in as ISO 8601 text.
A transaction that the engine ended behind the caller's back refuses every further statement, which would otherwise be
committed one by one; rollback() clears that.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from memsql.config import Target
from memsql.db.connect import Mode
from memsql.db.connect import connect as open_stream
from memsql.db.protocol import Item, Result, Value
from memsql.errors import ConnectError, LockedError, MemsqlError, StatementError
from memsql.sqltext import effect

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"

Row = tuple[Value, ...]
_CONTROL = frozenset({"BEGIN", "COMMIT", "END"})


class Warning(Exception):
    """PEP 249; never raised here."""


class Error(Exception):
    """The root. ``problem`` is the error of memsql behind it, where there is one."""

    def __init__(self, text: str, problem: MemsqlError | None = None) -> None:
        super().__init__(text)
        self.problem = problem


class InterfaceError(Error):
    """The database is out of reach: no answer, no access, no such file. Nothing that a statement could mend."""


class DatabaseError(Error):
    """The database refused something."""


class DataError(DatabaseError):
    """PEP 249; the engines have no errors of this kind."""


class OperationalError(DatabaseError):
    """A statement failed, or the database is locked."""


class IntegrityError(DatabaseError):
    """A constraint was violated."""


class InternalError(DatabaseError):
    """The cursor or the transaction is no longer valid."""


class ProgrammingError(DatabaseError):
    """The caller did something wrong."""


class NotSupportedError(DatabaseError):
    """PEP 249; never raised here."""


def connect(target: Target, mode: Mode = "rwc", busy_timeout: int = 5000) -> Connection:
    """Open ``target``; mode and milliseconds as in db.connect(). Raises InterfaceError or OperationalError."""
    return Connection(target, mode, busy_timeout)


class Connection:
    """One stream to one database."""

    def __init__(self, target: Target, mode: Mode, busy_timeout: int) -> None:
        self._target, self._mode, self._busy_timeout = target, mode, busy_timeout
        self._inside = False
        self._queue: list[str] = []
        with translated():
            self._stream = open_stream(target, mode, busy_timeout)

    def make_writable(self) -> None:
        """Open a database that was opened for reading once more, creating the file if need be."""
        if self._mode == "ro":
            with translated():
                fresh = open_stream(self._target, "rwc", self._busy_timeout)
                self._stream.close()
                self._stream, self._mode = fresh, "rwc"

    def cursor(self) -> Cursor:
        """A new cursor; any number of them share the stream."""
        return Cursor(self)

    def begin(self) -> None:
        """Begin a transaction and take the write lock. Raises OperationalError where it is not to be had."""
        with translated():
            self._stream.begin()
        self._inside = True

    def later(self, sql: str) -> None:
        """Send ``sql``, which brings no rows, together with the next statement: it costs no round trip of its own."""
        self._queue.append(sql)

    def take_back(self, sql: str) -> bool:
        """Whether ``sql`` was the last of what was not sent yet; if so it never will be."""
        if not self._queue or self._queue[-1] != sql:
            return False
        self._queue.pop()
        return True

    def run(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """Send one statement, and before it what waits. Raises the errors of this module."""
        self._refuse_lost()
        queue, self._queue = self._queue, []
        with translated():
            if not queue:
                return self._stream.execute(sql, adapt(parameters))
            items: list[Item] = [(text, ()) for text in queue]
            return self._stream.batch([*items, (sql, adapt(parameters))])[-1]

    def check_control(self, sql: str) -> None:
        """Refuse what would end or begin a transaction inside begin() and commit(). Raises ProgrammingError."""
        what = effect(sql) if self._inside else None
        if (
            what is not None
            and what.kind == "transaction"
            and (what.name in _CONTROL or (what.name == "ROLLBACK" and "TO" not in sql.upper().split()))
        ):
            raise ProgrammingError(f"{what.name} inside a transaction would leave half of the change behind")

    def commit(self) -> None:
        """Commit what is open. Raises InternalError where the engine ended the transaction by itself."""
        if not self._inside:
            self._queue.clear()
            if self._stream.in_transaction:
                with translated():
                    self._stream.commit()
            return
        self._refuse_lost()
        queue, self._queue = self._queue, []
        self._inside = False
        with translated():
            self._stream.batch([*((text, ()) for text in queue), ("COMMIT", ())])

    def rollback(self) -> None:
        """Undo what is open, if anything is."""
        self._inside = False
        self._undo()

    def abandon(self) -> None:
        """Undo everything, and refuse further statements until rollback() ends the transaction for the caller too."""
        self._undo()

    def close(self) -> None:
        """Close the stream; an open transaction is rolled back."""
        self._stream.close()

    def _undo(self) -> None:
        self._queue.clear()
        with translated():
            self._stream.rollback()

    def _refuse_lost(self) -> None:
        if self._inside and not self._stream.in_transaction:
            raise InternalError("the transaction is over: the engine rolled it back, and nothing of it is kept")


class Cursor:
    """Runs statements and holds the rows of the last one. Closing it frees the rows only."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self._rows: Iterator[Row] = iter(())

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Cursor:
        """Run one statement with a value for each ``?``."""
        self.connection.check_control(sql)
        self.description, self.rowcount, self._rows = None, -1, iter(())
        result = self.connection.run(sql, parameters)
        if result.columns:
            self.description = [(name, None, None, None, None, None, None) for name in result.columns]
        if result.changes or not result.columns:
            self.rowcount = result.changes
        self._rows = iter(result.rows)
        return self

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> Cursor:
        """Run one statement once for each row of parameters."""
        changes = 0
        for row in rows:
            self.execute(sql, row)
            changes += max(self.rowcount, 0)
        self.description, self.rowcount = None, changes
        return self

    def fetchone(self) -> Row | None:
        """The next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next ``size`` rows, by default ``arraysize``."""
        return list(islice(self._rows, self.arraysize if size is None else size))

    def fetchall(self) -> list[Row]:
        """The rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def close(self) -> None:
        """Free the rows."""
        self._rows = iter(())

    def setinputsizes(self, sizes: object) -> None:
        """PEP 249: nothing to do."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249: nothing to do."""


def adapt(parameters: Sequence[object]) -> list[Value]:
    """``parameters`` as values of SQLite. Raises ProgrammingError for what is none."""
    return [_value(value) for value in parameters]


def _value(value: object) -> Value:
    if value is None or isinstance(value, (str, float, bytes)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    raise ProgrammingError(f"a value of type {type(value).__name__} cannot be stored")


@contextmanager
def translated() -> Iterator[None]:
    """Raise the errors of memsql as those of PEP 249."""
    try:
        yield
    except ConnectError as e:
        raise InterfaceError(e.message, e) from e
    except StatementError as e:
        kind = IntegrityError if (e.code or "").startswith("SQLITE_CONSTRAINT") else OperationalError
        raise kind(e.message, e) from e
    except LockedError as e:
        raise OperationalError(e.message, e) from e
    except MemsqlError as e:
        raise ProgrammingError(e.message, e) from e
