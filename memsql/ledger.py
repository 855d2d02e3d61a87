"""The ledger: what the database says was applied, in yoyo's tables and in memsql's.

yoyo's tables decide what is applied, so that ``yoyo list`` always agrees. schema_migrations adds who, when, how
long and the checksum; memsql_history keeps every attempt. docs/formats.md specifies the columns. But for
record_failure() nothing here opens a transaction: callers write the ledger inside the one that carries the change.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache

import memsql
from memsql.db import Connection, Item, Params, Result, Value, transaction
from memsql.db.queries import load
from memsql.errors import Refused

TABLES = frozenset({"schema_migrations", "memsql_history", "_yoyo_migration", "_yoyo_log", "_yoyo_version"})
COLUMNS = ("version", "name", "description", "applied_at", "applied_by", "duration_ms", "checksum", "status")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of schema_migrations. ``applied_at`` is UTC ISO-8601; ``duration_ms`` milliseconds."""

    version: int
    name: str
    description: str | None
    applied_at: str
    applied_by: str | None
    duration_ms: int | None
    checksum: str | None
    status: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a migration without a transaction came: statements done, under which checksum."""

    operation: str
    statements_done: int
    checksum: str | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """All of it. ``yoyo`` maps migration id to time of application, None where yoyo has no table."""

    tables: frozenset[str] = frozenset()
    rows: Mapping[int, Row] = field(default_factory=dict)
    yoyo: Mapping[str, str] | None = None
    yoyo_by: Mapping[str, str] = field(default_factory=dict)
    progress: Mapping[int, Progress] = field(default_factory=dict)
    yoyo_lock: int | None = None

    @property
    def is_foreign(self) -> bool:
        """A schema_migrations of another tool: rows, but yoyo never wrote here."""
        return "schema_migrations" in self.tables and self.yoyo is None


def read(conn: Connection) -> Ledger:
    """Read the ledger, all of it as of one moment; tables that do not exist read as empty ones.

    Raises Refused where schema_migrations has other columns than ours.
    """
    return read_with(conn, ())[0]


def read_with(conn: Connection, questions: Sequence[tuple[str, Params]]) -> tuple[Ledger, list[Result]]:
    """The ledger, and the answers to ``questions`` as of the same moment; two requests."""
    # Without a transaction another process could commit between the reads of two tables: yoyo's mark would be there and
    # our row not, as if yoyo had applied the migration by itself.
    own = not conn.in_transaction
    begin: list[Item] = [("BEGIN", ())] if own else []
    try:
        existing, *answers = conn.batch([*begin, (load("ledger/tables"), ()), *questions])[len(begin) :]
        tables = {str(name): str(columns).split(",") for name, columns in existing.rows}
        queries = reads(tables)
        end: list[Item] = [("ROLLBACK", ())] if own else []
        results = conn.batch([*(query for _, query in queries), *end])
        rows = {table: result.rows for (table, _), result in zip(queries, results, strict=False)}
        return assemble(tables, rows), answers
    finally:
        if own:
            conn.rollback()


def reads(tables: Mapping[str, Sequence[str]] | frozenset[str]) -> list[tuple[str, tuple[str, Params]]]:
    """The queries that read the ledger's ``tables`` (those that exist, with their columns if known), each with
    the name of its table. Raises Refused where schema_migrations has other columns than ours."""
    columns = tables.get("schema_migrations") if isinstance(tables, Mapping) else None
    if columns is not None and set(COLUMNS) - set(columns):
        raise Refused(
            "this database has a schema_migrations table of another tool, with other columns",
            details=("its columns: " + ", ".join(columns), "memsql needs: " + ", ".join(COLUMNS)),
            state="nothing was changed",
            hint="rename that table first: ALTER TABLE schema_migrations RENAME TO schema_migrations_old",
        )
    wanted = [
        ("schema_migrations", "ledger/read_schema_migrations"),
        ("_yoyo_migration", "ledger/read_yoyo_migration"),
        ("yoyo_lock", "ledger/read_yoyo_lock"),
        ("memsql_history", "ledger/read_progress"),
    ]
    if "_yoyo_migration" in tables and "_yoyo_log" in tables and "memsql_history" not in tables:
        wanted.append(("_yoyo_log", "ledger/read_yoyo_log"))
    return [(table, (load(query), ())) for table, query in wanted if table in tables]


def assemble(tables: Iterable[str], rows: Mapping[str, Sequence[tuple[Value, ...]]]) -> Ledger:
    """The ledger from the answers to reads(), by table."""
    yoyo = rows.get("_yoyo_migration")
    return Ledger(
        tables=frozenset(tables),
        rows={int(r[0]): Row(*r) for r in rows.get("schema_migrations", [])},  # type: ignore[arg-type]
        yoyo=None if yoyo is None else {str(name): str(when) for name, when in yoyo},
        yoyo_by={str(r[0]): f"{r[1]!s}@{r[2]!s}" for r in rows.get("_yoyo_log", [])},
        progress={
            int(r[0]): Progress(str(r[1]), int(r[2] or 0), r[3])  # type: ignore[arg-type]
            for r in rows.get("memsql_history", [])
        },
        yoyo_lock=next((int(r[0]) for r in rows.get("yoyo_lock", [])), None),  # type: ignore[arg-type]
    )


def create_tables(conn: Connection, ledger: Ledger) -> None:
    """Create whichever bookkeeping tables ``ledger`` lacks, in the open transaction."""
    statements = table_statements(ledger)
    if statements:
        conn.batch(statements)


def table_statements(ledger: Ledger) -> list[tuple[str, Params]]:
    """What creates the bookkeeping tables that ``ledger`` lacks."""
    wanted = {
        "schema_migrations": "ledger/create_schema_migrations",
        "memsql_history": "ledger/create_memsql_history",
        "_yoyo_migration": "ledger/create_yoyo_migration",
        "_yoyo_log": "ledger/create_yoyo_log",
        "_yoyo_version": "ledger/create_yoyo_version",
    }
    missing = [name for name in wanted if name not in ledger.tables]
    statements: list[tuple[str, Params]] = [(_stored(load(wanted[name])), ()) for name in missing]
    if "_yoyo_version" in missing:
        statements.append((load("ledger/yoyo_version"), (_yoyo_time(datetime.now(UTC)),)))
    return statements


def has_history(conn: Connection) -> bool:
    """Whether attempts can be recorded here already."""
    return bool(conn.execute(load("ledger/has_history")).rows)


@dataclass(frozen=True, slots=True)
class Entry:
    """What to write about one migration: ids, texts and times of this attempt. ``version`` is None
    for what is no migration, such as a legacy phase."""

    version: int | None
    name: str
    id: str
    description: str | None
    checksum: str | None
    started: datetime
    duration_ms: int


def mark_applied(conn: Connection, entry: Entry, operation: str = "apply", by: str | None = None) -> None:
    """Write ``applied`` into yoyo's tables and ours. ``operation`` is apply or adopt."""
    conn.batch(applied_statements(entry, operation, by))


