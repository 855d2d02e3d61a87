"""What a query file expects of its plan, and what of it does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memsql.advise.queries import QueryPlan, plans_of
from memsql.db import Connection
from memsql.db.sqlite import memory
from memsql.errors import FileError, Location
from memsql.project.contracts import Expectation, parse_expectations
from memsql.project.named_queries import read_named
from memsql.project.queries import read_queries

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE memories (id INTEGER PRIMARY KEY, user_id INT, at TEXT, kind TEXT);
CREATE INDEX by_user ON memories (user_id, at);
CREATE TABLE kinds (name TEXT);
CREATE TABLE "odd, name" (a);
CREATE VIEW owned AS SELECT m.id, m.kind, u.name FROM memories AS m JOIN users AS u ON u.id = m.user_id
"""


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = memory()
    for sql in SCHEMA.split(";"):
        connection.execute(sql)
    yield connection
    connection.close()


def plan_of(conn: Connection, folder: Path, sql: str, *expected: str) -> QueryPlan:
    lines = [f"-- plan: {text}" for text in expected]
    (folder / "q.sql").write_text("\n".join([*lines, sql, ""]), encoding="utf-8")
    (plan,) = plans_of(conn, read_queries(folder))
    assert plan.error is None
    return plan


@pytest.mark.parametrize(
    ("sql", "expected", "unmet"),
    [
        ("SELECT * FROM memories AS m", "no scan of memories", True),
        ("SELECT * FROM memories AS m", "no scan of users", False),
        ("SELECT * FROM memories AS users", "no scan of users", False),
        ("SELECT * FROM memories AS users", "no scan of MEMORIES", True),
        ("SELECT * FROM memories AS m", "no scan of users and memories", True),
        ("SELECT * FROM memories AS m, kinds AS k WHERE k.name = m.kind", "no scan except memories and kinds", False),
        ("SELECT * FROM memories AS m, kinds AS k", "no scan except kinds", True),
        ("SELECT * FROM kinds", "no scan except kinds", False),
        ("SELECT * FROM kinds", "no scan", True),
        ("SELECT * FROM (SELECT * FROM memories LIMIT 9) AS s", "no scan of memories", True),
        ("SELECT * FROM owned", "no scan of memories", True),
        # The view reads users by key.
        ("SELECT * FROM owned", "no scan of users", False),
        ("SELECT * FROM owned", "no scan of owned", True),
        ("SELECT * FROM owned WHERE id = 1", "no scan of owned", False),
        ("SELECT * FROM kinds", "no scan of owned", False),
        ("SELECT * FROM kinds, owned", "no scan of owned except memories", False),
        ('SELECT * FROM "odd, name"', 'no scan of "odd, name", no sort', True),
        ('SELECT * FROM "odd, name"', "no scan except [odd, name]", False),
        # An index for one query alone is read from the whole table.
        ("SELECT * FROM users AS u JOIN kinds AS k ON k.name = u.name", "no scan of kinds", True),
        ("SELECT * FROM users AS u JOIN kinds AS k ON k.name = u.name", "no automatic index", True),
        ("SELECT * FROM memories WHERE user_id = 1", "no automatic index", False),
        ("SELECT * FROM memories ORDER BY kind", "no sort", True),
        ("SELECT kind FROM memories WHERE user_id = 1 ORDER BY at", "no sort, no scan, uses by_user", False),
        ("SELECT DISTINCT kind FROM memories", "no-sort", True),
        ("SELECT * FROM memories WHERE user_id = 1", 'uses "by_user"', False),
        ("SELECT * FROM memories WHERE user_id = 1", "USES BY_USER", False),
        ("SELECT * FROM memories WHERE id = 1", "uses by_user", True),
        # SQLite calls these a search, and says the same of both.
        ("SELECT min(kind) FROM memories", "no scan", True),
        ("SELECT max(kind) FROM memories AS m", "no scan of memories", True),
        ("SELECT max(id) FROM memories WHERE kind = 'a'", "no scan", True),
        ("SELECT max(id) FROM memories", "no scan", False),
        ("SELECT min(user_id) FROM memories", "no scan", False),
        ("SELECT max(at) FROM memories WHERE user_id = 1", "no scan", False),
        ("SELECT max(kind) FROM memories WHERE id > 5", "no scan", False),
        ("SELECT max(kind) FROM memories WHERE id < 5", "no scan", False),
    ],
)
def test_what_holds_of_a_plan(conn: Connection, tmp_path: Path, sql: str, expected: str, unmet: bool) -> None:
    assert bool(plan_of(conn, tmp_path, sql, expected).unmet) is unmet


