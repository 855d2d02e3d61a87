"""The fixtures of memsql in the tests of an application, run by pytest in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import servers

APPLICATION = """
import sqlite3

import memsql
import pytest


def test_a_connection_has_the_schema_and_the_rows(memsql_connection):
    assert memsql_connection.execute("SELECT name FROM users").fetchall() == [("first",)]
    memsql_connection.execute("INSERT INTO users VALUES (2, 'second')")
    memsql_connection.commit()
    with pytest.raises(sqlite3.IntegrityError):
        memsql_connection.execute("INSERT INTO notes VALUES (9)")


def test_each_test_has_its_own(memsql_path, memsql_project, memsql_template):
    assert memsql_path != memsql_template.path
    with sqlite3.connect(memsql_path) as conn:
        assert conn.execute("SELECT count(*) FROM users").fetchone() == (1,)
        memsql.require_current(conn, project=memsql_project)


def test_the_template_stays_as_it_is(memsql_template):
    with sqlite3.connect(memsql_template.path) as conn:
        assert conn.execute("SELECT count(*) FROM users").fetchone() == (1,)
"""
SERVER = """
import memsql


def test_a_server(memsql_server, memsql_project):
    assert memsql.status(memsql_server, project=memsql_project).is_current
"""


@pytest.fixture
def application(tmp_path: Path) -> Path:
    files = {
        "pytest.ini": "[pytest]\nmemsql_project = db\nmemsql_fixtures = rows.sql\n",
        "rows.sql": "INSERT INTO users VALUES (1, 'first');\n",
        "db/setup.cfg": "[memsql]\n",
        "db/migrations/0001_wal.sql": "-- transactional: false\nPRAGMA journal_mode = wal;\n",
        "db/migrations/0002_users.sql": "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\n",
        "db/migrations/0003_notes.sql": "CREATE TABLE notes (user INTEGER REFERENCES users);\n",
        "test_application.py": APPLICATION,
    }

    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_an_application_uses_the_fixtures(application: Path) -> None:
    assert "3 passed" in run(application)


@pytest.mark.slow
def test_who_uses_none_imports_nothing_of_memsql_but_the_names(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\n\ndef test_nothing():\n"
        "    assert sorted(m for m in sys.modules if m.startswith('memsql')) == ['memsql', 'memsql.pytest_plugin']\n"
    )
    assert "1 passed" in run(tmp_path)


@pytest.mark.server
@pytest.mark.slow
def test_a_server_of_the_tests_own(application: Path) -> None:
    (application / "db/migrations/0001_wal.sql").write_text("-- Nothing to do on a server.\n")
    (application / "test_application.py").write_text(SERVER)
    assert "1 passed" in run(application, "-o", f"memsql_sqld={servers.binary()}")
