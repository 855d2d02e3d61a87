"""verify --record: one row of history, and nothing without it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import servers
from cli import Project

from memsql.db import connect
from memsql.server import Running

ROWS = (
    "SELECT migration_id, version, operation, status, "
    "message FROM memsql_history WHERE operation = 'verify' ORDER BY id"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    return project


def test_a_verdict_is_recorded(project: Project) -> None:
    project.up()
    report = project.run("verify", "--record", "--json").expect(0).json()
    assert report["recorded"] is True
    (row,) = project.query(ROWS)
    assert row == ("verify", None, "verify", "ok", f"proven: {len(report['checks'])} checks, 0 failed, 0 warnings")
    project.check("never", "SELECT 'no'")
    project.run("verify", "--record").expect(1, "recorded in the history")
    assert project.query(ROWS)[1][3:] == (
        "failed",
        f"1 check failed: {len(report['checks']) + 1} checks, 1 failed, 0 warnings",
    )
    assert project.states() == {1: "applied"}
    project.run("migrate.down").expect(0)


def test_without_the_option_nothing_is_written(project: Project) -> None:
    project.up()
    before = project.files()
    assert "recorded" not in project.run("verify", "--json").expect(0).json()
    assert project.files() == before


def test_without_a_history_it_says_so(project: Project) -> None:
    project.run("verify", "--record").expect(3, "memory.db does not exist")
    assert not project.db.exists()
    project.script("CREATE TABLE own (x);")
    project.run("verify", "--record").expect(1, "not recorded: there is no history yet")
    before = project.everything()
    report = project.run("verify", "--record", "--json").json()
    assert report["recorded"] is False
    assert project.everything() == before


def test_a_protected_database_needs_no_gate(project: Project) -> None:
    project.up()
    project.configure("[memsql]\nprotected = yes\n")
    project.run("verify", "--record").expect(0, "recorded in the history")


def test_a_lock_tells_the_verdict(project: Project) -> None:
    project.up()
    project.configure("[memsql]\nbusy_timeout = 50\n")
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        project.run("verify", "--record").expect(4, "the verification itself ended, and was not recorded; proven: ")


def test_on_a_server(project: Project, empty_server: Running) -> None:
    where = ("--database", empty_server.url)
    project.run("verify", "--record", *where).expect(0, "not recorded")
    project.up(*where)
    project.run("verify", "--record", *where).expect(0, "recorded in the history")
    with closing(connect(servers.target(empty_server.url))) as conn:
        assert [r[3] for r in conn.execute(ROWS).rows] == ["ok"]
