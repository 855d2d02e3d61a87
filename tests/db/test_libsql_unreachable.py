"""Servers that cannot be reached, or not safely: nobody listens, no TLS, a certificate that nobody signed."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import servers
from libsql import as_kind, opened, tls_server

from memsql.errors import ConnectError, LockedError
from memsql.server import Running, free_port


@pytest.mark.parametrize("kind", servers.KINDS)
def test_nobody_listens(kind: str) -> None:
    started = time.monotonic()
    with opened(f"{kind}://127.0.0.1:{free_port()}") as conn, pytest.raises(ConnectError) as caught:
        conn.execute("SELECT 1")
    assert "refuses the connection" in caught.value.message
    assert "nothing was changed" in (caught.value.state or "")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("kind", [*servers.KINDS, "libsql", "https", "wss"])
def test_a_name_that_does_not_exist(kind: str) -> None:
    with opened(f"{kind}://db.example.invalid") as conn, pytest.raises(ConnectError, match=r"is not known \(DNS\)"):
        conn.execute("INSERT INTO t VALUES (1)")


@pytest.mark.parametrize("kind", ["libsql", "https", "wss"])
def test_a_server_without_tls(empty_server: Running, kind: str) -> None:
    with (
        opened(as_kind(empty_server.url, kind)) as conn,
        pytest.raises(ConnectError, match="no secure connection") as caught,
    ):
        conn.execute("SELECT 1")
    assert "tls=0" in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["https", "wss"])
def test_a_certificate_that_nobody_signed(kind: str, tmp_path: Path) -> None:
    with (
        tls_server(tmp_path) as port,
        opened(f"{kind}://127.0.0.1:{port}") as conn,
        pytest.raises(ConnectError, match="no secure connection") as caught,
    ):
        conn.execute("SELECT 1")
    assert "self-signed certificate" in caught.value.message
    assert "SSL_CERT_FILE" in (caught.value.hint or "")


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_that_accepts_and_says_nothing(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{kind}://127.0.0.1:{silent.getsockname()[1]}"
        with opened(url, connect=0.3, answer=0.3) as conn, pytest.raises((LockedError, ConnectError)) as caught:
            conn.execute("SELECT 1")
    assert "in time" in caught.value.message
