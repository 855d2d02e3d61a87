"""A server with a full-text index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import servers
from cli import Done, Project
from indexed_server import BREAK, SCHEMA

from memsql.db import Connection, connect
from memsql.server import Running


@pytest.fixture
def writer(empty_server: Running) -> Iterator[Connection]:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script(SCHEMA)
        yield conn


@pytest.fixture
def broken(writer: Connection) -> Connection:
    writer.script(BREAK)
    return writer


@pytest.fixture
def memsql(tmp_path: Path, empty_server: Running) -> Callable[..., Done]:
    project = Project(tmp_path / "project")
    return lambda *words: project.run(*words, "--database", empty_server.url)
