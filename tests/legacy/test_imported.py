"""Rows that another tool wrote into schema_migrations: kept in the history, never taken for migrations of ours."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import cli
import eras
import pytest
import servers
from cli import Project
from places import ROOT
from reference_project import succeed

from memsql.server import Running

pytestmark = pytest.mark.slow

_IMPORTED = (
    "SELECT migration_id, status, started_at, performed_by, duration_ms, checksum, message FROM memsql_history "
    "WHERE operation = 'import' ORDER BY id"
)


def _query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as conn:
        return conn.execute(sql).fetchall()


def _npm_with_more_rows(database: Path) -> list[tuple[Any, ...]]:
    eras.build(database, "2.0_npm", "empty")
    with closing(sqlite3.connect(database)) as conn:
        conn.executemany(
            "INSERT INTO schema_migrations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (3, "add_tags", "Tags", "2024-01-02T03:04:05.000Z", "deploy@host", 12, "abc", "rolled_back"),
                (4, "add_colours", None, "2024-01-03T03:04:05.000Z", None, 7, "def", "failed"),
                (9, "add_more", None, "2024-01-04T03:04:05.000Z", "deploy@host", 3, "123", "applied"),
            ],
        )
        conn.commit()
        return conn.execute(
            "SELECT printf('%04d_%s', version, name), status, applied_at, applied_by, duration_ms, checksum, "
            "description FROM schema_migrations ORDER BY version"
        ).fetchall()


def test_an_adoption_keeps_every_row_of_the_npm_tool(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    rows = _npm_with_more_rows(database)

    succeed(database, "legacy.adopt")
    assert _query(database, _IMPORTED) == rows

    status = json.loads(succeed(database, "migrate.status", "--json"))
    assert [m["state"] for m in status["migrations"]] == ["applied", "applied", "pending", "pending"]
    assert [(row["version"], row["name"]) for row in status["imported"]] == [
        (3, "add_tags"),
        (4, "add_colours"),
        (9, "add_more"),
    ]
    assert "imported from the ledger of another tool: 9 add_more (applied" in succeed(database, "migrate.status")

    succeed(database, "migrate.up")
    succeed(database, "verify")
    assert _query(database, _IMPORTED) == rows
    status = json.loads(succeed(database, "migrate.status", "--json"))
    assert [m["state"] for m in status["migrations"]] == ["applied"] * 4
    assert [(row["version"], row["name"], row["status"], row["applied_by"]) for row in status["imported"]] == [
        (3, "add_tags", "rolled_back", "deploy@host"),
        (4, "add_colours", "failed", None),
        (9, "add_more", "applied", "deploy@host"),
    ]
    assert (
        "imported from the ledger of another tool: 3 add_tags (rolled back 2024-01-02T03:04:05 by deploy@host); "
        "it is not 0003_fix_fts_triggers, which has the same number" in succeed(database, "migrate.status")
    )
    assert _query(database, "SELECT name, checksum FROM schema_migrations WHERE version = 9") == [("add_more", "123")]


@pytest.mark.server
@pytest.mark.parametrize("words", [["legacy.adopt"], ["migrate.up"], ["migrate.baseline", "--version", "2"]])
def test_on_a_server_too(empty_server: Running, tmp_path: Path, words: list[str]) -> None:
    database = tmp_path / "a.db"
    rows = _npm_with_more_rows(database)
    servers.load(database, empty_server.url)
    where = ("--project", str(ROOT), "--database", empty_server.url)
    cli.run(*words, *where, cwd=tmp_path).expect(0)
    states = cli.run("migrate.status", "--json", *where, cwd=tmp_path).expect(0).json()["migrations"]
    waiting = "applied" if words == ["migrate.up"] else "pending"
    assert [m["state"] for m in states] == ["applied", "applied", waiting, waiting]
    saved = servers.save(empty_server.url, tmp_path / "saved.db")
    assert _query(saved, _IMPORTED) == rows


def test_a_failure_of_the_other_tool_is_none_of_ours(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "2.0_npm", "empty", npm_statuses={2: "failed"})
    with closing(sqlite3.connect(database)) as conn:
        conn.execute("UPDATE schema_migrations SET applied_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')")
        conn.commit()
    succeed(database, "migrate.up")
    metrics = json.loads(succeed(database, "monitor.metrics", "--json"))
    assert not [attempt for attempt in metrics["migrations"]["attempts"] if attempt["operation"] == "import"]
    assert [row[1] for row in _query(database, _IMPORTED)] == ["applied", "failed"]


def test_a_row_of_another_tool_is_kept_where_there_is_nothing_to_adopt(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "-- a\nCREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    project.add("0002_b", "-- b\nCREATE TABLE b (id INTEGER PRIMARY KEY);\n", "DROP TABLE b;\n")
    project.run("migrate.sum").expect(0)
    project.script(
        "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, description TEXT, applied_at TEXT, "
        "applied_by TEXT, duration_ms INTEGER, checksum TEXT, status TEXT);"
        "INSERT INTO schema_migrations VALUES (2, 'x', NULL, NULL, NULL, NULL, NULL, 'applied');"
    )
    project.up("--to", "1")
    assert project.states() == {1: "applied", 2: "pending"}
    project.up()
    assert project.states() == {1: "applied", 2: "applied"}
    assert project.query("SELECT migration_id, status FROM memsql_history WHERE operation = 'import'") == [
        ("0002_x", "applied")
    ]


def test_versions_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "-- a\nCREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    project.run("migrate.sum").expect(0)
    project.script(
        "CREATE TABLE schema_migrations (version TEXT PRIMARY KEY, name TEXT, description TEXT, applied_at TEXT, "
        "applied_by TEXT, duration_ms INTEGER, checksum TEXT, status TEXT);"
        "INSERT INTO schema_migrations (version, name, status) VALUES ('v1', 'x', 'applied');"
    )
    for words in (["migrate.status"], ["migrate.up"], ["legacy.status"]):
        project.run(*words).expect(6, "the name schema_migrations is taken", "'v1'", "RENAME TO")
