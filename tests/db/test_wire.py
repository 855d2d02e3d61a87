"""HTTP without a library: whatever frame an answer comes in, and whatever comes in place of an answer."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence

import pytest

from memsql.db.wire import Broken, Direct, Unconnected

BODY = b'{"a": 1}' * 500
CHUNKS = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:8], BODY[8:])) + b"0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
PACKED = gzip.compress(BODY, mtime=0)


def _exchange(*answers: bytes, piece: int = 1 << 20, requests: int = 1) -> tuple[list[tuple[int, bytes]], int]:
    """Send ``requests`` to a server that gives ``answers`` in turn, ``piece`` bytes at once, and ends each connection
    behind the last of them: what came, and how many connections were made."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"POST /v3/pipeline%20x HTTP/1.1\r\n" in head
            assert b"Authorization: Bearer t\r\n" in head
            assert await reader.readexactly(4) == b"body"
            for start in range(0, len(answer), piece):
                writer.write(answer[start : start + piece])
                await writer.drain()
                await asyncio.sleep(0)
            if b"Connection: close" in answer:
                break
        writer.close()

    async def run() -> list[tuple[int, bytes]]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        direct = Direct({"Authorization": "Bearer t"})
        seen = []
        try:
            for _ in range(requests):
                answer = await direct.post(f"http://127.0.0.1:{port}/v3/pipeline x", b"body", connect=5, read=5)
                seen.append((answer.status, b"".join([part async for part in answer.content.iter_any()])))
                answer.release()
        finally:
            await direct.close()
            server.close()
        return seen

    return asyncio.run(run()), connections


@pytest.mark.parametrize("piece", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
        OK + b"transfer-encoding:  chunked \r\n\r\n" + CHUNKS,
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS.replace(b"7\r\n", b"007;name=x\r\n", 1),
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS.replace(b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n"),
        OK + b"Connection: close\r\n\r\n" + BODY,
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED,
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    ],
)
def test_a_body_comes_in_any_frame(answer: bytes, piece: int) -> None:
    assert _exchange(answer, piece=piece)[0] == [(200, BODY)]


def test_a_connection_is_used_again_unless_it_says_that_it_ends() -> None:
    short = b"HTTP/1.1 %b X\r\nContent-Length: 2\r\n%b\r\nok"
    once = _exchange(short % (b"200", b""), short % (b"404", b""), short % (b"200", b""), requests=3)
    assert once == ([(200, b"ok"), (404, b"ok"), (200, b"ok")], 1)
    assert _exchange(short % (b"200", b"Connection: close\r\n"), requests=2) == ([(200, b"ok")] * 2, 2)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        OK + b"X" * 600_000,
        OK + b"Content-Length: 9\r\n\r\nshort",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        OK + b"Content-Length : 1\r\n\r\nx",
        OK + b"A: b\r\n folded\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 50_000,
        OK + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 30\r\n\r\n" + PACKED[:30],
    ],
)
def test_what_is_no_answer_is_broken(answer: bytes) -> None:
    with pytest.raises((Broken, ConnectionError)):
        _exchange(answer)


def test_nobody_listens() -> None:
    async def run(urls: Sequence[str]) -> None:
        for url in urls:
            with pytest.raises(Unconnected) as caught:
                await Direct({}).post(url, b"", connect=5, read=5)
            assert caught.value.was_refused == (not url.endswith("x y/"))

    asyncio.run(run(["http://127.0.0.1:9/", "http://localhost:9/", "http://x y/"]))
