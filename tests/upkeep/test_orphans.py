"""maintain.orphans: rows that refer to nothing are counted, moved aside and brought back, on a file and on a server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project, content
from either import Place

from memsql.errors import UsageError
from memsql.schema import from_sql
from memsql.server import Running
from memsql.upkeep.references import parse

TABLES = """
PRAGMA foreign_keys = off;
CREATE TABLE users (id TEXT PRIMARY KEY COLLATE NOCASE, name TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, body,
  up INTEGER REFERENCES notes (id) ON DELETE SET NULL, shout AS (upper(body)));
CREATE TABLE tags (note_id INTEGER NOT NULL REFERENCES notes (id), tag TEXT, weight REAL, PRIMARY KEY (note_id, tag))
  WITHOUT ROWID;
CREATE TABLE loose (topic INTEGER, x BLOB);
CREATE TABLE topics (id INTEGER PRIMARY KEY);
CREATE TABLE log (what);
CREATE TRIGGER gone AFTER DELETE ON notes BEGIN INSERT INTO log VALUES (old.id); END;
CREATE VIRTUAL TABLE notes_fts USING fts5 (body, content = 'notes', content_rowid = 'id');
CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN
  INSERT INTO notes_fts (rowid, body) VALUES (new.id, new.body); END;
CREATE TRIGGER notes_ad AFTER DELETE ON notes BEGIN
  INSERT INTO notes_fts (notes_fts, rowid, body) VALUES ('delete', old.id, old.body); END;
INSERT INTO users VALUES ('A', 'Ann');
INSERT INTO notes (id, user_id, body, up) VALUES (1, 'a', 'kept', NULL), (2, 'b', 'an orphan', 1), (3, 'a', 'below', 2),
  (4, 'a', 'below that', 3), (5, 'c', x'0041', NULL), (6, 'a', 'refers to itself', 6);
