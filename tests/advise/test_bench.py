"""bench.queries: databases made for it, and what is measured on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli import Project
from markupsafe import Markup

from memsql.report.charts import Curve, logarithmic_chart


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_create", "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);", "DROP TABLE t;")
    project.add("0002_index", "CREATE INDEX t_a ON t (a);", "DROP INDEX t_a;")
    for folder in ("queries", "bench"):
        (tmp_path / "sql" / folder).mkdir(parents=True)
    (tmp_path / "sql/queries/by_a.sql").write_text(
        "-- param: a = SELECT a FROM t LIMIT 1\nSELECT b FROM t WHERE a = :a;\n", encoding="utf-8"
    )
    (tmp_path / "sql/queries/gone.sql").write_text("SELECT x FROM gone;\n", encoding="utf-8")
    (tmp_path / "sql/bench/rows.sql").write_text(
        "INSERT INTO t (a, b) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500 * :scale)\n"
        "SELECT i % (10 * :owners), i FROM n;\nUPDATE t SET c = 1;\n",
        encoding="utf-8",
    )
    return project


def test_before_and_after(project: Project, tmp_path: Path) -> None:
    page = tmp_path / "bench.html"
    done = project.run(
        "bench.queries", "--scale", "2,1", "--rounds", "4", "--budget", "30", "--html", str(page), "--json"
    ).expect(0)
    report: dict[str, Any] = done.json()
    assert (report["from"], report["to"]) == (1, 2)
    assert [one["scale"] for one in report["scales"]] == [1, 2]
    larger = report["scales"][1]
    assert larger["rows"] == {"t": 1000}
    assert larger["left_out"] == ["sql/bench/rows.sql:3: no such column: c"]
    assert larger["bytes"]["after"] > larger["bytes"]["before"]
    by_a, gone = larger["queries"]
    assert by_a["before"]["plan"] == ["SCAN t"]
    assert by_a["before"]["rows_read"] > 10 * by_a["after"]["rows_read"]
    assert by_a["before"]["rows_returned"] == by_a["after"]["rows_returned"] == 10
    assert {side[kind]["runs"] for side in (by_a["before"], by_a["after"]) for kind in ("warm", "cold")} == {4}
    assert by_a["warm_ratio"]["pairs"] == 4
    assert (gone["before"], gone["error"]) == (None, "no such table: gone")
    assert "before at scale 2" in page.read_text(encoding="utf-8")
    assert not project.db.exists()


def test_behind_servers(sqld: Path, project: Project) -> None:
    words = ["bench.queries", "--server", "--scale", "2", "--rounds", "2", "--budget", "30"]
    report: dict[str, Any] = project.run(*words, "--json").expect(0).json()
    assert report["server"] is True
    by_a, gone = report["scales"][0]["queries"]
    assert [by_a[side]["rows_read_how"] for side in ("before", "after")] == ["counted by the server"] * 2
    assert (by_a["before"]["rows_read"], by_a["after"]["rows_read"]) == (1000, 11)
    assert {side[kind]["runs"] for side in (by_a["before"], by_a["after"]) for kind in ("warm", "cold")} == {2}
    assert (gone["before"], "no such table: gone" in gone["error"]) == (None, True)


def test_without_a_server_program(project: Project, tmp_path: Path) -> None:
    nowhere = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path)}
    project.run("bench.queries", "--server", env=nowhere).expect(2, "there is no libSQL server on this machine")


def test_text_and_made_up_rows(project: Project, tmp_path: Path) -> None:
    (tmp_path / "sql/bench/rows.sql").unlink()
    project.run("bench.queries", "--scale", "1", "--rounds", "2", "--budget", "30").expect(
        0, "version 1 (before) against version 2 (after)", "scale 1: 1,000 t", "by_a", "gone: no such table: gone"
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--scale", "1,x"], "--scale x: give numbers"),
        (["--from", "7"], "7: there is no such version; the project has 1, 2"),
        (["--from", "2", "--to", "2"], "--from 2 does not come before --to 2"),
        (["--to", "1"], "no version comes before it"),
        (["--rounds", "0"], "--rounds 0"),
        (["--html", "no/bench.html"], "--html no/bench.html: there is no such folder"),
    ],
)
def test_a_command_line_that_is_wrong(project: Project, words: list[str], problem: str) -> None:
    project.run("bench.queries", *words).expect(2, problem)


def test_a_project_with_one_version(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.run("bench.queries", "--from", "1").expect(2, "1: there is no such version; the project has none")
    project.add("0001_create", "CREATE TABLE t (a);")
    done = project.run("bench.queries", "--json").expect(0)
    assert (done.json()["from"], done.json()["scales"]) == (None, [])
    project.run("bench.queries", "--from", "1").expect(2, "there is one version, 1: none comes before it")


def test_rows_that_do_not_run(project: Project, tmp_path: Path) -> None:
    (tmp_path / "sql/bench/rows.sql").write_text("INSERT INTO t (id, a) VALUES (1, 1), (1, 2);\n", encoding="utf-8")
    project.run("bench.queries", "--scale", "1").expect(2, "sql/bench/rows.sql does not run: UNIQUE")
    (tmp_path / "sql/bench/rows.sql").write_text("INSERT INTO u (a) VALUES (1);\n", encoding="utf-8")
    project.run("bench.queries", "--scale", "1").expect(2, "none of the statements of sql/bench fits the schema")


def test_a_chart_says_its_figures() -> None:
    def drawn(title: str, *curves: Curve) -> Markup | None:
        return logarithmic_chart(title, curves, lambda scale: f"scale {scale}", lambda ms: f"{ms:.1f} ms")

    drawing = drawn("<b>", Curve("before", [(1, 0.1), (100, 20.0)]), Curve("after", [(1, 0.1), (100, 0.2)]))
    assert isinstance(drawing, Markup)
    assert "&lt;b&gt;. before at scale 1: 0.1 ms; before at scale 100: 20.0 ms; after at scale 1" in drawing
    assert drawn("t", Curve("before", [])) is None


def test_what_an_index_costs_to_write(project: Project) -> None:
    words = ["bench.writes", "--schemas", "1,2", "--rows", "20", "--rounds", "2", "--budget", "30"]
    report: dict[str, Any] = project.run(*words, "--json").expect(0).json()
    before, after = report["schemas"]
    assert (before["indexes"], after["indexes"]) == (0, 1)
    assert before["index_bytes"] == 0 < after["index_bytes"]
    assert [(w["table"], w["operation"]) for w in report["writes"]] == [
        (table, operation) for table in ("t", "all tables") for operation in ("delete", "insert", "update")
    ]
    assert {times["runs"] for write in report["writes"] for times in write["times"]} == {2}
    project.run(*words).expect(0, "2: 1 index by CREATE INDEX", "2 takes delete ")


def test_tables_that_are_not_written_to(project: Project) -> None:
    words = ["bench.writes", "--schemas", "1,2", "--rows", "1000", "--budget", "30"]
    project.run(*words).expect(0, "not written to: t: fewer than 1000 rows", "nothing was measured")
    project.run("bench.writes", "--schemas", "1").expect(2, "--schemas: give two or more")
    project.run("bench.writes", "--schemas", "1,9").expect(2, "9: there is no such version")


def test_odd_tables(tmp_path: Path) -> None:
    """Columns that are called like the rowid, computed ones, and tables that refer to others."""
    project = Project(tmp_path)
    project.add(
        "0001_create",
        'CREATE TABLE "a ""b" (rowid TEXT, b INTEGER, c INTEGER AS (b + 1) STORED, d TEXT UNIQUE);'
        "CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE TABLE r (_rowid_ INTEGER, rowid, oid);"
        "CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT);"
        "CREATE TABLE ch (id INTEGER PRIMARY KEY, p_id INTEGER NOT NULL REFERENCES p (id) ON DELETE CASCADE);",
    )
    project.add("0002_index", "CREATE INDEX ch_p ON ch (p_id);")
    (tmp_path / "sql/queries").mkdir(parents=True)
    (tmp_path / "sql/queries/d.sql").write_text('SELECT * FROM "a ""b" WHERE d = :d;\n', encoding="utf-8")
    report = project.run("bench.queries", "--scale", "1", "--rounds", "2", "--budget", "30", "--json").expect(0).json()
    assert [query["error"] for query in report["scales"][0]["queries"]] == [None]
    words = ["bench.writes", "--schemas", "1,2", "--rows", "10", "--rounds", "2", "--budget", "30"]
    report = project.run(*words, "--json").expect(0).json()
    assert {write["table"] for write in report["writes"]} == {'a "b', "p", "ch", "all tables"}
    assert report["passed_over"] == ["r: its rowid has no name", "w: its rowid has no name"]
