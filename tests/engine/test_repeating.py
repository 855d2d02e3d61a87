"""Repeatable scripts: when they run, in which order, what is in their way, and what they must not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli import Project
from either import Place
from repositories import commit, git, library, stamp
from reviews import review

import memsql
from memsql.errors import FileError
from memsql.project.files import SqlFile
from memsql.project.repeatables import in_order, read_script, used

TABLE = "-- t\nCREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);\n"
VIEW = "-- all\nCREATE VIEW v AS SELECT id, a FROM t;\n"
OF_VIEW = (
    "-- of v\nCREATE VIEW first AS SELECT id FROM v;\n"
    "CREATE TRIGGER v_insert INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a); END;\n"
)


def write(project: Project, name: str, text: str | None) -> None:
    path = project.root / "sql" / "repeatable" / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)


@pytest.fixture
def place(place: Place) -> Place:
    place.project.add("0001_t", TABLE, "DROP VIEW IF EXISTS first;\nDROP VIEW IF EXISTS v;\nDROP TABLE t;\n")
    write(place.project, "v", VIEW)
    # It runs behind the one that it reads, whatever their names.
    write(place.project, "a", OF_VIEW)
    return place


def objects(place: Place) -> list[object]:
    rows = place.rows("SELECT name FROM sqlite_schema WHERE type IN ('view', 'trigger') ORDER BY name")
    return [name for (name,) in rows]


def scripts(place: Place) -> dict[str, str]:
    report = place.run("migrate.status", "--json").expect(0).json()
    return {s["name"]: s["state"] for s in report["repeatables"]}


def test_a_script_runs_when_its_text_changed(place: Place) -> None:
    assert scripts(place) == {"v": "pending", "a": "pending"}
    place.run("migrate.up", "--dry-run").expect(0, "would run script v", "would run script a")
    place.run("migrate.up").expect(0, "applied 0001_t", "ran script v", "ran script a")
    assert objects(place) == ["first", "v", "v_insert"]
    place.run("migrate.up").expect(0, "nothing to do")
    place.run("migrate.status", "--check").expect(0)
    place.run("verify").expect(0, "ok       repeatables")
    # yoyo hears nothing of it.
    assert place.applied() == ["0001_t"]
    assert place.rows("SELECT version FROM schema_migrations") == [(1,)]

    write(place.project, "v", VIEW.replace("-- all", "-- all of them"))
    place.run("migrate.status", "--check").expect(0)
    write(place.project, "v", VIEW.replace("a FROM", "a, b FROM"))
    place.run("migrate.status", "--check").expect(1, "its text changed")
    place.run("verify").expect(0, "warning  repeatables", "v: its text changed")
    report = place.run("migrate.up", "--json").expect(0).json()
    # What depends on it was dropped with it.
    assert [s["name"] for s in report["scripts"]] == ["v", "a"]
    assert objects(place) == ["first", "v", "v_insert"]
    assert "b" in str(place.rows("SELECT sql FROM sqlite_schema WHERE name = 'v'"))
    rows = place.rows("SELECT migration_id, operation, version FROM memsql_history WHERE operation = 'repeat'")
    assert rows == [(name, "repeat", None) for name in ("v", "a", "v", "a")]
    place.run("migrate.history").expect(0, "repeat")


def test_what_somebody_else_changed_is_made_again(place: Place) -> None:
    place.run("migrate.up").expect(0)
    place.script("DROP TRIGGER v_insert; DROP VIEW first; CREATE VIEW first AS SELECT 1 AS one;")
    place.run("verify").expect(1, "error    repeatables", "a: view first is not as it makes it")
    if "://" not in place.url:
        place.run("monitor.health").expect(1, "script a: view first is not as it makes it")
    place.run("migrate.status", "--check").expect(1)
    place.run("migrate.up").expect(0, "ran script a")
    place.run("verify").expect(0)
    assert objects(place) == ["first", "v", "v_insert"]


def test_a_view_in_the_way_of_a_migration(place: Place) -> None:
    write(place.project, "v", VIEW.replace("a FROM", "a, b FROM"))
    place.run("migrate.up").expect(0)
    place.project.add("0002_b", "-- b\n-- depends: 0001_t\nALTER TABLE t DROP COLUMN b;\n")
    place.run("migrate.up").expect(5, "view v")
    assert objects(place) == ["first", "v", "v_insert"]
    write(place.project, "v", VIEW)
    place.run("migrate.up").expect(0, "applied 0002_b", "ran script v", "ran script a")
    place.run("verify").expect(0)
    # A rebuild without foreign keys, and a script that fails behind it: nothing of it stays.
    rebuild = (
        "-- c\n-- depends: 0002_b\n-- foreign_keys: off\nCREATE TABLE n (id INTEGER PRIMARY KEY, c TEXT);\n"
        "INSERT INTO n (id, c) SELECT id, a FROM t;\nDROP TABLE t;\nALTER TABLE n RENAME TO t;\n"
    )
    place.project.add("0003_c", rebuild)
    write(place.project, "v", VIEW.replace("id, a", "id, d"))
    before = objects(place)
    place.run("migrate.up").expect(5, "v")
    assert objects(place) == before
    assert place.applied() == ["0001_t", "0002_b"]
    write(place.project, "v", VIEW.replace("id, a", "id, c AS a"))
    place.run("migrate.up").expect(5, "trigger v_insert on v cannot run")
    write(place.project, "a", OF_VIEW.replace("t (a)", "t (c)"))
    place.run("migrate.up").expect(0, "applied 0003_c", "ran script v")
    assert objects(place) == before
    # On a new database it is the same.
    place.run("verify").expect(0)


def test_a_trigger_on_a_table_stays_while_rows_change(place: Place) -> None:
    trigger = "CREATE TRIGGER counted AFTER INSERT ON t BEGIN UPDATE n SET rows = rows + 1; END;\n"
    place.project.add("0002_n", "-- n\n-- depends: 0001_t\nCREATE TABLE n (rows INTEGER);\nINSERT INTO n VALUES (0);\n")
    write(place.project, "counted", f"-- counts\n{trigger}")
    place.run("migrate.up").expect(0)
    place.project.add("0003_rows", "-- rows\n-- depends: 0002_n\nINSERT INTO t (a) VALUES ('x'), ('y');\n")
    write(place.project, "counted", f"-- counts\n{trigger.replace('+ 1', '+ 10')}")
    write(place.project, "v", VIEW.replace("a FROM", "a, b FROM"))
    place.run("migrate.up").expect(0, "applied 0003_rows", "ran script counted", "ran script v")
    assert place.rows("SELECT rows FROM n") == [(2,)]
    place.script("INSERT INTO t (a) VALUES ('z');")
    assert place.rows("SELECT rows FROM n") == [(12,)]
    # One that reads a view which would be out of the way: the scripts run behind the migrations.
    reads = trigger.replace("rows + 1", "(SELECT count(*) FROM v)")
    write(place.project, "counted", f"-- counts\n{reads}")
    place.run("migrate.up").expect(0)
    place.project.add("0004_rows", "-- rows\n-- depends: 0003_rows\nINSERT INTO t (a) VALUES ('w');\n")
    write(place.project, "v", VIEW)
    place.run("migrate.up").expect(0, "applied 0004_rows", "ran script v", "ran script counted")
    assert place.rows("SELECT rows FROM n") == [(4,)]
    place.run("verify").expect(0)


def test_migrations_that_share_no_transaction(place: Place) -> None:
    place.run("migrate.up").expect(0)
    place.project.add("0002_on", "-- on\n-- depends: 0001_t\nCREATE TABLE u (x);\n", "DROP TABLE u;\n")
    place.project.add("0003_off", "-- off\n-- depends: 0002_on\n-- foreign_keys: off\nCREATE TABLE w (x);\n")
    write(place.project, "v", VIEW.replace("FROM t", "FROM t, u, w"))
    place.run("migrate.up").expect(0, "applied 0002_on", "applied 0003_off", "ran script v", "ran script a")
    place.run("verify").expect(0)
    place.run("migrate.status", "--check").expect(0)


def test_what_is_no_longer_made_is_dropped(place: Place) -> None:
    place.run("migrate.up").expect(0)
    write(place.project, "a", "-- of v\nCREATE VIEW second AS SELECT id FROM v;\n")
    place.run("migrate.up").expect(0, "ran script a")
    assert objects(place) == ["second", "v"]
    write(place.project, "a", "-- nobody read it\n")
    place.run("migrate.up").expect(0)
    assert objects(place) == ["v"]
    write(place.project, "a", None)
    place.run("migrate.status", "--check").expect(0)
    write(place.project, "b", VIEW.replace(" v ", " w "))
    place.run("migrate.up").expect(0)
    write(place.project, "b", None)
    place.run("migrate.status", "--check").expect(1, "its file is gone, and view w is still there")
    place.run("verify").expect(0, "not made by any migration: view w")


def test_a_view_of_a_migration_becomes_a_script(place: Place) -> None:
    place.project.add("0002_w", "-- w\n-- depends: 0001_t\nCREATE VIEW w AS SELECT a FROM t;\n", "DROP VIEW w;\n")
    write(place.project, "a", None)
    write(place.project, "v", None)
    place.run("migrate.up").expect(0)
    write(place.project, "w", "-- w\nCREATE VIEW w AS SELECT a, b FROM t;\n")
    place.run("migrate.up").expect(0, "ran script w")
    place.run("verify").expect(0)
    place.run("migrate.up", "--to", "2").expect(0, "nothing to do")


def test_a_migration_that_reads_the_view_of_a_script(place: Place) -> None:
    place.run("migrate.up").expect(0)
    place.script("CREATE VIEW other AS SELECT id FROM v;")
    write(place.project, "v", VIEW.replace("a FROM", "a, b FROM"))
    place.run("migrate.up").expect(5, "other")
    assert objects(place) == ["first", "other", "v", "v_insert"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CREATE TABLE x (a);", "runs CREATE TABLE"),
        ("INSERT INTO t VALUES (1);", "runs INSERT"),
        ("CREATE INDEX i ON t (a);", "runs CREATE INDEX"),
        ("PRAGMA user_version = 1;", "runs PRAGMA"),
        ("CREATE TEMP VIEW v AS SELECT 1;", "with a schema or IF NOT EXISTS"),
        ("CREATE VIEW IF NOT EXISTS v AS SELECT 1;", "with a schema or IF NOT EXISTS"),
        ("DROP VIEW other;", "drops view other, which it does not make"),
        ("-- foreign_keys: off\nCREATE VIEW v AS SELECT 1;", "only makes views and triggers"),
    ],
)
def test_what_no_script_may_hold(text: str, words: str) -> None:
    with pytest.raises(FileError, match=words):
        read_script(SqlFile("sql/repeatable/x.sql", "x.sql", text.encode()))


def test_the_order() -> None:
    def script(name: str, text: str) -> SqlFile:
        return SqlFile(f"{name}.sql", f"{name}.sql", text.encode())

    files = [
        script("a", "CREATE VIEW a AS SELECT x FROM b, c;"),
        script("b", "DROP VIEW IF EXISTS b;\nCREATE VIEW b AS SELECT a, c FROM t;"),
        script("c", "-- depends: d\nCREATE VIEW c AS SELECT 1;"),
        script("d", "CREATE VIEW d AS SELECT 'FROM a' FROM t;"),
    ]
    assert [s.name for s in in_order(list(map(read_script, files)))] == ["b", "d", "c", "a"]
    with pytest.raises(FileError, match="a -> b -> a"):
        in_order([read_script(files[0]), read_script(script("b", "CREATE VIEW b AS SELECT x FROM a;"))])
    with pytest.raises(FileError, match="both make view b"):
        in_order([read_script(files[1]), read_script(script("e", "CREATE VIEW b AS SELECT 1;"))])
    with pytest.raises(FileError, match="no such script"):
        in_order([read_script(files[2])])
    assert used(
        "CREATE VIEW v AS SELECT a, b AS c FROM t1 x, main.t2 JOIN (SELECT 1 FROM t3, t4 WHERE y IN (1, z)) q "
        'ON q.a = t1.b, "t 5" WHERE m, n'
    ) == {"t1", "t2", "t3", "t4", "t 5"}
    body = "INSERT INTO l SELECT a, b FROM m; UPDATE OR IGNORE q SET a = 1;"
    assert used(f"CREATE TRIGGER r AFTER INSERT ON v BEGIN {body} END") == {"v", "l", "m", "q"}


def test_the_files_of_a_project(tmp_path: Path) -> None:
    project = library(tmp_path)
    git(tmp_path, "checkout", "-q", "main")
    write(project, "titles", "-- titles\nCREATE VIEW titles AS SELECT title FROM books;\n")
    queries = tmp_path / "sql" / "queries"
    (queries / "titles.sql").write_text("-- name: titles\nSELECT title FROM titles;\n")
    stamp(project)
    commit(project)
    git(tmp_path, "checkout", "-q", "-b", "titles")
    project.run("lint").expect(0)
    assert "VIEW titles" in (tmp_path / "sql" / "schema.sql").read_text()
    project.run("migrate.create", "nothing", "--from", "sql/schema.sql").expect(0)
    assert not project.up_file("0003_nothing").exists()
    schema = (tmp_path / "sql" / "schema.sql").read_text()
    (tmp_path / "sql" / "schema.sql").write_text(schema.replace("SELECT title FROM books", "SELECT id FROM books"))
    project.run("migrate.create", "x", "--from", "sql/schema.sql").expect(2, "edit sql/repeatable/titles.sql")
    (tmp_path / "sql" / "schema.sql").write_text(schema + "\nCREATE TABLE extra (a);\n")
    project.run("migrate.create", "extra", "--from", "sql/schema.sql").expect(0, "wrote migrations/0003_extra.sql")
    assert "titles" not in project.up_file("0003_extra").read_text()
    project.up()
    project.run("verify").expect(0)
    git(tmp_path, "checkout", "-q", "sql/schema.sql")
    project.remove("0003_extra")
    project.run("migrate.sum").expect(0)

    write(project, "titles", "-- titles\nCREATE VIEW titles AS SELECT title, isbn FROM books;\n")
    project.run("schema.dump", "--write").expect(0)
    report = review(project, 0)
    assert "~ view titles" in report["schema"]
    write(project, "titles", "-- titles\nCREATE VIEW titles AS SELECT pages FROM books;\n")
    report = review(project, 1)
    assert any(f["rule"] == "MR01" and f["path"] == "sql/repeatable/titles.sql" for f in report["findings"])
    lint = project.run("lint", "--json").expect(1).json()
    assert {f["path"] for f in lint["findings"] if f["rule"] == "MS30"} == {"sql/repeatable/titles.sql"}
    assert json.loads(project.run("migrate.status", "--json").out)["repeatables"][0]["state"] == "changed"


def test_the_library_runs_them(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_t", TABLE, "DROP TABLE t;\n")
    project.up()
    write(project, "v", VIEW)
    assert memsql.migrate(project.db, project=tmp_path).outcome == "migrated"
    assert memsql.migrate(project.db, project=tmp_path).outcome == "current"
