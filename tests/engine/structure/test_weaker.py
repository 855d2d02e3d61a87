"""Constraints and definitions that hold less than before are said, and do not stop a migration."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from structures import structure_after

TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, age INTEGER CHECK (age > 17));"
REBUILD = (
    "CREATE TABLE team_new (id INTEGER PRIMARY KEY, mail TEXT, age INTEGER CHECK (age > 17));\n"
    "INSERT INTO team_new SELECT id, mail, age FROM team;\nDROP TABLE team;\nALTER TABLE team_new RENAME TO team;\n"
)
BACK = REBUILD.replace("mail TEXT", "mail TEXT UNIQUE")


@pytest.mark.parametrize(
    ("base", "change", "sentences"),
    [
        pytest.param(TEAM, REBUILD, ["UNIQUE (mail) of team is gone"], id="a rebuild"),
        pytest.param(
            TEAM,
            "ALTER TABLE team RENAME TO team_old; CREATE TABLE team (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, "
            "age INTEGER); INSERT INTO team SELECT * FROM team_old; DROP TABLE team_old;",
            ["CHECK (age > 17) of team is gone"],
            id="the old table is renamed first",
        ),
        pytest.param(
            TEAM + "CREATE UNIQUE INDEX once ON team (age);",
            "DROP INDEX once; CREATE INDEX once ON team (age);",
            ["index once is no longer UNIQUE"],
            id="an index",
        ),
        pytest.param(
            TEAM + "CREATE UNIQUE INDEX once ON team (age);",
            "-- allow: MS11 ages repeat\n" + BACK,
            ["UNIQUE (age) of team is gone"],
            id="a permit for a missing index",
        ),
        pytest.param(
            TEAM + "CREATE TRIGGER t AFTER INSERT ON team BEGIN DELETE FROM team WHERE age IS NULL; END;",
            "DROP TRIGGER t; CREATE TRIGGER t AFTER INSERT ON team BEGIN SELECT 1; END;",
            ["trigger t has another text"],
            id="a trigger",
        ),
        pytest.param(TEAM, BACK, [], id="the same"),
        pytest.param(TEAM, "ALTER TABLE team RENAME COLUMN mail TO email;", [], id="a rename"),
        pytest.param(TEAM, "ALTER TABLE team RENAME TO crew;", [], id="a rename of the table"),
        pytest.param(TEAM, "DROP TABLE team;", [], id="the table goes"),
        pytest.param(TEAM + "CREATE TABLE a (b);", "ALTER TABLE a ADD COLUMN c; -- drop nothing", [], id="a column"),
    ],
)
def test_what_is_weaker(base: str, change: str, sentences: list[str]) -> None:
    structure = structure_after(base, change, keys="off")
    assert (structure.problems, list(structure.weaker)) == ((), sentences)


def test_up_down_and_rehearsal_say_it(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_base", TEAM)
    project.add("0002_weaker", REBUILD, BACK)
    project.add("0003_stronger", BACK, REBUILD)
    project.run("migrate.up", "--to", "1").expect(0)
    for words in (("migrate.up", "--dry-run"), ("migrate.up",)):
        project.run(*words).expect(0, "  weaker: UNIQUE (mail) of team is gone")
    down = project.run("migrate.down", "--json").expect(0).json()
    assert down["done"][0]["weaker"] == ["UNIQUE (mail) of team is gone"]
    assert project.run("migrate.up", "--dry-run", "--json").expect(0).json()["done"][0]["weaker"] == []
