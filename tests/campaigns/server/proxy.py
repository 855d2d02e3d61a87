"""The lying proxy: passes HTTP and WebSockets on to a server, until the request that a fault is meant for."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.campaigns.server.exchange import HttpExchange, Kind, SocketExchange
from tests.campaigns.server.wire import TEXT, Answer, Frame, Request, Wire, frame

T = TypeVar("T")
_ENCODINGS = re.compile(rb"accept-encoding:[^\r]*", re.IGNORECASE)
_LIMIT = 1 << 26
# Seconds after which a client that nothing is sent to any more must have gone away by itself.
_SILENCE_SECONDS = 120.0


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@dataclass
class Lie:
    """The fault ``kind`` at the request ``number``, from 1 on; without a kind nothing is changed."""

    kind: Kind | None = None
    number: int = 0
    seed: str = ""

    def concerns(self, number: int) -> bool:
        return self.kind is not None and (number == self.number or (self.kind.lasts and number > self.number))


@dataclass(frozen=True)
class Recorded:
    """A request that came, by its ``number``, and the true answer: over HTTP, or on a WebSocket. ``earlier``: the true
    answers to those before it on its connection."""

    number: int
    request: Request | None
    answer: Answer | bytes
    earlier: tuple[Answer | bytes, ...]


def reaches(kind: Kind, place: Recorded, loop: Loop) -> bool:
    """Whether the fault ``kind`` changes anything of what was recorded."""
    draw = random.Random(0)
    if isinstance(place.answer, bytes):
        exchange = SocketExchange(place.answer, [a for a in place.earlier if isinstance(a, bytes)], draw, "http://x")
        if kind.socket is not None:
            kind.socket(exchange)
        return kind.socket is not None and not exchange.idle
    answer = place.answer

    async def ask(_: Request) -> Answer:
        return answer

    async def is_idle() -> bool:
        assert kind.http is not None
        assert place.request is not None
        earlier = [a for a in place.earlier if isinstance(a, Answer)]
        of_http = HttpExchange(place.request, earlier, draw, "http://x", ask)
        await kind.http(of_http)
        return of_http.idle

    return kind.http is not None and not loop.run(is_idle())


@dataclass
class Proxy:
    """``requests`` is how many came so far: over HTTP requests, over a WebSocket messages of the client. ``reached``:
    the fault happened, and changed something. ``stray``: what was sent to the address that is not the server's.
    ``record`` holds every request and its true answer."""

    backend: int
    lie: Lie
    port: int = 0
    elsewhere: str = ""
    requests: int = 0
    reached: bool = False
    stray: list[bytes] = field(default_factory=list)
    record: list[Recorded] = field(default_factory=list)
    draw: random.Random = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _servers: list[asyncio.Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.lie.seed)

    async def open(self) -> None:
        """Listen on two free ports: ``port``, and that of ``elsewhere``."""
        for serve in (self._serve, self._note):
            self._servers.append(await asyncio.start_server(self._as_task(serve), "127.0.0.1", 0, limit=_LIMIT))
        self.port, other = (server.sockets[0].getsockname()[1] for server in self._servers)
        # Another host for a client, and this machine for the operating system.
        self.elsewhere = f"http://localhost:{other}"

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def strike(self, number: int) -> None:
        """Do what the fault does as soon as the request has come."""
        kind = self.lie.kind
        if kind is not None and kind.strike is not None and self.lie.concerns(number):
            self.reached = True
            kind.strike()

    def _as_task(self, serve: Any) -> Any:
        async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                with suppress(OSError, asyncio.IncompleteReadError, ValueError):
                    await serve(reader, writer)
            except asyncio.CancelledError:
                # This task belongs to the server, which reports a cancelled one.
                pass
            finally:
                self._tasks.discard(task)
                writer.close()

        return begin

    async def _note(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What listens at ``elsewhere``: it keeps what comes and answers nothing of use."""
        self.stray.append(await reader.read(1 << 16))
        writer.write(Answer(404, b"").data)
        await writer.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = _Backend(self.backend)
        try:
            earlier: list[Answer] = []
            while (request := await read_request(reader)) is not None:
                if request.headers.get("upgrade", "").lower() == "websocket":
                    await self._socket(request, reader, writer, server)
                    return
                reply = await self._answered(request, earlier, server)
                await send(reply, writer)
                if isinstance(reply, Wire) and reply.end != "keep":
                    return
        finally:
            server.close()

    async def _answered(self, request: Request, earlier: list[Answer], server: _Backend) -> Answer | Wire:
        self.requests += 1
        number, before = self.requests, tuple(earlier)

        async def ask(asked: Request) -> Answer:
            answer = await server.ask(asked)
            if asked is request:
                earlier.append(answer)
                self.record.append(Recorded(number, request, answer, before))
            return answer

        lie = self.lie
        self.strike(number)
        if lie.kind is None or lie.kind.http is None or not lie.concerns(number):
            return await ask(request)
        exchange = HttpExchange(request, list(before), self.draw, self.elsewhere, ask)
        reply = await lie.kind.http(exchange)
        self.reached = self.reached or not exchange.idle
        return reply

    async def _socket(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: _Backend
    ) -> None:
        answer = await server.upgrade(request)
        writer.write(answer)
        conversation = _Conversation(self, writer)
        down = asyncio.create_task(conversation.from_server(server))
        try:
            while (came := await read_frame(reader)) is not None:
                if not conversation.passes(came):
                    return
                server.writer.write(came.data)
                await server.writer.drain()
        finally:
            down.cancel()
            await asyncio.gather(down, return_exceptions=True)


