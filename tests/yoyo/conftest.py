"""Projects that yoyo is pointed at, on files and servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from servers import Guarded
from yoyo_command import LIBSQL, Place

from memsql.server import Running


@pytest.fixture(params=["file", LIBSQL, pytest.param("ws", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    project = Project(tmp_path / "project")
    project.add("0001_log", "-- The log\n-- depends:\nCREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    project.add("0002_one", "-- depends: 0001_log\nINSERT INTO log VALUES (1);\n", "DELETE FROM log WHERE n = 1;\n")
    project.add("0003_two", "-- depends: 0002_one\nINSERT INTO log VALUES (2);\n", "DELETE FROM log WHERE n = 2;\n")
    if request.param == "file":
        return Place(project, f"memsql+sqlite:///{project.db}")
    server: Running = request.getfixturevalue("empty_server")
    address = server.url.removeprefix("http://")
    return Place(project, f"memsql+libsql://{address}?tls=0" if request.param == "libsql" else f"memsql+ws://{address}")


@pytest.fixture
def guarded_place(tmp_path: Path, guarded: Guarded) -> Place:
    project = Project(tmp_path / "project")
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    return Place(project, "memsql+" + guarded.server.url)
