"""migrate.test: every migration up, down and up again on scratch databases, and what is covered of each."""

from __future__ import annotations

from pathlib import Path

import cli
import pytest
from cli import Project
from places import ROOT

pytestmark = pytest.mark.slow

A = "-- A.\nCREATE TABLE a (id INTEGER PRIMARY KEY);\nINSERT INTO a VALUES (1);\n"
GONE = "SELECT 'a is gone' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'a')"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_a", A, "DELETE FROM a WHERE id = 1;\nDROP TABLE a;\n")
    project.check("0001_a", GONE)
    return project


def add(project: Project, name: str, up: str, down: str | None) -> None:
    project.add(name, up, down)
    project.run("migrate.sum").expect(0)


def test_an_ordinary_project(project: Project) -> None:
    add(project, "0002_b", "ALTER TABLE a ADD COLUMN b TEXT;\n", "ALTER TABLE a DROP COLUMN b;\n")
    add(project, "0003_nothing", "-- Nothing yet.\n", "-- Nothing.\n")
    done = project.run("migrate.test").expect(0, "4 of 4", "3 of 4", "all passed: 3 migrations, 90 % covered")
    assert not project.db.exists()
    assert "legacy" not in done.out
    report = project.run("migrate.test", "--json").expect(0).json()
    assert [m["coverage"] for m in report["migrations"]] == ["4 of 4", "3 of 4", "2 of 2"]
    assert (report["covered"], report["needed"], report["complete"]) == (9, 10, False)
    project.run("migrate.test", "--strict").expect(1)
    project.check("0002_b", "SELECT 'no b' WHERE NOT EXISTS (SELECT 1 FROM pragma_table_info('a') WHERE name = 'b')")
    project.run("migrate.test", "--strict").expect(0, "100 % covered")


@pytest.mark.parametrize(
    ("up", "down", "sentence"),
    [
        ("CREATE TABLE b (x);", "DROP TABLE c;", "from a fresh database, down: "),
        ("CREATE TABLE b (x);", "SELECT 1;", "up and down leave another database: "),
        ("CREATE TABLE b (x); INSERT INTO b VALUES (1);", "DROP TABLE b;", "table b is dropped with 1 row"),
        ("UPDATE a SET id = 2 WHERE id = 1;", "SELECT 1;", "up and down leave another database: "),
        ("CREATE TABLE b (x;", "DROP TABLE b;", "from a fresh database, "),
        ("DROP TABLE a;", "CREATE TABLE a (id INTEGER PRIMARY KEY);", "table a is dropped with 1 row"),
    ],
)
def test_one_that_fails_is_named(project: Project, up: str, down: str, sentence: str) -> None:
    add(project, "0002_b", f"-- B.\n{up}\n", f"-- Undo.\n{down}\n")
    project.run("migrate.test").expect(1, "1 failed: 0002_b", sentence)
    report = project.run("migrate.test", "--json").expect(1).json()
    assert report["ok"] is False
    assert report["migrations"][0]["coverage"] == "4 of 4"
    assert report["migrations"][1]["needed"] == 4
    assert report["migrations"][1]["round_trip"] is not True
    assert report["migrations"][1]["problems"]


def test_keys_that_were_given_once_do_not_count(project: Project) -> None:
    add(project, "0002_b", "CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT);\n", "DROP TABLE b;\n")
    add(project, "0003_row", "INSERT INTO b VALUES (7);\n", "DELETE FROM b WHERE id = 7;\n")
    project.run("migrate.test").expect(0)


def test_a_check_that_fails_is_a_failure(project: Project) -> None:
    project.check("0001_more", "SELECT 'never right'")
    project.run("migrate.test").expect(1, "1 failed: 0001_a", "never right")


def test_without_a_rollback_there_is_no_round_trip(project: Project) -> None:
    add(project, "0002_b", "-- B.\nCREATE TABLE b (x);\n", None)
    add(project, "0003_c", "-- C.\nCREATE TABLE c (x);\n", "DROP TABLE c;\n")
    report = project.run("migrate.test", "--json").expect(0).json()
    assert [m["coverage"] for m in report["migrations"]] == ["4 of 4", "1 of 4", "3 of 4"]
    project.run("migrate.test", "--strict").expect(1)


def test_the_reference_project_from_every_era(tmp_path: Path) -> None:
    report = cli.run("migrate.test", "--strict", "--json", "--project", str(ROOT), cwd=tmp_path).expect(0).json()
    assert report["starts"] == [
        *("a fresh database", "1.0", "1.1", "1.2", "1.2_phase1", "1.2_phase2", "1.3", "2.0_npm"),
    ]
    assert {m["coverage"] for m in (*report["migrations"], *report["upgrades"])} == {"4 of 4"}
    assert [u["id"] for u in report["upgrades"]] == ["L1_phase1", "L2_phase2", "L3_align"]
    assert report["migrations"][2]["starts"] == report["starts"]


def test_the_baseline_goes_back_to_nothing(tmp_path: Path) -> None:
    for words in (["migrate.up"], ["migrate.to", "0"], ["migrate.up"], ["migrate.down", "--steps", "4"]):
        where = ("--project", str(ROOT), "--database", str(tmp_path / "a.db"))
        cli.run(*words, *where, cwd=tmp_path).expect(0)
