"""Indexes and triggers that go with a rebuilt table, or with a view that is made anew: the engine and lint agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from structures import forgotten, structure_after

JOB = "CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT, spare TEXT, age INTEGER);"
INDEX = JOB + "CREATE INDEX job_name ON job (name);"
UNIQUE = JOB + "CREATE UNIQUE INDEX job_name ON job (name);"
PAIR = JOB + "CREATE INDEX pair ON job (name, age DESC);"
TRIGGER = JOB + "CREATE TRIGGER job_t AFTER UPDATE OF name ON job BEGIN UPDATE job SET age = 1 WHERE id = new.id; END;"
VIEW = (
    JOB
    + "CREATE VIEW present AS SELECT id, name FROM job; "
    + "CREATE TRIGGER present_delete INSTEAD OF DELETE ON present BEGIN DELETE FROM job WHERE id = old.id; END;"
)


def rebuild(
    columns: str = "id INTEGER PRIMARY KEY, name TEXT NOT NULL, spare TEXT, age INTEGER", after: str = ""
) -> str:
    return f"CREATE TABLE job_new ({columns}); DROP TABLE job; ALTER TABLE job_new RENAME TO job; {after}"


@pytest.mark.parametrize(
    ("base", "change", "name"),
    [
        pytest.param(INDEX, rebuild(), "job_name", id="an index"),
        pytest.param(
            INDEX,
            "ALTER TABLE job RENAME TO old; CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT); DROP TABLE old;",
            "job_name",
            id="the old table is renamed first",
        ),
        pytest.param(INDEX, 'DROP TABLE "JOB"; CREATE TABLE Job (name);', "job_name", id="dropped and created"),
        pytest.param(
            INDEX + "CREATE TABLE job_next (id INTEGER PRIMARY KEY, name TEXT);",
            "DROP TABLE job; ALTER TABLE job_next RENAME TO job;",
            "job_name",
            id="the new table comes from an earlier migration",
        ),
        pytest.param(UNIQUE, rebuild(after="CREATE INDEX other ON job (name);"), "job_name", id="not unique any more"),
        pytest.param(
            UNIQUE, rebuild(after="CREATE UNIQUE INDEX other ON job (name, age);"), "job_name", id="less unique"
        ),
        pytest.param(INDEX, rebuild(after="CREATE INDEX other ON job (age, name);"), "job_name", id="not in front"),
        pytest.param(
            INDEX, rebuild(after="CREATE INDEX other ON job (name) WHERE age > 1;"), "job_name", id="only a part"
        ),
        pytest.param(
            INDEX, rebuild(after="CREATE INDEX other ON job (name COLLATE NOCASE);"), "job_name", id="another collation"
        ),
        pytest.param(PAIR, rebuild(after="CREATE INDEX other ON job (name, age);"), "pair", id="another direction"),
        pytest.param(
            JOB + "CREATE INDEX low ON job (lower(name));",
            rebuild(after="CREATE INDEX up ON job (upper(name));"),
            "low",
            id="another expression",
        ),
        pytest.param(TRIGGER, rebuild(), "job_t", id="a trigger"),
        pytest.param(
            TRIGGER,
            rebuild(after="CREATE TRIGGER other AFTER DELETE ON job BEGIN SELECT 1; END;"),
            "job_t",
            id="another trigger",
        ),
        pytest.param(
            VIEW,
            "DROP VIEW present; CREATE VIEW present AS SELECT id, name FROM job WHERE age IS NOT 1;",
            "present_delete",
            id="a trigger of a view",
        ),
        pytest.param(INDEX, "-- allow: MS14 no\n" + rebuild(), "job_name", id="MS14 is about triggers"),
        pytest.param(
            INDEX,
            "ALTER TABLE job RENAME COLUMN name TO title;" + rebuild("id, title"),
            "job_name",
            id="renamed column",
        ),
    ],
)
def test_missing(base: str, change: str, name: str) -> None:
    problems = structure_after(base, change, keys="off").problems
    assert len(problems) == 1
    assert f" {name} on " in problems[0]
    assert " is gone: " in problems[0]
    (finding,) = forgotten(base, change)
    assert finding.endswith(f" {name}")


@pytest.mark.parametrize(
    ("base", "change"),
    [
        pytest.param(INDEX, "DROP TABLE job;", id="the table goes for good"),
        pytest.param(INDEX, rebuild(after="CREATE INDEX JOB_NAME ON job (name);"), id="created again"),
        pytest.param(JOB + "CREATE INDEX i ON job (spare);", rebuild("id, name, age"), id="its column went"),
        pytest.param(JOB + "CREATE INDEX i ON job (name, lower(spare));", rebuild("id, name"), id="one of its columns"),
        pytest.param(JOB + "CREATE INDEX i ON job (name) WHERE spare = 'x';", rebuild("id, name"), id="its condition"),
        pytest.param(INDEX, rebuild(after="CREATE UNIQUE INDEX once ON job (name);"), id="a unique one"),
        pytest.param(INDEX, rebuild(after="CREATE INDEX more ON job (name, age);"), id="a longer one"),
        pytest.param(INDEX, rebuild(after="CREATE INDEX less ON job (name DESC);"), id="the other way round"),
        pytest.param(INDEX, rebuild("id, name TEXT UNIQUE"), id="UNIQUE"),
        pytest.param(UNIQUE, rebuild("id, name TEXT PRIMARY KEY"), id="PRIMARY KEY"),
        pytest.param(UNIQUE, rebuild("id, name, age, CONSTRAINT one UNIQUE (name)"), id="a constraint of the table"),
        pytest.param(PAIR, rebuild(after="CREATE INDEX other ON job (name DESC, age);"), id="all terms reversed"),
        pytest.param(PAIR, rebuild("id, age, name UNIQUE"), id="a key by the first column"),
        pytest.param(
            JOB + "CREATE INDEX low ON job (lower(name));",
            rebuild(after='CREATE INDEX l2 ON job (LOWER( "name" ));'),
            id="the same expression",
        ),
        pytest.param(
            JOB + "CREATE INDEX part ON job (name) WHERE age > 1;",
            rebuild(after="CREATE INDEX whole ON job (name);"),
            id="the whole for a part",
        ),
        pytest.param(
            JOB + "CREATE INDEX part ON job (name) WHERE age > 1;",
            rebuild(after="CREATE INDEX p2 ON job (name) WHERE age>1;"),
            id="the same part",
        ),
        pytest.param(
            INDEX,
            "ALTER TABLE job RENAME COLUMN name TO title;"
            + rebuild("id, title", "CREATE INDEX job_title ON job (title);"),
            id="renamed column",
        ),
        pytest.param(INDEX, "DROP INDEX job_name;" + rebuild(), id="dropped by name"),
        pytest.param(INDEX, rebuild() + "DROP INDEX IF EXISTS JOB_NAME;", id="dropped by name afterwards"),
        pytest.param(INDEX, "-- allow: MS11 nobody searches by name\n" + rebuild(), id="allowed"),
        pytest.param(INDEX, "-- allow: ms11 nobody searches by name\n" + rebuild(), id="allowed in small letters"),
        pytest.param(TRIGGER, "-- allow: MS14 the application does it\n" + rebuild(), id="a trigger, allowed"),
        pytest.param(INDEX, "ALTER TABLE job RENAME TO old; CREATE TABLE job (name);", id="it is on the old table"),
        pytest.param(INDEX, "DROP TABLE job; CREATE VIEW job AS SELECT 1 AS name;", id="a view instead"),
        pytest.param(TRIGGER, rebuild("id, spare, age"), id="a trigger whose column went"),
        pytest.param(
            TRIGGER,
            rebuild(
                after="CREATE TRIGGER again AFTER UPDATE OF name ON job BEGIN "
                "UPDATE job SET age = 1 WHERE id = NEW.id; END;"
            ),
            id="the same trigger under another name",
        ),
        pytest.param(VIEW, "DROP VIEW present;", id="the view goes for good"),
        pytest.param(
            VIEW,
            "DROP TRIGGER present_delete; DROP VIEW present; CREATE VIEW present AS SELECT id FROM job;",
            id="dropped by name before its view",
        ),
        pytest.param(
            VIEW,
            "DROP VIEW present; CREATE VIEW present AS SELECT id FROM job; CREATE TRIGGER present_delete "
            "INSTEAD OF DELETE ON present BEGIN UPDATE job SET age = 0 WHERE id = old.id; END;",
            id="made anew with its view",
        ),
        pytest.param(VIEW, "ALTER TABLE job RENAME COLUMN name TO title;", id="rewritten by SQLite"),
    ],
)
def test_not_missing(base: str, change: str) -> None:
    assert structure_after(base, change, keys="off").problems == ()
    assert forgotten(base, change) == []


TWO = "CREATE TABLE job_two (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
UP = f"{TWO} INSERT INTO job_two SELECT id, name FROM job; DROP TABLE job; ALTER TABLE job_two RENAME TO job;\n"
DOWN = "CREATE TABLE job_one (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO job_one SELECT id, name FROM job;\n"
DOWN += "DROP TABLE job; ALTER TABLE job_one RENAME TO job;\n"


@pytest.mark.parametrize(("earlier", "code"), [("", 0), ("CREATE INDEX job_name ON job (name);\n", 5)])
def test_a_rollback_leaves_out_what_its_up_created(tmp_path: Path, earlier: str, code: int) -> None:
    """What an up creates again belongs to an earlier migration."""
    project = Project(tmp_path)
    project.add("0001_base", "CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT);\n" + earlier)
    project.add("0002_change", UP + "CREATE UNIQUE INDEX job_name ON job (name);\n", DOWN)
    project.up()
    project.run("migrate.down").expect(code, *["index job_name on job is gone", "DROP INDEX job_name;"][: code // 2])


def test_a_rollback_loses_no_index_that_somebody_made(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_base", "CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT);\n")
    project.add("0002_change", UP, DOWN)
    project.up()
    project.script("CREATE INDEX by_hand ON job (name);")
    project.run("migrate.down").expect(5, "index by_hand on job is gone")
