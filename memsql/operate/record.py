"""Writing what was proven into the history of a database."""

from __future__ import annotations

from datetime import UTC, datetime

from memsql import ledger as books
from memsql.config import Settings
from memsql.db import connection, transaction
from memsql.errors import MemsqlError


def record_verification(settings: Settings, started: datetime, verdict: str, *, ok: bool) -> bool:
    """Add a row to the history that says ``verdict``; False where the database has no history.

    Raises LockedError or ConnectError, whose ``state`` then tells the verdict.
    """
    took = round((datetime.now(UTC) - started).total_seconds() * 1000)
    entry = books.Entry(None, "verify", "verify", None, None, started, took)
    try:
        with connection(settings.target, "ro", settings.busy_timeout) as conn:
            if not books.has_history(conn):
                return False
        with connection(settings.target, "rw", settings.busy_timeout) as conn, transaction(conn):
            books.add_history(conn, entry, "verify", verdict, status="ok" if ok else "failed")
    except MemsqlError as e:
        e.state = f"the verification itself ended, and was not recorded; {verdict}"
        raise
    return True
