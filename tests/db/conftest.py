"""Fixtures for connections: to a file, to a server over HTTP and over WebSocket, and through a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from connections import Opener
from proxy import Proxy, proxy_to

from memsql.db import Connection, connect
from memsql.db.connect import Mode
from memsql.server import Running


@pytest.fixture
def proxy(empty_server: Running) -> Iterator[Proxy]:
    with proxy_to(empty_server.url) as between:
        yield between


@pytest.fixture(params=servers.FILE_AND_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opener(kind: str, tmp_path: Path) -> Iterator[Opener]:
    """Opens connections to one empty database and closes them in the end."""
    opened: list[Connection] = []

    def open_on(url: str) -> Opener:
        def one(mode: Mode = "rwc", busy_timeout: int = 300) -> Connection:
            conn = connect(servers.target(url), mode, busy_timeout)
            opened.append(conn)
            return conn

        return one

    if kind == "file":
        yield open_on(str(tmp_path / "a.db"))
    else:
        with servers.fresh(tmp_path / "sqld") as server:
            yield open_on(server.url.replace("http", kind))
            for conn in opened:
                conn.close()
    for conn in opened:
        conn.close()


@pytest.fixture
def conn(opener: Opener) -> Connection:
    return opener()


@pytest.fixture
def shared(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    url = (
        str(tmp_path / "a.db") if kind == "file" else request.getfixturevalue("shared_server").url.replace("http", kind)
    )
    conn = connect(servers.target(url), "rwc")
    yield conn
    conn.close()
