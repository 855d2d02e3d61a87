"""What an application may ask about a connection of its own, before it works with it.

It is for ``sqlite3.Connection`` and for every other connection whose ``execute(sql)`` returns a cursor with
``fetchone()``, such as those of libSQL's drivers.
"""

from __future__ import annotations

from typing import Any, Protocol

from memsql.errors import Refused

_PAGE = "https://sqlite.org/foreignkeys.html#fk_enable"
_HINT = "run PRAGMA foreign_keys = ON on each connection, just after it is opened and outside a transaction"


class SqlConnection(Protocol):
    """An open connection of the application."""

    def execute(self, sql: str, /) -> Any:
        """Run one statement, and return a cursor."""


def has_foreign_keys(connection: SqlConnection) -> bool:
    """Whether ``connection`` enforces foreign keys. Raises the driver's own error where it cannot say."""
    # A SELECT that returns a row or none, because a row factory may make anything of a value.
    return connection.execute("SELECT 1 FROM pragma_foreign_keys WHERE foreign_keys = 1").fetchone() is not None


def require_foreign_keys(connection: SqlConnection) -> None:
    """Return where ``connection`` enforces foreign keys, and raise Refused where it does not.

    Nothing is changed. Example::

        connection = pool.get()
        require_foreign_keys(connection)
    """
    if not has_foreign_keys(connection):
        raise Refused(
            "this connection does not enforce foreign keys: it would leave rows behind whose parents are gone",
            state="nothing was changed",
            hint=f"{_HINT} ({_PAGE})",
        )


def enforce_foreign_keys(connection: SqlConnection) -> None:
    """Make ``connection`` enforce foreign keys, from now on until it is closed.

    Raises Refused where it did not take the setting: a transaction is open, in which SQLite passes it over without a
    word, or this SQLite was built without foreign keys.
    """
    connection.execute("PRAGMA foreign_keys = ON")
    require_foreign_keys(connection)
