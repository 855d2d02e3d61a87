"""An online rebuild that is killed, stopped, locked out or given up: it goes on, or leaves nothing."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from cli import Project, finish
from indexed import (
    as_fresh,
    clean,
    fill,
    kill,
    leftovers,
    make_triggers,
    online,
    open_,
    prove,
    write,
)
from watching import Watching

from memsql.errors import ConnectError, Interrupted, LockedError
from memsql.fts import abort, check, discover, rebuild_online, unfinished
from memsql.progress import SILENT


@pytest.mark.kill
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


@pytest.mark.kill
@pytest.mark.parametrize(("where", "count"), [("chunk", 2), ("proof", 0)])
def test_given_up_nothing_is_left(tmp_path: Path, where: str, count: int) -> None:
    project = Project(tmp_path)
    fill(project.db)
    before = project.data()
    assert kill(project.db, where, count) == -signal.SIGKILL
    assert project.data() != before
    assert project.run("fts.status", "--json").expect(0).json()["unfinished"] == ["docs_fts"]
    project.run("fts.status").expect(0, "memsql fts.rebuild --abort")
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


def test_a_database_that_takes_no_writes_any_more_says_how_far_it_came(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    conn = open_(path)

    def refuse(fraction: float | None) -> None:
        if fraction and round(300 * fraction) == 100:
            conn.execute("PRAGMA query_only = on")

    with pytest.raises(ConnectError, match="cannot be written") as caught:
        rebuild_online(conn, discover(conn)[0], chunk=100, progress=Watching(ticked=refuse), prove=partial(prove, path))
    assert "100 of 300 rows are in the new index" in str(caught.value.state)
    conn.close()