def applied_statements(entry: Entry, operation: str = "apply", by: str | None = None) -> list[tuple[str, Params]]:
    """What mark_applied() sends."""
    when = _yoyo_time(entry.started)
    yoyo_operation = "apply" if operation == "apply" else "mark"
    return [
        (load("ledger/mark_yoyo"), (_hash(entry.id), entry.id, when)),
        (load("ledger/log_yoyo"), _log_row(entry.id, yoyo_operation, when)),
        (load("ledger/mark_schema_migrations"), _row(entry, "applied", by)),
        (load("ledger/add_history"), _history(entry, operation, "ok")),
    ]


def mark_rolled_back(conn: Connection, entry: Entry) -> None:
    """Take yoyo's mark away, log it, and say ``rolled_back`` in ours."""
    conn.batch(rolled_back_statements(entry))


def rolled_back_statements(entry: Entry) -> list[tuple[str, Params]]:
    """What mark_rolled_back() sends."""
    return [
        (load("ledger/unmark_yoyo"), (_hash(entry.id),)),
        (load("ledger/log_yoyo"), _log_row(entry.id, "rollback", _yoyo_time(entry.started))),
        (load("ledger/mark_schema_migrations"), _row(entry, "rolled_back")),
        (load("ledger/add_history"), _history(entry, "rollback", "ok")),
    ]


