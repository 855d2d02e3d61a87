"""``-- transactional: false``: statement by statement, resumable, and honest about how far it came."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project

HEADER = "-- Steps\n-- transactional: false\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    project.up()
    return project


def steps(*statements: str) -> str:
    return HEADER + "".join(f"{s};\n" for s in statements)


ONE, TWO, FOUR = (f"INSERT INTO log VALUES ({n})" for n in (1, 2, 4))


def test_vacuum_works(project: Project) -> None:
    project.script("CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(900000)); DROP TABLE big;")
    size = project.db.stat().st_size
    project.add("0002_shrink", HEADER + "VACUUM;\n")
    project.up().expect(0, "applied 0002_shrink")
    assert project.db.stat().st_size < size / 4
    assert project.states() == {1: "applied", 2: "applied"}


def test_journal_mode_can_be_changed(project: Project) -> None:
    project.add(
        "0002_wal", steps("PRAGMA journal_mode = wal", ONE), steps("PRAGMA journal_mode = delete", "DELETE FROM log")
    )
    project.up()
    assert project.one("PRAGMA journal_mode") == "wal"
    project.run("migrate.down").expect(0, "rolled back 0002_wal")
    assert project.one("PRAGMA journal_mode") == "delete"
    assert project.states() == {1: "applied", 2: "rolled_back"}


def test_it_goes_on_where_it_failed(project: Project) -> None:
    project.add("0002_steps", steps(ONE, TWO, "INSERT INTO nowhere VALUES (3)", FOUR))
    project.add("0003_next", "CREATE TABLE next_one (x);\n")
    project.run("migrate.up").expect(
        5,
        "0002_steps stopped after 2 of 4 statements: no such table: nowhere",
        "migrations/0002_steps.sql:5",
        "statement: INSERT INTO nowhere VALUES (3)",
        "2 statements are done and stay done",
        "goes on behind the last",
    )
    assert project.query("SELECT n FROM log") == [(1,), (2,)]
    assert project.states() == {1: "applied", 2: "failed", 3: "pending"}
    assert project.applied() == ["0001_log"]
    project.run("migrate.up").expect(5, "stopped after 2 of 4 statements")
    assert project.query("SELECT n FROM log") == [(1,), (2,)]
    project.add("0002_steps", steps(ONE, TWO, "INSERT INTO log VALUES (3)", FOUR))
    project.up().expect(0, "applied 0002_steps", "applied 0003_next")
    assert project.query("SELECT n FROM log") == [(1,), (2,), (3,), (4,)]
    assert set(project.states().values()) == {"applied"}


def test_the_first_migration_of_a_database_may_stop_half_way(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_steps", steps("CREATE TABLE log (n INTEGER)", ONE, "OOPS"))
    project.run("migrate.up").expect(5, "stopped after 2 of 3 statements")
    assert project.states() == {1: "failed"}
    project.add("0001_steps", steps("CREATE TABLE log (n INTEGER)", ONE, TWO))
    project.up()
    assert project.query("SELECT n FROM log") == [(1,), (2,)]


@pytest.mark.parametrize(
    "statements",
    [
        (TWO, TWO, "INSERT INTO log VALUES (3)"),
        (ONE,),
        (TWO, ONE, "INSERT INTO log VALUES (3)"),
    ],
    ids=["edited", "removed", "swapped"],
)
def test_a_statement_that_is_done_must_stay_as_it_was(project: Project, statements: tuple[str, ...]) -> None:
    project.add("0002_steps", steps(ONE, TWO, "INSERT INTO nowhere VALUES (3)"))
    project.run("migrate.up").expect(5)
    project.add("0002_steps", steps(*statements))
    before = project.data()
    project.run("migrate.up").expect(
        2,
        "the first 2 statements of migrations/0002_steps.sql ran already, and were changed since",
        "2 statements are done",
    )
    assert project.data() == before
    assert project.states() == {1: "applied", 2: "failed"}


def test_comments_and_layout_of_done_statements_may_change(project: Project) -> None:
    project.add("0002_steps", steps(ONE, "INSERT INTO nowhere VALUES (3)"))
    project.run("migrate.up").expect(5)
    project.add("0002_steps", HEADER + f"\n-- first\n{ONE};\n\n/* then */ {TWO};\n")
    project.up()
    assert project.query("SELECT n FROM log") == [(1,), (2,)]


def test_a_rollback_goes_on_too(project: Project) -> None:
    project.add("0002_steps", ONE, steps("DELETE FROM log", "INSERT INTO log VALUES (-1)", "OOPS"))
    project.up()
    project.run("migrate.down").expect(5, "stopped after 2 of 3 statements")
    assert project.query("SELECT n FROM log") == [(-1,)]
    assert project.states() == {1: "applied", 2: "applied"}
    project.run("migrate.down").expect(5, "stopped after 2 of 3 statements")
    assert project.query("SELECT n FROM log") == [(-1,)]


def test_a_check_that_fails_is_said(project: Project) -> None:
    project.check("0002_positive", "SELECT 'n is ' || n FROM log WHERE n < 0", name="only positive")
    project.add("0002_steps", steps("INSERT INTO log VALUES (-7)"))
    project.run("migrate.up").expect(5, "its check 'only positive' failed", "n is -7", "1 statements are done")
    assert project.states() == {1: "applied", 2: "failed"}
    project.script("DELETE FROM log")
    project.up()
    assert project.query("SELECT n FROM log") == []


def test_dropping_rows_is_refused_before_anything_runs(project: Project) -> None:
    project.script("INSERT INTO log VALUES (9)")
    project.add("0002_drop", steps("CREATE TABLE other (x)", "DROP TABLE log"))
    before = project.data()
    project.run("migrate.up").expect(6, "0002_drop would lose data", "log holds 1 rows", "nothing was changed")
    assert project.data() == before
    project.up("--allow-data-loss")
    assert project.query("SELECT name FROM sqlite_schema WHERE name IN ('log', 'other')") == [("other",)]


def test_a_lock_is_a_lock(project: Project) -> None:
    project.configure("[memsql]\nbusy_timeout = 100\n")
    project.add("0002_steps", steps(ONE))
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        project.run("migrate.up").expect(4, "memory.db is locked")
        other.execute("ROLLBACK")
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM log").fetchall()
        project.run("migrate.up").expect(4, "memory.db is locked")
        other.execute("ROLLBACK")
    project.up()
    assert project.query("SELECT n FROM log") == [(1,)]


def test_a_rehearsal_shows_it(project: Project) -> None:
    project.add("0002_steps", steps(ONE, "VACUUM"))
    before = project.files()
    project.run("migrate.up", "--dry-run").expect(0, "would apply 0002_steps", "log: 0 -> 1")
    assert project.files() == before


def test_a_check_that_warns_is_said(project: Project) -> None:
    project.check("0002_positive", "SELECT 'n is ' || n FROM log WHERE n < 0", name="only positive", severity="warning")
    project.add("0002_steps", steps("INSERT INTO log VALUES (-7)"))
    project.run("migrate.up").expect(0, "only positive: n is -7")
    assert project.states() == {1: "applied", 2: "applied"}
