"""A project with a database that is worth a backup."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import servers
from backups import ROWS, TABLES
from cli import Project
from odd_databases import FTS, ODD, make
from server_backups import OLD

from memsql.db import connect
from memsql.server import Running


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("template"), settings="busy_timeout = 200ms\n")
    project.add("0001_tables", TABLES, "DROP TABLE search;\nDROP TABLE notes;\nDROP TABLE users;\n")
    project.up()
    project.script(ROWS)
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)


@pytest.fixture
def full(empty_server: Running) -> Running:
    """A server that holds something."""
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script(OLD)
    return empty_server


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """A backup of something else."""
    return make(tmp_path / "new.db", ODD + FTS)
