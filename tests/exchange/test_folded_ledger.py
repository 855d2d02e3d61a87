"""Ledgers of other tools that name migrations which were folded into one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from other_ledgers import TABLES

TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
RED = "INSERT INTO team VALUES (1, 'red');\n"
ROWS = {
    "d1": "d1_migrations (name) VALUES ('{}.sql')",
    "goose": "goose_db_version (version_id, is_applied) VALUES ({:.4}, 1)",
    "prisma": "_prisma_migrations (id, checksum, finished_at, migration_name) VALUES ('{0}', '"
    + "a" * 64
    + "', 1, '{0}')",
    "golang-migrate": "schema_migrations VALUES ({:.4}, 0)",
}


def project_of(root: Path, tool: str, *ids: str, schema: str = TEAM + RED, stands_for: str = "") -> Project:
    """A project where 0001_team and 0002_red are one, and a database in which ``tool`` applied ``ids``."""
    project = Project(root)
    header = stands_for or "-- stands_for: 0001_team 0002_red\n"
    project.add("0002_red", f"-- baseline\n{header}{TEAM}{RED}", "DROP TABLE team;\n")
    project.add("0003_blue", "-- blue\nINSERT INTO team VALUES (2, 'blue');\n", None)
    rows = [f"INSERT INTO {ROWS[tool].format(name)}" for name in ids]
    project.script(";\n".join([*TABLES[tool], *rows, schema]))
    return project


@pytest.mark.parametrize(
    ("tool", "ids"),
    [
        ("d1", ("0001_team", "0002_red")),
        ("d1", ("0002_red",)),
        ("goose", ("0001_team", "0002_red")),
        ("prisma", ("0001_team", "0002_red")),
        ("golang-migrate", ("0002",)),
    ],
)
def test_all_of_them_are_what_stands_for_them(tmp_path: Path, tool: str, ids: tuple[str, ...]) -> None:
    project = project_of(tmp_path, tool, *ids)
    done = project.run("migrate.up", "--take-over").expect(0, "0002_red counts as applied", "0003_blue")
    assert ("another text" in done.out) == (tool == "prisma" and len(ids) == 1)
    assert project.applied() == ["0002_red", "0003_blue"]
    assert project.query("SELECT id FROM team ORDER BY id") == [(1,), (2,)]
    project.run("verify").expect(0)


@pytest.mark.parametrize("tool", ["d1", "goose", "golang-migrate"])
def test_some_of_them_are_refused_as_halfway(tmp_path: Path, tool: str) -> None:
    project = project_of(tmp_path, tool, "0001_team", schema=TEAM)
    says = ("0002_red stands for 2 migrations now", "it lacks 0002_red", "--env before")
    project.run("migrate.up", "--take-over").expect(6, *says, "nothing was changed")
    project.run("migrate.status").expect(0, "it lacks 0002_red")
    assert project.query("SELECT count(*) FROM team") == [(0,)]


def test_what_was_folded_twice(tmp_path: Path) -> None:
    header = "-- stands_for: 0001_team 0002_red\n-- stands_for: 0000_none 0001_team\n"
    project = project_of(tmp_path, "d1", "0000_none", "0001_team", "0002_red", stands_for=header)
    project.run("migrate.up").expect(0, "0002_red counts as applied")


def test_a_later_row_does_not_fill_what_is_lacking(tmp_path: Path) -> None:
    project = project_of(tmp_path, "d1", "0001_team", "0003_blue", schema=TEAM)
    project.run("migrate.up").expect(6, "it lacks 0002_red")
    project.script("INSERT INTO d1_migrations (name) VALUES ('0001_other.sql')")
    project.run("migrate.up").expect(6, "0001_other.sql is about no file")
