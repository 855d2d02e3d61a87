"""smoke: the steps of sql/smoke in one transaction that leaves nothing behind, on a file and on a server."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project, finish
from either import Place
from processes import wait_until_it_computes

from memsql import config
from memsql.actions import smoke
from memsql.db.sqlite import SQLiteConnection
from memsql.progress import SILENT

NOTES = (
    "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL UNIQUE);\n"
    "CREATE VIRTUAL TABLE words USING fts5 (body);\n"
    "CREATE TRIGGER notes_words AFTER INSERT ON notes BEGIN INSERT INTO words (body) VALUES (new.body); END;\n"
    "INSERT INTO notes (body) VALUES ('mine');\n"
)
EVERYTHING = (
    "SELECT 'notes', id, body FROM notes UNION ALL SELECT 'seq', seq, name FROM sqlite_sequence "
    "UNION ALL SELECT 'words', id, c0 FROM words_content UNION ALL SELECT 'data', id, hex(block) FROM words_data"
)
GOOD = (
    "-- name: a note is kept\n-- why: that is what it is for\n-- needs: 0001\n"
    "INSERT INTO notes (body) VALUES ('smoke');\n"
    "SELECT 'the note is not found' WHERE NOT EXISTS (SELECT 1 FROM words WHERE words MATCH 'smoke');\n"
)


def step(project: Project, name: str, text: str) -> None:
    folder = project.root / "sql" / "smoke"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sql").write_text(text)


@pytest.fixture
def notes(place: Place) -> Place:
    place.project.add("0001_notes", NOTES, "DROP TABLE notes;\n")
    place.run("migrate.up").expect(0)
    step(place.project, "01_note", GOOD)
    return place


def test_steps_pass_and_leave_nothing(notes: Place) -> None:
    before = notes.rows(EVERYTHING)
    notes.run("smoke").expect(0, "ok       a note is kept", "1 step passed; rolled back, nothing was left behind")
    report = notes.run("smoke", "--json").expect(0).json()
    assert report["ok"]
    assert report["nothing_left"]
    assert report["version"] == 1
    assert not report["unproven"]
    (only,) = report["steps"]
    assert {key: only[key] for key in ("name", "path", "ok", "ran", "messages", "why")} == {
        "name": "a note is kept",
        "path": "sql/smoke/01_note.sql",
        "ok": True,
        "ran": True,
        "messages": [],
        "why": "that is what it is for",
    }
    assert notes.rows(EVERYTHING) == before


def test_later_steps_see_the_rows_of_earlier_ones(notes: Place) -> None:
    step(
        notes.project, "02_again", "-- name: again\nSELECT 'gone' WHERE NOT EXISTS (SELECT 1 FROM notes WHERE id = 2);"
    )
    notes.run("smoke").expect(0, "2 steps passed")


def test_what_is_not_as_expected_is_named_with_its_line(notes: Place) -> None:
    step(
        notes.project, "02_wrong", "-- name: wrong\n-- why: a reason\n\nSELECT 'note ' || id || ' is odd' FROM notes;\n"
    )
    before = notes.rows(EVERYTHING)
    done = notes.run("smoke").expect(1, "failed   wrong", "1 of 2 steps failed; rolled back, nothing was left behind")
    assert "sql/smoke/02_wrong.sql:4: note 1 is odd" in done.out
    assert "(a reason)" in done.out
    assert not notes.run("smoke", "--json").expect(1).json()["ok"]
    assert notes.rows(EVERYTHING) == before


def test_a_statement_that_does_not_run_fails_its_step_alone(notes: Place) -> None:
    step(
        notes.project,
        "00_twice",
        "-- name: twice\nSELECT 'x' WHERE 0;\nINSERT INTO notes (body) VALUES ('mine');\n",
    )
    notes.run("smoke").expect(
        1, "sql/smoke/00_twice.sql:3: the statement does not run: UNIQUE", "ok       a note is kept"
    )


def test_what_ends_the_transaction_keeps_later_steps_from_running(notes: Place) -> None:
    step(
        notes.project,
        "00_ends",
        "-- name: ends\nSELECT 'x' WHERE 0;\nINSERT OR ROLLBACK INTO notes (body) VALUES ('mine');",
    )
    before = notes.rows(EVERYTHING)
    notes.run("smoke").expect(1, "failed   ends", "not run  a note is kept", "2 of 2 steps failed")
    assert notes.rows(EVERYTHING) == before


def test_a_step_that_does_not_end_is_stopped(notes: Place) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0;"
    step(notes.project, "02_endless", f"-- name: endless\n-- timeout: 300ms\n{endless}\n")
    notes.run("smoke").expect(1, "it did not end within 0.3 s, and was stopped")
    assert notes.rows("SELECT count(*) FROM notes") == [(1,)]


def test_without_the_migration_nothing_runs(notes: Place) -> None:
    notes.project.add("0002_more", "CREATE TABLE more (a);", "DROP TABLE more;")
    step(notes.project, "02_more", "-- name: more\n-- needs: 0002_more\nSELECT 'x' FROM more;")
    done = notes.run("smoke").expect(2, "not at the version that the steps need", "next: apply what is pending")
    assert "sql/smoke/02_more.sql needs migration 0002, and it is at 0001" in done.err
    notes.run("migrate.up").expect(0)
    notes.run("smoke").expect(0)
    notes.run("migrate.down", "--to", "0", "--allow-data-loss").expect(0)
    notes.run("smoke").expect(2, "no migration is applied")


def test_a_project_without_steps_says_so(place: Place) -> None:
    place.project.add("0001_t", "CREATE TABLE t (a);", "DROP TABLE t;")
    place.run("migrate.up").expect(0)
    place.run("smoke").expect(2, "this project has no smoke test: there is no step in sql/smoke", "next: write steps")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("SELECT 1;", ("the step has no name", "sql/smoke/02.sql:1")),
        ("-- name: x\nUPDATE notes SET body = 1;", ("expects nothing: it holds no SELECT",)),
        ("-- name: x\n-- needs: yes\nSELECT 1;", ('"needs" says "yes"', "sql/smoke/02.sql:2", "-- needs: 0003")),
        ("-- name: x\n-- neds: 0001\nSELECT 1;", ('unknown directive "neds"', '"needs"')),
        ("-- name: x\n-- timeout: soon\nSELECT 1;", ('"timeout" says "soon"',)),
        ("-- name: x\nSELECT 1;\nCOMMIT;", ("runs COMMIT, which no step may", "sql/smoke/02.sql:3", "nothing was run")),
        ("-- name: x\nSELECT 1;\nDROP TABLE notes;", ("runs DROP",)),
        ("-- name: x\nSELECT 1;\nATTACH 'x' AS x;", ("runs ATTACH",)),
        ("-- name: x\nSELECT 1;\nPRAGMA user_version = 3;", ("runs PRAGMA",)),
        ("-- name: x\nSELECT 1;\nDELETE FROM schema_migrations;", ("writes schema_migrations",)),
        ("-- name: x\nSELECT 1;\nWITH a AS (SELECT 1) DELETE FROM _yoyo_migration;", ("writes _yoyo_migration",)),
    ],
)
def test_a_file_that_is_no_step_is_refused(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    project = Project(tmp_path)
    project.add("0001_notes", NOTES, "DROP TABLE notes;\n")
    project.up()
    step(project, "01_note", GOOD)
    step(project, "02", text)
    before = project.db.read_bytes()
    project.run("smoke").expect(2, *parts)
    assert project.db.read_bytes() == before


@pytest.fixture
def file(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_notes", NOTES, "DROP TABLE notes;\n")
    project.up()
    step(project, "01_note", GOOD)
    return project


def test_not_a_byte_of_the_file_changes_even_where_the_cache_overflows(file: Project) -> None:
    big = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
    step(
        file,
        "02_big",
        f"-- name: big\nSELECT 1 WHERE 0;\n{big}INSERT INTO notes (body) SELECT hex(zeroblob(999)) || i FROM n;",
    )
    before = file.files()
    file.run("smoke").expect(0, "nothing was left behind")
    assert file.files() == before


def test_a_database_that_does_not_exist_is_not_created(file: Project) -> None:
    file.run("smoke", "--database", "other.db").expect(3, "other.db does not exist")
    (file.root / "sql" / "smoke" / "01_note.sql").write_text("-- name: x\nSELECT 1 WHERE 0;")
    file.run("smoke", "--database", "other.db").expect(3, "does not exist")
    assert not (file.root / "other.db").exists()


def test_ctrl_c_rolls_back(file: Project) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0;"
    step(file, "02_endless", f"-- name: endless\n{endless}\n")
    before = file.everything()
    running = file.start("smoke")
    wait_until_it_computes(running)
    running.send_signal(signal.SIGINT)
    finish(running).expect(5, "the smoke test was stopped", "its transaction was rolled back")
    assert file.everything() == before


def test_a_locked_database(file: Project) -> None:
    file.configure("[memsql]\ndatabase = memory.db\nbusy_timeout = 100\n")
    with closing(sqlite3.connect(file.db)) as other:
        other.execute("BEGIN IMMEDIATE")
        file.run("smoke").expect(4, "locked")


def test_a_database_that_was_never_adopted(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_notes", NOTES, "DROP TABLE notes;\n")
    step(project, "01_note", GOOD)
    project.script(NOTES)
    project.run("smoke").expect(2, "needs migration 0001, and it was never adopted")


def _commits_after_rollback(monkeypatch: pytest.MonkeyPatch, writes: Callable[[], None]) -> None:
    rollback = SQLiteConnection.rollback

    def and_write(self: SQLiteConnection) -> None:
        was_open = self.in_transaction
        rollback(self)
        if was_open:
            writes()

    monkeypatch.setattr(SQLiteConnection, "rollback", and_write)


@pytest.mark.parametrize(("times", "proven"), [(1, True), (9, False)])
def test_a_commit_of_somebody_else_is_told_from_ours(
    file: Project, monkeypatch: pytest.MonkeyPatch, times: int, proven: bool
) -> None:
    left = threading.Semaphore(times)

    def write() -> None:
        if left.acquire(blocking=False):
            with closing(sqlite3.connect(file.db)) as other, other:
                other.execute("UPDATE notes SET body = body")

    _commits_after_rollback(monkeypatch, write)
    result = smoke.smoke(config.load(project=str(file.root), environ={}), SILENT)
    assert result.ok
    assert (result.unproven is None) == proven


def test_what_stays_is_not_called_nothing(file: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLiteConnection, "rollback", lambda self: self.commit() if self.in_transaction else None)
    step(
        file,
        "01_note",
        GOOD.replace("VALUES ('smoke')", "VALUES ('smoke' || random())").replace("MATCH 'smoke'", "MATCH 'smoke*'"),
    )
    result = smoke.smoke(config.load(project=str(file.root), environ={}), SILENT)
    assert result.unproven is not None


def test_the_drill_runs_the_steps_on_the_restored_copy(file: Project) -> None:
    file.run("backup").expect(0)
    before = file.files()
    file.run("backup.drill").expect(0, "ok       smoke", "1 step passed and rolled back")
    assert file.files() == before
    step(file, "02_wrong", "-- name: wrong\nSELECT 'never' ;")
    file.run("backup.drill").expect(1, "failed   smoke", "sql/smoke/02_wrong.sql:2: never")
    step(file, "02_wrong", "-- name: later\n-- needs: 7\nSELECT 'never' ;")
    file.run("backup.drill").expect(0, "skipped  smoke", "needs migration 0007, and it is at 0001")
