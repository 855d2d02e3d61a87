"""A proxy on 127.0.0.1 in front of a server, that fails on demand: in HTTP and in WebSocket frames."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """What came from the client: an HTTP request, or the text of a WebSocket frame (``method`` FRAME)."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Answer:
    """Answer in place of the server."""

    status: int
    body: str = ""
    kind: str = "text/plain"


@dataclass(frozen=True)
class Cut:
    """Close the connection: before the server has the request, in the middle of its answer, or when it has
    answered and the client has nothing of it yet."""

    when: Literal["before", "during", "after"]


@dataclass(frozen=True)
class Delay:
    """Wait so many seconds before the request goes on, and before the answer comes back."""

    request: float = 0.0
    answer: float = 0.0


@dataclass(frozen=True)
class Rewrite:
    """Replace a part of the HTTP head on its way to the server."""

    old: str
    new: str


@dataclass(frozen=True)
class Edit:
    """Replace the body of the HTTP answer by what ``change`` makes of it, and its status where one is given."""

    change: Callable[[str], str]
    status: int = 200


@dataclass(frozen=True)
class Forward:
    """Send ``body``, as JSON, in place of what came."""

    body: dict[str, object]


Action = Answer | Cut | Delay | Rewrite | Edit | Forward | None
Rule = Callable[[Request], Action]


@dataclass
class Proxy:
    """``rule`` is asked about every request; ``seen`` holds them all. ``connections``: how many the client opened."""

    backend: tuple[str, int]
    listener: socket.socket
    rule: Rule = lambda _: None
    seen: list[Request] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list)
    connections: int = 0
    serving: set[int] = field(default_factory=set)

    @property
    def requests(self) -> int:
        """How many requests came, when every connection has ended: for the last one a client does not wait."""
        end = time.monotonic() + 10
        while self.serving and time.monotonic() < end:
            time.sleep(0.005)
        return len(self.seen)

    @property
    def round_trips(self) -> int:
        """How many requests came, the one that ends the stream too, and how many connections."""
        return self.requests + self.connections

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def cut_all(self) -> None:
        """Close every connection that is open now."""
        while self.sockets:
            _shut(self.sockets.pop())


