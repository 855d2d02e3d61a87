"""Reading through a connection of an application, of whatever driver: nothing is set, and nothing is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, cast

from memsql.config import Target
from memsql.db.protocol import Item, Params, Result, Script, Value, each
from memsql.errors import StatementError


def rows_of(conn: Any, sql: str, params: Params = ()) -> list[tuple[Value, ...]]:
    """The rows of a SELECT through ``conn``, a connection of any driver whose ``execute()`` returns a cursor. Raises
    the error of the driver."""
    if isinstance(conn, sqlite3.Connection):
        cursor = conn.cursor()
        # A cursor has a row factory of its own.
        cursor.row_factory = None
        rows = cursor.execute(sql, tuple(params)).fetchall()
        if conn.text_factory is not str:
            return [tuple(_text(value) for value in row) for row in rows]
        return rows
    answer = conn.execute(sql, tuple(params)) if params else conn.execute(sql)
    return [tuple(row) for row in answer.fetchall()]


def _text(value: Any) -> Value:
    """What a text factory of the application made of a text, as text."""
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "surrogateescape")
    return value if value is None or isinstance(value, (int, float)) else str(value)


class ReadingConnection:
    """As much of a connection as the ledger needs to be read; the transaction is that of the application."""

    in_transaction = True
    """So that nobody begins one."""

    def __init__(self, conn: Any, target: Target) -> None:
        self._conn = conn
        self.target = target

    def execute(self, sql: str, params: Params = ()) -> Result:
        """The answer to a SELECT. Raises StatementError."""
        try:
            return Result((), rows_of(self._conn, sql, params))
        except Exception as e:
            raise StatementError(str(e), statement=sql) from e

    def read_each(self, reads: Sequence[tuple[str, Params]]) -> list[Result | StatementError]:
        """The answer to each of ``reads``, or the error in its place."""
        return each(self.execute, reads)

    read_together = read_each

    def batch(self, items: Sequence[Item]) -> list[Result]:
        """The answers to ``items``, none of which is a Script."""
        assert not any(isinstance(item, Script) for item in items)
        return [self.execute(sql, params) for sql, params in cast("Sequence[tuple[str, Params]]", items)]