class _Conversation:
    """The messages on one WebSocket."""

    def __init__(self, proxy: Proxy, writer: asyncio.StreamWriter) -> None:
        self._proxy, self._writer = proxy, writer
        # The numbers of the client's messages that have no answer yet, by their id; None is the hello.
        self._open: dict[int | None, int] = {}
        self._earlier: list[bytes] = []
        self._held: list[bytes] = []

    def passes(self, came: Frame) -> bool:
        """Note a frame of the client; False where the fault is that it gets lost."""
        if came.opcode != TEXT:
            return True
        proxy = self._proxy
        proxy.requests += 1
        self._open[json.loads(came.payload).get("request_id")] = proxy.requests
        kind = proxy.lie.kind
        proxy.strike(proxy.requests)
        if kind is not None and kind.lost and proxy.lie.concerns(proxy.requests):
            proxy.reached = True
            return False
        return True

    async def from_server(self, server: _Backend) -> None:
        """Pass the frames of the server on."""
        while (came := await read_frame(server.reader)) is not None:
            if came.opcode != TEXT:
                self._writer.write(came.data)
                continue
            wire = self._told(came.payload)
            await send(wire, self._writer)
            if wire.end != "keep":
                break
        self._writer.close()

    def _told(self, text: bytes) -> Wire:
        proxy = self._proxy
        kind, number = proxy.lie.kind, self._open.pop(json.loads(text).get("request_id"), 0)
        honest = Wire((frame(text),), end="keep")
        proxy.record.append(Recorded(number, None, text, tuple(self._earlier)))
        if kind is None or kind.socket is None or not proxy.lie.concerns(number):
            held, self._held = self._held, []
            self._earlier.append(text)
            return Wire((*honest.pieces, *held), end="keep")
        exchange = SocketExchange(text, list(self._earlier), proxy.draw, proxy.elsewhere)
        wire = kind.socket(exchange)
        self._held += exchange.held
        self._earlier.append(text)
        proxy.reached = proxy.reached or not exchange.idle
        return wire


class _Backend:
    """One connection to the server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def reader(self) -> asyncio.StreamReader:
        assert self._streams is not None
        return self._streams[0]

    @property
    def writer(self) -> asyncio.StreamWriter:
        assert self._streams is not None
        return self._streams[1]

    async def ask(self, request: Request) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_LIMIT)
        self.writer.write(request.head + request.body)
        return await read_answer(self.reader)

    async def upgrade(self, request: Request) -> bytes:
        """The server's answer to a handshake, as it is."""
        self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_LIMIT)
        self.writer.write(request.head)
        return await self.reader.readuntil(b"\r\n\r\n")

    def close(self) -> None:
        if self._streams is not None:
            self.writer.close()


@contextmanager
def lying(loop: Loop, backend: int, lie: Lie) -> Iterator[Proxy]:
    """A proxy in front of the port ``backend`` while the block runs."""
    proxy = Proxy(backend, lie)
    loop.run(proxy.open())
    try:
        yield proxy
    finally:
        loop.run(proxy.close())


async def send(reply: Answer | Wire, writer: asyncio.StreamWriter) -> None:
    """Send ``reply``, and do to the connection what it says."""
    if isinstance(reply, Answer):
        writer.write(reply.data)
        await writer.drain()
        return
    for place, piece in enumerate(reply.pieces):
        if place and reply.pause:
            await asyncio.sleep(reply.pause)
        writer.write(piece)
        await writer.drain()
    if reply.end == "half":
        writer.write_eof()
    if reply.end in ("half", "silence"):
        await asyncio.sleep(_SILENCE_SECONDS)
    if reply.end == "reset":
        # With nothing to linger for, close() sends RST and not FIN.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request, None where there is no other."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = _headers(lines)
    method, path, _ = first.split(" ", 2)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    # Otherwise the answer would be compressed, and the faults are in its text.
    head = _ENCODINGS.sub(b"Accept-Encoding: identity", head)
    return Request(method, path, headers, head, body)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer, with its body in one piece."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = _headers(lines)
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        body = b"".join(parts)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    kept = tuple((name, value) for name, value in headers.items() if name in ("content-type", "content-encoding"))
    return Answer(int(first.split(" ", 2)[1]), body, kept)


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """The next frame, None at the end. Neither memsql nor sqld sends a message in several."""
    try:
        start = await reader.readexactly(2)
        size = start[1] & 0x7F
        longer = await reader.readexactly({126: 2, 127: 8}.get(size, 0))
        mask = await reader.readexactly(4 if start[1] & 0x80 else 0)
        masked = await reader.readexactly(int.from_bytes(longer) if longer else size)
    except asyncio.IncompleteReadError:
        return None
    payload = masked
    if mask:
        key = int.from_bytes(mask * (len(masked) // 4 + 1))
        whole = int.from_bytes(masked + b"\0" * (4 - len(masked) % 4))
        payload = (whole ^ key).to_bytes(len(masked) // 4 * 4 + 4)[: len(masked)]
    return Frame(start[0] & 0x0F, payload, start + longer + mask + masked)


def _headers(lines: list[str]) -> dict[str, str]:
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
