"""analyze.queries and verify: what queries cost, and whether that is what their files expect."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cli import Project
from either import Place

from memsql import config
from memsql.db import connection
from memsql.errors import StatementError
from memsql.project.named_queries import hot_queries
from memsql.project.queries import filled as filled_queries

SCHEMA = "CREATE TABLE memories (id INTEGER PRIMARY KEY, user_id INT, body TEXT);\n"
INDEX = "CREATE INDEX by_user ON memories (user_id);\n"
ROWS = "WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 200) "
FILL = f"INSERT INTO memories (user_id, body) {ROWS} SELECT v % 4, 'text' FROM n;\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return filled(Project(tmp_path, "queries = app/*.sql\nprice_rows_read = 1.00\n"))


def filled(project: Project) -> Project:
    project.add("0001_memories", SCHEMA + FILL, "DROP TABLE memories;\n")
    project.add("0002_index", INDEX, "DROP INDEX by_user;\n")
    write(
        project, "sql/queries/mine.sql", "-- plan: no scan, rows read <= 60\nSELECT * FROM memories WHERE user_id = :u;"
    )
    write(
        project,
        "app/memories.sql",
        "-- name: Count :one\nSELECT count(*) FROM memories WHERE body = ?;\n\n"
        "-- name: Add :exec\nINSERT INTO memories (user_id) VALUES (?);\n",
    )
    return project


def write(project: Project, path: str, text: str) -> None:
    file = project.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")


def test_what_queries_cost(project: Project) -> None:
    project.up()
    before = project.files()
    report = project.run("analyze.queries", "--json").expect(0).json()
    assert project.files() == before
    mine, total, add = report["queries"]
    assert (mine["name"], mine["path"], mine["line"], mine["ok"]) == ("mine", "sql/queries/mine.sql", 1, True)
    # With the entry that ends the range.
    assert (mine["rows_read"], mine["price_of_a_million"], mine["samples"]) == (51, 0.051, ["u"])
    assert mine["steps"][0] == {
        "kind": "search",
        "table": "memories",
        "index": "by_user",
        "whole": False,
        "covering": False,
        "automatic": False,
        "equality": ["user_id"],
        "ranges": [],
        "sorts": None,
    }
    assert (total["name"], total["line"], total["rows_read"], total["price_of_a_million"]) == ("Count", 2, 200, 0.2)
    assert (add["name"], add["not_measured"]) == ("Add", "it writes, and was not run")
    done = project.run("analyze.queries").expect(0, "SCAN memories", "a million calls: 0.20", "1 with expectations")
    assert "ok       Count  (app/memories.sql:2)" in done.out


def test_a_contract_that_is_broken_fails(project: Project) -> None:
    write(
        project, "app/memories.sql", "-- name: count\n-- plan: no scan of memories\nSELECT count(*) FROM memories AS m;"
    )
    project.up()
    reason = "'no scan of memories' does not hold: reads all of memories"
    project.run("analyze.queries").expect(1, "error    count  (app/memories.sql:3)", reason, "1 not as expected")
    done = project.run("verify", "--json").expect(1).json()
    (check,) = [check for check in done["checks"] if check["name"] == "query count"]
    assert (check["severity"], check["ok"]) == ("error", False)
    assert check["messages"][0].startswith(f"app/memories.sql: {reason}")
    project.run("analyze.queries", "--only", "mine", "--no-run").expect(0, "estimated, without ANALYZE")
    project.run("analyze.queries", "--only", "nothing").expect(2, "no query has this word")


def test_what_a_pending_migration_provides_is_not_due(project: Project) -> None:
    project.run("migrate.to", "1").expect(0)
    done = project.run("verify").expect(0, "later    query mine", "not before migration 0002")
    assert "'no scan' does not hold" in done.out
    project.run("analyze.queries").expect(1)
    # No migration provides this.
    write(project, "sql/queries/mine.sql", "-- plan: uses by_body\nSELECT * FROM memories WHERE body = 'x';")
    project.run("verify").expect(1, "error    query mine", "there is no index by_body")


def test_a_query_that_does_not_run_and_one_that_nobody_can_judge(project: Project) -> None:
    write(project, "sql/queries/mine.sql", "-- plan: no scan\nSELECT absent FROM memories;")
    some = "-- plan: rows read <= 1\nSELECT count(*) FROM memories WHERE user_id IN (1, 2);"
    write(project, "sql/queries/some.sql", some)
    project.up()
    done = project.run("verify").expect(1, "it does not run: no such column: absent", "1 not proven")
    assert "warning  query some" in done.out
    project.run("analyze.queries").expect(1, "it does not run here: no such column: absent", "unproven some")


ENDLESS = "WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n) SELECT {} FROM n"
CROSS = "SELECT count(*) FROM memories AS a, memories AS b, memories AS c, memories AS d"


def test_a_query_that_does_not_end_ends_at_a_limit(place: Place) -> None:
    project = filled(place.project)
    project.configure("[memsql]\ncheck_timeout = 200ms\n")
    place.run("migrate.up").expect(0)
    wish = "-- plan: rows read <= 5\n"
    write(project, "sql/queries/a_recursive.sql", f"{wish}{ENDLESS.format('sum(v)')};")
    write(project, "sql/queries/b_cross.sql", f"{wish}{CROSS};")
    write(project, "sql/queries/c_sample.sql", f"{wish}-- param: u = {ENDLESS.format('max(v)')}\nSELECT :u;")
    done = place.run("verify").expect(0, "warning  query a_recursive", "warning  query b_cross", "3 not proven")
    assert done.out.count("not measured: longer than") == 2
    assert "not measured: the SELECT of param u: longer than" in done.out
    done = place.run("analyze.queries", "--budget", "1").expect(0, "unproven a_recursive", "unproven c_sample")
    assert done.out.count("not measured: longer than ") >= 2
    assert "3 not proven" in done.out


def test_an_endless_query_that_returns_rows_is_not_kept(project: Project) -> None:
    project.up()
    write(project, "sql/queries/rows.sql", f"{ENDLESS.format('v')};")
    report = project.run("analyze.queries", "--budget", "1", "--only", "rows", "--json").expect(0).json()
    (query,) = report["queries"]
    assert (query["not_measured"], query["not_counted"]) == ("longer than 1 s", [])


def test_files_that_are_no_queries(project: Project) -> None:
    project.up()
    write(project, "app/memories.sql", "-- name: a\n-- plan: no scn\nSELECT 1;")
    for task in ("analyze.queries", "verify"):
        project.run(task).expect(2, "app/memories.sql:2", 'did you mean "no scan"?')
    project.configure("[memsql]\nqueries = none/*.sql\n")
    project.run("analyze.queries").expect(2, "queries = none/*.sql: there is no such file")
    project.run("analyze.queries", "--database", "none.db").expect(3, "none.db does not exist")


def test_a_database_that_nobody_may_write(project: Project) -> None:
    project.up()
    project.db.chmod(0o444)
    project.root.chmod(0o555)
    try:
        project.run("analyze.queries").expect(0)
        project.run("verify").expect(0)
    finally:
        project.root.chmod(0o755)


def test_the_same_on_a_file_and_on_a_server(place: Place) -> None:
    filled(place.project)
    place.project.configure("[memsql]\nprice_rows_read = 1.00\n")
    place.run("migrate.up").expect(0)
    report = place.run("analyze.queries", "--json").expect(0).json()
    (mine,) = report["queries"]
    assert mine["steps"][0]["index"] == "by_user"
    assert mine["rows_read"] in (50, 51)
    assert (mine["rows_read_by"]["server"] is None) is place.url.endswith(".db")
    place.run("verify").expect(0, "ok       query mine")


MANY = 400
LARGE = {
    "subqueries": ", ".join(f"(SELECT max(user_id) FROM memories WHERE body = {n})" for n in range(MANY)),
    "variables": f"1 IN ({', '.join(f':p{n}' for n in range(10_000))}) FROM memories",
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_query_is_planned_in_time_that_grows_with_its_length(project: Project, name: str) -> None:
    project.up()
    write(project, "sql/queries/large.sql", f"SELECT {LARGE[name]};")
    begun = time.process_time()
    project.run("analyze.queries", "--only", "large", "--no-run").expect(0, "large")
    # It took minutes when each loop was looked for in the whole program.
    assert time.process_time() - begun < 20


@pytest.mark.parametrize(
    ("body", "code", "part"),
    [
        ("INSERT INTO memories (user_id) VALUES (:u)", 0, "it writes, and was not run"),
        ("WITH n AS (SELECT 1) DELETE FROM memories RETURNING id", 0, "it writes, and was not run"),
        ("PRAGMA user_version = 5", 2, "must hold one SELECT, INSERT, UPDATE or DELETE, and holds another statement"),
        ("CREATE TABLE other (a)", 2, "and holds another statement"),
        ("SELECT 1; SELECT 2", 2, "and holds 2 statements"),
        (f"SELECT '{'x' * 1_000_000}'", 2, "holds a query of 1,000,0"),
    ],
)
def test_what_a_query_may_be(project: Project, body: str, code: int, part: str) -> None:
    project.up()
    write(project, "sql/queries/other.sql", f"{body};")
    before = project.files()
    project.run("analyze.queries").expect(code, part)
    project.run("lint", "sql/queries/other.sql").expect(*((0,) if code == 0 else (1, "MS29"))) if len(
        body
    ) < 99 else None
    assert project.files() == before


def test_a_value_that_does_not_end_is_looked_for_once(project: Project) -> None:
    project.up()
    endless = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"
    write(project, "sql/queries/endless.sql", f"-- param: u = {endless}\nSELECT * FROM memories WHERE user_id = :u;")
    with connection(config.load(project=str(project.root), environ={}).target, "ro", 100) as conn:
        (query,) = [q for q in hot_queries(config.load(project=str(project.root), environ={})) if q.name == "endless"]
        for seconds in (0.2, 0.3, 0.1):
            begun = time.monotonic()
            (answer,) = filled_queries(conn, [query], seconds)
            assert isinstance(answer, StatementError)
            assert answer.is_interrupt
            assert "longer than 0.2 s" in answer.message
        assert time.monotonic() - begun < 0.1
