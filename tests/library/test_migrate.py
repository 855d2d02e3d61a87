"""memsql.migrate() and its like on files, in memory and on connections of the application."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project

import memsql


def tables(conn: sqlite3.Connection) -> set[str]:
    rows = conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {str(row[0]) for row in rows} & {"users", "notes", "more"}


def test_a_file_is_migrated_once_and_the_report_says_what_was_done(project: Project) -> None:
    assert memsql.status(project.db, project=project.root).pending[0].id == "0001_users"
    assert not project.db.exists()
    report = memsql.migrate(project.db, project=project.root)
    assert (report.outcome, report.pending) == ("migrated", 0)
    assert [(m.id, m.version, m.name) for m in report.applied] == [
        ("0001_users", 1, "users"),
        ("0002_notes", 2, "notes"),
    ]
    again = memsql.migrate(project.db, project=project.root)
    assert (again.outcome, again.applied) == ("current", ())
    status = memsql.status(project.db, project=project.root)
    assert status.is_current
    assert status.version == 2
    assert status.migrations[0].applied_at is not None
    assert status.migrations[0].applied_at.tzinfo is not None
    project.run("migrate.status", "--check").expect(0)


def test_without_a_database_it_is_the_one_of_the_settings(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    assert memsql.migrate().outcome == "migrated"
    assert project.db.exists()


def test_it_stops_after_a_version(project: Project) -> None:
    report = memsql.migrate(project.db, project=project.root, to=1)
    assert ([m.version for m in report.applied], report.pending) == ([1], 1)
    with pytest.raises(memsql.UsageError, match="there is no migration 9"):
        memsql.migrate(project.db, project=project.root, to=9)


def test_what_fails_is_undone_and_the_error_says_what_stays(project: Project) -> None:
    project.add("0003_bad", "CREATE TABLE more (x);\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(memsql.MigrationFailed) as caught:
        memsql.migrate(project.db, project=project.root)
    assert caught.value.finished == ("0001_users", "0002_notes")
    assert caught.value.where is not None
    with closing(sqlite3.connect(project.db)) as conn:
        assert tables(conn) == {"users", "notes"}
    assert memsql.status(project.db, project=project.root).migrations[-1].state == "failed"


def test_a_loss_is_refused_unless_it_is_permitted(project: Project) -> None:
    memsql.migrate(project.db, project=project.root)
    with closing(sqlite3.connect(project.db)) as conn, conn:
        conn.execute("INSERT INTO users VALUES (1, 'a')")
    project.add("0003_gone", "DROP TABLE users;\n", None)
    with pytest.raises(memsql.Refused):
        memsql.migrate(project.db, project=project.root)
    report = memsql.migrate(project.db, project=project.root, allow_data_loss=True)
    assert report.applied[0].losses


def test_a_new_database_in_memory_comes_with_the_report(project: Project) -> None:
    report = memsql.migrate(":memory:", project=project.root)
    assert report.connection is not None
    with closing(report.connection) as conn:
        assert tables(conn) == {"users", "notes"}
        memsql.require_current(conn, project=project.root)


def test_a_connection_of_the_application_is_given_back_as_it_was(project: Project) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level="EXCLUSIVE")) as conn:
        conn.row_factory, conn.text_factory = sqlite3.Row, bytes
        conn.execute("PRAGMA busy_timeout = 1234")
        conn.execute("PRAGMA foreign_keys = ON")
        project.add("0003_off", "-- foreign_keys: off\nCREATE TABLE more (x);\n")
        assert len(memsql.migrate(conn, project=project.root).applied) == 3
        assert memsql.status(conn, project=project.root).is_current
        assert memsql.verify(conn, project=project.root).ok
        assert (conn.row_factory, conn.text_factory, conn.isolation_level) == (sqlite3.Row, bytes, "EXCLUSIVE")
        assert [tuple(conn.execute(f"PRAGMA {name}").fetchone()) for name in ("busy_timeout", "foreign_keys")] == [
            (1234,),
            (1,),
        ]
        assert not conn.in_transaction
        memsql.require_current(conn, project=project.root, foreign_keys=True)


def test_a_connection_that_fails_is_given_back_too(project: Project) -> None:
    project.add("0003_bad", "CREATE TABLE more (x);\nINSERT INTO nowhere VALUES (1);\n")
    with closing(sqlite3.connect(":memory:")) as conn:
        with pytest.raises(memsql.MigrationFailed):
            memsql.migrate(conn, project=project.root)
        assert not conn.in_transaction
        assert (conn.isolation_level, tables(conn)) == ("", {"users", "notes"})


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        ("BEGIN", "a transaction is open"),
        ("ATTACH ':memory:' AS other", "attached other"),
        ("CREATE TEMP TABLE users (x)", "TEMP object users"),
    ],
)
def test_a_connection_that_could_deceive_is_refused(project: Project, prepare: str, says: str) -> None:
    with closing(sqlite3.connect(":memory:")) as conn:
        conn.execute(prepare)
        with pytest.raises(memsql.UsageError, match=says):
            memsql.migrate(conn, project=project.root)
        assert (conn.isolation_level, conn.row_factory) == ("", None)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python has no autocommit")
def test_a_connection_that_is_always_in_a_transaction_is_refused(project: Project) -> None:
    with closing(sqlite3.connect(":memory:")) as conn:
        setattr(conn, "autocommit", False)  # noqa: B010
        with pytest.raises(memsql.UsageError, match="autocommit=False"):
            memsql.migrate(conn, project=project.root)
        setattr(conn, "autocommit", True)  # noqa: B010
        assert memsql.migrate(conn, project=project.root).outcome == "migrated"


def test_a_connection_of_another_thread_is_refused(project: Project) -> None:
    problems: list[BaseException] = []

    def other(conn: sqlite3.Connection) -> None:
        try:
            memsql.migrate(conn, project=project.root)
        except memsql.UsageError as e:
            problems.append(e)

    with closing(sqlite3.connect(":memory:")) as conn:
        thread = threading.Thread(target=other, args=(conn,))
        thread.start()
        thread.join()
    assert "cannot be used here" in str(problems[0])


def test_a_plan_and_its_rehearsal_change_nothing(project: Project) -> None:
    memsql.migrate(project.db, project=project.root, to=1)
    plan = memsql.plan(project.db, project=project.root)
    assert [m.id for m in plan.pending] == ["0002_notes"]
    assert plan.rehearsal is None
    rehearsal = memsql.plan(project.db, project=project.root, rehearse=True).rehearsal
    assert rehearsal is not None
    assert rehearsal.ok
    assert rehearsal.schema == ("+ table notes",)
    project.add("0003_bad", "INSERT INTO nowhere VALUES (1);\n")
    failed = memsql.plan(project.db, project=project.root, rehearse=True).rehearsal
    assert failed is not None
    assert not failed.ok
    assert "nowhere" in "".join(failed.problem)
    assert memsql.status(project.db, project=project.root).version == 1


def test_verify_says_what_is_wrong(project: Project) -> None:
    memsql.migrate(project.db, project=project.root)
    assert memsql.verify(project.db, project=project.root).ok
    with closing(sqlite3.connect(project.db)) as conn, conn:
        conn.execute("INSERT INTO notes VALUES (7)")
    report = memsql.verify(project.db, project=project.root)
    assert (report.ok, [f.name for f in report.warnings]) == (True, ["foreign_keys"])
    with closing(sqlite3.connect(project.db)) as conn:
        conn.execute("DROP TABLE notes")
    assert [f.name for f in memsql.verify(project.db, project=project.root).errors] == ["schema"]
    with pytest.raises(memsql.ConnectError):
        memsql.verify(project.root / "none.db", project=project.root)


def test_a_backup_is_made_before_a_change_and_only_then(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    assert memsql.migrate(project.db, project=project.root, to=1, backup=folder).backup is None
    report = memsql.migrate(project.db, project=project.root, backup=folder)
    assert report.backup is not None
    with closing(sqlite3.connect(report.backup)) as conn:
        assert tables(conn) == {"users"}
    assert memsql.migrate(project.db, project=project.root, backup=folder).backup is None
    made = memsql.backup(project.db, project=project.root, folder=folder)
    assert (made.version, dict(made.tables)["users"]) == (2, 0)
    assert made.path.stat().st_size == made.bytes


def test_a_protected_environment_wants_yes_and_a_backup(project: Project) -> None:
    memsql.migrate(project.db, project=project.root, to=1)
    project.configure("[memsql]\ndatabase = memory.db\n[memsql:production]\nprotected = yes\n")
    with pytest.raises(memsql.Refused, match="production is protected"):
        memsql.migrate(project=project.root, env="production")
    with pytest.raises(memsql.Refused, match="no proven backup"):
        memsql.migrate(project=project.root, env="production", yes=True)
    assert memsql.migrate(project=project.root, env="production", yes=True, backup=True).backup is not None


def test_progress_hears_what_begins(project: Project) -> None:
    heard: list[tuple[str, float | None]] = []
    memsql.migrate(project.db, project=project.root, progress=lambda label, fraction: heard.append((label, fraction)))
    assert ("applying 0002_notes", None) in heard


def test_what_the_progress_raises_undoes_the_migration(project: Project) -> None:
    def stop(label: str, _: float | None) -> None:
        raise ZeroDivisionError(label)

    with closing(sqlite3.connect(":memory:")) as conn:
        with pytest.raises(ZeroDivisionError):
            memsql.migrate(conn, project=project.root, progress=stop)
        assert (conn.in_transaction, tables(conn)) == (False, set())


def _package(folder: Path, project: Project) -> None:
    for name in ("my_app", "my_app/migrations"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("")
    for path in project.migrations.iterdir():
        (folder / "my_app/migrations" / path.name).write_bytes(path.read_bytes())
    checks = folder / "my_app/sql/checks"
    checks.mkdir(parents=True)
    header = "-- name: users\n-- severity: error\n-- why: a test\n"
    check = f"{header}SELECT 'no user may be called x' FROM users WHERE name = 'x'"
    (checks / "users.sql").write_text(f"{check};\n")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_migrations_in_a_package(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    where = tmp_path / "site"
    _package(where, project)
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
            for path in where.rglob("*"):
                archive.write(path, path.relative_to(where))
        where = tmp_path / "app.zip"
    monkeypatch.syspath_prepend(str(where))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "my_app"]:
        monkeypatch.delitem(sys.modules, name)
    assert len(memsql.migrate("app.db", project="my_app.migrations").applied) == 2
    assert memsql.migrate("app.db", project=memsql.Project.in_package("my_app.migrations")).outcome == "current"
    with closing(sqlite3.connect("app.db")) as conn:
        memsql.require_current(conn, project="my_app.migrations")
        conn.execute("INSERT INTO users VALUES (1, 'x')")
        conn.commit()
    assert [f.name for f in memsql.verify("app.db", project="my_app.migrations").errors] == ["users"]
    assert sorted(name for name in os.listdir(tmp_path) if name not in ("site", "app.zip")) == ["app.db", "project"]
    for name in [name for name in sys.modules if name.split(".")[0] == "my_app"]:
        monkeypatch.delitem(sys.modules, name)


def test_a_folder_of_migrations_without_settings(tmp_path: Path, project: Project) -> None:
    folder = tmp_path / "alone" / "versions"
    folder.mkdir(parents=True)
    for path in project.migrations.iterdir():
        path.rename(folder / path.name)
    assert len(memsql.migrate(tmp_path / "app.db", project=folder).applied) == 2
    with pytest.raises(memsql.UsageError, match="no database is named"):
        memsql.migrate(project=folder)


def test_what_is_no_project_is_said(tmp_path: Path) -> None:
    with pytest.raises(memsql.ConfigError, match=r"no package no_app\.migrations"):
        memsql.migrate("app.db", project="no_app.migrations")
    with pytest.raises(memsql.ConfigError, match="there is no such folder"):
        memsql.migrate("app.db", project=tmp_path / "nowhere")


def test_a_token_is_in_no_message_and_no_repr(project: Project) -> None:
    with pytest.raises(memsql.MemsqlError) as caught:
        memsql.status("libsql://127.0.0.1:9?authToken=geheim&tls=7", project=project.root, token="geheim2")
    shown = repr(caught.value) + str(caught.value.__dict__)
    assert "geheim" not in shown


def test_beside_the_tables_of_another_program(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        conn.execute("CREATE TABLE django_migrations (id INTEGER)")
        with pytest.raises(memsql.Refused, match="not made by these migrations"):
            memsql.migrate(project.db, project=project.root)
        assert [m.version for m in memsql.plan(project.db, project=project.root, beside=True).pending] == [1, 2]
        assert len(memsql.migrate(project.db, project=project.root, beside=True).applied) == 2
        assert memsql.migrate(project.db, project=project.root).outcome == "current"
        memsql.require_current(conn, project=project.root)
