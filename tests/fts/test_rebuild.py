"""Checking and rebuilding full-text indexes: at once, online beside writers, killed, given up, and by migrations."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import eras
import pytest
from cli import Project, clean_environment, files_below, finish
from indexed import INDEX, TABLE, fill, make, make_triggers, matches, open_, prove, right
from places import ROOT
from reference_project import memsql, succeed
from watching import Watching

from memsql.errors import Interrupted, LockedError, Refused
from memsql.fts import abort, check, discover, rebuild, rebuild_online, unfinished
from memsql.progress import SILENT

LONG = "replace(hex(zeroblob(2000)), '0', 'long ')"


def write(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        # Nobody pulls the plug here, and waiting for the disk is most of what these tests would do.
        db.executescript("PRAGMA synchronous = off;" + sql)
        db.commit()


def leftovers(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%memsql_fts%'")]


def clean(path: Path) -> bool:
    conn = open_(path)
    try:
        return all(check(conn, table).ok for table in discover(conn)) and leftovers(path) == []
    finally:
        conn.close()


def online(
    path: Path,
    *,
    chunk: int = 100,
    after: dict[int, str] | None = None,
    after_proof: str = "",
    proofs: list[bool] | None = None,
) -> int:
    """Rebuild the only index; run SQL on another connection after the n-th chunk and after the first proof."""
    calls = 0

    def progress(fraction: float | None) -> None:
        nonlocal calls
        write(path, (after or {}).get(calls, ""))
        calls += 1

    seen = [] if proofs is None else proofs

    def proven(name: str) -> bool:
        ok = prove(path, name)
        if len(seen) == 0:
            write(path, after_proof)
        seen.append(ok)
        return ok

    conn = open_(path)
    conn.execute("PRAGMA synchronous = off")
    try:
        return rebuild_online(conn, discover(conn)[0], chunk=chunk, progress=Watching(ticked=progress), prove=proven)
    finally:
        conn.close()


def as_fresh(path: Path) -> bool:
    """Whether the index is clean and finds what one that was rebuilt at once finds."""
    if not clean(path):
        return False
    before = matches(path)
    conn = open_(path)
    conn.execute("PRAGMA synchronous = off")
    rebuild(conn, discover(conn)[0])
    conn.close()
    return matches(path) == before


# ---- checks and reads


def test_a_worn_out_database_is_broken_until_it_is_rebuilt(tmp_path: Path) -> None:
    path = eras.build(tmp_path / "a.db", "1.3", "small")
    rows = eras.content_hash(path)
    checked = memsql(path, "fts.check", "--json")
    assert checked.returncode == 1
    assert {t["name"]: t["ok"] for t in json.loads(checked.stdout)["tables"]} == {
        "entities_fts": False,
        "memories_fts": False,
    }
    assert "next: invoke fts.rebuild" in memsql(path, "fts.check").stdout
    assert "memories_fts: rebuilt (proven)" in succeed(path, "fts.rebuild", "--table", "MEMORIES_FTS")
    names = {t["name"]: t["ok"] for t in json.loads(memsql(path, "fts.check", "--json").stdout)["tables"]}
    assert names == {"entities_fts": False, "memories_fts": True}
    succeed(path, "fts.rebuild", "--online", "--chunk", "37")
    succeed(path, "fts.check")
    assert leftovers(path) == []
    assert eras.content_hash(path) == rows


def test_a_search_that_hits_stale_words_fails_until_a_rebuild(tmp_path: Path) -> None:
    project = Project(tmp_path)
    make(
        project.db,
        TABLE
        + INDEX
        + """
        CREATE TRIGGER docs_fts_insert AFTER INSERT ON docs BEGIN
            INSERT INTO docs_fts(rowid, title, body) VALUES (new.id, new.title, new.body); END;
        CREATE TRIGGER docs_fts_delete AFTER DELETE ON docs BEGIN DELETE FROM docs_fts WHERE rowid = old.id; END;
        INSERT INTO docs VALUES (1, 'stale', 'x'), (2, 'kept', 'x'); DELETE FROM docs WHERE id = 1;""",
    )
    with pytest.raises(sqlite3.DatabaseError, match=r"malformed|missing row"):
        project.query("SELECT title FROM docs_fts('stale')")
    project.run("fts.check").expect(1, "docs_fts does not agree with its content")
    project.run("fts.rebuild").expect(0, "docs_fts: rebuilt (proven)")
    assert project.query("SELECT title FROM docs_fts('stale')") == []
    assert project.query("SELECT title FROM docs_fts('kept')") == [("kept",)]
    project.run("fts.check").expect(0)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_reads_leave_the_files_as_they_are(tmp_path: Path, mode: str) -> None:
    path = eras.build(tmp_path / "a.db", "1.3", "small")
    write(path, f"PRAGMA journal_mode = {mode}")
    before = files_below(tmp_path)
    for words in (["fts.status", "--check"], ["fts.check"], ["verify"]):
        memsql(path, *words)
        assert files_below(tmp_path) == before, words


def test_a_check_neither_waits_for_a_writer_nor_makes_one_wait(tmp_path: Path) -> None:
    path = eras.build(tmp_path / "a.db", "1.3", "small", clean_fts=True)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as writer:
        writer.execute("PRAGMA journal_mode = wal")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO schema_version VALUES (99, 'now')")
        running = subprocess.Popen(
            [sys.executable, "-m", "memsql", "fts.check", "--project", str(ROOT), "--database", str(path)],
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        commits = 0
        while running.poll() is None:
            # With a timeout of 0 any wait for the check would be an error here.
            writer.execute("COMMIT")
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE schema_version SET applied_at = ? WHERE version = 99", (str(commits),))
            commits += 1
            time.sleep(0.005)
        assert running.returncode == 0, running.communicate()[0]
        assert commits > 1
        writer.execute("ROLLBACK")


@pytest.mark.parametrize("words", [["fts.rebuild"], ["fts.rebuild", "--online"], ["fts.optimize"]])
def test_a_locked_database_is_code_4(tmp_path: Path, words: list[str]) -> None:
    project = Project(tmp_path, "busy_timeout = 50\n")
    fill(project.db)
    before = project.db.read_bytes()
    with closing(sqlite3.connect(project.db, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        project.run(*words).expect(4, "locked by another process")
        holder.execute("ROLLBACK")
    assert project.db.read_bytes() == before


def test_bad_words_are_usage_errors(tmp_path: Path) -> None:
    project = Project(tmp_path)
    fill(project.db)
    for chunk in ("0", "²", "9" * 30):
        project.run("fts.rebuild", "--online", f"--chunk={chunk}").expect(2, "--chunk")
    for task in ("fts.status", "fts.rebuild"):
        project.run(task, "--table", "nope").expect(2, "there is no FTS5 table nope", "docs_fts")
    project.run("fts.rebuild", "--abort", "--table", "nope").expect(2, "there is no FTS5 table nope")


# ---- at once


def test_each_kind_is_rebuilt_or_says_why_not(tmp_path: Path) -> None:
    project = Project(tmp_path)
    make(
        project.db,
        TABLE + INDEX + "INSERT INTO docs VALUES (1, 'one', 'x');"
        "CREATE VIRTUAL TABLE bare USING fts5(a, content=''); INSERT INTO bare(rowid, a) VALUES (1, 'x');"
        "CREATE VIRTUAL TABLE own USING fts5(a); INSERT INTO own VALUES ('y');"
        "CREATE VIEW v AS SELECT id, title FROM docs;"
        "CREATE VIRTUAL TABLE over_view USING fts5(title, content='v', content_rowid='id');",
    )
    bytes_before = project.db.read_bytes()
    project.run("fts.rebuild", "--table", "bare").expect(6, "bare is contentless", "nothing was changed")
    project.run("fts.rebuild", "--table", "bare", "--online").expect(6, "bare is contentless")
    project.run("fts.rebuild", "--table", "own", "--online").expect(
        2, "keeps its own copy", "invoke fts.rebuild --table own"
    )
    assert project.db.read_bytes() == bytes_before
    project.run("fts.rebuild").expect(
        0, "bare: contentless, cannot be rebuilt; left alone", "docs_fts: rebuilt", "own: rebuilt", "over_view: rebuilt"
    )
    project.run("fts.check").expect(0)
    assert project.query("SELECT rowid FROM docs_fts('one')") == [(1,)]
    assert project.query("SELECT rowid FROM over_view('one')") == [(1,)]
    assert project.query("SELECT a FROM own('y')") == [("y",)]
    assert project.query("SELECT rowid FROM bare('x')") == [(1,)]


def test_a_rebuild_that_cannot_work_changes_nothing_and_says_so(tmp_path: Path) -> None:
    project = Project(tmp_path)
    make(
        project.db,
        TABLE + INDEX + "INSERT INTO docs VALUES (1, 'one', 'x'); INSERT INTO docs_fts(docs_fts) VALUES ('rebuild');"
        "ALTER TABLE docs RENAME COLUMN body TO text;",
    )
    before = project.db.read_bytes()
    project.run("fts.rebuild").expect(1, "nothing was changed")
    project.run("fts.rebuild", "--online").expect(6, "docs has no column body", "nothing was changed")
    assert project.db.read_bytes() == before
    assert leftovers(project.db) == []


# ---- online, beside others


WRITES = {
    "insert beyond the frontier": "INSERT INTO docs VALUES (10000, 'fresh', 'body'), (10001, NULL, NULL);",
    "insert below the frontier": "INSERT INTO docs VALUES (-199, 'fresh', 'body'), (-9223372036854775808, 'fresh', 'body');",
    "insert at the very end": "INSERT INTO docs VALUES (9223372036854775807, 'fresh', 'body');",
    "update on both sides": "UPDATE docs SET body = 'fresh body', title = NULL WHERE id % 2 = 0;",
    "update of nothing": "UPDATE docs SET title = title;",
    "up across the frontier": "UPDATE docs SET id = 20000 - id, title = 'moved' WHERE id < -100;",
    "down across the frontier": "UPDATE docs SET id = -1000 - id, title = 'moved' WHERE id > 400;",
    "every key moved by one": "UPDATE docs SET id = -id; UPDATE docs SET id = -id - 3;",
    "delete on both sides": "DELETE FROM docs WHERE id % 2 = 0;",
    "delete everything": "DELETE FROM docs;",
    "delete and insert again": "DELETE FROM docs WHERE id < 0; INSERT INTO docs VALUES (-200, 'fresh', 'body'), (-197, 'fresh', 'body');",
    "upsert": "INSERT INTO docs VALUES (-200, 'fresh', 'x'), (40000, 'fresh', 'y') ON CONFLICT (id) DO UPDATE SET title = 'moved';",
    "an update that is ignored": "UPDATE OR IGNORE docs SET id = -197 WHERE id = -200;",
    "a statement that fails": "INSERT OR IGNORE INTO docs VALUES (-200, 'fresh', 'x');",
    "rolled back": "BEGIN; DELETE FROM docs WHERE id < 100; INSERT INTO docs VALUES (-199, 'fresh', 'x'); ROLLBACK;",
    "the index used": "INSERT INTO docs_fts(docs_fts) VALUES ('optimize'); INSERT INTO docs_fts(docs_fts) VALUES ('rebuild');",
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
    "by a row that comes back": "REPLACE INTO docs VALUES (-5000, 'title 2', 'x'); INSERT INTO docs VALUES (-194, 'fresh', 'x');",
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
        CREATE TRIGGER z_in AFTER UPDATE ON docs BEGIN INSERT INTO docs_fts(rowid, title, body) VALUES (new.id, new.title, new.body); END;
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
        "INSERT INTO other SELECT id, 'fresh ' || title, body, NULL FROM docs; DROP TABLE docs; ALTER TABLE other RENAME TO docs;"
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


# ---- killed, stopped, locked, given up


DRIVER = """
    import os, sys
    from pathlib import Path
    from memsql.config import parse_target
    from memsql.db import connect
    from memsql.fts import discover, rebuild_online

    conn = connect(parse_target(sys.argv[1], Path("/")), "rw")
    where, count = sys.argv[2], int(sys.argv[3])

    def step(*_):
        global count
        count -= 1
        if count < 0:
            os.kill(os.getpid(), 9)
        return True

    def nothing(*_):
        return True

    class Steps:
        start, tick = nothing, staticmethod(step if where == "chunk" else nothing)

    rebuild_online(conn, discover(conn)[0], chunk=60, progress=Steps,
                   prove=step if where == "proof" else nothing)
