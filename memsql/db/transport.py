"""What HTTP and WebSocket connections to a libSQL server have in common."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from memsql.config import Target
from memsql.db.answers import Json
from memsql.db.faults import Fault
from memsql.db.wire import Unconnected
from memsql.errors import ConnectError, LockedError

USER_AGENT = "memsql"
# Where the system has settings for proxies besides the environment.
_WITH_SETTINGS = ("darwin", "win32")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection, for the next byte of an answer, and before the request is sent again."""

    connect: float = 10.0
    answer: float = 600.0
    retry: float = 0.2


class Transport(Protocol):
    """One stream to a server. Methods raise faults.Fault. After a fault without ``kept`` the stream is gone, and the
    next request begins a new one."""

    @property
    def version(self) -> int:
        """The version of Hrana, 2 or 3. Before the first request, the version that will be tried."""

    @property
    def fresh(self) -> bool:
        """Whether the next request begins a new stream."""

    cheap_stop: bool
    """Whether a cursor can be stopped early without losing the stream."""

    @property
    def idle(self) -> float:
        """Seconds since the last answer, where a stream may expire."""

    async def pipeline(
        self, requests: Sequence[Json], nonce: str, patience: float | None = None, *, last: bool = False
    ) -> list[Json]:
        """Send requests at once, and behind them pipeline.closing() with ``nonce``. Returns the answers in order, those
        to the two last, each of the shape of answers.pipeline_results(). ``patience``, in seconds, replaces the time to
        wait for an answer. ``last``: the stream is not needed behind them, so that it may end with them."""

    def cursor(self, batch: Json) -> AsyncGenerator[list[Json], None]:
        """Run a batch and yield the entries of its cursor in lists, as they arrive. Needs version 3. Close the iterator
        to stop early."""

    async def drop(self) -> None:
        """Forget the stream and cut the connection, so that the server ends the stream and its transaction."""

    async def close(self, *, waits: bool) -> None:
        """End the stream and release everything. ``waits``: until the server has ended it, if that can be known. Never
        raises."""


def endpoint(target: Target) -> str:
    """The URL to speak to: ``libsql:`` is HTTPS, or HTTP with ``?tls=0``; no query, no slash at the end."""
    assert target.url is not None
    parts = urlsplit(target.url)
    scheme = parts.scheme
    if scheme == "libsql":
        scheme = "http" if parts.query == "tls=0" else "https"
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def proxy_for(url: str) -> str | None:
    """The proxy that the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY) names for ``url``.

    aiohttp's own trust_env is not used, because it also sends the password that ~/.netrc has for the host.
    """
    if sys.platform not in _WITH_SETTINGS and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # Imported only where there may be a proxy, because that takes a while.
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return proxies.get(scheme) or proxies.get("all")


def network_fault(error: BaseException, target: Target) -> Fault:
    """The fault for an error of posts.failures(), of aiohttp or of the operating system. ``error`` itself is not kept,
    because it can hold the request with its headers."""
    if isinstance(error, Unconnected):
        return _unconnected(error, target)
    if isinstance(error, ssl.SSLError):
        return _tls_fault(error, target)
    if "aiohttp" in sys.modules and (fault := _fault_of_aiohttp(error, target)) is not None:
        return fault
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return timed_out(target)
    return Fault(
        ConnectError(
            f"{target}: the connection broke before the answer came",
            state="nothing was changed by this request",
            hint="check the network and the server, and run it again",
        ),
        again=True,
    )


def _unconnected(error: Unconnected, target: Target) -> Fault:
    """The fault where no connection was made."""
    cause = error.cause
    if isinstance(cause, ssl.SSLError):
        return _tls_fault(cause, target)
    if isinstance(cause, socket.gaierror):
        return _unknown_name(target)
    if isinstance(cause, TimeoutError):
        return _no_connection_in_time(target)
    if isinstance(cause, OSError):
        return _not_connected(target, None if error.was_refused else cause.strerror or "network error")
    return _no_url(target)


def _fault_of_aiohttp(error: BaseException, target: Target) -> Fault | None:
    """The fault for an error of aiohttp; None for those that mean that the connection broke, or that time is over."""
    import aiohttp

    if isinstance(
        error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError, aiohttp.ClientSSLError)
    ):
        return _tls_fault(error, target)
    if isinstance(error, (aiohttp.ClientConnectorDNSError, socket.gaierror)):
        return _unknown_name(target)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return _unreached(
            f"{target}: the proxy of the environment is not reached",
            "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
            again=True,
        )
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _unreached(
            f"{target}: the proxy of the environment refuses the connection (HTTP {error.status})",
            "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
        )
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return _no_connection_in_time(target)
    if isinstance(error, aiohttp.ClientConnectorError):
        refused = isinstance(error.os_error, ConnectionRefusedError)
        return _not_connected(target, None if refused else error.os_error.strerror or "network error")
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return _no_url(target)
    return None


def _unknown_name(target: Target) -> Fault:
    return _unreached(f"the name of {target} is not known (DNS)", "check the spelling of the host, and the network")


def _no_connection_in_time(target: Target) -> Fault:
    return _unreached(
        f"{target} does not answer: the connection was not made in time",
        "check the host and port, the network, and firewalls in between",
        again=True,
    )


def _not_connected(target: Target, reason: str | None) -> Fault:
    """``reason``: what the system says; None where nothing listens there."""
    if reason is None:
        return _unreached(
            f"{target} refuses the connection: nothing listens there",
            "check the host and port, and that the server runs",
            again=True,
        )
    return _unreached(f"{target} cannot be reached: {reason}", "check the host and port, and the network", again=True)


def _no_url(target: Target) -> Fault:
    return _unreached(
        f"{target} is no URL that can be opened",
        "check --database or TURSO_URL, and that the token is one word without unusual characters",
    )


def timed_out(target: Target) -> Fault:
    """The fault for an answer that did not come in time; the server may still be at work."""
    return Fault(
        LockedError(
            f"{target}: the answer did not come in time",
            state="what the request had begun is rolled back by the server",
            hint="see whether the server is busy, or whether another writer holds its lock",
        )
    )


def _unreached(message: str, hint: str, *, again: bool = False) -> Fault:
    error = ConnectError(message, state="nothing was changed: the database was not reached", hint=hint)
    return Fault(error, sent=False, again=again)


def _tls_fault(error: BaseException, target: Target) -> Fault:
    # The message about a certificate is safe to show, and only it tells an expired one from a wrong name.
    inner: Any = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    reason = getattr(inner, "verify_message", None) or getattr(inner, "reason", None) or "TLS failed"
    hint = "check the host, the clock of this machine and its certificates (SSL_CERT_FILE)"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        hint = "the server speaks no TLS on this port: use http://, ws:// or libsql://HOST:PORT?tls=0"
    return _unreached(f"{target}: no secure connection: {reason}", hint)
