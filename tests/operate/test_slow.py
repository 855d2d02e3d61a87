"""monitor.slow: what was slow according to the history and the reports of chains."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli import Project

from memsql.config import load
from memsql.operate.slow import Timed, grouped, of_report

SLOW = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) AS top FROM n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, "slow_query_ms = 20\n")
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    return project


def slow(project: Project, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    report = project.run("monitor.slow", "--json", *words).expect(0).json()
    return {(s["kind"], s["name"]): s for s in report["slow"]}


def test_nothing_is_recorded(project: Project) -> None:
    project.run("monitor.slow").expect(3, "memory.db does not exist")
    project.script("CREATE TABLE mine (x)")
    before = project.files()
    done = project.run("monitor.slow", "--check").expect(0)
    assert "nothing is recorded in 7 days" in done.out
    assert "memsql verify monitor.metrics monitor.slow" in done.out
    assert project.files() == before


def test_nothing_was_slow(project: Project) -> None:
    project.up()
    project.script("UPDATE memsql_history SET duration_ms = 19")
    project.run("monitor.slow", "--check").expect(
        0, "1 time recorded in 7 days in the history: none took 20 ms or longer (slow_query_ms)"
    )


def test_migrations_and_verifications_of_the_history(project: Project) -> None:
    project.up()
    project.run("migrate.down").expect(0)
    project.up()
    project.run("verify", "--record").expect(0)
    project.script(
        "UPDATE memsql_history SET duration_ms = 100 * id; UPDATE memsql_history SET duration_ms = 5 WHERE id = 1"
    )
    seen = slow(project)
    assert {key: (s["worst_ms"], s["times"], s["source"]) for key, s in seen.items()} == {
        ("verification", "verify"): (400, 1, "history"),
        ("migration", "0001_a (apply)"): (300, 1, "history"),
        ("migration", "0001_a (rollback)"): (200, 1, "history"),
    }
    project.run("monitor.slow", "--check").expect(1, "300 ms", "3 things took 20 ms or longer")
    project.script("UPDATE memsql_history SET started_at = '2020-01-01T00:00:00.000Z'")
    assert slow(project) == {}
    assert len(slow(project, "--days", "1000000")) == 3


def test_statements_checks_and_queries_of_chains(project: Project) -> None:
    project.up()
    project.script("UPDATE memsql_history SET duration_ms = 1")
    project.add("0002_b", f"CREATE TABLE b (x);\n\nINSERT INTO b {SLOW};\n", "DELETE FROM b;\nDROP TABLE b;\n")
    project.check("slow_check", f"SELECT 'never' FROM ({SLOW}) WHERE top < 0")
    (project.root / "sql" / "queries").mkdir()
    (project.root / "sql" / "queries" / "slowly.sql").write_text(f"-- name: q\n{SLOW};\n")
    (project.root / "sql" / "queries" / "quickly.sql").write_text("-- name: q\nSELECT 1;\n")
    done = project.run("migrate.up", "--dry-run", "verify", "monitor.metrics", "--rounds", "3", "monitor.slow").expect(
        0, "things took 20 ms or longer"
    )
    assert "quickly" not in done.out.partition("times  what")[2].partition("recorded in")[0]
    seen = slow(project)
    statement = seen["statement", "0002_b:3"]
    assert statement["sql"].startswith("INSERT INTO b WITH RECURSIVE")
    assert statement["source"].startswith("run-")
    assert set(seen) >= {("check", "slow_check"), ("query", "slowly")}
    assert ("query", "quickly") not in seen
    # another database has runs of its own
    project.run("migrate.up", "--database", "other.db").expect(0)
    assert {kind for kind, _ in slow(project, "--database", "other.db")} <= {"migration"}
    assert slow(project, "--database", f"sqlite:///{project.db}").keys() == seen.keys()


def test_reports_that_others_wrote(project: Project) -> None:
    project.up()
    runs = project.root / "backups" / "runs"
    runs.mkdir(parents=True)
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    (runs / f"run-{now}.000001Z.json").write_text("{")
    (runs / f"run-{now}.000002Z.json").write_bytes(b"\xff")
    (runs / f"run-{now}.000003Z.json").write_text("[" * 100_000)
    (runs / "run-20200101T000000.000000Z.json").write_text("{ long ago")
    for number, text in enumerate(("[]", "null", '{"steps": 1}', '{"steps": [1, {"database": 2}, {}]}')):
        (runs / f"run-{now}.1{number}Z.json").write_text(text)
    report = project.run("monitor.slow", "--json").expect(0).json()
    assert [name[-12:] for name in report["unreadable"]] == [f"00000{n}Z.json" for n in (1, 2, 3)]
    project.run("monitor.slow").expect(0, "000001Z.json is no report of a chain")


def test_fields_that_are_something_else(project: Project) -> None:
    settings = load(project=str(project.root), environ={})
    step = {
        "database": "memory.db",
        "started": "2026-01-01",
        "data": {
            "queries": [{"query": "q", "p95_ms": "9"}, {"query": "r", "p95_ms": True}, {"query": "s", "p95_ms": 9}]
        },
    }
    smoke = {"steps": ["phase1 done", {"name": "search", "duration_ms": 3}, {"name": "restore", "seconds": 1}]}
    steps = [
        step,
        {**step, "data": smoke},
        {**step, "database": "odd://x"},
        {**step, "data": [1]},
        {**step, "data": {"done": [{"statements": {}}]}},
    ]
    assert [t.name for t in of_report(json.loads(json.dumps({"steps": steps})), "r", settings)] == ["s", "search"]


def test_one_line_for_each_thing() -> None:
    times = [Timed("query", "q", ms, when, "r") for ms, when in ((50, "2026-03"), (70, "2026-01"), (10, "2026-09"))]
    (only,) = grouped([*times, Timed("check", "q", 49.9, "2026-01", "r")], 50)
    assert (only.worst.ms, only.times, only.last) == (70, 2, "2026-03")


def test_wrong_options(project: Project) -> None:
    project.db.touch()
    project.run("monitor.slow", "--days", "0").expect(2)
    project.configure("[memsql]\nslow_query_ms = slow\n")
    project.run("monitor.slow").expect(2, "slow_query_ms = slow: not a time")


def test_a_report_of_yesterday_counts(project: Project) -> None:
    project.up()
    runs = project.root / "backups" / "runs"
    runs.mkdir(parents=True)
    when = datetime.now(UTC) - timedelta(days=1)
    step = {"database": "memory.db", "started": "then", "data": {"queries": [{"query": "q", "p95_ms": 1000}]}}
    (runs / f"run-{when:%Y%m%dT%H%M%S}.000000Z.json").write_text(json.dumps({"steps": [step]}))
    assert ("query", "q") in slow(project)
