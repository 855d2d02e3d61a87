"""Migrations and rollbacks that fail while they run: undone, named with their line, and kept in the history."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_files import NOTES, TAGS, USERS, statements
from cli import Project


@pytest.mark.parametrize(
    "down", [None, "", "-- nothing to see\n", ";\n"], ids=["none", "empty", "comment", "semicolon"]
)
@pytest.mark.parametrize("steps", [1, 2])
def test_down_refuses_before_touching_anything_where_there_is_no_way_back(
    tmp_path: Path, down: str | None, steps: int
) -> None:
    project = Project(tmp_path)
    project.add("0001_users", USERS, "DROP TABLE users;\n")
    project.add("0002_one_way", NOTES, down)
    if steps == 2:
        project.add("0003_tags", TAGS, "DROP TABLE tags;\n")
    project.up()
    assert set(project.states().values()) == {"applied"}
    before = project.files()
    expected = "0002_one_way has no rollback file" if down is None else "0002_one_way.rollback.sql holds no statement"
    project.run("migrate.down", "--steps", str(steps)).expect(6, expected, "no way back", "nothing was changed")
    assert project.files() == before


def test_a_rollback_that_fails_leaves_the_migration_applied(project: Project) -> None:
    project.add("0030_tags", TAGS, "DROP TABLE tags;\nDROP TABLE nonsense;\n")
    project.up()
    before = project.data()
    project.run("migrate.down").expect(
        5,
        "0030_tags failed in statement 2: no such table: nonsense",
        "migrations/0030_tags.rollback.sql:2",
        "DROP TABLE nonsense",
        "this migration was rolled back",
    )
    assert project.data() == before
    assert project.states()[30] == "applied"


@pytest.mark.parametrize("pad", ["", "é" * 75_000], ids=["small", "6 MB"])
def test_a_syntax_error_in_statement_37_is_named_and_nothing_is_applied(project: Project, pad: str) -> None:
    text, line = statements(43, 37, "INSRT INTO many VALUES (37, 'x');", pad)
    project.add("0030_tags", text)
    before = project.data()
    project.run("migrate.up").expect(
        5,
        'error: 0030_tags failed in statement 37: near "INSRT": syntax error',
        f"migrations/0030_tags.sql:{line}",
        "statement: INSRT INTO many VALUES (37, 'x')",
        "this migration was rolled back",
        "run the command again",
    )
    assert project.data() == before
    assert project.states() == {10: "applied", 20: "applied", 30: "failed"}
    project.run("migrate.status", "--check").expect(1, "failed")
    good, _ = statements(43, 37, "INSERT INTO many VALUES (37, 'x');", pad)
    project.add("0030_tags", good)
    project.up()
    assert project.one("SELECT count(*) FROM many") == 42
    assert project.states()[30] == "applied"


def test_the_failed_attempt_is_in_the_history(project: Project) -> None:
    project.add("0030_tags", "CREATE TABLE tags (x);\nINSERT INTO nowhere VALUES (1);\n")
    error = project.run("migrate.up", "--json").expect(5).json()["error"]
    assert (error["file"], error["line"], error["statement"]) == (
        "migrations/0030_tags.sql",
        2,
        "INSERT INTO nowhere VALUES (1)",
    )
    attempts = project.query("SELECT operation, status, message FROM memsql_history WHERE version = 30")
    assert [(o, s) for o, s, _ in attempts] == [("apply", "failed")]
    assert "no such table: nowhere" in attempts[0][2]
    assert project.applied() == ["0010_users", "0020_notes"]


def test_what_came_before_the_failure_stays_and_is_named(project: Project) -> None:
    project.add("0040_bad", "CREATE TABLE more (x);\nSELEKT 1;\n")
    project.add("0050_never", "CREATE TABLE never (x);\n")
    project.run("migrate.up").expect(5, "0040_bad failed in statement 2", "this run finished 0030_tags")
    assert project.states() == {10: "applied", 20: "applied", 30: "applied", 40: "failed", 50: "pending"}


def test_the_first_migration_of_all_may_fail_too(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    project.add("0002_b", "CREATE TABLE b (x);\nCREATE TABLE b (x);\n")
    project.add("0003_c", "CREATE TABLE c (x);\n")
    project.run("migrate.up").expect(
        5, "0002_b failed in statement 2: table b already exists", "migrations/0002_b.sql:2", "this run finished 0001_a"
    )
    assert project.states() == {1: "applied", 2: "failed", 3: "pending"}
    assert [r[0] for r in project.query("SELECT name FROM sqlite_schema WHERE name IN ('a', 'b', 'c')")] == ["a"]
    project.add("0002_b", "CREATE TABLE b (x);\n")
    project.up()
    assert project.states() == dict.fromkeys((1, 2, 3), "applied")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("INSERT INTO users VALUES (9, 'unfinished", "unrecognized token"),
        ("CREATE TABLE half (", "incomplete input"),
        ("INSERT INTO users VALUES (1, 'again');", "UNIQUE constraint failed: users.id"),
        ("INSERT OR ROLLBACK INTO users VALUES (3, 'x'), (1, 'again');", "UNIQUE constraint failed: users.id"),
        (
            "CREATE TRIGGER no BEFORE INSERT ON users BEGIN SELECT raise(ROLLBACK, 'not here'); END;\n"
            "INSERT INTO users VALUES (4, 'd');",
            "not here",
        ),
        ("SELECT load_extension('x');", "load_extension() is not allowed inside a migration"),
    ],
    ids=["open string", "incomplete", "constraint", "or rollback", "raise rollback", "load_extension"],
)
def test_whatever_the_engine_refuses_is_undone(project: Project, text: str, message: str) -> None:
    project.add("0030_tags", TAGS + "INSERT INTO users VALUES (7, 'kept by nobody');\n" + text)
    before = project.data()
    project.run("migrate.up").expect(5, message, "migrations/0030_tags.sql", "this migration was rolled back")
    assert project.data() == before
    assert project.states()[30] == "failed"
