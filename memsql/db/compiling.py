"""Asking SQLite what a statement would reach, without running it."""

from __future__ import annotations

from itertools import count

from memsql.db import Connection

_times = count()


def compile_only(conn: Connection, text: str) -> None:
    """Compile one statement; the observer is asked about all of it. Raises StatementError where it cannot be run."""
    # sqlite3 keeps what it prepared, and an EXPLAIN does not look whether the schema changed since: a text that was
    # compiled before would ask the authorizer nothing, or read what is freed. So each text is another one.
    conn.execute(f"EXPLAIN QUERY PLAN {text}\n-- {next(_times)}")
