"""Plans of query files on real databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import small_tables

from memsql.advise.plans import nodes_of
from memsql.advise.queries import QueryPlan, change_lines, plans_of
from memsql.db import Connection
from memsql.errors import FileError
from memsql.project.queries import read_queries


@pytest.fixture
def conn() -> Iterator[Connection]:
    with closing(small_tables.filled()) as connection:
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def query(folder: Path, body: str, *header: str) -> None:
    lines = ["-- name: the query", *(f"-- {line}" for line in header), body]
    (folder / "q.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")


def plans(conn: Connection, folder: Path) -> list[QueryPlan]:
    return plans_of(conn, read_queries(folder))


def plan_of(*lines: str) -> QueryPlan:
    nodes = nodes_of([(number, 0, 0, line) for number, line in enumerate(lines, 1)])
    return QueryPlan("q", "q.sql", lines, (), (), nodes=nodes)


@pytest.mark.parametrize(
    ("body", "scans"),
    [
        ("SELECT * FROM a WHERE x = 1", False),
        ("SELECT * FROM a WHERE y = 1", True),
        ("SELECT x FROM a", True),
        ("SELECT 1", False),
        ("VALUES (1), (2)", False),
        ("SELECT * FROM f WHERE f MATCH 'word'", False),
        ("SELECT * FROM f", True),
        ("SELECT * FROM (SELECT x, count(*) AS n FROM a WHERE x = 1 GROUP BY x LIMIT 3) AS s JOIN a USING (x)", False),
        ("SELECT * FROM (SELECT x, count(*) AS n FROM a GROUP BY x LIMIT 3) AS s JOIN a USING (x)", True),
        ("WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r", False),
    ],
)
def test_what_is_a_scan_of_a_table(conn: Connection, folder: Path, body: str, scans: bool) -> None:
    query(folder, body, "plan: no-scan")
    (plan,) = plans(conn, folder)
    assert plan.error is None
    assert plan.scans is scans
    assert plan.unmet == (("no-scan",) if scans else ())


@pytest.mark.parametrize(
    ("line", "scans"),
    [
        ("SCAN 2-ROW VALUES CLAUSE", False),
        ("SCAN 12 CONSTANT ROWS", False),
        ("SCAN CONSTANT ROW", False),
        ("SCAN 2-ROW", True),
    ],
)
def test_what_other_versions_call_rows_of_constants_is_no_scan(line: str, scans: bool) -> None:
    assert plan_of(line).scans is scans


def test_expectations(conn: Connection, folder: Path) -> None:
    query(folder, "SELECT z FROM a WHERE x = 1 ORDER BY z", "plan: no-scan, no-sort, uses by_x", "plan: uses by")
    (plan,) = plans(conn, folder)
    assert plan.expected == ("no-scan", "no-sort", "uses by_x", "uses by")
    assert set(plan.unmet) - {"uses by_x"} == {"no-sort", "uses by"}
    conn.execute("DROP INDEX by_x_and_y")
    assert plans(conn, folder)[0].unmet == ("no-sort", "uses by")


def test_a_longer_index_name_is_another_index(conn: Connection, folder: Path) -> None:
    conn.execute("DROP INDEX by_x")
    query(folder, "SELECT z FROM a WHERE x = 1", "plan: uses by_x")
    assert plans(conn, folder)[0].unmet == ("uses by_x",)


def test_an_expectation_nobody_knows_is_named_with_its_line(conn: Connection, folder: Path) -> None:
    query(folder, "SELECT 1", "why: because", "plan: no-scn")
    with pytest.raises(FileError) as caught:
        plans(conn, folder)
    assert str(caught.value.where) == "sql/queries/q.sql:3"


def test_values_are_put_where_variables_are_and_nowhere_else(conn: Connection, folder: Path) -> None:
    query(
        folder,
        "SELECT ':a' FROM a /* :a */ WHERE z = :a AND \"x\" = :ab -- :a",
        "param: a = 'it''s :ab'",
        "param: ab = 1",
        "plan: no-scan",
    )
    (plan,) = plans(conn, folder)
    assert (plan.error, plan.unmet) == (None, ())


def test_a_query_that_does_not_fit_says_so(conn: Connection, folder: Path) -> None:
    query(folder, "SELECT nope FROM a", "plan: no-scan")
    assert plans(conn, folder)[0].error == "no such column: nope"


def test_in_what_a_plan_is_worse_than_another_one() -> None:
    searching = plan_of("SEARCH a USING INDEX by_x (x=?)")
    sorting = plan_of("SEARCH a USING INDEX by_x (x=?)", "USE TEMP B-TREE FOR ORDER BY")
    both = plan_of("SCAN a", "USE TEMP B-TREE FOR ORDER BY")
    assert both.worse_than(searching) == ("scans", "sorts")
    assert both.worse_than(sorting) == ("scans",)
    assert searching.worse_than(both) == ()


def test_changes_of_plans(conn: Connection, folder: Path) -> None:
    query(folder, "SELECT z FROM a WHERE x = 1")
    conn.execute("DROP INDEX by_x_and_y")
    before = plans(conn, folder)
    assert change_lines(before, plans(conn, folder)) == []
    conn.execute("DROP INDEX by_x")
    scanning = plans(conn, folder)
    assert change_lines(before, scanning) == ["the query: SEARCH a USING INDEX by_x (x=?) -> SCAN a; now scans"]
    assert change_lines(scanning, before)[0].endswith("no longer scans")
    conn.execute("DROP VIEW v")
    conn.execute("DROP TABLE a")
    assert change_lines(scanning, plans(conn, folder)) == ["the query: no longer runs: no such table: a"]
