"""Rebuilding a full-text index while others read, write and change the schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import eras
import pytest
from cli import Project
from indexed import (
    INDEX,
    LONG,
    TABLE,
    as_fresh,
    clean,
    fill,
    leftovers,
    make,
    make_triggers,
    online,
    open_,
    prove,
    right,
    write,
)
from places import ROOT
from reference_project import memsql
from watching import Watching

from memsql.errors import Refused
from memsql.fts import discover, rebuild_online
from memsql.progress import SILENT

WRITES = {
    "insert beyond the frontier": "INSERT INTO docs VALUES (10000, 'fresh', 'body'), (10001, NULL, NULL);",
    "insert below the frontier": (
        "INSERT INTO docs VALUES (-199, 'fresh', 'body'), (-9223372036854775808, 'fresh', 'body');"
    ),
    "insert at the very end": "INSERT INTO docs VALUES (9223372036854775807, 'fresh', 'body');",
    "update on both sides": "UPDATE docs SET body = 'fresh body', title = NULL WHERE id % 2 = 0;",
    "update of nothing": "UPDATE docs SET title = title;",
    "up across the frontier": "UPDATE docs SET id = 20000 - id, title = 'moved' WHERE id < -100;",
    "down across the frontier": "UPDATE docs SET id = -1000 - id, title = 'moved' WHERE id > 400;",
    "every key moved by one": "UPDATE docs SET id = -id; UPDATE docs SET id = -id - 3;",
    "delete on both sides": "DELETE FROM docs WHERE id % 2 = 0;",
    "delete everything": "DELETE FROM docs;",
    "delete and insert again": (
        "DELETE FROM docs WHERE id < 0; INSERT INTO docs VALUES (-200, 'fresh', 'body'), (-197, 'fresh', 'body');"
    ),
    "upsert": (
        "INSERT INTO docs VALUES (-200, 'fresh', 'x'), (40000, 'fresh', "
        "'y') ON CONFLICT (id) DO UPDATE SET title = 'moved';"
    ),
    "an update that is ignored": "UPDATE OR IGNORE docs SET id = -197 WHERE id = -200;",
    "a statement that fails": "INSERT OR IGNORE INTO docs VALUES (-200, 'fresh', 'x');",
    "rolled back": "BEGIN; DELETE FROM docs WHERE id < 100; INSERT INTO docs VALUES (-199, 'fresh', 'x'); ROLLBACK;",
    "the index used": (
        "INSERT INTO docs_fts(docs_fts) VALUES ('optimize'); INSERT INTO docs_fts(docs_fts) VALUES ('rebuild');"
    ),
}


@pytest.mark.parametrize("moment", [1, 3])
@pytest.mark.parametrize("what", WRITES)
def test_what_others_write_between_chunks_is_included(tmp_path: Path, what: str, moment: int) -> None:
    path = tmp_path / "a.db"
    fill(path)
    triggers = make_triggers(path)
    proofs: list[bool] = []
    online(path, after={moment: WRITES[what]}, proofs=proofs)
    assert proofs == [True], "it had to be built in one statement after all"
    assert as_fresh(path)
    assert make_triggers(path) == triggers


@pytest.mark.parametrize("what", WRITES)
def test_what_others_write_before_the_swap_is_included(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.db"
    fill(path)
    online(path, after_proof=WRITES[what])
    assert as_fresh(path)


REPLACES = {
    "of a row by its key": "REPLACE INTO docs VALUES (-200, 'fresh', 'replaced');",
    "of a row by a unique column": "REPLACE INTO docs VALUES (-5000, 'title 2', 'replaced');",
    "by an update": "UPDATE OR REPLACE docs SET title = 'title 3' WHERE title = 'title 4';",
    "by an update of the key": "UPDATE OR REPLACE docs SET id = -200 WHERE title = 'title 5';",
    "by a long text": f"REPLACE INTO docs SELECT -200, 'fresh', {LONG}; DELETE FROM docs WHERE id = -200;",
    "and its removal": "REPLACE INTO docs VALUES (-200, 'fresh', 'x'); DELETE FROM docs WHERE id = -200;",
    "by a row that comes back": (
        "REPLACE INTO docs VALUES (-5000, 'title 2', 'x'); INSERT INTO docs VALUES (-194, 'fresh', 'x');"
    ),
}


@pytest.mark.parametrize("option", ["", ", columnsize=0"])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("what", REPLACES)
def test_a_replace_behind_the_triggers_back_is_noticed(tmp_path: Path, what: str, late: bool, option: str) -> None:
    path = tmp_path / "a.db"
    make(path, TABLE.replace("title TEXT", "title TEXT UNIQUE") + INDEX.replace("'id')", f"'id'{option})"))
    write(path, right(path))
    with closing(sqlite3.connect(path)) as db:
        # Nothing but the words of the first chunk is in the new index when the replacement comes.
        db.executemany("INSERT INTO docs VALUES (?, ?, 'body')", [(n * 3 - 200, f"title {n}") for n in range(300)])
        db.commit()
    online(path, after={} if late else {1: REPLACES[what]}, after_proof=REPLACES[what] if late else "")
    assert clean(path)


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT, body TEXT);", ""),
        (
            "CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT, body TEXT);",
            "INSERT INTO docs VALUES (-9223372036854775808, NULL, NULL), (-1, NULL, 'minus'), (0, 'zero', NULL), "
            "(9223372036854775807, 'last', '');",
        ),
        (
            "CREATE TABLE docs (title TEXT, body, id INTEGER PRIMARY KEY);",
            "INSERT INTO docs(id, title) VALUES (3, 'three');",
        ),
        (
            "CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT AS ('made ' || id), body TEXT);",
            "INSERT INTO docs(body) VALUES ('x');",
        ),
        (
            "CREATE TABLE docs (id INTEGER PRIMARY KEY, title, body);",
            "INSERT INTO docs VALUES (1, 12.5, x'6162'), (2, 7, 'é😀');",
        ),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_few_odd_and_no_rows(tmp_path: Path, table: str, rows: str, chunk: int) -> None:
    path = make(tmp_path / "a.db", table + INDEX + rows)
    with closing(sqlite3.connect(path)) as db:
        total = db.execute("SELECT count(*) FROM docs").fetchone()[0]
    assert online(path, chunk=chunk) == total
    assert as_fresh(path)


def test_a_table_without_a_key_of_its_own_goes_by_rowid(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE docs (title TEXT, body TEXT);"
        + INDEX.replace(", content_rowid='id'", "")
        + "INSERT INTO docs VALUES ('one', 'x'), ('two', NULL), ('three', 'z');",
    )
    online(
        path,
        chunk=2,
        after={1: "UPDATE docs SET title = 'fresh' WHERE rowid IN (1, 3); DELETE FROM docs WHERE rowid = 2;"},
    )
    assert as_fresh(path)


def test_a_key_that_is_no_integer_key_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE docs (id TEXT PRIMARY KEY, title TEXT, body TEXT);" + INDEX)
    before = path.read_bytes()
    with pytest.raises(Refused, match="not the INTEGER PRIMARY KEY"):
        online(path)
    assert path.read_bytes() == before


def test_odd_names_all_the_way(tmp_path: Path) -> None:
    project = Project(tmp_path)
    make(
        project.db,
        """
        CREATE TABLE "it's ""a"" table" ("the id" INTEGER PRIMARY KEY, "from" TEXT, "Not Indexed" TEXT);
        CREATE VIRTUAL TABLE "the 'Index'" USING fts5("from", [Not Indexed] UNINDEXED, prefix='2',
            content=[it's "a" table], content_rowid=`the id`, tokenize = "porter unicode61 tokenchars '-'");
        INSERT INTO "it's ""a"" table" VALUES (1, 'running-man runs', 'x'), (2, NULL, NULL);
    """,
    )
    project.run("fts.rebuild", "--online", "--chunk", "1").expect(
        0, "the 'Index': rebuilt online, 2 rows copied (proven)"
    )
    assert project.query("SELECT rowid FROM \"the 'Index'\" WHERE \"the 'Index'\" MATCH 'run AND \"running-man\"'") == [
        (1,)
    ]
    project.run("fts.check").expect(0)


def test_what_else_names_the_index_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    write(
        path,
        """
        CREATE VIEW found AS SELECT rowid, title FROM docs_fts;
        CREATE TABLE log (a);
        CREATE TRIGGER z_first AFTER DELETE ON log BEGIN INSERT INTO docs_fts(docs_fts) VALUES ('optimize'); END;
        CREATE TRIGGER a_second AFTER DELETE ON log BEGIN SELECT count(*) FROM found; END;
        CREATE VIRTUAL TABLE words USING fts5vocab(docs_fts, row);
        INSERT INTO docs_fts(docs_fts, rank) VALUES ('rank', 'bm25(10.0, 5.0)');
        INSERT INTO docs_fts(docs_fts, rank) VALUES ('automerge', 8);
    """,
    )
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type <> 'table' ORDER BY rowid"
    with closing(sqlite3.connect(path)) as db:
        before = db.execute(schema).fetchall(), db.execute("SELECT * FROM docs_fts_config").fetchall()
    online(path)
    with closing(sqlite3.connect(path)) as db:
        assert (db.execute(schema).fetchall(), db.execute("SELECT * FROM docs_fts_config").fetchall()) == before
        assert db.execute("SELECT count(*) FROM found").fetchone() == (300,)
        assert db.execute("SELECT doc FROM words WHERE term = 'title'").fetchone() == (300,)
        assert db.execute("PRAGMA legacy_alter_table").fetchone() == (0,)
    assert clean(path)


def test_two_update_triggers_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    # SQLite runs the one created last first, whatever they are called.
    write(
        path,
        """DROP TRIGGER docs_fts_update;
        CREATE TRIGGER z_in AFTER UPDATE ON docs BEGIN INSERT INTO docs_fts(rowid, title, body) VALUES (new.id,
            new.title, new.body); END;
        CREATE TRIGGER a_out AFTER UPDATE ON docs BEGIN
            INSERT INTO docs_fts(docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); END;""",
    )
    online(path)
    write(path, "UPDATE docs SET title = 'fresh one'; UPDATE docs SET title = 'moved';")
    assert clean(path)


@pytest.mark.parametrize("late", [False, True])
def test_triggers_that_change_meanwhile_stay_changed(tmp_path: Path, late: bool) -> None:
    path = eras.build(tmp_path / "a.db", "1.3", "small")
    repair = (ROOT / "migrations" / "0003_fix_fts_triggers.sql").read_text()
    conn = open_(path)
    table = next(t for t in discover(conn) if t.name == "memories_fts")
    calls = 0

    def progress(fraction: float | None) -> None:
        nonlocal calls
        calls += 1
        if calls == 2 and not late:
            write(path, repair)

    def proven(name: str) -> bool:
        ok = prove(path, name)
        if late:
            write(path, repair)
        return ok

    rebuild_online(conn, table, chunk=200, progress=Watching(ticked=progress), prove=proven)
    conn.close()
    assert memsql(path, "fts.status", "--check").returncode == 0
    assert clean(path)


@pytest.mark.parametrize("late", [False, True])
def test_an_index_that_is_redefined_meanwhile_is_built_as_it_is_now(tmp_path: Path, late: bool) -> None:
    path = tmp_path / "a.db"
    fill(path)
    change = "DROP TABLE docs_fts;" + INDEX.replace("title, body,", "body, title, tokenize='porter',")
    online(path, after={} if late else {2: change}, after_proof=change if late else "")
    with closing(sqlite3.connect(path)) as db:
        assert [r[1] for r in db.execute("PRAGMA table_info(docs_fts)")] == ["body", "title"]
        assert len(db.execute("SELECT rowid FROM docs_fts('titles')").fetchall()) == 300
    assert clean(path)


@pytest.mark.parametrize("late", [False, True])
def test_a_content_table_that_is_rebuilt_meanwhile_is_read_again(tmp_path: Path, late: bool) -> None:
    path = tmp_path / "a.db"
    fill(path)
    change = (
        "CREATE TABLE other (id INTEGER PRIMARY KEY, title TEXT, body TEXT, more TEXT);"
        "INSERT INTO other SELECT id, 'fresh ' || title, body, NULL FROM docs; DROP TABLE docs; "
        "ALTER TABLE other RENAME TO docs;"
        "UPDATE docs SET title = 'moved' WHERE id < 0;"
    )
    online(path, after={} if late else {2: change}, after_proof=change if late else "")
    assert as_fresh(path)


def test_an_index_that_is_dropped_meanwhile_says_so_and_can_be_given_up(tmp_path: Path) -> None:
    project = Project(tmp_path)
    fill(project.db)
    with pytest.raises(Refused, match="docs_fts was dropped") as refused:
        online(project.db, after={1: "DROP TABLE docs_fts;"})
    assert "--abort" in str(refused.value.hint)
    project.run("fts.status").expect(0, "an online rebuild of docs_fts was begun and not ended")
    project.run("fts.rebuild", "--abort").expect(0, "docs_fts: gave the rebuild up")
    assert leftovers(project.db) == []


def test_two_at_once_end_in_one_index(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    other = open_(path)
    table = discover(other)[0]
    calls = 0

    def progress(fraction: float | None) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            rebuild_online(other, table, chunk=40, progress=SILENT, prove=partial(prove, path))

    conn = open_(path)
    with pytest.raises(Refused, match="somebody else finished"):
        rebuild_online(
            conn, discover(conn)[0], chunk=40, progress=Watching(ticked=progress), prove=partial(prove, path)
        )
    assert as_fresh(path)


def test_only_the_chunks_hold_the_lock(tmp_path: Path) -> None:
    """Whoever writes does so with a timeout of 0: every write between chunks and during the proof goes through."""
    path = tmp_path / "a.db"
    fill(path)
    conn = open_(path)
    written = 0

    def insert(*_: object) -> bool:
        nonlocal written
        with closing(sqlite3.connect(path, timeout=0)) as db:
            db.execute("INSERT INTO docs(title) VALUES ('fresh')")
            db.commit()
        written += 1
        return True

    def progress(fraction: float | None) -> None:
        if written < 5:
            insert()

    rebuild_online(conn, discover(conn)[0], chunk=100, progress=Watching(ticked=progress), prove=insert)
    assert written >= 5
    assert as_fresh(path)


def test_somebody_who_appends_all_the_while_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    calls = 0

    def append(fraction: float | None) -> None:
        nonlocal calls
        calls += 1
        assert calls < 50, "it never ends"
        write(path, "INSERT INTO docs(title) VALUES ('fresh')")

    conn = open_(path)
    rebuild_online(conn, discover(conn)[0], chunk=40, progress=Watching(ticked=append), prove=partial(prove, path))
    conn.close()
    assert as_fresh(path)
