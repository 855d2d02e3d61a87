"""FTS5: discovery, diagnosis, checks, and rebuilding while others write."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from functools import partial
from pathlib import Path

import eras
import pytest
from cli import clean_environment
from indexed import INDEX, TABLE, fill, make, make_triggers, matches, open_, prove, right
from places import ROOT
from reference_project import memsql, succeed
from watching import Watching

from memsql.errors import Refused, UsageError
from memsql.fts import abort, check, discover, problems_of, rebuild, rebuild_online
from memsql.fts.discover import parse
from memsql.progress import SILENT


@pytest.mark.parametrize(
    ("arguments", "kind", "columns", "unindexed", "content"),
    [
        ("a, b", "own", ("a", "b"), (), None),
        ("a, b UNINDEXED, content=''", "contentless", ("a",), ("b",), None),
        ("a, content=docs, content_rowid=id", "external", ("a",), (), "docs"),
        ('"odd, name", [x y], `z`, content="my docs"', "external", ("odd, name", "x y", "z"), (), "my docs"),
        ("a, tokenize = 'porter unicode61 tokenchars ''-_''', prefix='2 3'", "own", ("a",), (), None),
        ("a /* , not */, -- , nor this\n b, content = 'it''s'", "external", ("a", "b"), (), "it's"),
    ],
)
def test_definitions_are_read(
    arguments: str, *, kind: str, columns: tuple[str, ...], unindexed: tuple[str, ...], content: str | None
) -> None:
    table = parse("f", f"CREATE VIRTUAL TABLE IF NOT EXISTS f using FTS5 ({arguments})")
    assert (table.kind, table.columns, table.unindexed, table.content) == (kind, columns, unindexed, content)


def test_sqlite_agrees_about_the_columns(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        'CREATE VIRTUAL TABLE "we\'ird" USING fts5("odd, name", [x y] UNINDEXED, tokenize=\'porter\');',
    )
    conn = open_(path)
    table = discover(conn)[0]
    names = [r[0] for r in conn.execute("SELECT name FROM pragma_table_info(?)", (table.name,)).rows]
    assert names == list(table.all_columns)


def test_right_triggers_have_no_findings_and_stay_right(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", TABLE + INDEX)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(right(path))
        db.executescript("""
            INSERT INTO docs VALUES (1, 'one', 'alpha'), (2, NULL, 'beta'), (-5, 'minus', NULL);
            UPDATE docs SET title = 'two', body = 'gamma' WHERE id = 2; UPDATE docs SET id = 9 WHERE id = 1;
            DELETE FROM docs WHERE id = -5;""")
    conn = open_(path)
    assert problems_of(conn, discover(conn)[0]) == []
    assert check(conn, discover(conn)[0]).ok


@pytest.mark.parametrize(
    ("event", "body", "code"),
    [
        ("delete", "DELETE FROM docs_fts WHERE rowid = old.id;", "FTS02"),
        (
            "update",
            "DELETE FROM docs_fts WHERE rowid = old.id; INSERT INTO docs_fts(rowid, title, body) "
            "VALUES (new.id, new.title, new.body);",
            "FTS02",
        ),
        ("update", "INSERT INTO docs_fts(rowid, title, body) VALUES (new.id, new.title, new.body);", "FTS02"),
        ("update", "UPDATE docs_fts SET title = new.title WHERE rowid = old.id;", "FTS08"),
        ("delete", "INSERT INTO docs_fts(docs_fts, rowid, title) VALUES ('delete', old.id, old.title);", "FTS04"),
        (
            "delete",
            "INSERT INTO docs_fts(docs_fts, rowid, title, body) VALUES ('delete', old.id, old.body, old.title);",
            "FTS04",
        ),
        (
            "update",
            "INSERT INTO docs_fts(docs_fts, rowid, title, body) VALUES ('delete', new.id, new.title, new.body); "
            "INSERT INTO docs_fts(rowid, title, body) VALUES (new.id, new.title, new.body);",
            "FTS03",
        ),
        ("insert", None, "FTS01"),
        ("delete", None, "FTS01"),
    ],
)
def test_each_mistake_is_found_and_its_fix_is_right(tmp_path: Path, event: str, body: str | None, code: str) -> None:
    path = make(tmp_path / "a.db", TABLE + INDEX)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(right(path))
        db.execute(f"DROP TRIGGER docs_fts_{event}")
        if body is not None:
            db.execute(f"CREATE TRIGGER docs_fts_{event} AFTER {event} ON docs BEGIN {body} END")
    conn = open_(path)
    problems = problems_of(conn, discover(conn)[0])
    assert [f.code for f in problems] == [code]
    assert problems[0].trigger == (None if body is None else f"docs_fts_{event}")
    assert problems[0].fix is not None
    with closing(sqlite3.connect(path)) as db:
        db.executescript(problems[0].fix)
        db.executescript(
            "INSERT INTO docs VALUES (1, 'a', 'b'); UPDATE docs SET title = 'c'; DELETE FROM docs;"
            "INSERT INTO docs VALUES (1, 'a', 'b');"
        )
    assert problems_of(conn, discover(conn)[0]) == []
    assert check(conn, discover(conn)[0]).ok


def test_a_restricted_update_and_a_wrong_key_are_found(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE docs (id TEXT PRIMARY KEY, title TEXT, body TEXT);" + INDEX)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(right(path).replace("AFTER UPDATE ON", "AFTER UPDATE OF title ON"))
    conn = open_(path)
    assert {"FTS05", "FTS07"} <= {f.code for f in problems_of(conn, discover(conn)[0])}


def test_missing_content_is_found(tmp_path: Path) -> None:
    conn = open_(make(tmp_path / "a.db", TABLE + INDEX + "DROP TABLE docs;"))
    assert [f.code for f in problems_of(conn, discover(conn)[0])] == ["FTS06"]


def test_the_shipped_bug_is_found_on_release_1_3(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.3", "small")
    before = database.read_bytes()
    status = memsql(database, "fts.status", "--check", "--json")
    assert status.returncode == 1
    tables = {f["trigger"]: f["code"] for t in json.loads(status.stdout)["tables"] for f in t["findings"]}
    assert tables == {f"{t}_fts_{event}": "FTS02" for t in ("memories", "entities") for event in ("delete", "update")}
    assert memsql(database, "fts.check").returncode == 1
    assert database.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.db"]

    succeed(database, "fts.rebuild")
    assert memsql(database, "fts.check").returncode == 0
    succeed(database, "migrate.up")
    assert json.loads(succeed(database, "fts.status", "--check", "--json"))["ok"] is True
    succeed(database, "fts.optimize", "--table", "memories_fts")
    assert memsql(database, "fts.check", "--table", "nope").returncode == 2


def test_contentless_cannot_be_rebuilt_and_own_content_can(tmp_path: Path) -> None:
    database = make(
        tmp_path / "a.db",
        "CREATE VIRTUAL TABLE bare USING fts5(a, content=''); INSERT INTO bare(rowid, a) VALUES (1, 'x');"
        "CREATE VIRTUAL TABLE own USING fts5(a); INSERT INTO own VALUES ('y');",
    )
    refused = memsql(database, "fts.rebuild", "--table", "bare")
    assert refused.returncode == 6
    assert "contentless" in refused.stderr
    assert "left alone" in succeed(database, "fts.rebuild")
    online = memsql(database, "fts.rebuild", "--online", "--table", "own")
    assert online.returncode == 2
    assert "fts.rebuild --table own" in online.stderr


def test_a_check_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.3", "empty")
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = wal")
        writer.execute("BEGIN IMMEDIATE")
        assert memsql(database, "fts.check").returncode == 0
        writer.execute("ROLLBACK")


def test_an_online_rebuild_includes_what_others_write_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    triggers = make_triggers(path)
    conn = open_(path)
    step = 0

    def write(fraction: float | None) -> None:
        nonlocal step
        step += 1
        with closing(sqlite3.connect(path)) as db:
            low, high = db.execute("SELECT min(id), max(id) FROM docs").fetchone()
            db.execute("INSERT INTO docs VALUES (?, 'fresh low', 'body')", (low - 1,))
            db.execute("INSERT INTO docs VALUES (?, 'fresh high', 'body')", (high + 1,))
            db.execute("UPDATE docs SET id = ?, title = 'moved up' WHERE id = ?", (high + 2, low))
            db.execute("UPDATE docs SET id = ?, title = 'moved down' WHERE id = ?", (low - 2, high))
            db.execute("DELETE FROM docs WHERE id IN (SELECT id FROM docs ORDER BY id LIMIT 1 OFFSET ?)", (step * 5,))
            db.execute(
                "UPDATE docs SET body = 'fresh body' WHERE id IN (SELECT id FROM docs ORDER BY id LIMIT 3 OFFSET 40)"
            )
            db.commit()

    rebuild_online(
        conn,
        discover(conn)[0],
        chunk=50,
        progress=Watching(ticked=lambda fraction: write(fraction) if step < 9 else None),
        prove=lambda name: prove(path, name),
    )

    assert step >= 7
    assert check(conn, discover(conn)[0]).ok
    online = matches(path)
    rebuild(conn, discover(conn)[0])
    assert matches(path) == online
    assert make_triggers(path) == triggers
    assert conn.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'memsql%'").rows == []


def test_a_replace_that_no_trigger_sees_is_caught_by_the_proof(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    conn = open_(path)
    done: list[float] = []

    def replace(fraction: float | None) -> None:
        if fraction and not done:
            done.append(fraction)
            with closing(sqlite3.connect(path)) as db:
                db.execute("INSERT OR REPLACE INTO docs VALUES (-200, 'fresh', 'replaced')")
                db.commit()

    proofs: list[bool] = []

    def proven(name: str) -> bool:
        proofs.append(prove(path, name))
        return proofs[-1]

    rebuild_online(conn, discover(conn)[0], chunk=50, progress=Watching(ticked=replace), prove=proven)
    assert proofs == [False]
    assert check(conn, discover(conn)[0]).ok


DRIVER = """
    import os, sys
    from pathlib import Path
    from memsql.config import parse_target
    from memsql.db import connect
    from memsql.fts import discover, rebuild_online

    kill_at = int(sys.argv[2])
    conn = connect(parse_target(sys.argv[1], Path("/")), "rw")
    calls = 0

    def step(*_):
        global calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), 9)

    def prove(name):
        step()
        return True

    class Steps:
        start, tick = print, staticmethod(step)

    rebuild_online(conn, discover(conn)[0], chunk=60, progress=Steps, prove=prove)