INSERT INTO tags VALUES (1, 'x', 1), (2, 'y', 2.5), (4, 'z', 3), (9, 'none', 4);
INSERT INTO topics VALUES (1);
INSERT INTO loose (rowid, topic, x) VALUES (3, 1, 'one'), (7, 2, 2.0), (8, NULL, NULL);
"""
LOOSE = "loose.topic -> topics.id"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.script(TABLES)
    return project


def values(project: Project) -> list[object]:
    tables = ("users", "notes", "tags", "loose", "topics")
    return [project.query(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def test_report(project: Project) -> None:
    before = project.files()
    report = project.run("maintain.orphans", "--json", "--key", LOOSE).expect(0).json()
    assert {(r["table"], r["parent"]): r["orphans"] for r in report["references"]} == {
        ("notes", "users"): 2,
        ("notes", "notes"): 0,
        ("tags", "notes"): 1,
        ("loose", "topics"): 1,
    }
    done = project.run("maintain.orphans", "--check").expect(1, "3 rows refer to no row, by 3 references")
    assert (
        "2 rows of notes: notes.user_id -> users.id (foreign key)\n  id 2, user_id 'b'\n  id 5, user_id 'c'\n"
        in done.out
    )
    project.run("maintain.orphans", "--table", "loose", "--check").expect(0)
    assert project.files() == before


def test_moved_aside_and_brought_back(project: Project) -> None:
    before, everything = values(project), project.files()
    done = project.run("maintain.orphans", "--archive", "--dry-run", "--key", LOOSE)
    done.expect(0, "would move 8 rows in one transaction (proven)")
    assert project.files() == everything
    done = project.run("maintain.orphans", "--archive", "--key", LOOSE).expect(
        0, "moved 8 rows in one transaction (proven)"
    )
    assert (
        "moved 2 rows of notes into memsql_orphans_1_notes: they refer to rows that are moved (notes.up -> notes.id)"
        in done.out
    )
    # What refers to an orphan goes with it: its key would otherwise be lost.
    assert project.query("SELECT id FROM notes ORDER BY id") == [(1,), (6,)]
    assert project.query("SELECT note_id FROM tags") == [(1,)]
    assert project.query("SELECT rowid FROM loose ORDER BY 1") == [(3,), (8,)]
    assert project.query("PRAGMA foreign_key_check") == []
    assert project.query("SELECT memsql_rowid, typeof(body) FROM memsql_orphans_1_notes ORDER BY id") == [
        (2, "text"),
        (3, "text"),
        (4, "text"),
        (5, "blob"),
    ]
    why = project.one("SELECT memsql_why FROM memsql_orphans_1_loose")
    assert why == "refers to no row: loose.topic -> topics.id"
    project.run("fts.check").expect(0)
    project.run("maintain.orphans", "--check", "--key", LOOSE).expect(
        0, "memsql_orphans_1_tags", "moved aside earlier:"
    )
    project.run("maintain.orphans", "--archive").expect(0, "nothing was changed")

    project.run("maintain.orphans", "--restore", "--key", LOOSE).expect(0, "brought back 0 rows", "4 stay")
    project.script("INSERT INTO users VALUES ('b', 'Bob'); INSERT INTO topics VALUES (2);")
    report = project.run("maintain.orphans", "--restore", "--json", "--key", LOOSE).expect(0).json()
    assert {r["table"]: (r["rows"], r["left"]) for r in report["returned"]} == {
        "notes": (3, 1),
        "tags": (2, 1),
        "loose": (1, 0),
    }
    assert project.query("PRAGMA foreign_key_check") == []
    project.run("fts.check").expect(0)
    project.script("INSERT INTO users VALUES ('c', 'Cy'); INSERT INTO notes (id, user_id) VALUES (9, 'a');")
    project.run("maintain.orphans", "--restore").expect(0, "brought back 2 rows in one transaction")
    project.script("DELETE FROM notes WHERE id = 9")
    after = values(project)
    assert after[1:4] == before[1:4]
    assert project.query("SELECT name FROM sqlite_schema WHERE name LIKE 'memsql_orphans%'") == []


def test_a_key_that_is_taken_stays_aside(project: Project) -> None:
    project.script("DROP TABLE tags; DELETE FROM notes WHERE id = 3;")
    project.run("maintain.orphans", "--archive", "--key", LOOSE).expect(0)
    project.script(
        "INSERT INTO users VALUES ('b', ''), ('c', ''); INSERT INTO topics VALUES (2);"
        "INSERT INTO notes (id, user_id) VALUES (2, 'a'); INSERT INTO loose (rowid, topic) VALUES (7, 1);"
    )
    done = project.run("maintain.orphans", "--restore", "--key", LOOSE).expect(
        0, "2 stay: what they refer to is missing"
    )
    assert "brought back 1 row of loose from" in done.out
    # Its rowid was SQLite's own, so the row has another one now.
    assert project.query("SELECT topic, x FROM loose ORDER BY 1, 2")[-1] == (2, 2.0)
    assert project.one("SELECT body FROM notes WHERE id = 2") is None


def test_a_circle_comes_back(project: Project) -> None:
    project.script(
        "PRAGMA foreign_keys = off; DELETE FROM notes; DELETE FROM tags; INSERT INTO notes (id, user_id, up)"
        " VALUES (1, 'z', 2), (2, 'a', 1);"
    )
    project.run("maintain.orphans", "--archive").expect(0, "moved 2 rows")
    project.run("maintain.orphans", "--restore").expect(0, "brought back 0 rows")
    project.script("INSERT INTO users VALUES ('z', '')")
    project.run("maintain.orphans", "--restore").expect(0, "brought back 2 rows")


def test_a_trigger_that_does_more_is_refused(project: Project) -> None:
    project.script("CREATE TRIGGER also AFTER DELETE ON notes BEGIN DELETE FROM topics; END;")
    before = content(project.db)
    project.run("maintain.orphans", "--archive").expect(6, "topics lost 1 row", "nothing was changed")
    assert content(project.db) == before


def test_keys_of_check_files(project: Project) -> None:
    project.check("topics", "SELECT 'never' WHERE 0")
    path = project.checks / "topics.sql"
    path.write_text("-- references: loose.topic -> topics.id\n" + path.read_text())
    project.run("maintain.orphans").expect(0, "loose.topic -> topics.id (sql/checks/topics.sql:1)", "rowid 7, topic 2")
    path.write_text(path.read_text().replace("topics.id", "topics.nope"))
    project.run("maintain.orphans").expect(
        2, "sql/checks/topics.sql: topics has no column nope", "sql/checks/topics.sql:1"
    )


def test_parents_that_are_missing(project: Project) -> None:
    project.script("PRAGMA foreign_keys = off; DROP TABLE users;")
    done = project.run("maintain.orphans").expect(0, "not known: ", "there is no table users", "1 reference cannot")
    assert "1 row of tags" in done.out
    project.run("maintain.orphans", "--archive").expect(0, "moved 1 row")
    project.script("DROP TABLE tags")
    project.run("maintain.orphans", "--restore").expect(6, "there is no table tags any more", "nothing was changed")


@pytest.mark.parametrize(
    "words",
    [("--archive", "--restore"), ("--dry-run",), ("--archive", "--check"), ("--table", "nope"), ("--key", "a.b")],
)
def test_wrong_options(project: Project, words: tuple[str, ...]) -> None:
    project.run("maintain.orphans", *words).expect(2, "nothing was changed")


@pytest.mark.server
def test_on_a_server(project: Project, empty_server: Running) -> None:
    place = Place(project, empty_server.url)
    place.script(TABLES)
    place.run("maintain.orphans", "--key", LOOSE).expect(0, "4 rows refer to no row")
    place.run("maintain.orphans", "--archive", "--key", LOOSE).expect(0, "moved 8 rows in one transaction (proven)")
    assert place.rows("PRAGMA foreign_key_check") == []
    assert place.rows("SELECT count(*) FROM notes") == [(2,)]
    place.script("INSERT INTO users VALUES ('b', ''), ('c', ''); INSERT INTO topics VALUES (2);")
    place.run("maintain.orphans", "--restore", "--key", LOOSE).expect(0, "brought back 7 rows", "1 stay")
    assert place.rows("SELECT count(*), sum(up) FROM notes") == [(6, 12)]
    place.run("fts.check").expect(0)


def test_somebody_else_writes(project: Project) -> None:
    project.configure("[memsql]\ndatabase = memory.db\nbusy_timeout = 50\n")
    with closing(sqlite3.connect(project.db, isolation_level=None)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        project.run("maintain.orphans", "--archive").expect(4, "is locked", "nothing was changed")


def test_a_protected_environment_asks_where_there_is_something_to_do(project: Project) -> None:
    project.configure("[memsql]\ndatabase = memory.db\nprotected = yes\n")
    project.run("maintain.orphans", "--restore").expect(0, "nothing was moved aside")
    project.run("maintain.orphans", "--archive", "--table", "loose").expect(0, "there is no row to move")
    project.run("maintain.orphans", "--archive").expect(6, "no proven backup")
    project.run("maintain.orphans", "--archive", "--dry-run").expect(0, "would move")


def test_references_are_read() -> None:
    schema = from_sql('CREATE TABLE "a b" (x, "y z"); CREATE TABLE p (x, y);')
    one = parse('"A B" ("Y Z", x) -> P (x, Y)', "here", schema)
    assert (one.child, one.columns, one.parent, one.parent_columns) == ("a b", ("y z", "x"), "p", ("x", "y"))
    for text in ("", "p.x", "p.x -> ", "p.x = p.y", "p (x, y) -> p (x)", "p (x y) -> p (x, y)", "p.x -> nope.x"):
        with pytest.raises(UsageError):
            parse(text, "here", schema)


BARE = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE k (id INTEGER PRIMARY KEY"
KEYED = f"{BARE}, x INTEGER REFERENCES p (id)"
OTHER = "CREATE TABLE o (m); INSERT INTO o VALUES (1), (2);"


def fired(event: str, body: str) -> str:
    return f"CREATE TRIGGER also AFTER {event} ON k BEGIN {body} END;"


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (fired("INSERT", "UPDATE k SET v = v + 1 WHERE id = new.id;"), "would not be in k as they were"),
        (fired("INSERT", "SELECT RAISE(ROLLBACK, 'never again');"), "never again"),
        (OTHER + fired("INSERT", "UPDATE o SET m = m + 1;"), "o has 2 rows, but not the same ones"),
        (OTHER + fired("DELETE", "UPDATE o SET m = m + 100;"), "o has 2 rows, but not the same ones"),
        (OTHER + fired("DELETE", "DELETE FROM o; INSERT INTO o VALUES (7), (8);"), "o has 2 rows, but not the same"),
        ("CREATE VIRTUAL TABLE f USING fts5 (b); INSERT INTO f VALUES ('a');"
         + fired("DELETE", "UPDATE f SET b = 'z';"), "f has 1 row, but not the same ones"),
        ("PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, 'v)', 'v CHECK (v > 9))');",
         "CHECK constraint failed"),
    ],
)  # fmt: skip
def test_what_could_not_be_brought_back_is_not_moved(tmp_path: Path, tables: str, reason: str) -> None:
    project = Project(tmp_path)
    project.script(f"{KEYED}, v); INSERT INTO k VALUES (1, 5, 5); {tables}")
    before = content(project.db)
    project.run("maintain.orphans", "--archive", "--dry-run").expect(6, reason)
    project.run("maintain.orphans", "--archive").expect(6, "would not come back as they were", reason)
    assert content(project.db) == before


@pytest.mark.parametrize(
    ("tables", "row", "compared"),
    [
        # A key that leads from a generated column, and to one.
        (f"{BARE}, raw INTEGER, x AS (raw + 1) STORED REFERENCES p (id));", "(id, raw) VALUES (1, 4)", "k"),
        (f"{KEYED}, v AS (x + 1) UNIQUE); CREATE TABLE g (v REFERENCES k (v)); INSERT INTO g VALUES (6);",
         "(id, x) VALUES (1, 5)", "g"),
        # What a trigger keeps in step goes and comes with the rows.
        (f"{KEYED}); CREATE TABLE n (n); INSERT INTO n VALUES (1);" + fired("DELETE", "UPDATE n SET n = n - 1;")
         + "CREATE TRIGGER more AFTER INSERT ON k BEGIN UPDATE n SET n = n + 1; END;", "VALUES (1, 5)", "n"),
        # A type that is no name.
        (f'{KEYED}, v "PRIMARY KEY");', "VALUES (1, 5, '7')", "k"),
        (f"{KEYED}); CREATE VIEW memsql_orphans_4_k AS SELECT 1 AS memsql_back;"
         "CREATE TABLE memsql_orphans_6_x (a);", "VALUES (1, 5)", "memsql_orphans_6_x"),
    ],
)  # fmt: skip
def test_what_was_moved_comes_back_as_it_was(tmp_path: Path, tables: str, row: str, compared: str) -> None:
    project = Project(tmp_path)
    project.script(f"{tables} INSERT INTO k {row};")
    project.script("UPDATE n SET n = 1") if compared == "n" else None
    before = [project.query("SELECT * FROM k"), project.query(f"SELECT * FROM {compared}")]
    project.run("maintain.orphans", "--archive").expect(0, "(proven)")
    assert project.query("SELECT * FROM k") == []
    project.run("maintain.orphans", "--restore").expect(0, "brought back 0 rows")
    project.script("INSERT INTO p VALUES (5)")
    project.run("maintain.orphans", "--restore").expect(0, "(proven)")
    assert [project.query("SELECT * FROM k"), project.query(f"SELECT * FROM {compared}")] == before
    project.run("maintain.orphans").expect(0, "0 rows refer to no row")


def test_rows_that_cannot_be_moved(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.script(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a); CREATE TABLE h (rowid, oid, _rowid_, x REFERENCES p);"
        "INSERT INTO h VALUES (1, 1, 1, 5), (1, 1, 1, 5), (1, 1, 1, NULL);"
        "CREATE TABLE c (memsql_Back, x REFERENCES p); INSERT INTO c VALUES (1, 5);"
        "CREATE TABLE u (x REFERENCES p (a)); INSERT INTO u VALUES (5);"
    )
    project.run("maintain.orphans", "--check", "--table", "h").expect(1, "2 rows refer to no row")
    project.run("maintain.orphans", "--archive", "--table", "h").expect(6, "h cannot be told apart")
    project.run("maintain.orphans", "--archive", "--table", "c").expect(6, "its column memsql_Back is called like")
    done = project.run("maintain.orphans", "--check", "--table", "u").expect(1, "1 of them stay")
    assert "--archive" not in done.out
    project.run("maintain.orphans", "--archive", "--table", "u").expect(
        1, "left alone: u.x -> p.a", "nothing was changed"
    )
    project.script("CREATE TABLE m (x REFERENCES nowhere (id)); INSERT INTO m VALUES (1);")
    project.run("maintain.orphans", "--check", "--table", "m").expect(
        1, "there is no table nowhere", "cannot be followed"
    )
    project.run("maintain.orphans", "--archive", "--table", "m").expect(0, "left alone", "there is no table nowhere")
