"""Made-up rows: they satisfy whatever a schema demands, and violate it where they are told to."""

from __future__ import annotations

from pathlib import Path

import pytest
from schema_edits import SCHEMA
from test_every_era import ROOT

from memsql import fts
from memsql.change import Renames
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.sample import fill
from memsql.engine.violate import Violation, violate, violations
from memsql.errors import StatementError
from memsql.schema import from_sql, read

REFERENCE = (Path(ROOT) / "sql" / "schema.sql").read_text(encoding="utf-8")
HARD = """
CREATE TABLE a (id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('x', 'y''z')), low INT, high INT, CHECK (low < high)) STRICT;
CREATE TABLE b (x INTEGER, y TEXT, mail TEXT NOT NULL UNIQUE CHECK (mail LIKE '%_@_%'), PRIMARY KEY (x, y)) WITHOUT ROWID;
CREATE TABLE c (bx INTEGER NOT NULL, "by" TEXT NOT NULL, doc TEXT NOT NULL CHECK (json_valid(doc)), FOREIGN KEY (bx, "by") REFERENCES b);
CREATE TABLE d (id INTEGER PRIMARY KEY, up INTEGER NOT NULL REFERENCES d (id), code TEXT CHECK (length(code) = 4),
    g TEXT CHECK (g GLOB '[0-9]*-?'), r REAL CHECK (r BETWEEN 0.5 AND 1));
CREATE TABLE e (id INTEGER PRIMARY KEY, f INTEGER REFERENCES f (id));
CREATE TABLE f (id INTEGER PRIMARY KEY, e INTEGER REFERENCES e (id), u UNIQUE ON CONFLICT REPLACE, w UNIQUE ON CONFLICT ROLLBACK);
CREATE TABLE "odd ""one" ([a b] BLOB NOT NULL, `c` ANY, made AS (length([a b])), "it's" TEXT DEFAULT (1 + 1));
CREATE TABLE barren (id INTEGER PRIMARY KEY, never TEXT NOT NULL CHECK (0));
CREATE UNIQUE INDEX ai ON a (kind, high) WHERE low > 0;
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


def test_what_a_change_takes_for_granted_is_found_and_violated() -> None:
    before = """
        CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT UNIQUE);
        CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c TEXT, d TEXT NOT NULL, n TEXT);
    """
    after = """
        CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT UNIQUE);
        CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INTEGER REFERENCES p (id), c2 TEXT NOT NULL, d TEXT NOT NULL,
                        n TEXT NOT NULL DEFAULT 'x', new TEXT UNIQUE);
        CREATE UNIQUE INDEX i ON t (d, b);
        CREATE UNIQUE INDEX j ON t (id, b);
    """
    found = violations(from_sql(before), from_sql(after), Renames({}, {("t", "c2"): "c"}))
    assert set(found) == {Violation("duplicate", "t", ("a",)), Violation("duplicate", "t", ("d", "b")), Violation("null", "t", ("c",)),
                          Violation("orphan", "t", ("b",), "p")}
    tests = {
        ("duplicate", ("a",)): "SELECT max(n) > 1 FROM (SELECT count(*) AS n FROM t WHERE a IS NOT NULL GROUP BY a)",
        ("duplicate", ("d", "b")): "SELECT max(n) > 1 FROM (SELECT count(*) AS n FROM t WHERE b IS NOT NULL GROUP BY d, b)",
        ("null", ("c",)): "SELECT count(*) FROM t WHERE c IS NULL",
        ("orphan", ("b",)): "SELECT count(*) FROM t WHERE b NOT IN (SELECT id FROM p)",
    }
    for violation in found:
        conn, _ = filled(before)
        assert violate(conn, violation)
        assert conn.execute(tests[violation.kind, violation.columns]).one(), violation
        assert str(violation)
    empty = memory()
    empty.script(before)
    assert not any(violate(empty, violation) for violation in found)


def test_a_violation_that_the_schema_itself_refuses_is_none() -> None:
    conn, _ = filled("CREATE TABLE t (a TEXT NOT NULL UNIQUE) STRICT;")
    for violation in (Violation("null", "t", ("a",)), Violation("duplicate", "t", ("a",))):
        assert not violate(conn, violation)
    assert conn.execute("SELECT count(DISTINCT a) FROM t").one() == 20
    with pytest.raises(StatementError):
        conn.execute("SELECT nothing FROM t")
