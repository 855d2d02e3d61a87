"""Whole databases as values that can be compared, read without memsql."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cli import LEDGER

Key = tuple[object, ...]
Row = dict[str, object]
# Table to key to row. A value is a pair of its type and itself, so that 1 and 1.0 differ; NULL is None.
Dump = dict[str, dict[Key, Row]]


def content_of(path: Path) -> object:
    with closing(sqlite3.connect(path)) as conn:
        conn.text_factory = text
        return content(conn)


def content(conn: sqlite3.Connection) -> object:
    """Every row of every table but the ledger's, to compare with those of another database."""
    tables = [r[0] for r in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'") if r[0] not in LEDGER]
    return {table: sorted(map(repr, conn.execute(f"SELECT * FROM {quoted(table)}"))) for table in tables}


def dump(conn: sqlite3.Connection) -> Dump:
    """Every table by its plain name, every row by its key; by its rowid where it has none."""
    tables: Dump = {}
    for (name,) in conn.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    ).fetchall():
        columns = conn.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall()
        keys = [column for column, pk in sorted(columns, key=lambda c: c[1]) if pk]
        names = [column for column, _ in columns]
        first = ", ".join(map(quoted, keys)) if keys else "rowid"
        width = len(keys) or 1
        tables[name] = {
            tuple(row[:width]): dict(zip(names, map(typed, row[width:]), strict=True))
            for row in conn.execute(f"SELECT {first}, * FROM {quoted(name)} ORDER BY {first}")
        }
    return tables


def typed(value: object) -> object:
    return None if value is None else (type(value).__name__, value)


def plain(name: str) -> str:
    return name[1:-1] if name.startswith('"') else name


def quoted(name: str) -> str:
    return f'"{name}"'


def column_names(conn: sqlite3.Connection, table: str) -> list[str]:
    return [r[0] for r in conn.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def key_columns(conn: sqlite3.Connection, table: str) -> list[str]:
    rows = conn.execute("SELECT name, pk FROM pragma_table_info(?) ORDER BY pk", (table,)).fetchall()
    return [name for name, pk in rows if pk]


def text(data: bytes) -> str:
    """Text that is no UTF-8 too."""
    return data.decode("utf-8", "surrogateescape")
