"""Seeds: run once in their environment, twice in a trial, and never in a protected one without being asked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project
from either import Place

from memsql.errors import FileError
from memsql.project.files import SqlFile
from memsql.project.seeds import read_seed

TABLE = (
    "-- t\nCREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
    "CREATE TABLE log (id INTEGER PRIMARY KEY, team INTEGER REFERENCES team (id));\n"
)
TEAMS = "-- teams\nINSERT INTO team (id, name) VALUES (1, 'red'), (2, 'blue') ON CONFLICT DO NOTHING;\n"


def write(project: Project, name: str, text: str) -> None:
    path = project.root / "sql" / "seeds" / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def place(place: Place) -> Place:
    place.project.add("0001_t", TABLE, "DROP TABLE log;\nDROP TABLE team;\n")
    write(place.project, "demo/01_teams", TEAMS)
    write(place.project, "demo/02_log", "-- log\nINSERT OR IGNORE INTO log (id, team) VALUES (1, 2);\n")
    return place


def test_a_seed_runs_once(place: Place) -> None:
    place.run("migrate.up").expect(0)
    place.run("seed").expect(2, "no seeds are named")
    place.project.add("0002_u", "-- u\n-- depends: 0001_t\nCREATE TABLE u (x);\n", "DROP TABLE u;\n")
    place.run("seed", "demo").expect(2, "migrations or repeatable scripts wait", "memsql migrate.up")
    place.project.remove("0002_u")
    assert place.rows("SELECT * FROM team") == []
    place.run("seed", "demo", "--dry-run").expect(0, "would run seed demo/01_teams")
    assert place.rows("SELECT * FROM team") == []
    place.run("seed", "demo").expect(0, "ran seed demo/01_teams", "ran seed demo/02_log")
    assert place.rows("SELECT * FROM log") == [(1, 2)]
    place.script("DELETE FROM log;")
    report = place.run("seed", "demo", "--json").expect(0).json()
    assert report["scripts"] == []
    assert place.rows("SELECT * FROM log") == []
    assert place.applied() == ["0001_t"]
    rows = place.rows("SELECT migration_id, status FROM memsql_history WHERE operation = 'seed' ORDER BY id")
    assert rows == [("demo/01_teams", "ok"), ("demo/02_log", "ok")]
    place.run("verify").expect(0)
    # A changed one is said, and a new one runs.
    write(place.project, "demo/01_teams", TEAMS.replace("blue", "green"))
    write(place.project, "demo/03_more", TEAMS.replace("(1, 'red'), (2, 'blue')", "(3, 'black')"))
    place.run("seed", "demo").expect(0, "demo/01_teams ran with another text; it does not run again", "demo/03_more")
    assert place.rows("SELECT name FROM team ORDER BY id") == [("red",), ("blue",), ("black",)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("INSERT INTO team (name) VALUES ('a'), ('b');", "2 rows more in team"),
        ("INSERT INTO team VALUES (7, 'a');", "it fails: UNIQUE constraint failed: team.id"),
        ("INSERT INTO log (team) SELECT id FROM team;", "rows more in log"),
        ("INSERT INTO team VALUES (1, 'a') ON CONFLICT DO UPDATE SET name = name || 'a';", "other rows in team"),
    ],
)
def test_a_seed_that_is_not_the_same_twice(tmp_path: Path, text: str, words: str) -> None:
    project = Project(tmp_path, "seeds = demo\n")
    project.add("0001_t", TABLE, "DROP TABLE log;\nDROP TABLE team;\n")
    write(project, "demo/01_x", f"-- x\n{text}\n")
    project.run("migrate.up").expect(6, "sql/seeds/demo/01_x.sql would not be the same twice", words)
    assert not project.db.exists()
    project.run("migrate.up", "--dry-run").expect(6, words)


def test_an_environment_with_seeds(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.configure(
        "[memsql]\n[memsql:staging]\ndatabase = staging.db\nseeds = demo\n"
        "[memsql:production]\ndatabase = production.db\nseeds = demo\nprotected = yes\n[memsql:bad]\nseeds = ../x\n"
    )
    project.add("0001_t", TABLE, "DROP TABLE log;\nDROP TABLE team;\n")
    write(project, "demo/01_teams", TEAMS)
    write(project, "demo/02_later", "-- of a user\nINSERT INTO log (id, team) VALUES (1, 77) ON CONFLICT DO NOTHING;\n")
    project.run("migrate.up", "--env", "staging").expect(5, "FOREIGN KEY")
    staging = Project.at(tmp_path, "staging.db")
    assert staging.query("SELECT name FROM team") == [("red",), ("blue",)]
    project.run("migrate.status", "--env", "staging").expect(0, "seed demo/01_teams", "seed demo/02_later")
    with closing(sqlite3.connect(staging.db)) as conn, conn:
        conn.execute("INSERT INTO team VALUES (77, 'x')")
    project.run("migrate.up", "--env", "staging").expect(0, "ran seed demo/02_later", "was not proven")
    project.run("migrate.up", "--env", "production", "--yes").expect(0, "the seeds demo/01_teams, demo/02_later have")
    production = Project.at(tmp_path, "production.db")
    assert production.query("SELECT name FROM team") == []
    project.run("seed", "--env", "production").expect(6)
    project.run("migrate.up", "--env", "bad").expect(2, "not the name of one folder")
    project.run("migrate.up").expect(0)
    project.run("seed", "nothing").expect(2, "there is no folder sql/seeds/nothing")
    write(project, "demo/03_bad", "-- bad\nDELETE FROM team;\n")
    project.run("lint", "sql/seeds").expect(1, "sql/seeds/demo/03_bad.sql:2:1: error MS30", "runs DELETE")
    assert project.query("SELECT name FROM team") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("DELETE FROM team;", "runs DELETE"),
        ("INSERT OR REPLACE INTO team VALUES (1, 'a');", "runs INSERT OR REPLACE"),
        ("CREATE TABLE x (a);", "runs CREATE"),
        ("-- transactional: false\nINSERT INTO t VALUES (1);", "without a transaction"),
    ],
)
def test_what_no_seed_may_hold(text: str, words: str) -> None:
    with pytest.raises(FileError, match=words):
        read_seed(SqlFile("sql/seeds/demo/x.sql", "x.sql", text.encode()), "demo")
