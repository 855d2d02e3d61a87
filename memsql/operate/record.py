"""Write the result of a verification into the history of the database."""

from __future__ import annotations

from datetime import UTC, datetime

from memsql import hints, ledger
from memsql.config import Settings
from memsql.db import connection, transaction
from memsql.errors import CommitUnknown, MemsqlError


def record_verification(settings: Settings, started: datetime, verdict: str, *, ok: bool) -> bool:
    """Add a row with ``verdict`` to the history. Return False where the database has no history.

    ``started`` is when the verification began, ``ok`` whether it passed. Raises LockedError or ConnectError, whose
    ``state`` then says the verdict.
    """
    duration_ms = round((datetime.now(UTC) - started).total_seconds() * 1000)
    entry = ledger.Entry(None, "verify", "verify", None, None, started, duration_ms)
    try:
        with connection(settings.target, "ro", settings.busy_timeout) as conn:
            if not ledger.has_history(conn):
                return False
        with connection(settings.target, "rw", settings.busy_timeout) as conn, transaction(conn):
            ledger.add_history(conn, entry, "verify", verdict, status="ok" if ok else "failed")
    except CommitUnknown as e:
        e.state = f"the verification itself ended; whether it was recorded is not known; {verdict}"
        e.hint = f"see: {hints.command('migrate.history')}"
        raise
    except MemsqlError as e:
        e.state = f"the verification itself ended, and was not recorded; {verdict}"
        raise
    return True
