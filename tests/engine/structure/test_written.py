"""Tables that cannot be written any more, because what their foreign keys name is gone or is no key."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from structures import structure_after

TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, name TEXT);"
MEMBER = "CREATE TABLE member (id INTEGER PRIMARY KEY, mail TEXT REFERENCES team (mail));"
KEEP = "CREATE TRIGGER member_t AFTER INSERT ON member BEGIN DELETE FROM member WHERE id < 0; END;"


def rebuild(columns: str, after: str = "") -> str:
    return f"CREATE TABLE new ({columns}); DROP TABLE team; ALTER TABLE new RENAME TO team; {after}"


@pytest.mark.parametrize(
    ("base", "change", "message"),
    [
        (
            TEAM + MEMBER + "CREATE TABLE a (b); CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM member; END;",
            "DROP TABLE team;",
            "no such table: main.team",
        ),
        (TEAM + MEMBER + KEEP, "DROP TABLE team;", "no such table: main.team"),
        (TEAM + MEMBER, rebuild("id INTEGER PRIMARY KEY, mail TEXT, name TEXT"), "foreign key mismatch"),
        (TEAM + MEMBER, rebuild("id INTEGER PRIMARY KEY, email TEXT UNIQUE"), "foreign key mismatch"),
        (
            TEAM + "CREATE UNIQUE INDEX once ON team (name);"
            "CREATE TABLE member (id INTEGER PRIMARY KEY, team TEXT REFERENCES team (name));",
            "DROP INDEX once;",
            "foreign key mismatch",
        ),
        (
            "CREATE TABLE tree (id INTEGER PRIMARY KEY, up, name UNIQUE, FOREIGN KEY (up) REFERENCES tree (name));",
            "CREATE TABLE new (id INTEGER PRIMARY KEY, up, name, FOREIGN KEY (up) REFERENCES tree (name));"
            "DROP TABLE tree; ALTER TABLE new RENAME TO tree;",
            "foreign key mismatch",
        ),
    ],
)
def test_not_writable(base: str, change: str, message: str) -> None:
    problems = structure_after(base, change, keys="off").problems
    assert len(problems) == 1
    assert problems[0].startswith(("table member cannot be written: ", "table tree cannot be written: "))
    assert message in problems[0]


@pytest.mark.parametrize(
    ("base", "change"),
    [
        pytest.param(TEAM + MEMBER, "DROP TABLE member; DROP TABLE team;", id="both go"),
        pytest.param(TEAM + MEMBER, rebuild("id INTEGER PRIMARY KEY, mail TEXT UNIQUE"), id="a rebuild"),
        pytest.param(
            TEAM + MEMBER,
            rebuild("id INTEGER PRIMARY KEY, mail TEXT", "CREATE UNIQUE INDEX once ON team (mail);"),
            id="an index for the constraint",
        ),
        pytest.param(TEAM, "DROP TABLE team;" + MEMBER, id="a new table may name one that comes later"),
        pytest.param(MEMBER, "CREATE TABLE a (b); DROP TABLE a; ALTER TABLE member RENAME TO person;", id="before"),
        pytest.param(
            TEAM + MEMBER, "-- allow: broken member team comes back next week\nDROP TABLE team;", id="a permit"
        ),
        pytest.param(TEAM + MEMBER, "ALTER TABLE team RENAME TO crew;", id="a rename"),
    ],
)
def test_writable(base: str, change: str) -> None:
    assert structure_after(base, change, keys="off").problems == ()


def test_a_parent_that_is_dropped_by_name_is_said() -> None:
    structure = structure_after(TEAM + MEMBER, "DROP TABLE team;", keys="off")
    sentence = "member cannot be written: a foreign key of it names a table that is gone"
    assert (structure.problems, structure.weaker) == ((), (sentence,))


def test_a_rollback_leaves_broken_what_was_broken_before_its_up(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add(
        "0001_base", f"-- allow: broken v its table comes next\n{MEMBER}\nCREATE VIEW v AS SELECT * FROM team;\n"
    )
    project.add("0002_team", TEAM, "DROP TABLE team;\n")
    project.add("0003_view", "CREATE VIEW w AS SELECT * FROM team;\n", "SELECT 1;\n")
    project.run("migrate.up", "--to", "2").expect(0)
    project.run("migrate.down").expect(0)
    project.up()
    project.run("migrate.down", "--steps", "2").expect(5, "view w cannot be read: no such table: main.team")
