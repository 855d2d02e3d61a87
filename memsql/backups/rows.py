"""The rows of a SQLite file, every value as it is stored, and the statements that make them anew on a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from memsql.backups.digest import Reading, readings, shadow_readings
from memsql.db.exact import Cell
from memsql.db.protocol import Item, Value
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.schema import read
from memsql.sqltext import quote

ROWS_A_STATEMENT = 20
_INFINITE = {float("inf"): "9e999", float("-inf"): "-9e999"}


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of sqlite_schema. ``kind`` is table, virtual or shadow; for what is no table, its type."""

    type: str
    name: str
    table: str
    sql: str
    kind: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table. ``odd`` says whether a value is among them that Hrana cannot carry as it is."""

    rows: list[tuple[Cell, ...]]
    weight: int
    odd: bool


def things(conn: SQLiteConnection) -> list[Thing]:
    """Every object that somebody made, in the order of its making."""
    return [
        Thing(str(t), str(n), str(o), str(s), str(k or t))
        for t, n, o, s, k in conn.execute(load("backups/objects")).rows
    ]


def all_readings(conn: SQLiteConnection) -> dict[str, Reading]:
    """How to read every table that is stored: those of readings(), and the shadows of full-text indexes."""
    schema = read(conn, internal=True)
    return {r.name: r for r in (*readings(schema), *shadow_readings(schema))}


def sequence_statements(objects: Sequence[Thing], stored: Mapping[str, Reading]) -> list[str]:
    """What empties sqlite_sequence before its rows are inserted; it is there only where a table with AUTOINCREMENT
    was made, be it one that is gone."""
    if "sqlite_sequence" not in stored:
        return []
    made = any(t.kind == "table" and "autoincrement" in t.sql.lower() for t in objects)
    helper = ["CREATE TABLE memsql_sequence (id INTEGER PRIMARY KEY AUTOINCREMENT)", "DROP TABLE memsql_sequence"]
    return [*([] if made else helper), "DELETE FROM sqlite_sequence"]


def read_rows(conn: SQLiteConnection, sql: str, at_once: int) -> Iterator[Rows]:
    """What ``sql`` selects, about ``at_once`` bytes at a time, or one row that is larger. Nothing else may run on
    ``conn`` before the iterator is closed. Text that is no UTF-8 comes as a bytearray."""
    kept, conn.raw.text_factory = conn.raw.text_factory, _text
    try:
        rows: list[tuple[Cell, ...]] = []
        weight, odd = 0, False
        stored: Iterator[tuple[Cell, ...]] = conn.stream_rows(sql)
        for row in stored:
            for value in row:
                if isinstance(value, (str, bytes)):
                    weight += len(value)
                elif isinstance(value, bytearray):
                    weight += len(value)
                    odd = True
                elif isinstance(value, float) and value in _INFINITE:
                    odd = True
            weight += 10 * len(row)
            rows.append(row)
            if weight >= at_once:
                yield Rows(rows, weight, odd)
                rows, weight, odd = [], 0, False
        if rows:
            yield Rows(rows, weight, odd)
    finally:
        conn.raw.text_factory = kept


def inserts(table: str, columns: Sequence[str], found: Rows) -> list[Item]:
    """The statements that insert rows on a server: many in one, for each costs the server a look at its text."""
    head = f"INSERT INTO {quote(table)} ({', '.join(map(quote, columns))}) VALUES "
    if found.odd:
        return [_odd(head, row) for row in found.rows]
    one = f"({', '.join('?' * len(columns))})"
    # A statement takes 32766 values at most.
    size = max(1, min(ROWS_A_STATEMENT, 30_000 // max(1, len(columns))))
    items: list[Item] = []
    for start in range(0, len(found.rows), size):
        some = found.rows[start : start + size]
        values: list[Value] = [value for row in some for value in row]  # type: ignore[misc]
        items.append((head + ", ".join([one] * len(some)), values))
    return items


def _odd(head: str, row: Sequence[Cell]) -> Item:
    marks: list[str] = []
    values: list[Value] = []
    for value in row:
        if isinstance(value, float) and value in _INFINITE:
            marks.append(_INFINITE[value])
            continue
        marks.append("CAST(? AS TEXT)" if isinstance(value, bytearray) else "?")
        values.append(bytes(value) if isinstance(value, bytearray) else value)
    return f"{head}({', '.join(marks)})", values


def _text(value: bytes) -> str | bytearray:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return bytearray(value)


def longest_row(db: sqlite3.Connection, reading: Reading) -> int:
    """How many bytes the values of the largest row of a table have."""
    sizes = " + ".join(f"ifnull(length(CAST({quote(c)} AS BLOB)), 0)" for c in reading.columns)
    found = db.execute(f"SELECT max({sizes}) FROM {quote(reading.name)}").fetchone()[0]
    return int(found or 0)
