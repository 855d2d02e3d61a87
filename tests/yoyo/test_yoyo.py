"""Vanilla yoyo and memsql on one database: they agree, in both directions."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project, clean_environment

pytestmark = pytest.mark.slow

YOYO_TABLES = ("_yoyo_migration", "_yoyo_log", "_yoyo_version")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_log", "-- The log\n-- depends:\nCREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    project.add("0002_one", "-- depends: 0001_log\nINSERT INTO log VALUES (1);\n", "DELETE FROM log WHERE n = 1;\n")
    project.add("0003_two", "-- depends: 0002_one\nINSERT INTO log VALUES (2);\n", "DELETE FROM log WHERE n = 2;\n")
    return project


def yoyo(project: Project, command: str, *words: str) -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "yoyo",
            command,
            "--batch",
            "--no-config-file",
            *words,
            "--database",
            f"sqlite:///{project.db}",
            str(project.migrations),
        ],
        cwd=project.root,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(project: Project) -> dict[str, str]:
    """What ``yoyo list`` says: id to A (applied) or U (unapplied)."""
    rows = (line.split() for line in yoyo(project, "list").splitlines())
    return {row[1]: row[0] for row in rows if len(row) >= 2 and row[0] in ("A", "U")}


ALL = ("0001_log", "0002_one", "0003_two")


def test_yoyo_sees_what_we_applied(project: Project) -> None:
    project.up()
    assert listed(project) == dict.fromkeys(ALL, "A")
    project.run("migrate.down", "--steps", "2").expect(0)
    assert listed(project) == {"0001_log": "A", "0002_one": "U", "0003_two": "U"}
    project.up("--to", "2")
    assert listed(project) == {"0001_log": "A", "0002_one": "A", "0003_two": "U"}


def test_we_see_what_yoyo_applied(project: Project) -> None:
    yoyo(project, "apply")
    assert project.states() == dict.fromkeys((1, 2, 3), "applied")
    project.run("migrate.status").expect(0, "applied by yoyo; the ledger lacks it", "memsql migrate.repair")
    project.run("migrate.status", "--check").expect(1)


@pytest.mark.parametrize("words", [["migrate.repair"], ["migrate.up"]])
def test_the_ledger_is_completed(project: Project, words: list[str]) -> None:
    yoyo(project, "apply")
    before = project.data()
    project.run(*words).expect(0, *ALL)
    assert project.data() == before
    project.run("migrate.status", "--check").expect(0)
    operations = project.query("SELECT version, operation, message FROM memsql_history ORDER BY id")
    assert operations == [(v, "complete", "applied by yoyo") for v in (1, 2, 3)]
    when = dict(project.query('SELECT migration_id, applied_at_utc FROM "_yoyo_migration"'))
    for name, applied_at in project.query("SELECT printf('%04d_%s', version, name), applied_at FROM schema_migrations"):
        assert str(when[name]).replace(" ", "T")[:19] == applied_at[:19]
    project.run(*words).expect(0, "nothing to")


def test_a_row_that_another_program_deleted_is_not_taken_for_work_of_yoyo(project: Project) -> None:
    """As dbmate does it, whose list has the name of ours: it runs the way back, and deletes the row."""
    project.up()
    project.script("DELETE FROM schema_migrations WHERE version = 3")
    before = project.everything()
    refused = project.run("migrate.up").expect(6, "0003_two", "another program deleted rows of the ledger")
    assert "yoyo unmark -r 0003_two" in refused.err
    project.run("migrate.up", "--dry-run").expect(6, "0003_two")
    assert project.everything() == before
    project.run("migrate.repair").expect(0, "0003_two")
    project.run("migrate.status", "--check").expect(0)


def test_we_go_on_where_yoyo_stopped(project: Project) -> None:
    yoyo(project, "apply", "--revision", "0002_one")
    project.up().expect(0, "completed the ledger for 0001_log", "completed the ledger for 0002_one", "applied 0003_two")
    assert project.query("SELECT n FROM log") == [(1,), (2,)]
    project.run("migrate.status", "--check").expect(0)
    assert listed(project) == dict.fromkeys(ALL, "A")


def test_yoyo_goes_on_where_we_stopped(project: Project) -> None:
    project.up("--to", "1")
    yoyo(project, "apply")
    assert project.query("SELECT n FROM log") == [(1,), (2,)]
    assert project.states() == dict.fromkeys((1, 2, 3), "applied")
    project.run("migrate.repair").expect(0, "0002_one", "0003_two")
    project.run("migrate.status", "--check").expect(0)


def test_what_yoyo_rolls_back_is_rolled_back(project: Project) -> None:
    project.up()
    yoyo(project, "rollback", "--revision", "0003_two")
    assert project.query("SELECT n FROM log") == [(1,)]
    assert project.states() == {1: "applied", 2: "applied", 3: "rolled_back"}
    project.run("migrate.status").expect(0, "rolled back by yoyo")
    project.run("migrate.repair").expect(0, "complete the ledger for 0003_two: rolled_back by yoyo")
    assert project.query("SELECT status FROM schema_migrations WHERE version = 3") == [("rolled_back",)]
    project.up().expect(0, "applied 0003_two")
    assert project.query("SELECT n FROM log") == [(1,), (2,)]


def test_what_yoyo_applied_can_be_rolled_back_by_us(project: Project) -> None:
    yoyo(project, "apply")
    project.run("migrate.down", "--steps", "2").expect(0, "rolled back 0003_two", "rolled back 0002_one")
    assert project.query("SELECT n FROM log") == []
    assert project.states() == {1: "applied", 2: "rolled_back", 3: "rolled_back"}
    assert listed(project) == {"0001_log": "A", "0002_one": "U", "0003_two": "U"}


def test_our_tables_of_yoyo_are_yoyos_own(project: Project, tmp_path: Path) -> None:
    project.up()
    theirs = tmp_path / "theirs.db"
    ours = project.db
    project.db = theirs
    yoyo(project, "apply")

    def shape(path: Path, table: str) -> tuple[object, ...]:
        with closing(sqlite3.connect(path)) as conn:
            columns = conn.execute("SELECT * FROM pragma_table_info(?)", (table,)).fetchall()
            indexes = conn.execute('SELECT "unique", origin, partial FROM pragma_index_list(?)', (table,)).fetchall()
            keys = conn.execute("SELECT * FROM pragma_foreign_key_list(?)", (table,)).fetchall()
        return columns, indexes, keys

    for table in YOYO_TABLES:
        assert shape(ours, table) == shape(theirs, table), table
    with closing(sqlite3.connect(ours)) as a, closing(sqlite3.connect(theirs)) as b:
        version = 'SELECT max(version) FROM "_yoyo_version"'
        assert a.execute(version).fetchone() == b.execute(version).fetchone()
        hashes = 'SELECT migration_hash, migration_id FROM "_yoyo_migration" ORDER BY migration_id'
        assert a.execute(hashes).fetchall() == b.execute(hashes).fetchall()


def test_marks_without_a_change_count_as_applied(project: Project) -> None:
    project.up("--to", "1")
    yoyo(project, "mark")
    assert project.states() == dict.fromkeys((1, 2, 3), "applied")
    project.up().expect(0, "completed the ledger for 0002_one")
    assert project.query("SELECT n FROM log") == []


def test_a_broken_lock_of_yoyo_is_named(project: Project) -> None:
    yoyo(project, "apply", "--revision", "0001_log")
    project.script("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, '2024-01-01', 4711)")
    project.run("migrate.up").expect(4, "yoyo (process 4711) holds its lock on this database", "yoyo break-lock")
    yoyo(project, "break-lock")
    project.up()
