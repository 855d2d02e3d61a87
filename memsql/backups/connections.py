"""Connections of a known kind, closed at the end of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.config import Target
from memsql.db import connection
from memsql.db.connect import Mode
from memsql.db.sqlite import SQLiteConnection

if TYPE_CHECKING:
    from memsql.db.libsql import LibsqlConnection


@contextmanager
def file_connection(path: Path, shown: str, mode: Mode = "ro", busy_timeout: int = 5000) -> Iterator[SQLiteConnection]:
    """A connection to the SQLite file ``path``, which errors call ``shown``. ``busy_timeout`` is in milliseconds."""
    with connection(Target(path=path, display=shown), mode, busy_timeout) as conn:
        assert isinstance(conn, SQLiteConnection)
        yield conn


@contextmanager
def server_connection(target: Target, mode: Mode, busy_timeout: int) -> Iterator[LibsqlConnection]:
    """A connection to the server ``target``."""
    from memsql.db.libsql import LibsqlConnection

    with connection(target, mode, busy_timeout) as conn:
        assert isinstance(conn, LibsqlConnection)
        yield conn