@contextmanager
def proxy_to(url: str, rule: Rule | None = None) -> Iterator[Proxy]:
    """A proxy in front of ``url`` while the block runs."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy((parts.hostname, parts.port), listener)
    if rule is not None:
        proxy.rule = rule
    threading.Thread(target=_accept, args=(proxy,), daemon=True).start()
    try:
        yield proxy
    finally:
        _shut(listener)
        proxy.cut_all()


def _accept(proxy: Proxy) -> None:
    while True:
        try:
            client, _ = proxy.listener.accept()
        except OSError:
            return
        proxy.connections += 1
        proxy.serving.add(id(client))
        proxy.sockets.append(client)
        threading.Thread(target=_serve, args=(proxy, client), daemon=True).start()


def _serve(proxy: Proxy, client: socket.socket) -> None:
    server: socket.socket | None = None
    try:
        reader = client.makefile("rb")
        while (head := _head(reader)) is not None:
            first, headers, raw = head
            body = reader.read(int(headers.get("content-length", "0")))
            method, path, _ = first.split(" ", 2)
            request = Request(method, path, headers, body.decode())
            proxy.seen.append(request)
            action = proxy.rule(request)
            if isinstance(action, Answer):
                content = action.body.encode()
                client.sendall(
                    f"HTTP/1.1 {action.status} X\r\nContent-Type: {action.kind}\r\nContent-Length: {len(content)}\r\n"
                    "Connection: close\r\n\r\n".encode()
                    + content
                )
                return
            if action == Cut("before"):
                return
            if isinstance(action, Delay):
                time.sleep(action.request)
            if isinstance(action, Rewrite):
                raw = raw.replace(action.old.encode(), action.new.encode())
            if isinstance(action, Edit):
                # What is compressed cannot be edited.
                raw = re.sub(rb"(?i)\r\naccept-encoding:[^\r]*", b"", raw)
            if isinstance(action, Forward):
                size = len(body)
                body = json.dumps(action.body).encode()
                raw = raw.replace(b"Content-Length: %d" % size, b"Content-Length: %d" % len(body))
            if server is None:
                server = socket.create_connection(proxy.backend)
                proxy.sockets.append(server)
                answers = server.makefile("rb")
            server.sendall(raw + body)
            if headers.get("upgrade", "").lower() == "websocket":
                threading.Thread(target=_copy, args=(server, client), daemon=True).start()
                _frames(proxy, reader, client, server)
                return
            answer = _answer(answers)
            if isinstance(action, Edit):
                answer = _edited(answer, action)
            if isinstance(action, Delay):
                time.sleep(action.answer)
            if action == Cut("after"):
                return
            if action == Cut("during"):
                client.sendall(answer[: len(answer) - 20])
                return
            client.sendall(answer)
    except (OSError, ValueError):
        pass
    finally:
        _shut(client)
        if server is not None:
            _shut(server)
        proxy.serving.discard(id(client))


def _head(reader: object) -> tuple[str, dict[str, str], bytes] | None:
    lines: list[bytes] = []
    while (line := reader.readline()) not in (b"\r\n", b""):  # type: ignore[attr-defined]
        lines.append(line)
    if not lines:
        return None
    headers = dict(text.decode().rstrip().split(": ", 1) for text in lines[1:])
    return lines[0].decode(), {k.lower(): v for k, v in headers.items()}, b"".join(lines) + b"\r\n"


def _answer(reader: object) -> bytes:
    head = _head(reader)
    assert head is not None
    _, headers, raw = head
    read, readline = reader.read, reader.readline  # type: ignore[attr-defined]
    if headers.get("transfer-encoding") == "chunked":
        parts = [raw]
        while size := int((line := readline()), 16):
            parts += [line, read(size + 2)]
        return b"".join([*parts, line, readline()])
    return bytes(raw + read(int(headers.get("content-length", "0"))))


def _edited(answer: bytes, edit: Edit) -> bytes:
    """``answer`` with another body, in one piece."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if any(b"chunked" in line for line in lines):
        body = _unchunked(body)
    content = edit.change(body.decode()).encode("utf-8", "surrogatepass")
    status = b"HTTP/1.1 %d X" % edit.status
    kept = [line for line in lines[1:] if not line.lower().startswith((b"transfer-encoding", b"content-length"))]
    return b"\r\n".join([status, *kept, b"Content-Length: %d" % len(content), b"", content])


def _unchunked(body: bytes) -> bytes:
    pieces = []
    while size := int(body[: (start := body.index(b"\r\n"))], 16):
        pieces.append(body[start + 2 : start + 2 + size])
        body = body[start + 4 + size :]
    return b"".join(pieces)


def _frames(proxy: Proxy, reader: object, client: socket.socket, server: socket.socket) -> None:
    read = reader.read  # type: ignore[attr-defined]
    while len(start := read(2)) == 2:
        size = start[1] & 0x7F
        longer = read({126: 2, 127: 8}.get(size, 0))
        mask = read(4)
        payload = read(int.from_bytes(longer, "big") if longer else size)
        text = bytes(b ^ mask[i % 4] for i, b in enumerate(payload)).decode("utf-8", "replace")
        request = Request("FRAME", "", {}, text)
        proxy.seen.append(request)
        action = proxy.rule(request)
        if isinstance(action, Delay):
            time.sleep(action.request)
        if action == Cut("before"):
            return
        if isinstance(action, Cut):
            # The answer goes nowhere, and the server has time to give it.
            client.shutdown(socket.SHUT_RDWR)
            server.sendall(start + longer + mask + payload)
            time.sleep(0.3)
            return
        server.sendall(start + longer + mask + payload)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _shut(sink)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
