"""A DB-API 2 driver (https://peps.python.org/pep-0249/) over Connection, for tools that bring their own SQL.

Statements commit at once unless BEGIN was sent, as with sqlite3 and ``isolation_level = None``. Dates become ISO 8601
text. When the engine ended a transaction by itself, every further statement is refused until rollback(): without that,
each would be committed at once.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from memsql import db, sqltext
from memsql.config import Target
from memsql.db import Item, Result, Value
from memsql.db.connect import Mode
from memsql.errors import ConnectError, LockedError, MemsqlError, StatementError

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"

_CONTROL = frozenset({"BEGIN", "COMMIT", "END"})


class Warning(Exception):
    """PEP 249; never raised here."""


class Error(Exception):
    """The root of the errors. ``problem`` is the error of memsql that caused it, or None."""

    def __init__(self, text: str, problem: MemsqlError | None = None) -> None:
        super().__init__(text)
        self.problem = problem


class InterfaceError(Error):
    """The database cannot be used: no answer, no access, no such file. No other statement would help."""


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
    """Open ``target`` as db.connect() does. Raises InterfaceError or OperationalError."""
    return Connection(target, mode, busy_timeout)


class Connection:
    """One stream to one database."""

    def __init__(self, target: Target, mode: Mode, busy_timeout: int) -> None:
        self._target, self._mode, self._busy_timeout = target, mode, busy_timeout
        self._inside = False
        self._queue: list[str] = []
        with translated():
            self._stream = db.connect(target, mode, busy_timeout)

    def make_writable(self) -> None:
        """Open a database that was opened for reading again, for writing; a file that does not exist is created."""
        if self._mode == "ro":
            with translated():
                fresh = db.connect(self._target, "rwc", self._busy_timeout)
                self._stream.close()
                self._stream, self._mode = fresh, "rwc"

    def cursor(self) -> Cursor:
        """A new cursor; any number of them share the stream."""
        return Cursor(self)

    def begin(self) -> None:
        """Begin a transaction and take the write lock. Raises OperationalError where another process has it."""
        with translated():
            self._stream.begin()
        self._inside = True

    def later(self, sql: str) -> None:
        """Send ``sql``, which returns no rows, together with the next statement, to save a round trip."""
        self._queue.append(sql)

    def take_back(self, sql: str) -> bool:
        """Remove ``sql`` from the end of the statements that later() keeps; False where it is not there."""
        if not self._queue or self._queue[-1] != sql:
            return False
        self._queue.pop()
        return True

    def run(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """Send the statements that later() keeps, and then ``sql``. Raises the errors of this module."""
        self._refuse_lost()
        queue, self._queue = self._queue, []
        with translated():
            if not queue:
                return self._stream.execute(sql, adapt(parameters))
            items: list[Item] = [(text, ()) for text in queue]
            return self._stream.batch([*items, (sql, adapt(parameters))])[-1]

    def check_control(self, sql: str) -> None:
        """Raise ProgrammingError for a statement that begins or ends a transaction between begin() and commit()."""
        if not self._inside:
            return
        effect = sqltext.effect(sql)
        ends = effect.name in _CONTROL or (effect.name == "ROLLBACK" and "TO" not in sql.upper().split())
        if effect.kind == "transaction" and ends:
            raise ProgrammingError(f"{effect.name} inside a transaction would leave half of the change behind")

    def commit(self) -> None:
        """Commit the open transaction. Raises InternalError where the engine ended it by itself."""
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
        """Roll the open transaction back, if there is one."""
        self._inside = False
        self._undo()

    def abandon(self) -> None:
        """Roll the transaction back, and refuse further statements until the caller calls rollback() too."""
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
        self._rows: Iterator[tuple[Value, ...]] = iter(())

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

    def fetchone(self) -> tuple[Value, ...] | None:
        """The next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Value, ...]]:
        """The next ``size`` rows, by default ``arraysize``."""
        return list(islice(self._rows, self.arraysize if size is None else size))

    def fetchall(self) -> list[tuple[Value, ...]]:
        """The rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return self._rows

    def close(self) -> None:
        """Free the rows."""
        self._rows = iter(())

    def setinputsizes(self, sizes: object) -> None:
        """PEP 249: nothing to do."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249: nothing to do."""


def adapt(parameters: Sequence[object]) -> list[Value]:
    """``parameters`` as values of SQLite. Raises ProgrammingError for a value of another type."""
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
