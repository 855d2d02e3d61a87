"""Made-up rows: they satisfy whatever a schema demands."""

from __future__ import annotations

from pathlib import Path

import pytest
from edited_schema import SCHEMA
from places import ROOT

from memsql import fts
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.schema import read
from memsql.scratch.rows import fill

REFERENCE = (Path(ROOT) / "sql" / "schema.sql").read_text(encoding="utf-8")
HARD = """
CREATE TABLE a (id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('x', 'y''z')), low INT, high INT,
    CHECK (low < high)) STRICT;
CREATE TABLE b (x INTEGER, y TEXT, mail TEXT NOT NULL UNIQUE CHECK (mail LIKE '%_@_%'), PRIMARY KEY (x,
    y)) WITHOUT ROWID;
CREATE TABLE c (bx INTEGER NOT NULL, "by" TEXT NOT NULL, doc TEXT NOT NULL CHECK (json_valid(doc)),
    FOREIGN KEY (bx, "by") REFERENCES b);
CREATE TABLE d (id INTEGER PRIMARY KEY, up INTEGER NOT NULL REFERENCES d (id), code TEXT CHECK (length(code) = 4),
    g TEXT CHECK (g GLOB '[0-9]*-?'), r REAL CHECK (r BETWEEN 0.5 AND 1));
CREATE TABLE e (id INTEGER PRIMARY KEY, f INTEGER REFERENCES f (id));
CREATE TABLE f (id INTEGER PRIMARY KEY, e INTEGER REFERENCES e (id), u UNIQUE ON CONFLICT REPLACE,
    w UNIQUE ON CONFLICT ROLLBACK);
CREATE TABLE "odd ""one" ([a b] BLOB NOT NULL, `c` ANY, made AS (length([a b])), "it's" TEXT DEFAULT (1 + 1));
CREATE TABLE barren (id INTEGER PRIMARY KEY, never TEXT NOT NULL CHECK (0));
CREATE UNIQUE INDEX ai ON a (kind, high) WHERE low > 0;
CREATE TABLE patterns (id INTEGER PRIMARY KEY, day TEXT NOT NULL CHECK (day IS date(day)),
    hash TEXT NOT NULL UNIQUE CHECK (hash NOT GLOB '*[^0-9a-f]*' AND length(hash) = 8),
    code TEXT NOT NULL CHECK (code GLOB '[A-Z][A-Z]-[0-9]'), moment TEXT NOT NULL CHECK (datetime(moment) = moment),
    zip TEXT NOT NULL CHECK (length(zip) = 5 AND zip GLOB '[0-9]*'));
CREATE VIRTUAL TABLE box USING rtree(id, x0, x1);
CREATE VIRTUAL TABLE loose USING fts5(t, content='');
CREATE VIRTUAL TABLE bare USING fts5("by", content='c');
"""


def filled(text: str, rows: int = 20, seed: int = 7) -> tuple[SQLiteConnection, dict[str, int]]:
    conn = memory()
    conn.script(text)
    conn.execute("PRAGMA foreign_keys = on")
    return conn, fill(conn, read(conn), rows, seed)


@pytest.mark.parametrize("text", [REFERENCE, SCHEMA, HARD], ids=["reference", "everything", "hard"])
def test_rows_satisfy_the_schema(text: str) -> None:
    conn, counts = filled(text)
    assert {name: n for name, n in counts.items() if n < 15} == ({"barren": 0} if text is HARD else {})
    assert conn.execute("PRAGMA integrity_check").rows == [("ok",)]
    assert conn.execute("PRAGMA foreign_key_check").rows == []
    assert conn.execute("PRAGMA foreign_keys").one() == 1
    for table in fts.discover(conn):
        assert table.kind == "contentless" or fts.check(conn, table).ok


def test_rows_that_refer_in_a_circle_refer_to_something() -> None:
    conn, _ = filled(HARD)
    for question in ("e WHERE f IS NOT NULL", "f WHERE e IS NOT NULL", "d WHERE up <> id"):
        assert conn.execute(f"SELECT count(*) FROM {question}").one(), question


def test_the_same_seed_makes_the_same_rows() -> None:
    def rows(seed: int) -> list[object]:
        conn, _ = filled(REFERENCE, 5, seed)
        return [conn.execute(f"SELECT * FROM {t}").rows for t in ("users", "memories", "memories_fts")]

    assert rows(3) == rows(3)
    assert rows(3) != rows(4)


def test_rows_come_beside_those_that_are_there_and_may_be_refused() -> None:
    conn = memory()
    conn.script("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'mine')")
    conn.begin()
    assert fill(conn, read(conn), 10, 1, accept=lambda _, row: row.get("v") is None) == {"t": 10}
    assert conn.in_transaction
    assert conn.execute("SELECT count(*), count(v) FROM t").rows == [(11, 1)]
