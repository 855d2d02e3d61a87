"""``-- transactional: false``: for what cannot run in a transaction, statement by statement, resumable, and honest
about how far it came."""

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
    project.add(
        "0001_log",
        "CREATE TABLE log (n INTEGER);\nCREATE INDEX log_n ON log (n);\nCREATE TABLE other (n INTEGER);\n"
        "CREATE INDEX other_n ON other (n);\nINSERT INTO log VALUES (1);\nINSERT INTO other VALUES (2);\n",
        "DROP TABLE log;\n",
    )
    project.up()
    return project


def steps(*statements: str) -> str:
    return HEADER + "".join(f"{s};\n" for s in statements)


def analysed(project: Project) -> list[str]:
    """The tables of which ANALYZE has run."""
    if not project.one("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'"):
        return []
    return [str(row[0]) for row in project.query("SELECT DISTINCT tbl FROM sqlite_stat1 ORDER BY tbl")]


ONE, TWO, BAD = "ANALYZE log", "ANALYZE other", "ANALYZE nowhere"


def test_vacuum_works(project: Project) -> None:
    project.script("CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(900000)); DROP TABLE big;")
    size = project.db.stat().st_size
    project.add("0002_shrink", HEADER + "VACUUM;\n")
    project.up().expect(0, "applied 0002_shrink")
    assert project.db.stat().st_size < size / 4
    assert project.states() == {1: "applied", 2: "applied"}


def test_journal_mode_can_be_changed(project: Project) -> None:
    project.add("0002_wal", steps("PRAGMA journal_mode = wal", ONE), steps("PRAGMA journal_mode = delete"))
    project.up()
    assert project.one("PRAGMA journal_mode") == "wal"
    project.run("migrate.down").expect(0, "rolled back 0002_wal")
    assert project.one("PRAGMA journal_mode") == "delete"
    assert project.states() == {1: "applied", 2: "rolled_back"}


def test_the_journal_mode_of_one_migration_stays_when_others_follow(project: Project) -> None:
    project.add("0002_wal", steps("PRAGMA journal_mode = wal"))
    for n in range(3, 6):
        project.add(f"000{n}_more", f"CREATE TABLE more_{n} (x);\n")
    project.up()
    assert project.one("PRAGMA journal_mode") == "wal"


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("INSERT OR REPLACE INTO log VALUES (4)", "INSERT"),
        ("REPLACE INTO log VALUES (4)", "REPLACE"),
        ("UPDATE log SET n = 2", "UPDATE"),
        ("DELETE FROM log", "DELETE"),
        ("WITH a AS (SELECT 1) DELETE FROM log", "WITH"),
        ("CREATE TABLE IF NOT EXISTS made (x)", "CREATE"),
        ("CREATE INDEX i ON log (n)", "CREATE"),
        ("DROP TABLE log", "DROP"),
        ("ALTER TABLE log ADD COLUMN m", "ALTER"),
        ("PRAGMA user_version = 4", "PRAGMA user_version"),
        ("VACUUM INTO 'copy.db'", "VACUUM INTO"),
        ("BEGIN", "BEGIN"),
        ("PRAGMA journal_mode = OFF", "PRAGMA journal_mode"),
        ("PRAGMA journal_mode(memory)", "PRAGMA journal_mode"),
        ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys"),
        ("EXPLAIN PRAGMA writable_schema = 1", "PRAGMA writable_schema"),
    ],
)
def test_nothing_else_runs_without_a_transaction(project: Project, statement: str, word: str) -> None:
    project.add("0002_seed", steps("VACUUM", statement))
    before = project.data()
    project.run("migrate.up").expect(2, word, "migrations/0002_seed.sql:4", "nothing was changed")
    assert project.data() == before
    assert project.states() == {1: "applied", 2: "pending"}


def test_page_size_is_set_and_forgotten(project: Project) -> None:
    project.add("0002_size", steps("PRAGMA page_size = 8192"))
    project.add("0003_vacuum", steps("VACUUM"))
    project.up()
    assert project.one("PRAGMA page_size") == 4096, "a file without VACUUM must not change the VACUUM of another one"
    project.add("0004_size", steps("PRAGMA page_size = 8192", "PRAGMA auto_vacuum = full", "VACUUM", "REINDEX", ONE))
    project.add("0005_vacuum", steps("VACUUM"))
    project.up()
    assert project.one("PRAGMA page_size") == 8192
    assert project.one("PRAGMA auto_vacuum") == 1
    assert project.query("SELECT n FROM log") == [(1,)]


def test_what_vacuum_needs_is_set_again_when_it_goes_on(project: Project) -> None:
    project.add("0002_size", steps("PRAGMA page_size = 8192", BAD, "VACUUM"))
    project.run("migrate.up").expect(5, "stopped after 1 of 3 statements")
    project.add("0002_size", steps("PRAGMA page_size = 8192", ONE, "VACUUM"))
    project.up()
    assert project.one("PRAGMA page_size") == 8192


