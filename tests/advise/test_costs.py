"""Rows read: estimated from statistics, counted by SQLite between bounds, counted by a server; and their price."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import servers

from memsql.advise.costs import QueryCost, RowsRead, costs_of, price_of
from memsql.advise.cursors import instructions
from memsql.advise.estimate import statistics_of
from memsql.advise.queries import planned_of
from memsql.advise.steps import least_rows, most_rows
from memsql.config import Target
from memsql.db import Connection, Script, connect
from memsql.db.sqlite import SQLiteConnection
from memsql.db.status import counters
from memsql.project.named_queries import read_named
from memsql.server import Running

ROWS = "WITH RECURSIVE n (v) AS (SELECT 0 UNION ALL SELECT v + 1 FROM n WHERE v < 999) "
SCHEMA = f"""
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE memories (id INTEGER PRIMARY KEY, user_id INT, kind TEXT, gone INT, at INT);
CREATE INDEX by_user ON memories (user_id, at);
INSERT INTO users {ROWS} SELECT v, 'u' || v FROM n WHERE v < 10;
INSERT INTO memories {ROWS} SELECT v, v % 10, 'k' || (v % 4), v % 2, v FROM n;
"""
# A query, and how many rows of tables it visits.
VISITED = {
    "SELECT * FROM memories": 1000,
    "SELECT * FROM memories WHERE user_id = 3": 100,
    "SELECT * FROM memories WHERE user_id = 3 AND gone = 1": 100,
    "SELECT * FROM memories WHERE user_id = 3 ORDER BY at DESC LIMIT 20": 20,
    "SELECT count(*) FROM memories WHERE user_id = 3 AND kind = 'k1'": 100,
    "SELECT * FROM memories WHERE user_id = 3 AND at BETWEEN 100 AND 199": 10,
    "SELECT * FROM users WHERE id = 3": 1,
    "SELECT * FROM users WHERE name = 'u3'": 1,
    "SELECT u.name, m.id FROM users AS u JOIN memories AS m ON m.user_id = u.id WHERE u.id IN (1, 2)": 202,
    "SELECT kind, count(*) FROM memories WHERE user_id = 3 GROUP BY kind": 100,
    "SELECT * FROM memories AS m JOIN users AS u ON u.id = m.user_id WHERE m.user_id = 3": 101,
    "SELECT a.id, b.id FROM users AS a, users AS b": 110,
    "SELECT max(at) FROM memories WHERE user_id = 3": 1,
    "SELECT * FROM (SELECT DISTINCT kind FROM memories WHERE user_id = 3 LIMIT 9) AS k, users AS u WHERE u.id = 1": 101,
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("costs") / "costs.db"
    with closing(sqlite3.connect(database)) as conn:
        conn.executescript(SCHEMA)
    return database


@pytest.fixture
def conn(path: Path) -> Iterator[SQLiteConnection]:
    with closing(SQLiteConnection(Target(path=path, display="costs.db"), "ro", 1000)) as connection:
        yield connection


def cost(conn: Connection, sql: str, *header: str, budget: float = 5.0, price: float | None = None) -> QueryCost:
    queries = read_named("\n".join(["-- name: q", *header, sql + ";"]), "q.sql")
    (item,) = costs_of(conn, planned_of(conn, queries), budget=budget, price=price)
    return item


@pytest.mark.parametrize("by", ["sqlite_stmt", "apsw"])
@pytest.mark.parametrize("sql", VISITED)
def test_the_rows_that_were_read_lie_between_the_bounds(
    conn: SQLiteConnection, sql: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "apsw":
        pytest.importorskip("apsw")
        monkeypatch.setattr("memsql.db.status._COUNTERS", "SELECT none FROM of_this WHERE x = ?")
    counted = counters(conn, sql, ())
    if counted is None:
        pytest.skip("this SQLite shows no counters")
    code = instructions(counted.program)
    most = most_rows(code, counted.steps)
    least = max(least_rows(code, counted.steps), counted.scanned + counted.indexed)
    # The entry that ends a range is read too.
    assert least <= VISITED[sql] + 1
    assert most is not None
    assert VISITED[sql] <= most <= 6 * VISITED[sql] + 20, counted.steps


def test_bounds_are_close_where_every_row_is_alike(conn: SQLiteConnection) -> None:
    rows = cost(conn, "SELECT * FROM memories WHERE user_id = 3").rows
    assert (rows.at_least, rows.at_most, rows.best) == (100, 100, 100)
    assert rows.how.startswith("counted by SQLite ")


@pytest.mark.parametrize(
    ("sql", "most", "outcome"),
    [
        ("SELECT * FROM memories WHERE user_id = 3", 100, "holds"),
        ("SELECT * FROM memories WHERE user_id = 3", 99, "broken"),
        ("SELECT * FROM memories AS m", 999, "broken"),
        ("SELECT * FROM memories AS m", 1001, "holds"),
        ("SELECT * FROM users WHERE id = :id", 1, "holds"),
        ("WITH k AS MATERIALIZED (SELECT 1 AS z) SELECT * FROM k, json_each('[1, 2]')", 0, "holds"),
        # Between the bounds, and nothing was analyzed.
        ("SELECT kind, count(*) FROM memories WHERE user_id = 3 GROUP BY kind", 101, "unproven"),
        ("SELECT count(*) FROM memories", 5, "broken"),
        ("SELECT count(*) FROM memories", 1000, "holds"),
    ],
)
def test_whether_few_enough_rows_are_read(conn: SQLiteConnection, sql: str, most: int, outcome: str) -> None:
    item = cost(conn, sql, f"-- plan: rows read <= {most}")
    assert ("broken" if item.breaches else "unproven" if item.unproven else "holds") == outcome
    if item.breaches:
        assert "rows (" in item.breaches[0].reason


def test_without_a_run_nothing_is_decided(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "analyzed.db"
    target.write_bytes(path.read_bytes())
    sql, wish = "SELECT * FROM memories WHERE user_id = 3", "-- plan: rows read <= 99"
    with closing(SQLiteConnection(Target(path=target, display="x"), "rw", 1000)) as conn:
        item = cost(conn, sql, wish, budget=0)
        assert item.unproven == ("rows read <= 99: 10 rows (estimated, without ANALYZE)",)
        conn.execute("ANALYZE")
        item = cost(conn, sql, wish, budget=0)
        assert not item.breaches
        assert item.unproven == ("rows read <= 99: 100 rows (estimated from the statistics of ANALYZE)",)


@pytest.mark.parametrize(
    ("sql", "most", "outcome"),
    [
        ("SELECT count(*) FROM memories LIMIT 1", 100, "broken"),
        ("SELECT sum(at) FROM memories LIMIT 1", 100, "broken"),
        ("SELECT min(kind) FROM memories", 100, "broken"),
        ("SELECT * FROM memories WHERE user_id IN (1, 2, 3, 4, 5)", 200, "unproven"),
        ("SELECT * FROM memories WHERE user_id IN (1, 2, 3, 4, 5)", 3000, "holds"),
        ("SELECT max(id) FROM memories WHERE user_id = 3", 7, "holds"),
    ],
)
def test_the_run_decides_and_not_the_estimate(path: Path, tmp_path: Path, sql: str, most: int, outcome: str) -> None:
    target = tmp_path / "analyzed.db"
    target.write_bytes(path.read_bytes())
    with closing(SQLiteConnection(Target(path=target, display="x"), "rw", 1000)) as conn:
        conn.execute("ANALYZE")
        item = cost(conn, sql, f"-- plan: rows read <= {most}")
    assert ("broken" if item.breaches else "unproven" if item.unproven else "holds") == outcome, item.rows


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT * FROM memories ORDER BY kind DESC", 1000),
        ("SELECT * FROM memories WHERE id BETWEEN 83 AND 146 ORDER BY kind", 65),
        ("SELECT id FROM memories WHERE user_id = 5 ORDER BY kind", 101),
        ("WITH x AS MATERIALIZED (SELECT * FROM memories WHERE at >= 0 LIMIT 20) SELECT * FROM x AS a JOIN x AS b", 20),
        ("WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000) SELECT count(*) FROM c", 0),
    ],
)
def test_rows_of_sorters_and_subqueries_are_no_rows_of_tables(conn: SQLiteConnection, sql: str, rows: int) -> None:
    bounds = cost(conn, sql).rows
    assert bounds.at_least is not None
    assert bounds.at_least <= rows <= (bounds.at_most or 0)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT * FROM memories", 1000),
        ("SELECT * FROM memories LIMIT 7", 7),
        ("SELECT * FROM memories ORDER BY kind LIMIT 7", 1000),
        ("SELECT * FROM users WHERE name = 'x'", 1),
        ("SELECT * FROM users WHERE id = 1", 1),
        ("SELECT * FROM memories WHERE user_id = 1", 100),
        ("SELECT * FROM memories WHERE user_id = 1 AND at > 5", 25),
        ("SELECT * FROM users AS u JOIN memories AS m ON m.user_id = u.id WHERE u.id = 1", 101),
        ("SELECT * FROM users AS u, memories AS m WHERE m.user_id = u.id", 1010),
        ("SELECT (SELECT count(*) FROM memories AS m WHERE m.user_id = u.id) FROM users AS u", 1010),
        ("SELECT * FROM memories AS a JOIN memories AS b ON a.kind = b.kind WHERE a.id = 1", None),
        ("SELECT id FROM users UNION ALL SELECT id FROM memories", 1010),
        ("SELECT * FROM memories WHERE user_id = 1 OR id = 5", 101),
        ("SELECT 1", 0),
    ],
)
def test_estimates_by_statistics(path: Path, tmp_path: Path, sql: str, rows: int | None) -> None:
    target = tmp_path / "analyzed.db"
    target.write_bytes(path.read_bytes())
    with closing(SQLiteConnection(Target(path=target, display="x"), "rw", 1000)) as conn:
        conn.execute("ANALYZE")
        estimate = cost(conn, sql, budget=0).rows.estimated
    # A join without an index depends on what the planner makes of it.
    assert estimate == rows if rows is not None else (estimate or 0) >= 1000


def test_statistics_are_read_as_analyze_writes_them() -> None:
    rows = [("T", "I", "1000 100 1 unordered"), ("T", "J", "50 5"), ("u", None, "7"), ("v", "K", "sz=3")]
    statistics = statistics_of(rows)
    assert statistics.rows == {"t": 1000, "u": 7}
    assert statistics.entries == {"i": (1000, 100, 1), "j": (50, 5)}


def test_what_writes_or_does_not_end_is_not_run(conn: SQLiteConnection) -> None:
    item = cost(conn, "DELETE FROM memories WHERE user_id = :u", "-- plan: no scan")
    assert item.rows.problem == "it writes, and was not run"
    assert not item.breaches
    endless = "SELECT count(*) FROM memories AS a, memories AS b, memories AS c, memories AS d"
    assert cost(conn, endless, budget=0.2).rows.problem == "longer than 0.2 s"


@pytest.mark.parametrize("by", ["sqlite_stmt", "apsw"])
@pytest.mark.parametrize(
    ("sql", "least"),
    [
        ("SELECT rowid FROM f WHERE f MATCH 'alpha'", 300),
        ("SELECT t FROM f WHERE f MATCH 'alpha' ORDER BY rank LIMIT 1", 0),
        ("SELECT u.id FROM r AS u WHERE u.a >= 10 AND u.b <= 90", 0),
    ],
)
def test_what_a_virtual_table_reads_is_not_counted(
    tmp_path: Path, sql: str, least: int, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "apsw":
        pytest.importorskip("apsw")
        monkeypatch.setattr("memsql.db.status._COUNTERS", "SELECT none FROM of_this WHERE x = ?")
    with closing(SQLiteConnection(Target(path=tmp_path / "v.db", display="x"), "rwc", 1000)) as conn:
        conn.script(
            "CREATE VIRTUAL TABLE f USING fts5 (t); CREATE VIRTUAL TABLE r USING rtree (id, a, b);"
            f"INSERT INTO f (rowid, t) {ROWS} SELECT v, 'alpha w' || v FROM n WHERE v < 300;"
            f"INSERT INTO r {ROWS} SELECT v, v, v + 1 FROM n WHERE v < 300; ANALYZE;"
        )
        for most in (2, 100_000):
            item = cost(conn, sql, f"-- plan: rows read <= {most}", price=1.0)
            assert item.rows.uncounted == (("r",) if " r " in sql else ("f",))
            assert (item.rows.best, item.price, item.rows.at_most) == (None, None, None)
            if item.rows.at_least is None:
                pytest.skip("this SQLite shows no counters")
            assert item.rows.at_least >= least
            assert bool(item.breaches) == (item.rows.at_least > most)
            assert bool(item.unproven) != bool(item.breaches)
        assert "not counted: what" in item.unproven[0]


def test_where_nothing_counts_the_plan_is_all(conn: SQLiteConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memsql.db.status._COUNTERS", "SELECT none FROM of_this WHERE x = ?")
    monkeypatch.setitem(sys.modules, "apsw", None)
    rows = cost(conn, "SELECT * FROM memories").rows
    assert "memsql-migrate[counters]" in str(rows.problem)
    assert (rows.best, rows.how) == (999, "estimated, without ANALYZE")


def test_the_price_of_a_million_calls(conn: SQLiteConnection) -> None:
    assert price_of(1_000, 1.0) == 1.0
    assert cost(conn, "SELECT * FROM memories WHERE user_id = 3", price=0.8).price == pytest.approx(0.08)
    assert RowsRead(measured=7).how == "counted by the server"


def test_a_server_counts_the_rows_itself(empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rwc")) as conn:
        conn.batch([Script(SCHEMA)])
        item = cost(conn, "SELECT * FROM memories WHERE user_id = 3", "-- plan: rows read <= 100", price=1.0)
        assert item.rows.measured in (100, 101)
        assert item.rows.how == "counted by the server"
        assert item.price == pytest.approx(item.rows.measured / 1000)
        (other,) = cost(conn, "SELECT * FROM memories AS m", "-- plan: rows read <= 100").breaches
        assert other.reason.startswith("reads 1,00")
