"""HTTP/1.1 to a server without a proxy in between: a request, its answer in pieces, and the connection for the next.

aiohttp does it where the environment names a proxy. To import it takes longer than a server in another city takes to
answer.
"""

from __future__ import annotations

import asyncio
import errno
import re
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlsplit

# Proxies close idle connections after 5 seconds or more, and a request on a closed connection is lost without an
# answer.
KEEPALIVE_SECONDS = 4
_PIECE_BYTES = 1 << 18
# Bytes of a trailer, and of the line before a chunk.
_TRAILER_BYTES = 1 << 16
_LINE_BYTES = 1 << 10
_INTERIM_ANSWERS = 10
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: .*)?")
_FIELD = re.compile(rb"([!-9;-~]+):([^\0\r\n]*)")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_LENGTH = re.compile("[0-9]{1,18}")
_GZIP = 16 + zlib.MAX_WBITS


class Unconnected(Exception):
    """No connection was made; ``cause`` says why."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause

    @property
    def was_refused(self) -> bool:
        """Whether nothing listens there, at any of the addresses of the name."""
        text = str(self.cause)
        tries = text.count("[Errno ")
        return isinstance(self.cause, ConnectionRefusedError) or (
            tries > 0 and text.count(f"[Errno {errno.ECONNREFUSED}]") == tries
        )


class Broken(Exception):
    """The connection ended in the middle, or what came is not HTTP."""


class Content(Protocol):
    """The body of an answer."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Its pieces, as they come."""