def mark_all(conn: Connection, entries: Sequence[Entry], *, applied: bool) -> None:
    """What mark_applied(), or mark_rolled_back(), writes for each of ``entries``, table by table."""
    rows = [applied_statements(entry) if applied else rolled_back_statements(entry) for entry in entries]
    for statements in zip(*rows, strict=True):
        conn.executemany(statements[0][0], [params for _, params in statements])


def complete(conn: Connection, entry: Entry, status: str, by: str | None) -> None:
    """Fill in our side for what yoyo did by itself; yoyo's tables stay as they are."""
    conn.batch(
        [
            (load("ledger/mark_schema_migrations"), _row(entry, status, by)),
            (load("ledger/add_history"), _history(entry, "complete", "ok", message=f"{status} by yoyo")),
        ]
    )


def restamp(conn: Connection, entry: Entry, by: str | None, sentence: str) -> None:
    """Accept a migration as its file now is: name and checksum, with the date of its application."""
    conn.batch(
        [
            (load("ledger/mark_yoyo"), (_hash(entry.id), entry.id, _yoyo_time(entry.started))),
            (load("ledger/mark_schema_migrations"), _row(entry, "applied", by)),
            (load("ledger/add_history"), _history(entry, "repair", "ok", message=sentence)),
        ]
    )


def forget(conn: Connection, entry: Entry, sentence: str) -> None:
    """Give up a migration whose file is gone: yoyo's mark and our row go, the history says why."""
    conn.batch(
        [
            (load("ledger/unmark_yoyo"), (_hash(entry.id),)),
            (load("ledger/delete_schema_migrations"), (entry.version,)),
            (load("ledger/add_history"), _history(entry, "repair", "ok", message=sentence)),
        ]
    )


def unmark(conn: Connection, migration_id: str) -> None:
    """Take yoyo's mark of a former name away."""
    conn.execute(load("ledger/unmark_yoyo"), (_hash(migration_id),))


def version_of(migration_id: str) -> int | None:
    """The number that a yoyo id begins with, None where it has none."""
    digits = migration_id.partition("_")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else None


def mark_failed(conn: Connection, entry: Entry, operation: str, message: str, *, row: bool = True) -> None:
    """Record a failed attempt. A failed rollback leaves the migration applied, so only an apply
    changes schema_migrations, and that only with ``row``."""
    statements = [(load("ledger/add_history"), _history(entry, operation, "failed", message=message))]
    if operation == "apply" and row:
        statements.append((load("ledger/mark_schema_migrations"), _row(entry, "failed")))
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
    conn.execute(load("ledger/add_history"), _history(entry, operation, status, message=message))


def utc_text(when: datetime) -> str:
    """UTC ISO-8601 with milliseconds: ``2026-01-31T12:00:00.000Z``."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@cache
def who() -> tuple[str, str]:
    """User and host of this process, for the ledger."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return user, os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "unknown")


def _row(entry: Entry, status: str, by: str | None = None) -> tuple[int | str | None, ...]:
    return (
        entry.version,
        entry.name,
        entry.description,
        utc_text(entry.started),
        by or "@".join(who()),
        entry.duration_ms,
        entry.checksum,
        status,
    )


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
        f"memsql {memsql.__version__}",
    )


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