"""


def kill(path: Path, where: str, count: int) -> int:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DRIVER), str(path), where, str(count)],
        cwd=ROOT,
        check=False,
        env=clean_environment() | {"PYTHONPATH": str(ROOT)},
    ).returncode


@pytest.mark.parametrize(
    ("where", "count", "mode"),
    [
        *(("chunk", n, "delete") for n in range(6)),
        ("chunk", 2, "wal"),
        ("proof", 0, "delete"),
        ("proof", 0, "wal"),
    ],
)
def test_killed_it_is_left_right_and_goes_on(tmp_path: Path, where: str, count: int, mode: str) -> None:
    path = tmp_path / "a.db"
    fill(path)
    triggers = make_triggers(path)
    write(path, f"PRAGMA journal_mode = {mode}")
    assert kill(path, where, count) == -signal.SIGKILL
    conn = open_(path)
    assert unfinished(conn) == ["docs_fts"]
    assert [t.name for t in discover(conn)] == ["docs_fts"]
    assert check(conn, discover(conn)[0]).ok, "the old index is still the one in use"
    conn.close()
    write(
        path,
        "UPDATE docs SET title = 'fresh ' || id WHERE id % 2 = 0; DELETE FROM docs WHERE id % 5 = 0;"
        "UPDATE docs SET id = 5000 - id, title = 'moved' WHERE id BETWEEN -150 AND -100;"
        "INSERT INTO docs VALUES (-300, 'fresh', NULL);",
    )
    with closing(sqlite3.connect(path)) as db:
        rest = db.execute("SELECT count(*) FROM docs").fetchone()[0]
    proofs: list[bool] = []
    copied = online(path, chunk=60, proofs=proofs)
    assert proofs == [True]
    assert copied < rest or count == 0, "it began again instead of going on"
    assert as_fresh(path)
    assert make_triggers(path) == triggers


def test_a_driver_that_is_not_killed_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    assert kill(path, "chunk", 99) == 0
    assert clean(path)


@pytest.mark.parametrize(("where", "count"), [("chunk", 2), ("proof", 0)])
def test_given_up_nothing_is_left(tmp_path: Path, where: str, count: int) -> None:
    project = Project(tmp_path)
    fill(project.db)
    before = project.data()
    assert kill(project.db, where, count) == -signal.SIGKILL
    assert project.data() != before
    assert project.run("fts.status", "--json").expect(0).json()["unfinished"] == ["docs_fts"]
    project.run("fts.status").expect(0, "invoke fts.rebuild --abort")
    project.run("fts.rebuild", "--abort").expect(0, "docs_fts: gave the rebuild up")
    assert project.data() == before
    assert leftovers(project.db) == []
    project.run("fts.rebuild", "--abort").expect(0, "docs_fts: no rebuild was on its way")
    assert project.run("fts.status", "--json").expect(0).json()["unfinished"] == []


def test_only_one_of_two_is_given_up(tmp_path: Path) -> None:
    project = Project(tmp_path)
    fill(project.db)
    write(project.db, "CREATE VIRTUAL TABLE another USING fts5(body, content='docs', content_rowid='id');")
    conn = open_(project.db)
    for table in discover(conn):
        with pytest.raises(Interrupted):
            rebuild_online(
                conn, table, chunk=9, progress=SILENT, prove=partial(prove, project.db), stopped=lambda: True
            )
    assert unfinished(conn) == ["another", "docs_fts"]
    assert abort(conn, "another")
    assert unfinished(conn) == ["docs_fts"]
    conn.close()
    project.run("fts.rebuild", "--abort", "--table", "another").expect(0, "another: no rebuild was on its way")
    write(project.db, "UPDATE docs SET body = 'fresh'")
    project.run("fts.rebuild", "--online").expect(0, "another: rebuilt online", "docs_fts: rebuilt online")
    assert leftovers(project.db) == []
    project.run("fts.check").expect(0)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_stops_it_between_chunks_and_says_how_to_go_on(tmp_path: Path, number: int, name: str) -> None:
    project = Project(tmp_path)
    fill(project.db, 3000)
    process = project.start("fts.rebuild", "--online", "--chunk", "1")
    while process.poll() is None and not _some_rows_copied(project.db):
        time.sleep(0.002)
    process.send_signal(number)
    finish(process).expect(
        5,
        "the rebuild of docs_fts was stopped",
        "rows are in the new index; searches use the old one",
        "run it again to go on",
        "--abort",
    )
    conn = open_(project.db)
    assert unfinished(conn) == ["docs_fts"]
    conn.close()
    write(project.db, "UPDATE docs SET title = 'fresh' WHERE id % 3 = 0")
    done = project.run("fts.rebuild", "--online").expect(0, "docs_fts: rebuilt online", "(proven)")
    assert "3,000 rows" not in done.out
    assert as_fresh(project.db)


def _some_rows_copied(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        try:
            return bool(db.execute("SELECT frontier FROM memsql_fts_rebuild").fetchall()[0][0])
        except (sqlite3.OperationalError, IndexError):
            return False


def test_a_lock_half_way_says_how_far_it_came(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    conn = open_(path)
    conn.execute("PRAGMA busy_timeout = 20")
    holder = sqlite3.connect(path, isolation_level=None)

    def lock(fraction: float | None) -> None:
        if fraction and round(300 * fraction) == 100:
            holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(LockedError) as locked:
        rebuild_online(conn, discover(conn)[0], chunk=100, progress=Watching(ticked=lock), prove=partial(prove, path))
    assert "100 of 300 rows are in the new index" in str(locked.value.state)
    assert "run it again" in str(locked.value.hint)
    holder.execute("ROLLBACK")
    holder.close()
    conn.close()
    online(path)
    assert as_fresh(path)


# ---- migrations


def project_of(tmp_path: Path, second: str, *, index: str = INDEX) -> Project:
    project = Project(tmp_path)
    project.add(
        "0001_docs",
        TABLE + index + "INSERT INTO docs VALUES (1, 'one', 'x');\n"
        "INSERT INTO docs_fts(docs_fts) VALUES ('rebuild');\n",
    )
    project.up()
    project.add("0002_more", second)
    return project


@pytest.mark.parametrize("header", ['"DOCS_FTS"', "all"])
def test_a_migration_may_ask_for_a_rebuild(tmp_path: Path, header: str) -> None:
    project = project_of(tmp_path, f"-- More\n-- fts_rebuild: {header}\nINSERT INTO docs VALUES (2, 'two', 'y');\n")
    project.up().expect(0, "docs_fts")
    assert project.query("SELECT rowid FROM docs_fts('two')") == [(2,)]
    project.run("fts.check").expect(0)


def test_without_asking_a_migration_that_leaves_the_index_behind_is_refused(tmp_path: Path) -> None:
    project = project_of(tmp_path, "INSERT INTO docs VALUES (2, 'two', 'y');\n")
    before = project.data()
    project.run("migrate.up").expect(
        5,
        "0002_more ran, but its proof failed",
        "docs_fts does not agree with its content",
        "invoke fts.rebuild",
        "-- fts_rebuild: all",
    )
    assert project.data() == before


def test_an_unknown_name_in_the_header_fails(tmp_path: Path) -> None:
    project = project_of(tmp_path, "-- More\n-- fts_rebuild: nope\nINSERT INTO docs VALUES (2, 'two', 'y');\n")
    before = project.data()
    project.run("migrate.up").expect(5, "nope, which is no FTS5 table here", "FTS5 tables: docs_fts")
    assert project.data() == before


def test_a_write_over_an_index_that_is_already_broken_is_refused_with_the_way_out(tmp_path: Path) -> None:
    project = project_of(tmp_path, "UPDATE docs SET title = 'two' WHERE id = 1;\n")
    write(project.db, right(project.db))
    write(
        project.db,
        """INSERT INTO docs VALUES (5, 'stale words', 'z');
        DROP TRIGGER docs_fts_delete; DELETE FROM docs WHERE id = 5;""",
    )
    before = project.data()
    project.run("migrate.up").expect(5, "docs_fts", "if the index was broken before, mend it with: invoke fts.rebuild")
    assert project.data() == before
    project.run("fts.rebuild").expect(0)
    project.up()
    assert project.query("SELECT rowid FROM docs_fts('two')") == [(1,)]


def test_migrations_in_the_middle_of_an_online_rebuild(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_docs", TABLE + INDEX)
    project.up()
    write(project.db, right(project.db))
    with closing(sqlite3.connect(project.db)) as db:
        db.executemany("INSERT INTO docs VALUES (?, ?, 'body')", [(n, f"title {n}") for n in range(300)])
        db.commit()
    assert kill(project.db, "chunk", 2) == -signal.SIGKILL
    project.add(
        "0002_write",
        "INSERT INTO docs VALUES (-1, 'fresh', 'x');\nUPDATE docs SET title = 'moved', id = id + 1000 WHERE id < 30;\n",
    )
    project.add("0003_column", "ALTER TABLE docs ADD COLUMN more TEXT;\nUPDATE docs SET more = 'x';\n")
    project.add("0004_loss", "-- Fewer\n-- allow: data-loss the test wants it so\nDELETE FROM docs WHERE id % 7 = 0;\n")
    project.add(
        "0005_again", "-- Rebuild\n-- fts_rebuild: docs_fts\nINSERT INTO docs VALUES (-2, 'fresh', 'x', 'y');\n"
    )
    project.up("--dry-run")
    project.up()
    assert project.states() == dict.fromkeys(range(1, 6), "applied")
    assert project.run("fts.status", "--json").expect(0).json()["unfinished"] == ["docs_fts"]
    proofs: list[bool] = []
    online(project.db, proofs=proofs)
    assert proofs == [True]
    assert as_fresh(project.db)


def test_verify_is_clean_in_the_middle_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    succeed(path, "migrate.up")
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO users(id, email, created_at, updated_at) VALUES ('u', 'u@x', '2024', '2024')")
        db.executemany(
            "INSERT INTO entities(user_id, name, entity_type, created_at, updated_at) VALUES ('u', ?, 'x', '2024', '2024')",
            [(f"name {n}",) for n in range(300)],
        )
        db.commit()
    before = _checks(path)
    assert kill(path, "chunk", 2) == -signal.SIGKILL
    assert _checks(path) == before
    succeed(path, "fts.rebuild", "--online")
    assert _checks(path) == before
    assert leftovers(path) == []


def _checks(path: Path) -> dict[str, object]:
    done = json.loads(succeed(path, "verify", "--json"))
    return {c["name"]: (c["ok"], c["messages"]) for c in done["checks"]}
