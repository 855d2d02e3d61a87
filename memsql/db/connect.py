"""Choose the implementation for a target; import it only when it is needed."""

from __future__ import annotations

from typing import Literal

from memsql.config import Target
from memsql.db.protocol import Connection

Mode = Literal["ro", "rw", "rwc"]


def connect(target: Target, mode: Mode = "ro", busy_timeout: int = 5000) -> Connection:
    """Open ``target``: "ro" never writes, "rw" needs an existing database, "rwc" creates it.

    ``busy_timeout`` is in milliseconds. In mode "ro" a database file that does not exist yet reads
    as an empty one, and is not created. A server is asked nothing until the first statement. Raises
    errors.ConnectError or errors.LockedError.
    """
    if target.path is not None:
        from memsql.db.sqlite import SQLiteConnection

        return SQLiteConnection(target, mode, busy_timeout)
    from memsql.db.libsql import LibsqlConnection

    return LibsqlConnection(target, mode, busy_timeout)
