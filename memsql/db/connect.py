"""Opening connections, and blocks that end a connection or a transaction.

The implementation for a target is imported only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from memsql.config import Target
from memsql.db import client
from memsql.db.protocol import Connection
from memsql.errors import CommitUnknown, ConnectError, MemsqlError, TransactionUndone

Mode = Literal["ro", "rw", "rwc"]


def connect(target: Target, mode: Mode = "ro", busy_timeout: int = 5000) -> Connection:
    """Open ``target``: "ro" never writes, "rw" needs an existing database, "rwc" creates it.

    ``busy_timeout``, in milliseconds, is how long to wait for a lock. In mode "ro" a database file that does not
    exist yet reads as an empty one, and is not created. Nothing is sent to a server before the first statement.
    Raises errors.ConnectError or errors.LockedError; UsageError where the library for servers is missing.
    """
    if target.path is not None:
        from memsql.db.sqlite import SQLiteConnection

        return SQLiteConnection(target, mode, busy_timeout)
    client.refuse_missing(str(target))
    from memsql.db.libsql import LibsqlConnection

    return LibsqlConnection(target, mode, busy_timeout)


@contextmanager
def connection(target: Target, mode: Mode = "ro", busy_timeout: int = 5000) -> Iterator[Connection]:
    """connect(), closed at the end of the block."""
    conn = connect(target, mode, busy_timeout)
    try:
        yield conn
    finally:
        conn.close()


class Visit:
    """A database that is looked at first, and written perhaps. A file is opened once for each; to a server there is one
    connection for both, because to connect takes as long as to ask."""

    def __init__(self, target: Target, busy_timeout: int, lock_timeout: int | None = None) -> None:
        """``lock_timeout``: for how many milliseconds to wait where a transaction begins that writes; None for as long
        as for everything else."""
        self._target, self._busy_timeout, self._lock_timeout = target, busy_timeout, lock_timeout
        self._server: Connection | None = None

    @contextmanager
    def open(self, mode: Mode, meanwhile: Callable[[], None] | None = None) -> Iterator[Connection]:
        """A connection as of connect(), for the block. ``meanwhile`` is called once, while the first answer of a server
        that is far away is on its way."""
        if self._target.path is not None:
            from memsql.db.sqlite import SQLiteConnection

            with connection(self._target, mode, self._busy_timeout) as conn:
                assert isinstance(conn, SQLiteConnection)
                conn.lock_timeout = self._lock_timeout
                yield conn
            return
        if self._server is None:
            # There a transaction begins with the first request, and nothing else waits for a lock.
            patience = self._busy_timeout if self._lock_timeout is None else self._lock_timeout
            self._server = connect(self._target, mode, patience)
        from memsql.db.libsql import LibsqlConnection

        assert isinstance(self._server, LibsqlConnection)
        self._server.mode = mode
        if meanwhile is not None:
            self._server.meanwhile(meanwhile)
        yield self._server

    def close(self) -> None:
        """End the connection to a server."""
        if self._server is not None:
            self._server.close()


@contextmanager
def rolled_back(conn: Connection) -> Iterator[None]:
    """Take the write lock (BEGIN IMMEDIATE) and ROLLBACK at the end of the block, however it ends.

    Raises LockedError where another process holds the lock.
    """
    conn.begin()
    try:
        yield
    finally:
        conn.rollback()


@contextmanager
def transaction(conn: Connection, is_there: Callable[[], bool | None] | None = None) -> Iterator[None]:
    """Take the write lock (BEGIN IMMEDIATE) and COMMIT at the end of the block; ROLLBACK where the block or the COMMIT
    raises. ``is_there``: as for commit().

    Raises LockedError where another process holds the lock, and like commit().
    """
    conn.begin()
    try:
        yield
        commit(conn, is_there)
    except BaseException as e:
        try:
            conn.rollback()
        except MemsqlError as second:
            # A connection that is closed rolls back. Why the block failed is what a person has to know.
            if not isinstance(e, MemsqlError):
                raise
            e.details = (*e.details, f"ROLLBACK failed too: {second.message}")
        raise


def commit(conn: Connection, is_there: Callable[[], bool | None] | None) -> None:
    """COMMIT. Where a server gives no answer that can be believed, take the lock, which waits for a commit that is
    still under way, and ask ``is_there`` whether what the transaction made is in the database (None: nobody can tell).

    Raises ConnectError where it is not, and what COMMIT raised where nobody can tell.
    """
    try:
        conn.commit()
    except ConnectError as e:
        if is_there is None or not conn.target.is_server or isinstance(e, TransactionUndone):
            raise
        conn.rollback()
        try:
            with rolled_back(conn):
                committed = is_there()
        except MemsqlError:
            raise e from None
        if committed:
            return
        if committed is None:
            raise
        if not isinstance(e, CommitUnknown):
            raise
        raise ConnectError(
            f"the connection to {conn.target} was lost at COMMIT, and the database says that nothing was committed",
            details=e.details,
            state="nothing was changed",
            hint="run the command again",
        ) from e
