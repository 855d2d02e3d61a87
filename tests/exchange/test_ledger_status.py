"""What the reading tasks say of a database with the ledger of another tool."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from other_ledgers import TABLES

TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
GOOSE = "INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (1, 1, '2024-01-31 12:00:00');\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_base", f"-- base\n{TEAM}", "DROP TABLE team;\n")
    project.add("0002_rows", "-- rows\nINSERT INTO team VALUES (1, 'red');\n", "DELETE FROM team;\n")
    project.run("migrate.sum").expect(0)
    project.script(";\n".join([*TABLES["goose"], GOOSE + TEAM]))
    return project


def test_it_is_seen_and_nothing_is_written(project: Project) -> None:
    before = project.everything()
    report = project.run("migrate.status", "--json").expect(0).json()
    first, second = report["migrations"]
    assert (first["state"], first["applied_at"], first["applied_by"]) == (
        "applied",
        "2024-01-31T12:00:00.000Z",
        "goose",
    )
    assert (second["state"], report["ledgers"]) == ("pending", ["goose_db_version of goose"])
    project.run("migrate.status").expect(0, "goose_db_version of goose", "migrate.up")
    project.run("migrate.status", "--check").expect(1)
    project.run("legacy.status").expect(0, "goose_db_version says that 0001_base counts as applied")
    report = project.run("legacy.status", "--json").expect(0).json()
    assert (report["empty"], report["managed"], report["counts_as"]) == (False, False, [1])
    project.run("legacy.adopt", "--dry-run").expect(0, "took over the ledger goose_db_version of goose")
    project.run("verify").expect(0, "goose_db_version of goose says what is applied")
    assert project.everything() == before


def test_a_problem_is_said(project: Project) -> None:
    project.script("INSERT INTO goose_db_version (version_id, is_applied) VALUES (7, 1)")
    before = project.everything()
    project.run("migrate.status").expect(0, "problem: goose_db_version of goose has 1 row", "7 is about no file")
    assert project.run("migrate.status", "--json").expect(0).json()["ledger_problem"]
    project.run("legacy.status").expect(1, "7 is about no file")
    project.run("migrate.up").expect(6, "7 is about no file")
    assert project.everything() == before


def test_the_tables_of_the_tool_are_nobodys_business(project: Project) -> None:
    project.up()
    for words in (
        ["schema.dump"],
        ["schema.diff"],
        ["schema.info"],
        ["schema.docs"],
        ["analyze.indexes"],
        ["schema.stats"],
    ):
        done = project.run(*words)
        assert "goose_db_version" not in done.out, done.out
        assert done.code == 0, done.err
    project.run("verify").expect(0)
    assert project.query("SELECT count(*) FROM goose_db_version") == [(2,)]
