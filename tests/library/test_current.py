"""memsql.require_current() and ensure_current()."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project

import memsql
from memsql.library import lazily


def test_an_older_database_is_refused_and_a_current_one_passes(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        with pytest.raises(memsql.NotCurrent, match="is older") as caught:
            memsql.require_current(conn, project=project.root)
        assert caught.value.pending == ("0001_users", "0002_notes")
        memsql.migrate(project.db, project=project.root, to=1)
        with pytest.raises(memsql.NotCurrent) as caught:
            memsql.require_current(conn, project=project.root)
        assert caught.value.pending == ("0002_notes",)
        memsql.migrate(project.db, project=project.root)
        memsql.require_current(conn, project=project.root)


def test_a_newer_database_is_refused_unless_that_is_allowed(project: Project) -> None:
    memsql.migrate(project.db, project=project.root)
    project.remove("0002_notes")
    with closing(sqlite3.connect(project.db)) as conn:
        for _ in range(2):
            with pytest.raises(memsql.NotCurrent, match="is newer") as caught:
                memsql.require_current(conn, project=project.root)
            assert (caught.value.newer, caught.value.pending) == (("0002_notes",), ())
            memsql.require_current(conn, project=project.root, allow_newer=True)


def test_a_migration_that_failed_is_named(project: Project) -> None:
    project.add("0003_bad", "INSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(memsql.MigrationFailed):
        memsql.migrate(project.db, project=project.root)
    with closing(sqlite3.connect(project.db)) as conn:
        with pytest.raises(memsql.NotCurrent, match="attempt failed of 0003_bad") as caught:
            memsql.require_current(conn, project=project.root)
        assert caught.value.failed == ("0003_bad",)


def test_another_text_is_refused_and_another_comment_is_not(project: Project) -> None:
    memsql.migrate(project.db, project=project.root)
    with closing(sqlite3.connect(project.db)) as conn:
        project.add(
            "0002_notes", "-- a comment\nCREATE TABLE notes (user INTEGER REFERENCES users);\n", "DROP TABLE notes;\n"
        )
        os.utime(project.migrations, ns=(1, 1))
        memsql.require_current(conn, project=project.root)
        project.add("0002_notes", "CREATE TABLE notes (user TEXT);\n", "DROP TABLE notes;\n")
        os.utime(project.migrations, ns=(2, 2))
        with pytest.raises(memsql.NotCurrent) as caught:
            memsql.require_current(conn, project=project.root)
        assert caught.value.changed == ("0002_notes",)


def test_foreign_keys_are_asked_for_on_request(project: Project) -> None:
    memsql.migrate(project.db, project=project.root)
    with closing(sqlite3.connect(project.db)) as conn:
        memsql.require_current(conn, project=project.root)
        with pytest.raises(memsql.Refused, match="foreign keys"):
            memsql.require_current(conn, project=project.root, foreign_keys=True)
        conn.execute("PRAGMA foreign_keys = ON")
        memsql.require_current(conn, project=project.root, foreign_keys=True)


class _OtherDriver:
    """A connection of another driver: lists as rows, and only execute()."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.execute: Callable[[str], object] = lambda sql: _Cursor(conn.execute(sql))


class _Cursor:
    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def fetchall(self) -> list[list[object]]:
        return [list(row) for row in self._cursor.fetchall()]


def test_whatever_the_connection_makes_of_rows_and_texts(project: Project) -> None:
    memsql.migrate(project.db, project=project.root)
    with closing(sqlite3.connect(project.db)) as conn:
        memsql.require_current(_OtherDriver(conn), project=project.root)
        conn.row_factory, conn.text_factory = lambda cursor, row: {"row": row}, bytes
        memsql.require_current(conn, project=project.root)
        conn.execute("UPDATE schema_migrations SET status = 'failed' WHERE version = 2")
        conn.execute("DELETE FROM \"_yoyo_migration\" WHERE migration_id = '0002_notes'")
        assert conn.in_transaction
        with pytest.raises(memsql.NotCurrent, match="attempt failed of 0002_notes"):
            memsql.require_current(conn, project=project.root)
        assert conn.in_transaction
        conn.rollback()
        conn.row_factory, conn.text_factory = None, str
        with pytest.raises(memsql.NotCurrent, match="is older"):
            memsql.require_current(_OtherDriver(sqlite3.connect(":memory:")), project=project.root)


def test_it_never_writes(project: Project) -> None:
    memsql.migrate(project.db, project=project.root, to=1)
    before = project.db.read_bytes()
    with closing(sqlite3.connect(f"file:{project.db}?mode=ro", uri=True)) as conn:
        with pytest.raises(memsql.NotCurrent):
            memsql.require_current(conn, project=project.root)
        assert not conn.in_transaction
    assert project.db.read_bytes() == before
    assert sorted(path.name for path in project.root.iterdir()) == ["memory.db", "migrations", "setup.cfg"]


@pytest.mark.parametrize("form", ["{}", "file:{}", "sqlite:///{}"])
def test_a_database_is_migrated_at_its_first_use_and_again_where_it_is_another_file(
    project: Project, form: str
) -> None:
    database = form.format(project.db)
    first = memsql.ensure_current(database, project=project.root)
    assert first is not None
    assert first.outcome == "migrated"
    assert memsql.ensure_current(database, project=project.root) is None
    # The file stays, so that the new one has another inode.
    project.db.rename(project.root / "old.db")
    again = memsql.ensure_current(database, project=project.root)
    assert again is not None
    assert again.outcome == "migrated"


def test_after_an_error_nothing_is_remembered(project: Project) -> None:
    project.add("0003_bad", "INSERT INTO nowhere VALUES (1);\n")
    for _ in range(2):
        with pytest.raises(memsql.MigrationFailed):
            memsql.ensure_current(project.db, project=project.root)
    project.remove("0003_bad")
    assert memsql.ensure_current(project.db, project=project.root) is not None


def test_sixteen_threads_migrate_once(project: Project) -> None:
    barrier = threading.Barrier(16)
    reports: list[memsql.MigrateReport | None] = []

    def use() -> None:
        barrier.wait()
        reports.append(memsql.ensure_current(project.db, project=project.root))

    threads = [threading.Thread(target=use) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report is not None for report in reports) == [False] * 15 + [True]
    assert project.query("SELECT version, status FROM memsql_history") == [(1, "ok"), (2, "ok")]


def _ensure(database: Path, project: Path, answers: multiprocessing.Queue[bool]) -> None:
    answers.put(memsql.ensure_current(database, project=project) is None)


def test_a_child_of_a_fork_knows_what_its_parent_knew_and_waits_for_no_lock_of_it(project: Project) -> None:
    memsql.ensure_current(project.db, project=project.root)
    other = project.root / "other.db"
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[bool] = context.Queue()
    key = (str(other), memsql.Project.at(project.root))
    lock = lazily._locks.setdefault(key, threading.Lock())
    with lock, lazily._guard:
        for database in (project.db, other):
            child = context.Process(target=_ensure, args=(database, project.root, answers))
            child.start()
            child.join(60)
            assert child.exitcode == 0
    assert [answers.get(timeout=10), answers.get(timeout=10)] == [True, False]
