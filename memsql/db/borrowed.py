"""A ``sqlite3.Connection`` of somebody else, which memsql works on and gives back as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from memsql.config import Target
from memsql.db.connect import Mode, Visit
from memsql.db.protocol import Connection
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import UsageError

MEMORY = Path(":memory:")
"""The path of a database that is in no file."""
_KEPT = ("foreign_keys", "busy_timeout")
_STATE = "nothing was changed"


class BorrowedConnection(SQLiteConnection):
    """The connection ``db``, in autocommit until give_back(). It is never closed."""

    def __init__(self, db: sqlite3.Connection, busy_timeout: int) -> None:
        """``busy_timeout`` is in milliseconds. Raises UsageError where memsql cannot work on ``db``: a transaction is
        open, it belongs to another thread or is closed, or has TEMP or attached tables, which hide others."""
        self._borrowed = db
        try:
            # From Python 3.12 on.
            if getattr(db, "autocommit", None) is False:
                raise _refused(
                    "this connection has autocommit=False, so that a transaction is always open on it",
                    "set its autocommit to True meanwhile, or name the file of the database",
                )
            if db.in_transaction:
                raise _refused("a transaction is open on this connection", "commit it, or roll it back, first")
            self._factories = (db.row_factory, db.text_factory, db.isolation_level)
            db.row_factory, db.text_factory = None, str
            db.isolation_level = None
            try:
                super().__init__(_target(db), "rw", busy_timeout)
            except BaseException:
                self._give_factories_back()
                raise
        except sqlite3.ProgrammingError as e:
            # https://docs.python.org/3/library/sqlite3.html#sqlite3.connect: check_same_thread.
            raise _refused(
                f"this connection cannot be used here: {e}",
                "open it in this thread, or with check_same_thread=False; or name the file of the database",
            ) from None

    def _connected(self, busy_timeout: int) -> sqlite3.Connection:
        db = self._borrowed
        self._kept = {name: int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in _KEPT}
        db.execute(f"PRAGMA busy_timeout = {busy_timeout:d}")
        return db

    def give_back(self) -> None:
        """Undo what is not committed, and make the settings what they were before."""
        db = self._borrowed
        with suppress(sqlite3.ProgrammingError):
            if db.in_transaction:
                db.execute("ROLLBACK")
            for name, value in self._kept.items():
                db.execute(f"PRAGMA {name} = {value:d}")
            self._give_factories_back()

    def _give_factories_back(self) -> None:
        row_factory, text_factory, isolation_level = self._factories
        self._borrowed.row_factory, self._borrowed.text_factory = row_factory, text_factory
        self._borrowed.isolation_level = isolation_level

    def close(self) -> None:
        """Leave it open: somebody else opened it."""


class BorrowedVisit(Visit):
    """The visit of a database through a connection of somebody else."""

    def __init__(self, conn: BorrowedConnection, lock_timeout: int | None = None) -> None:
        self._conn = conn
        conn.lock_timeout = lock_timeout

    @contextmanager
    def open(self, mode: Mode, meanwhile: Callable[[], None] | None = None) -> Iterator[Connection]:
        yield self._conn

    def close(self) -> None:
        """Leave the connection open."""


@contextmanager
def borrowed(db: sqlite3.Connection, busy_timeout: int) -> Iterator[BorrowedConnection]:
    """While open, work on ``db``. Raises UsageError like BorrowedConnection."""
    conn = BorrowedConnection(db, busy_timeout)
    try:
        yield conn
    finally:
        conn.give_back()


def _target(db: sqlite3.Connection) -> Target:
    """The file of ``db``. Raises UsageError where it has more than one database."""
    databases = {str(name): str(file or "") for _, name, file in db.execute("PRAGMA database_list")}
    others = sorted(databases.keys() - {"main", "temp"})
    if others:
        raise _refused(
            f"this connection has attached {others[0]}, whose tables a migration could reach",
            "detach it first, or name the file of the database",
        )
    temporary = db.execute("SELECT name FROM sqlite_temp_schema").fetchone()
    if temporary is not None:
        raise _refused(
            f"this connection has the TEMP object {temporary[0]}, which may hide a table",
            "drop it first, or name the file of the database",
        )
    file = databases.get("main", "")
    return Target(path=Path(file), display=file) if file else Target(path=MEMORY, display="the database in memory")


def _refused(message: str, hint: str) -> UsageError:
    return UsageError(message, state=_STATE, hint=hint)
