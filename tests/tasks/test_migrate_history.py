"""migrate.history: what happened to a database, on files and on servers, and by yoyo alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

from memsql.server import Running


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY, mail TEXT);", "DROP TABLE a;")
    project.add("0002_b", "CREATE TABLE b (id INTEGER PRIMARY KEY);", "DROP TABLE b;")
    return project


def everything(project: Project, *words: str) -> list[str]:
    project.run("migrate.up", *words).expect(0)
    project.run("migrate.down", *words).expect(0)
    project.add("0003_c", "INSERT INTO a VALUES (1, 'x');\nINSERT INTO nope VALUES (1);")
    project.run("migrate.up", *words).expect(5)
    project.run("verify", "--record", *words)
    report = project.run("migrate.history", "--json", *words).expect(0).json()
    assert report["total"] == len(report["events"])
    return [f"{event['event']} {event['migration']}" for event in report["events"]]


EVENTS = ["verified verify", "failed 0003_c", "up 0002_b", "down 0002_b", "up 0002_b", "up 0001_a"]


def test_what_happened_to_a_file(project: Project) -> None:
    events = everything(project)
    assert events == EVENTS or events == ["failed verify", *EVENTS[1:]]
    before = project.everything(), project.files()
    done = project.run("migrate.history", "2").expect(0, "database: memory.db", "failed", "no such table", "and 4 more")
    assert "0001_a" not in done.out
    project.run("migrate.history", "--limit", "0").expect(0, "0001_a", "6 events")
    event = project.run("migrate.history", "--json", "--limit", "1").json()["events"][0]
    assert (event["tool"].startswith("memsql "), "@" in event["by"], event["when"].endswith("Z")) == (True, True, True)
    project.run("migrate.history", "--limit", "x").expect(2, "not a number")
    assert (project.everything(), project.files()) == before


def test_a_missing_file_and_one_without_a_history(project: Project) -> None:
    project.run("migrate.history").expect(3, "memory.db does not exist")
    project.script("CREATE TABLE own (x)")
    project.run("migrate.history").expect(0, "nothing happened here yet")
    assert project.run("migrate.history", "--json").json()["events"] == []


def test_what_yoyo_did_alone(project: Project) -> None:
    project.script(
        'CREATE TABLE "_yoyo_log" (id, migration_hash, migration_id, operation, username, hostname, comment, '
        "created_at_utc);"
        "INSERT INTO _yoyo_log VALUES ('1', 'h', '0001_a', 'apply', 'ann', 'desk', NULL, '2024-01-01 10:00:00');"
        "INSERT INTO _yoyo_log VALUES ('2', 'h', '0001_a', 'rollback', 'bob', 'desk', NULL, '2024-01-02 10:00:00');"
    )
    events = project.run("migrate.history", "--json").expect(0).json()["events"]
    shown = [(e["event"], e["version"], e["by"], e["tool"]) for e in events]
    assert shown == [("down", 1, "bob@desk", "yoyo"), ("up", 1, "ann@desk", "yoyo")]


@pytest.mark.server
def test_what_happened_to_a_server(project: Project, empty_server: Running) -> None:
    assert everything(project, "--database", empty_server.url)[1:] == EVENTS[1:]


def test_what_terminals_obey_is_shown_and_not_sent(project: Project) -> None:
    project.run("migrate.up").expect(0)
    project.script("UPDATE memsql_history SET message = 'x' || char(27) || '[2J' || char(10) || '::error::y'")
    out = project.run("migrate.history").expect(0).out
    assert "\x1b" not in out
    assert not any(line.startswith("::") for line in out.splitlines())
