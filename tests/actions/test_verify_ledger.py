"""What verify says of a ledger that somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_item", "CREATE TABLE item (x);\n", "DROP TABLE item;\n")
    return project


@pytest.mark.parametrize("twin", ["0001_item", "0001_other"])
def test_a_migration_marked_twice(project: Project, twin: str) -> None:
    project.up()
    project.run("verify").expect(0)
    project.script(f"INSERT INTO _yoyo_migration VALUES ('another', '{twin}', '2026-01-01')")
    report = project.run("verify", "--json").expect(1).json()
    (ledger,) = [check for check in report["checks"] if check["name"] == "ledger"]
    assert not ledger["ok"]
    words = "marked as applied twice" if twin == "0001_item" else "its file is gone"
    assert words in ledger["messages"][0]


def test_a_schema_migrations_of_another_tool(project: Project) -> None:
    project.script("CREATE TABLE schema_migrations (version TEXT PRIMARY KEY)")
    before = project.data()
    project.run("migrate.up").expect(6, "the name schema_migrations is taken", "its columns: version", "--take-over")
    for task in ("migrate.status", "verify"):
        project.run(task).expect(0, "item")
    assert project.data() == before
