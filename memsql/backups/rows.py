"""The rows of a SQLite file, every value as it is stored, and the statements that insert them on a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from memsql.backups.digest import TableSelect, content_selects, shadow_selects
from memsql.db import Connection
from memsql.db.exact import Cell
from memsql.db.protocol import Item, Value
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.schema import read
from memsql.sqltext import quote

ROWS_A_STATEMENT = 20
_VALUES_A_STATEMENT = 30_000
"""A statement takes 32,766 parameters at most (https://sqlite.org/limits.html)."""
_INFINITE = {float("inf"): "9e999", float("-inf"): "-9e999"}


@dataclass(frozen=True, slots=True)
class DumpObject:
    """An object of sqlite_schema that a dump or a restore creates again. ``kind`` is table, virtual or shadow for a
    table; for another object it is its type."""

    type: str
    name: str
    table: str
    sql: str
    kind: str


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of one table. ``weight`` is about how many bytes they have. ``inexact`` says that Hrana cannot carry
    one of the values as it is."""

    rows: list[tuple[Cell, ...]]
    weight: int
    inexact: bool


def dump_objects(conn: Connection) -> list[DumpObject]:
    """Every object that a person created, in order of creation."""
    return [
        DumpObject(str(type_), str(name), str(table), str(sql), str(kind or type_))
        for type_, name, table, sql, kind in conn.execute(load("backups/objects")).rows
    ]


def all_selects(conn: SQLiteConnection) -> dict[str, TableSelect]:
    """How to read every table that stores rows, by name: those with content, and the shadow tables of full-text
    indexes."""
    schema = read(conn, internal=True)
    return {select.name: select for select in (*content_selects(schema), *shadow_selects(schema))}


def sequence_statements(objects: Sequence[DumpObject], selects: Mapping[str, TableSelect]) -> list[str]:
    """The statements that make sqlite_sequence exist and empty it, before its rows are inserted.

    SQLite creates that table together with the first table that uses AUTOINCREMENT, and keeps it when the last one
    goes.
    """
    if "sqlite_sequence" not in selects:
        return []
    exists = any(o.kind == "table" and "autoincrement" in o.sql.lower() for o in objects)
    helper = ["CREATE TABLE memsql_sequence (id INTEGER PRIMARY KEY AUTOINCREMENT)", "DROP TABLE memsql_sequence"]
    return [*([] if exists else helper), "DELETE FROM sqlite_sequence"]


def read_rows(conn: SQLiteConnection, sql: str, batch_bytes: int) -> Iterator[RowBatch]:
    """The rows that ``sql`` selects, about ``batch_bytes`` at a time, or one row that is larger.

    Text that is not UTF-8 becomes a bytearray. Nothing else may run on ``conn`` before the iterator is closed.
    """
    text_factory, conn.raw.text_factory = conn.raw.text_factory, _text
    try:
        rows: list[tuple[Cell, ...]] = []
        weight, inexact = 0, False
        stored: Iterator[tuple[Cell, ...]] = conn.stream_rows(sql)
        for row in stored:
            for value in row:
                if isinstance(value, (str, bytes)):
                    weight += len(value)
                elif isinstance(value, bytearray):
                    weight += len(value)
                    inexact = True
                elif isinstance(value, float) and value in _INFINITE:
                    inexact = True
            weight += 10 * len(row)
            rows.append(row)
            if weight >= batch_bytes:
                yield RowBatch(rows, weight, inexact)
                rows, weight, inexact = [], 0, False
        if rows:
            yield RowBatch(rows, weight, inexact)
    finally:
        conn.raw.text_factory = text_factory


def inserts(table: str, columns: Sequence[str], batch: RowBatch) -> list[Item]:
    """The statements that insert ``batch`` on a server. Most insert many rows, because a server parses every
    statement."""
    head = f"INSERT INTO {quote(table)} ({', '.join(map(quote, columns))}) VALUES "
    if batch.inexact:
        return [_exact_insert(head, row) for row in batch.rows]
    placeholders = f"({', '.join('?' * len(columns))})"
    size = max(1, min(ROWS_A_STATEMENT, _VALUES_A_STATEMENT // max(1, len(columns))))
    items: list[Item] = []
    for start in range(0, len(batch.rows), size):
        rows = batch.rows[start : start + size]
        values: list[Value] = [value for row in rows for value in row]  # type: ignore[misc]
        items.append((head + ", ".join([placeholders] * len(rows)), values))
    return items


def longest_row(db: sqlite3.Connection, select: TableSelect) -> int:
    """How many bytes the values of the largest row of a table have; 0 without a row."""
    sizes = _sum([f"ifnull(length(CAST({quote(column)} AS BLOB)), 0)" for column in select.columns])
    size = db.execute(f"SELECT max({sizes}) FROM {quote(select.name)}").fetchone()[0]
    return int(size or 0)


def _sum(terms: Sequence[str]) -> str:
    """The sum of ``terms``, by halves: one after the other they would be a tree as deep as they are many, and
    SQLite has a limit of 1,000 (https://sqlite.org/limits.html#max_expr_depth)."""
    if len(terms) <= 2:
        return " + ".join(terms)
    half = len(terms) // 2
    return f"({_sum(terms[:half])}) + ({_sum(terms[half:])})"


def _exact_insert(head: str, row: Sequence[Cell]) -> Item:
    """The statement that inserts one row, with expressions for the values that Hrana cannot carry."""
    expressions: list[str] = []
    values: list[Value] = []
    for value in row:
        if isinstance(value, float) and value in _INFINITE:
            expressions.append(_INFINITE[value])
            continue
        expressions.append("CAST(? AS TEXT)" if isinstance(value, bytearray) else "?")
        values.append(bytes(value) if isinstance(value, bytearray) else value)
    return f"{head}({', '.join(expressions)})", values


def _text(value: bytes) -> str | bytearray:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return bytearray(value)