"""


@pytest.mark.kill
def test_killed_at_any_step_it_goes_on_and_ends_right(tmp_path: Path) -> None:
    driver = tmp_path / "driver.py"
    driver.write_text(textwrap.dedent(DRIVER))
    killed = 0
    for kill_at in range(1, 12):
        path = tmp_path / f"{kill_at}.db"
        fill(path)
        code = subprocess.run(
            [sys.executable, str(driver), str(path), str(kill_at)],
            cwd=ROOT,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ).returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
        before = matches(path)
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE docs SET title = 'title fresh' WHERE id % 2 = 0")
            db.execute("DELETE FROM docs WHERE id % 5 = 0")
            db.commit()
        assert before[0], "searches go on in the old index"
        conn = open_(path)
        rebuild_online(conn, discover(conn)[0], chunk=60, progress=SILENT, prove=partial(prove, path))
        assert check(conn, discover(conn)[0]).ok
        assert conn.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'memsql%'").rows == []
        conn.close()
    assert killed >= 6


def test_abort_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    before = make_triggers(path)
    conn = open_(path)
    table = discover(conn)[0]
    with pytest.raises(RuntimeError):
        rebuild_online(conn, table, chunk=50, progress=Watching(ticked=_fail), prove=lambda _: True)
    assert conn.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'memsql%'").one()
    assert [t.name for t in discover(conn)] == ["docs_fts"]
    assert abort(conn, discover(conn)[0].name)
    assert not abort(conn, discover(conn)[0].name)
    assert make_triggers(path) == before
    assert check(conn, discover(conn)[0]).ok


def _fail(fraction: float | None) -> None:
    if fraction:
        raise RuntimeError


def test_what_cannot_be_rebuilt_online_says_why(tmp_path: Path) -> None:
    conn = open_(
        make(
            tmp_path / "a.db",
            TABLE + "CREATE VIEW v AS SELECT id, title FROM docs;"
            "CREATE VIRTUAL TABLE over_view USING fts5(title, content='v', content_rowid='id');"
            "CREATE VIRTUAL TABLE bare USING fts5(a, content='');",
        )
    )
    tables = {t.name: t for t in discover(conn)}
    with pytest.raises(UsageError, match="is no table"):
        rebuild_online(conn, tables["over_view"], chunk=9, progress=SILENT, prove=lambda _: True)
    with pytest.raises(Refused, match="contentless"):
        rebuild_online(conn, tables["bare"], chunk=9, progress=SILENT, prove=lambda _: True)


def project(tmp_path: Path, second: str) -> Path:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    (tmp_path / "migrations" / "0001_docs.sql").write_text(
        "-- Docs\n" + TABLE + INDEX + "INSERT INTO docs VALUES (1, 'one', 'x');\n"
        "INSERT INTO docs_fts(docs_fts) VALUES ('rebuild');\n"
    )
    (tmp_path / "migrations" / "0002_more.sql").write_text(second)
    return tmp_path


@pytest.mark.parametrize(("header", "code"), [("", 5), ("-- fts_rebuild: docs_fts\n", 0), ("-- fts_rebuild: all\n", 0)])
def test_a_migration_that_leaves_an_index_behind_is_rolled_back_unless_it_asks_for_a_rebuild(
    tmp_path: Path, header: str, code: int
) -> None:
    folder = project(tmp_path, f"-- More\n{header}INSERT INTO docs VALUES (2, 'two', 'y');\n")
    done = subprocess.run(
        [sys.executable, "-m", "memsql", "migrate.up"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == code, done.stderr
    with closing(sqlite3.connect(folder / "memory.db")) as db:
        assert db.execute("SELECT count(*) FROM docs").fetchone()[0] == (1 if code else 2)
        if not code:
            assert db.execute("SELECT rowid FROM docs_fts WHERE docs_fts MATCH 'two'").fetchall() == [(2,)]
    if code:
        assert "docs_fts does not agree with its content" in done.stderr
        assert "fts_rebuild" in done.stderr
    else:
        assert "rebuilt full-text index docs_fts" in done.stdout


def test_an_unknown_index_in_the_header_fails(tmp_path: Path) -> None:
    folder = project(tmp_path, "-- More\n-- fts_rebuild: nope\nSELECT 1;\n")
    done = subprocess.run(
        [sys.executable, "-m", "memsql", "migrate.up"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 5
    assert "nope, which is no FTS5 table" in done.stderr
