"""Writing the ledger: its tables, and what becomes of a migration. But for record_failure() nothing here opens a
transaction: callers write the ledger inside the one that carries the change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache

import memsql
from memsql.db import Connection, Item, Params, transaction
from memsql.db.queries import load
from memsql.ledger.model import Entry, Ledger, utc_text
from memsql.ledger.reading import name_is_taken, read


def create_tables(conn: Connection, ledger: Ledger) -> None:
    """Create whichever bookkeeping tables and columns ``ledger`` lacks, in the open transaction."""
    statements = table_statements(ledger)
    if statements:
        conn.write(statements)


def table_statements(ledger: Ledger) -> list[tuple[str, Params]]:
    """What creates the bookkeeping tables and columns that ``ledger`` lacks, and copies the rows that another tool
    wrote into a new history. Raises Refused where another tool has a table of that name."""
    if ledger.taken:
        raise name_is_taken(ledger)
    wanted = {
        "schema_migrations": "ledger/create_schema_migrations",
        "memsql_history": "ledger/create_memsql_history",
        "_yoyo_migration": "ledger/create_yoyo_migration",
        "_yoyo_log": "ledger/create_yoyo_log",
        "_yoyo_version": "ledger/create_yoyo_version",
    }
    missing = [name for name in wanted if name not in ledger.tables]
    statements: list[tuple[str, Params]] = [(_stored(load(wanted[name])), ()) for name in missing]
    statements += [(load(f"ledger/add_{column}"), ()) for column in ledger.history_lacks]
    if ledger.is_foreign and "memsql_history" in missing:
        statements.append((load("ledger/import_foreign"), (_tool(),)))
    if "_yoyo_version" in missing:
        statements.append((load("ledger/yoyo_version"), (_yoyo_time(datetime.now(UTC)),)))
    return statements


def mark_applied(conn: Connection, entry: Entry, operation: str = "apply", by: str | None = None) -> None:
    """Write ``applied`` into yoyo's tables and ours. ``operation`` is apply or adopt."""
    conn.batch(applied_statements(entry, operation, by))


def applied_statements(
    entry: Entry, operation: str = "apply", by: str | None = None, message: str | None = None
) -> list[tuple[str, Params]]:
    """What mark_applied() sends. ``message``: a sentence for the history."""
    if entry.alone is not None:
        history = _history(entry, entry.alone, "ok", message=entry.message)
        return [(load("ledger/add_history"), history)] if entry.alone else []
    when = _yoyo_time(entry.started)
    yoyo_operation = "apply" if operation == "apply" else "mark"
    return [
        yoyo_mark(entry),
        (load("ledger/log_yoyo"), _log_row(entry.id, yoyo_operation, when)),
        row_of(entry, "applied", by),
        hashed_history(entry, operation, message),
    ]


def mark_rolled_back(conn: Connection, entry: Entry) -> None:
    """Take yoyo's mark away, log it, and say ``rolled_back`` in ours."""
    conn.batch(rolled_back_statements(entry))


def rolled_back_statements(entry: Entry) -> list[tuple[str, Params]]:
    """What mark_rolled_back() sends."""
    return [
        yoyo_unmark(entry.id),
        (load("ledger/log_yoyo"), _log_row(entry.id, "rollback", _yoyo_time(entry.started))),
        row_of(entry, "rolled_back"),
        (load("ledger/add_history"), _history(entry, "rollback", "ok")),
    ]


def mark_all(conn: Connection, entries: Sequence[Entry], *, applied: bool) -> None:
    """What mark_applied(), or mark_rolled_back(), writes for each of ``entries``, table by table."""
    scripts = [entry for entry in entries if entry.alone is not None]
    migrations = [entry for entry in entries if entry.alone is None]
    rows = [applied_statements(entry) if applied else rolled_back_statements(entry) for entry in migrations]
    for statements in zip(*rows, strict=True):
        conn.executemany(statements[0][0], [params for _, params in statements])
    # The history has them behind the migrations, as they ran.
    for entry in scripts:
        conn.write(applied_statements(entry))