def test_it_goes_on_where_it_failed(project: Project) -> None:
    project.add("0002_steps", steps(ONE, BAD, TWO))
    project.add("0003_next", "CREATE TABLE next_one (x);\n")
    project.run("migrate.up").expect(
        5,
        "0002_steps stopped after 1 of 3 statements: no such table: nowhere",
        "migrations/0002_steps.sql:4",
        "statement: ANALYZE nowhere",
        "1 statements are done and stay done",
        "goes on behind the last",
    )
    assert analysed(project) == ["log"]
    assert project.states() == {1: "applied", 2: "failed", 3: "pending"}
    assert project.applied() == ["0001_log"]
    project.script("DELETE FROM sqlite_stat1")
    project.run("migrate.up").expect(5, "stopped after 1 of 3 statements")
    project.add("0002_steps", steps(ONE, "REINDEX log", TWO))
    project.up().expect(0, "applied 0002_steps", "applied 0003_next")
    assert analysed(project) == ["other"], "what was done is not done again"
    assert set(project.states().values()) == {"applied"}


def test_the_first_migration_of_a_database_may_stop_half_way(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_steps", steps("VACUUM", "ANALYZE", "OOPS"))
    project.run("migrate.up").expect(2, "runs OOPS")
    project.add("0001_steps", steps("VACUUM", "ANALYZE", BAD))
    project.run("migrate.up").expect(5, "stopped after 2 of 3 statements")
    assert project.states() == {1: "failed"}
    project.add("0001_steps", steps("VACUUM", "ANALYZE", "REINDEX"))
    project.up()


@pytest.mark.parametrize(
    "statements",
    [(TWO, TWO, "REINDEX"), (ONE,), (TWO, ONE, "REINDEX")],
    ids=["edited", "removed", "swapped"],
)
def test_a_statement_that_is_done_must_stay_as_it_was(project: Project, statements: tuple[str, ...]) -> None:
    project.add("0002_steps", steps(ONE, TWO, BAD))
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
    project.add("0002_steps", steps(ONE, BAD))
    project.run("migrate.up").expect(5)
    project.add("0002_steps", HEADER + f"\n-- first\n{ONE};\n\n/* then */ {TWO};\n")
    project.up()
    assert analysed(project) == ["log", "other"]


def test_a_rollback_goes_on_too(project: Project) -> None:
    project.add("0002_steps", "INSERT INTO log VALUES (7)", steps(ONE, TWO, BAD))
    project.up()
    project.run("migrate.down").expect(5, "stopped after 2 of 3 statements")
    project.script("DELETE FROM sqlite_stat1")
    assert project.states() == {1: "applied", 2: "applied"}
    project.run("migrate.down").expect(5, "stopped after 2 of 3 statements")
    assert analysed(project) == []


def test_a_check_that_fails_is_said(project: Project) -> None:
    project.check("0002_positive", "SELECT 'n is ' || n FROM log WHERE n < 0", name="only positive")
    project.script("INSERT INTO log VALUES (-7)")
    project.add("0002_steps", steps("VACUUM"))
    project.run("migrate.up").expect(5, "its check 'only positive' failed", "n is -7", "1 statements are done")
    assert project.states() == {1: "applied", 2: "failed"}
    project.script("DELETE FROM log")
    project.up()
    assert project.query("SELECT n FROM log") == []


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
    assert analysed(project) == ["log"]


def test_a_rehearsal_shows_it(project: Project) -> None:
    project.add("0002_steps", steps("VACUUM", ONE))
    before = project.files()
    project.run("migrate.up", "--dry-run").expect(0, "would apply 0002_steps")
    assert project.files() == before


def test_a_check_that_warns_is_said(project: Project) -> None:
    project.check("0002_positive", "SELECT 'n is ' || n FROM log WHERE n < 0", name="only positive", severity="warning")
    project.script("INSERT INTO log VALUES (-7)")
    project.add("0002_steps", steps("VACUUM"))
    project.run("migrate.up").expect(0, "only positive: n is -7")
    assert project.states() == {1: "applied", 2: "applied"}


def test_vacuum_does_not_renumber_what_an_index_points_at(project: Project) -> None:
    project.add(
        "0002_docs",
        "CREATE TABLE d (a TEXT);\n"
        "INSERT INTO d (rowid, a) VALUES (1, 'x'), (5, 'y');\n"
        "CREATE VIRTUAL TABLE f USING fts5 (a, content='d', content_rowid='rowid');\n"
        "INSERT INTO f (f) VALUES ('rebuild');\n",
    )
    project.add("0003_shrink", HEADER + "VACUUM;\n")
    project.run("migrate.up").expect(5, "VACUUM may renumber the rows of d", "the index f", "0 statements are done")
    assert project.one("SELECT rowid FROM f WHERE f MATCH 'y'") == 5
