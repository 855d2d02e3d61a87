"""Connections to a libSQL server through a proxy that misbehaves, and servers that restart or speak TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import servers
from proxy import Action, Request

from memsql.db.libsql import LibsqlConnection
from memsql.db.transport import Timeouts

CUTS = ["before", "during", "after"]
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT max(i) FROM n"


@contextmanager
def opened(
    url: str,
    *,
    token: str | None = None,
    mode: str = "rwc",
    busy_timeout: int = 300,
    connect: float = 10,
    answer: float = 60,
) -> Iterator[LibsqlConnection]:
    conn = LibsqlConnection(servers.target(url, token), mode, busy_timeout, Timeouts(connect, answer, retry=0.02))
    with closing(conn):
        yield conn


def as_kind(url: str, kind: str) -> str:
    return url.replace("http", kind)


def once(match: str, action: Action) -> Callable[[Request], Action]:
    """``action`` for the first request whose body holds ``match``."""
    left = [action]
    return lambda request: left.pop() if left and match in request.body else None


def always(action: Action) -> Callable[[Request], Action]:
    return lambda _: action


def count(url: str) -> object:
    with opened(url) as conn:
        return conn.execute("SELECT count(*) FROM t").one()


def eventually(check: Callable[[], bool]) -> bool:
    """Whether ``check`` holds now or soon: the server notices a cut connection in its own time."""
    for _ in range(100):
        if check():
            return True
        time.sleep(0.1)
    return False


@contextmanager
def running(folder: Path, port: int) -> Iterator[None]:
    from memsql import server

    with server.running(servers.binary(), folder, port=port):
        yield


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """A port of 127.0.0.1 that speaks TLS with a certificate signed by itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(folder))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(client, server_side=True):
                        pass
                except OSError:
                    client.close()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def self_signed(folder: Path) -> Path:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    start = datetime.datetime(2020, 1, 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2099))
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