def mark_failed(conn: Connection, entry: Entry, operation: str, message: str, *, row: bool = True) -> None:
    """Record a failed attempt. A failed rollback leaves the migration applied, so only an apply
    changes schema_migrations, and that only with ``row``."""
    statements: list[Item] = [(load("ledger/add_history"), _history(entry, operation, "failed", message=message))]
    if operation == "apply" and row:
        statements.append(row_of(entry, "failed"))
    conn.batch(statements)


def record_failure(conn: Connection, entry: Entry, operation: str, message: str) -> None:
    """mark_failed() in a transaction of its own. Raises MemsqlError where that cannot be written."""
    with transaction(conn):
        now = read(conn)
        create_tables(conn, now)
        # Where another process has applied the migration since, only the history says that this attempt failed.
        mark_failed(conn, entry, operation, message, row=entry.id not in (now.yoyo or ()))


def mark_progress(conn: Connection, entry: Entry, operation: str, statements_done: int) -> None:
    """Record how many statements of a migration without a transaction are done."""
    conn.batch([(load("ledger/add_history"), _history(entry, operation, "partial", statements_done=statements_done))])


def add_history(
    conn: Connection, entry: Entry, operation: str, message: str | None = None, *, status: str = "ok"
) -> None:
    """A history row alone, for what is no migration: a legacy phase, a repair, a verification."""
    conn.write([(load("ledger/add_history"), _history(entry, operation, status, message=message))])


def yoyo_mark(entry: Entry) -> tuple[str, Params]:
    """What marks a migration as applied for yoyo."""
    return load("ledger/mark_yoyo"), (_hash(entry.id), entry.id, _yoyo_time(entry.started))


def yoyo_unmark(migration_id: str) -> tuple[str, Params]:
    """What takes yoyo's mark away."""
    return load("ledger/unmark_yoyo"), (_hash(migration_id),)


def row_of(entry: Entry, status: str, by: str | None = None) -> tuple[str, Params]:
    """What writes the row of a version. ``by``: who applied it, by default this process."""
    return load("ledger/mark_schema_migrations"), (
        entry.version,
        entry.name,
        entry.description,
        utc_text(entry.started),
        by or "@".join(who()),
        entry.duration_ms,
        entry.checksum,
        status,
    )


def hashed_history(entry: Entry, operation: str, message: str | None = None) -> tuple[str, Params]:
    """What says in the history that a migration counts as applied now, with the hashes of its files. It needs the
    columns that create_tables() adds."""
    values = _history(entry, operation, "ok", message=message)
    hashes = entry.hashes
    return load("ledger/add_hashed_history"), (
        *values,
        hashes.up if hashes else None,
        hashes.rollback if hashes else None,
    )


@cache
def who() -> tuple[str, str]:
    """User and host of this process, for the ledger."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return user, os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "unknown")


def _history(
    entry: Entry, operation: str, status: str, *, statements_done: int | None = None, message: str | None = None
) -> tuple[int | str | None, ...]:
    return (
        entry.version,
        entry.id,
        operation,
        status,
        utc_text(entry.started),
        entry.duration_ms,
        "@".join(who()),
        entry.checksum,
        statements_done,
        message,
        _tool(),
    )


def _tool() -> str:
    return f"memsql {memsql.__version__}"


def _log_row(migration_id: str, operation: str, when: str) -> tuple[str | None, ...]:
    import uuid

    user, host = who()
    return str(uuid.uuid4()), _hash(migration_id), migration_id, operation, user, host, None, when


@lru_cache(maxsize=8)
def _hash(migration_id: str) -> str:
    """yoyo keys a migration by the SHA-256 of its id (yoyo.migrations.get_migration_hash)."""
    return hashlib.sha256(migration_id.encode()).hexdigest()


def _yoyo_time(when: datetime) -> str:
    """yoyo reads naive UTC ISO-8601 (yoyo.backends.core.sqlite3.convert_iso8601)."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _stored(sql: str) -> str:
    """Without the leading comment, which SQLite would not store anyway but a server would send."""
    return "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
