"""Fixtures for the tests of an application that memsql migrates. pytest loads this file by itself.

Who does not use the fixtures pays for the import of this file, which imports nothing else.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from memsql.library.source import Project


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings of the fixtures."""
    parser.addini(
        "memsql_project",
        "what the fixtures of memsql migrate: a package such as my_app.migrations, or a folder, from rootdir on "
        "(default: the folder of pytest's configuration)",
        default="",
    )
    parser.addini("memsql_fixtures", "a .sql file that is run once in the template, behind the migrations", default="")
    parser.addini("memsql_sqld", "the program of a libSQL server for memsql_server (default: sqld in PATH)", default="")


@dataclass(frozen=True, slots=True)
class Template:
    """A migrated database. ``path`` is its file, which nobody may write: copy() makes another one."""

    path: Path

    def copy(self, path: Path) -> Path:
        """Copy it to ``path``, and return that."""
        shutil.copyfile(self.path, path)
        return path


@pytest.fixture(scope="session")
def memsql_project(request: pytest.FixtureRequest) -> Project:
    """The migrations of the application, as the ini option memsql_project says. Override it to choose others."""
    import memsql
    from memsql.library.source import Project as Source

    text = str(request.config.getini("memsql_project"))
    root = request.config.rootpath
    source = Source.of(text if "." in text and "/" not in text and not (root / text).exists() else root / text)
    assert isinstance(source, memsql.Project)
    return source


@pytest.fixture(scope="session")
def memsql_template(
    memsql_project: Project, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Template:
    """A database to which all migrations are applied, once in each process that runs tests."""
    import memsql

    path = tmp_path_factory.mktemp("memsql") / "template.db"
    memsql.migrate(path, project=memsql_project)
    rows = str(request.config.getini("memsql_fixtures"))
    if rows:
        with closing(sqlite3.connect(path)) as conn:
            conn.execute("PRAGMA foreign_keys = ON")
            conn.executescript((request.config.rootpath / rows).read_text(encoding="utf-8"))
            conn.commit()
    _into_one_file(path)
    return Template(path)


@pytest.fixture
def memsql_path(memsql_template: Template, tmp_path: Path) -> Path:
    """The file of a migrated database of the test's own."""
    return memsql_template.copy(tmp_path / "memsql.db")


@pytest.fixture
def memsql_connection(memsql_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to it, which enforces foreign keys, and which other threads may use too."""
    with closing(sqlite3.connect(memsql_path, check_same_thread=False)) as conn:
        conn.execute("PRAGMA foreign_keys = ON")
        yield conn


@pytest.fixture(scope="session")
def memsql_sqld(request: pytest.FixtureRequest) -> Path:
    """The program of a libSQL server. Tests that need it are skipped where there is none."""
    name = str(request.config.getini("memsql_sqld")) or os.environ.get("MEMSQL_SQLD") or shutil.which("sqld")
    if not name:
        from memsql import server

        found = server.find()
        name = None if found is None else str(found)
    if not name:
        pytest.skip("no libSQL server: put sqld into PATH, name it in memsql_sqld, or run: memsql server.install")
    return Path(request.config.rootpath / name)


@pytest.fixture
def memsql_server(memsql_project: Project, memsql_sqld: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a server of the test's own, with a migrated database."""
    import memsql
    from memsql import server

    with server.running(memsql_sqld, tmp_path / "memsql-server") as running:
        memsql.migrate(running.url, project=memsql_project)
        yield running.url
        # Nobody reads its files again.
        running.process.kill()


def _into_one_file(path: Path) -> None:
    """A copy of the file alone is to be the whole database, also where a migration chose WAL: its log goes into the
    file when the last connection closes."""
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
