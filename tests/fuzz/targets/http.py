"""Answers over HTTP/1.1 as memsql reads them by itself, judged by http.client."""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
from functools import cache
from typing import Any, cast

from memsql.db import wire
from tests.fuzz.target import Grammar, Repeated, Target

_GRAMMAR: Grammar = {
    "start": [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n<chunks>", "<status>\r\n<fields>\r\n<body>",
        "<interim><start>", "<start><junk>", "<status>\r\n<fields>\r\n<chunks>",
    ],
    "interim": ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"],
    "status": [
        "HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 500 ", "HTTP/1.1 404", "HTTP/2 200 OK", "HTTP/1.1 20 OK",
        "<junk>",
    ],
    "fields": ["", "<field>\r\n<fields>", "<field>\n", "<field>\r\n<field>\r\n"],
    "field": [
        "Content-Length: <number>", "Transfer-Encoding: chunked", "Transfer-Encoding: <value>",
        "Content-Encoding: gzip", "Connection: close", "A:  <value>  ", "A : b", " a: b", ": b", "<junk>",
        "content-length:<number>", "A:<value>",
    ],
    "number": ["3", "0", "03", "-1", "+3", " 3 ", "3, 3", "9" * 30, "²", "0x3", ""],
    "value": ["identity", "Chunked", "gzip, chunked", "\t \t", "", "é", "\x00", "a b", "\r", " " * 20],
    "chunks": [
        "3\r\nabc\r\n0\r\n\r\n", "<size><extension>\r\nabc\r\n<chunks>", "0\r\n<fields>\r\n", "<size>\r\n",
        "ffffffff\r\nab", "", "3\r\nabc\r\n<chunks>", "A\r\n0123456789\r\n<chunks>",
    ],
    "size": ["3", "03", "0", " 3 ", "4", "-3", "0x3", "3_0", "fffffffff", "", "é"],
    "extension": ["", ";a=b", " ; a", ";" * 50, " "],
    "body": ["abc", "", "abcdef", "\x1f\x8b\x08\x00\x00\x00\x00\x00", "<chunks>"],
    "junk": ["", "\r\n", "\n", "\r\n\r\n", "\x00", "HTTP/1.1", "\x85", ":", " ", "\r", "HTTP/1.1 101 \r\n\r\n"],
}  # fmt: skip
_LONGEST = 1 << 20


def run(data: bytes) -> None:
    """Read ``data`` as what a server sends, at once and in pieces."""
    at_once = _read(data, len(data) or 1)
    for size in (1, 3, 7):
        if len(data) <= 500:
            assert _read(data, size) == at_once, f"in pieces of {size} bytes it is another answer"
    if at_once is not None:
        _agrees_with_http_client(data, *at_once)


def _read(data: bytes, size: int) -> tuple[int, bytes] | None:
    return _loop().run_until_complete(_answer(data, size))


async def _answer(data: bytes, size: int) -> tuple[int, bytes] | None:
    """Status and body; None where memsql says that the connection is broken."""
    reader = asyncio.StreamReader(limit=1 << 18)
    line = wire._Line(("http", "h", 80), reader, cast(Any, _Writer()))

    async def send() -> None:
        for place in range(0, len(data), size):
            reader.feed_data(data[place : place + size])
            await asyncio.sleep(0)
        reader.feed_eof()

    sending = asyncio.ensure_future(send())
    try:
        answer = await wire._answered(wire.Direct({}), line, 60)
        body = b""
        async for piece in answer.content.iter_any():
            body += piece
            assert len(body) <= _LONGEST
        answer.release()
        return answer.status, body
    except wire.Broken:
        return None
    finally:
        await sending


class _Writer:
    """A connection that nothing is sent on."""

    transport: Any

    def __init__(self) -> None:
        self.transport = self

    def abort(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False


class _Socket:
    """What http.client reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def _agrees_with_http_client(data: bytes, status: int, body: bytes) -> None:
    """Where http.client reads an answer too, it reads the same; it unpacks nothing, and is not strict."""
    theirs = http.client.HTTPResponse(cast(socket.socket, _Socket(data)), method="POST")
    try:
        theirs.begin()
        read = theirs.read()
    except (http.client.HTTPException, ValueError):
        return
    # It takes all interim answers but one kind for the last one.
    if theirs.status >= 200 and not theirs.getheader("content-encoding") and status not in (204, 304):
        assert (status, body) == (theirs.status, read)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


TARGETS = [
    Target(
        "http",
        "raises Broken, or reads the status and body that http.client reads, however the network cuts the answer",
        run,
        _GRAMMAR,
        work=lambda text: _read(text.encode(), 1 << 16),
        growing=[
            Repeated(" ", "HTTP/1.1 200 OK\r\nA: a", "a\r\n\r\n"),
            Repeated("\t ", "HTTP/1.1 200 OK\r\nA:", "\r\n\r\n"),
            Repeated("A: b\r\n", "HTTP/1.1 200 OK\r\n", "\r\n"),
            Repeated("1\r\na\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n"),
            Repeated(" ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", "x\r\n"),
            Repeated("a", "HTTP/1.1 200 ", "\r\n\r\n"),
        ],
    )
]