class Answer(Protocol):
    """The answer to a request."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def content(self) -> Content:
        """The body."""

    def release(self) -> object:
        """Keep the connection for the next request where all of the body was read; close it otherwise."""

    def close(self) -> None:
        """Close the connection."""


@dataclass
class _Line:
    """A connection to the server that ``key`` names."""

    key: tuple[str, str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float = 0.0

    @property
    def is_usable(self) -> bool:
        fresh = time.monotonic() - self.used < KEEPALIVE_SECONDS
        return fresh and not self.reader.at_eof() and not self.writer.transport.is_closing()

    def close(self) -> None:
        with suppress(RuntimeError):
            self.writer.transport.abort()


class Direct:
    """Connections to servers, which are kept between requests."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """``headers`` are sent with every request."""
        self._headers = dict(headers)
        self._idle: list[_Line] = []
        self._lines: dict[int, _Line] = {}

    async def post(
        self, url: str, body: bytes, *, connect: float, read: float, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send ``body`` to ``url``. ``connect`` and ``read``: seconds to wait for the connection, and for the next
        bytes. Raises Unconnected, Broken, TimeoutError and OSError."""
        line = await self._sent(url, body, connect=connect, read=read, headers=headers or {})
        try:
            return await _answered(self, line, read)
        except BaseException:
            self.drop(line)
            raise

    async def post_last(self, url: str, body: bytes, *, seconds: float) -> None:
        """Send ``body`` to ``url``, end the connection, and wait for no answer. Whether the server reads it before it
        sees the end is not certain. Raises like post()."""
        line = await self._sent(url, body, connect=seconds, read=seconds, headers={})
        self._lines.pop(id(line), None)
        line.writer.close()
        with suppress(OSError):
            await asyncio.wait_for(line.writer.wait_closed(), seconds)

    async def _sent(self, url: str, body: bytes, *, connect: float, read: float, headers: Mapping[str, str]) -> _Line:
        """A connection on which the request was sent."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").encode("idna" if not url.isascii() else "ascii").decode(), parts.port
            fields = {
                "Host": parts.netloc.rpartition("@")[2] if url.isascii() else host + (f":{port}" if port else ""),
                "Accept-Encoding": "gzip",
                **self._headers,
                **headers,
                "Content-Length": str(len(body)),
            }
            path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
            texts = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
            if not all(text.isprintable() for text in texts):
                raise ValueError("a header has characters that end it")
            head = "\r\n".join([*texts, "", ""]).encode("latin-1")
        except ValueError as e:
            raise Unconnected(e) from None
        line = await self._line(parts.scheme, host, port, connect)
        try:
            line.writer.write(head + body)
            await asyncio.wait_for(line.writer.drain(), read)
        except BaseException:
            self.drop(line)
            raise
        return line

    def keep(self, line: _Line) -> None:
        """The answer on ``line`` was read to its end."""
        line.used = time.monotonic()
        self._idle.append(line)

    def drop(self, line: _Line) -> None:
        """Nothing can follow on ``line``."""
        self._lines.pop(id(line), None)
        line.close()

    async def close(self) -> None:
        """Close every connection."""
        for line in list(self._lines.values()):
            self.drop(line)
        self._idle.clear()
        # The transports close in the next round of the loop.
        await asyncio.sleep(0)

    async def _line(self, scheme: str, host: str, port: int | None, seconds: float) -> _Line:
        key = scheme, host, port or (443 if scheme == "https" else 80)
        for line in [line for line in self._idle if line.key == key]:
            self._idle.remove(line)
            if line.is_usable:
                return line
            self.drop(line)
        try:
            context = _tls() if scheme == "https" else None
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(*key[1:], ssl=context, limit=_PIECE_BYTES, happy_eyeballs_delay=0.25), seconds
            )
        except (OSError, UnicodeError, ValueError) as e:
            raise Unconnected(e) from None
        line = _Line(key, reader, writer)
        self._lines[id(line)] = line
        return line


class _Body:
    """The answer that comes on a line, whose head was read."""

    def __init__(self, direct: Direct, line: _Line, status: int, headers: Mapping[str, str], read: float) -> None:
        self.status = status
        self._direct, self._line, self._headers, self._read_seconds = direct, line, headers, read
        self._complete = self._over = False

    @property
    def content(self) -> Content:
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        pieces = self._framed()
        if self._headers.get("content-encoding", "identity") == "identity":
            async for piece in pieces:
                yield piece
            return
        async for piece in _unpacked(pieces):
            yield piece

    def release(self) -> None:
        if self._over:
            return
        self._over = True
        if self._complete and self._headers.get("connection", "").lower() != "close":
            self._direct.keep(self._line)
        else:
            self._direct.drop(self._line)

    def close(self) -> None:
        if not self._over:
            self._over = True
            self._direct.drop(self._line)

    async def _framed(self) -> AsyncIterator[bytes]:
        """The bytes of the body, without the frame in which HTTP sends them."""
        if "transfer-encoding" in self._headers:
            async for piece in self._chunks():
                yield piece
        elif "content-length" in self._headers:
            left = int(self._headers["content-length"])
            while left:
                piece = await self._more(min(left, _PIECE_BYTES))
                left -= len(piece)
                yield piece
        else:
            # Its end is the end of the connection.
            self._headers = {**self._headers, "connection": "close"}
            with suppress(Broken):
                while True:
                    yield await self._more(_PIECE_BYTES)
        self._complete = True

    async def _chunks(self) -> AsyncIterator[bytes]:
        buffer, place = b"", 0
        while True:
            while (end := buffer.find(b"\r\n", place)) < 0:
                if len(buffer) - place > _LINE_BYTES:
                    raise Broken("a chunk without its size")
                buffer, place = buffer[place:] + await self._more(_PIECE_BYTES), 0
            size = _CHUNK.fullmatch(buffer, place, end)
            if size is None:
                raise Broken("a chunk without its size")
            left, place = int(size[1], 16), end + 2
            if left == 0:
                await self._trailer(buffer[place:])
                return
            while left:
                if place == len(buffer):
                    buffer, place = await self._more(_PIECE_BYTES), 0
                piece = buffer[place : place + left]
                left, place = left - len(piece), place + len(piece)
                yield piece
            while len(buffer) - place < 2:
                buffer, place = buffer[place:] + await self._more(_PIECE_BYTES), 0
            if buffer[place : place + 2] != b"\r\n":
                raise Broken("a chunk of another size")
            place += 2

    async def _trailer(self, begun: bytes) -> None:
        while not (begun.startswith(b"\r\n") or b"\r\n\r\n" in begun):
            if len(begun) > _TRAILER_BYTES:
                raise Broken("a trailer without end")
            begun += await self._more(_PIECE_BYTES)

    async def _more(self, most: int) -> bytes:
        piece = await asyncio.wait_for(self._line.reader.read(most), self._read_seconds)
        if not piece:
            raise Broken("the connection ended in the middle of an answer")
        return piece


async def _answered(direct: Direct, line: _Line, read: float) -> _Body:
    """The answer that comes on ``line``, but for those of the kind that says that another one follows."""
    for _ in range(_INTERIM_ANSWERS):
        try:
            head = await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), read)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as e:
            raise Broken("no head of an answer came") from e
        first, *fields = head[:-4].split(b"\r\n")
        status = _STATUS.fullmatch(first)
        if status is None:
            raise Broken("no head of an answer came")
        if not status[2].startswith(b"1"):
            headers = _headers(fields)
            if status[1] == b"0":
                headers["connection"] = "close"
            return _Body(direct, line, int(status[2]), headers, read)
    raise Broken("another answer follows without end")


def _headers(fields: list[bytes]) -> dict[str, str]:
    """The headers by their names in lower case. Raises Broken where they leave open what the body is."""
    headers: dict[str, str] = {}
    for field in fields:
        matched = _FIELD.fullmatch(field)
        if matched is None:
            raise Broken("a header is none")
        name, value = matched[1].decode("latin-1").lower(), matched[2].strip(b" \t").decode("latin-1")
        if headers.setdefault(name, value) != value and name in ("content-length", "transfer-encoding"):
            raise Broken("two headers contradict each other")
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise Broken("the body comes in an unknown frame")
    if _LENGTH.fullmatch(headers.get("content-length", "0")) is None:
        raise Broken("the length of the body is no number")
    if headers.get("content-encoding", "identity").lower() not in ("identity", "gzip"):
        raise Broken("the body comes in an unknown encoding")
    return headers


async def _unpacked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What ``pieces`` hold, which are packed with gzip, in pieces that are not large either."""
    packed = zlib.decompressobj(_GZIP)
    try:
        async for piece in pieces:
            while piece:
                yield packed.decompress(piece, _PIECE_BYTES)
                piece = packed.unconsumed_tail
    except zlib.error as e:
        raise Broken("the body is not packed as it says") from e
    if not packed.eof:
        raise Broken("the body ended in the middle")


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
