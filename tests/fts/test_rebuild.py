"""Checking full-text indexes, and rebuilding them at once."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import eras
import pytest
from cli import Project, clean_environment, files_below
from indexed import INDEX, TABLE, fill, leftovers, make, write
from places import ROOT
from reference_project import memsql, succeed


def test_a_worn_out_database_is_broken_until_it_is_rebuilt(tmp_path: Path) -> None:
    path = eras.build(tmp_path / "a.db", "1.3", "small")
    rows = eras.content_hash(path)
    checked = memsql(path, "fts.check", "--json")
    assert checked.returncode == 1
    assert {t["name"]: t["ok"] for t in json.loads(checked.stdout)["tables"]} == {
        "entities_fts": False,
        "memories_fts": False,
    }
    assert "next: memsql fts.rebuild" in memsql(path, "fts.check").stdout
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
        2, "keeps its own copy", "memsql fts.rebuild --table own"
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
    project.run("fts.rebuild").expect(3, "nothing was changed")
    project.run("fts.rebuild", "--online").expect(6, "docs has no column body", "nothing was changed")
    assert project.db.read_bytes() == before
    assert leftovers(project.db) == []
