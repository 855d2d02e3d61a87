"""What tests of connections share."""

from __future__ import annotations

from collections.abc import Callable

from memsql.db import Connection, Value

Opener = Callable[..., Connection]
"""Opens one more connection to the database of the test; it takes the mode and the time-out of ``connect``."""


def count(conn: Connection, table: str = "t") -> Value:
    """The number of rows of ``table``."""
    return conn.execute(f"SELECT count(*) FROM {table}").one()