@pytest.mark.parametrize(
    ("sql", "expected", "reason"),
    [
        ("DELETE FROM hooked WHERE id = ?", "no scan of log", "reads all of log (SCAN log (trigger hooked_ad))"),
        ("DELETE FROM hooked WHERE id = ?", "no scan of hooked", None),
        ("INSERT INTO hooked VALUES (1)", "no scan", None),
        ("DELETE FROM parent WHERE id = ?", "no scan of child", "reads all of child"),
        ("UPDATE parent SET id = ? WHERE id = ?", "no scan of child", "reads all of child"),
        ("UPDATE parent SET name = ? WHERE id = ?", "no scan", None),
        ("DELETE FROM parent WHERE id = ?", "no scan of served", None),
    ],
)
def test_what_triggers_and_foreign_keys_read(
    conn: Connection, tmp_path: Path, sql: str, expected: str, reason: str | None
) -> None:
    for statement in (
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name)",
        "CREATE TABLE child (parent_id INT REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE)",
        "CREATE TABLE served (parent_id INT REFERENCES parent ON DELETE CASCADE)",
        "CREATE INDEX served_parent ON served (parent_id)",
        "CREATE TABLE log (of)",
        "CREATE TABLE hooked (id INTEGER PRIMARY KEY)",
        "CREATE TRIGGER hooked_ad AFTER DELETE ON hooked BEGIN DELETE FROM log WHERE of = old.id; END",
    ):
        conn.execute(statement)
    (plan,) = plans_of(conn, read_named(f"-- name: q :exec\n-- plan: {expected}\n{sql};\n", "q.sql"))
    assert plan.error is None
    assert [breach.reason.startswith(str(reason)) for breach in plan.breaches] == ([True] if reason else [])
    assert conn.execute("PRAGMA foreign_keys").one() == 0


def test_a_bloom_filter_reads_the_whole_table(conn: Connection, tmp_path: Path) -> None:
    conn.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, b, c, d)")
    conn.execute("CREATE TABLE b (id INTEGER PRIMARY KEY, x, y)")
    rows = "WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 2000) "
    conn.execute(f"INSERT INTO a {rows} SELECT v, v, v % 7, v FROM n")
    conn.execute(f"INSERT INTO b {rows} SELECT v, v % 5, v FROM n WHERE v < 500")
    conn.execute("ANALYZE")
    sql = "SELECT count(*) FROM a JOIN b ON b.id = a.b WHERE b.x IN (1, 2)"
    plan = plan_of(conn, tmp_path, sql, "no scan of b")
    if not any("BLOOM" in line for line in plan.lines):
        pytest.skip(f"this SQLite builds no Bloom filter here: {plan.lines}")
    assert "to build a Bloom filter" in plan.breaches[0].reason


@pytest.mark.parametrize(
    ("sql", "expected", "reason"),
    [
        ("SELECT * FROM memories AS m", "no scan", "reads all of memories (SCAN m)"),
        (
            "SELECT * FROM users AS u JOIN kinds AS k ON k.name = u.name",
            "no scan of kinds",
            "reads all of kinds to build an automatic index (SEARCH k USING AUTOMATIC COVERING INDEX (name=?))",
        ),
        ("SELECT * FROM memories ORDER BY kind", "no sort", "sorts in a temporary b-tree: ORDER BY"),
        ("SELECT * FROM memories WHERE id = 1", "uses by_user", "uses no index"),
        ("SELECT * FROM memories WHERE id = 1", "uses by_usr", "there is no index by_usr; did you mean by_user?"),
        ("SELECT * FROM kinds", "no scan of memoires", "there is no table or view memoires; did you mean memories?"),
    ],
)
def test_why_it_does_not_hold(conn: Connection, tmp_path: Path, sql: str, expected: str, reason: str) -> None:
    (breach,) = plan_of(conn, tmp_path, sql, expected).breaches
    assert (breach.expectation, breach.reason) == (expected, reason)


def test_how_many_rows_are_expected() -> None:
    texts = "rows read <= 1_000, rows-read < 5, Rows Read ≤ 7"
    wishes = list(parse_expectations(texts, Location("q.sql")))
    assert [wish.most for wish in wishes] == [1000, 4, 7]
    assert wishes[1] == Expectation("rows-read < 5", "rows read", most=4)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("no scans of a", "no scan"),
        ("noscan", "no scan"),
        ("no_sorting", "no sort"),
        ("use by_x", "uses INDEX"),
        ("rows_reads <= 5", "rows read <= NUMBER"),
        ("row read <= 5", "rows read <= NUMBER"),
        ("rows read = 5", "rows read <= NUMBER"),
        ("no auto index", "no automatic index"),
        ("fast", ""),
        ("uses", "uses INDEX"),
    ],
)
def test_another_spelling_is_refused_with_the_one_that_is_meant(text: str, meant: str) -> None:
    with pytest.raises(FileError) as caught:
        list(parse_expectations(f"no scan, {text}", Location("q.sql", 3)))
    hint = caught.value.hint or ""
    assert hint.startswith(f'did you mean "{meant}"?' if meant else "there are: no scan")
    assert "rows read <= NUMBER" in hint
