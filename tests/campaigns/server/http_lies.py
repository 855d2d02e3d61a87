"""Faults of HTTP: of the connection, of the head of an answer, and of proxies, login pages and servers in between."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from tests.campaigns.server.exchange import HttpExchange, HttpFault, Kind
from tests.campaigns.server.wire import Answer, End, Request, Wire, cut

_PAGE = b"<!doctype html><html><title>Welcome</title><body>Please log in.</body></html>"
_EXPIRED = b'{"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}'
_BOMB_BYTES = 1 << 30


def kinds() -> list[Kind]:
    """All kinds of this module."""
    return [
        *(Kind(name, fault) for name, fault in {**_CONNECTION, **_HEADS, **_BODIES, **_STREAMS}.items()),
        *(Kind(name, fault, slow=True) for name, fault in _SLOW.items()),
        *(Kind(f"http-{status}", _status(status, body)) for status, body in _STATUSES.items()),
        *(Kind(f"http-{status}-after", _status(status, body, after=True)) for status, body in _STATUSES.items()),
        *(Kind(f"http-{status}-lasting", _status(status, _STATUSES[status]), lasts=True) for status in (500, 503, 429)),
        Kind("lost-request-lasting", _lost_request, lasts=True),
    ]


async def _lost_request(_: HttpExchange) -> Wire:
    return Wire()


def _changed(work: Callable[[HttpExchange, Answer], Answer | Wire]) -> HttpFault:
    """Ask the server, and send what ``work`` makes of its answer."""

    async def fault(exchange: HttpExchange) -> Answer | Wire:
        return work(exchange, await exchange.answer())

    return fault


def _after(pieces: Callable[[bytes], tuple[bytes, ...]], end: End = "close", pause: float = 0.0) -> HttpFault:
    """Ask the server, and send ``pieces`` of the bytes of its answer."""
    return _changed(lambda _, answer: Wire(pieces(answer.data), end, pause))


def _before(end: End) -> HttpFault:
    """Send nothing, and do not ask the server."""

    async def fault(_: HttpExchange) -> Wire:
        return Wire(end=end)

    return fault


def _status(status: int, body: bytes, *, after: bool = False) -> HttpFault:
    """Answer with another status, ``after`` the server has answered, or before it has the request."""

    async def fault(exchange: HttpExchange) -> Answer:
        if after:
            await exchange.answer()
        kind = "application/json" if body.startswith(b"{") else "text/html"
        headers = [("Content-Type", kind)]
        if 300 <= status < 400:
            headers.append(("Location", f"{exchange.elsewhere}{exchange.request.path}"))
        return Answer(status, body, tuple(headers))

    return fault


def _head(*headers: tuple[str, str], keep: bool = True) -> HttpFault:
    """Other headers on the true answer."""
    return _changed(lambda _, a: replace(a, headers=(*(a.headers if keep else ()), *headers)))


def _length(change: Callable[[int], object], end: End = "close") -> HttpFault:
    def work(_: HttpExchange, answer: Answer) -> Wire:
        wrong = replace(answer, headers=(*answer.headers, ("Content-Length", str(change(len(answer.body))))))
        return Wire((wrong.data,), end)

    return _changed(work)


def _chunked(body: Callable[[bytes], bytes]) -> HttpFault:
    def work(_: HttpExchange, answer: Answer) -> Wire:
        head = replace(answer, headers=(*answer.headers, ("Transfer-Encoding", "chunked"))).head
        return Wire((head, body(answer.body)))

    return _changed(work)


def _body(change: Callable[[bytes], bytes]) -> HttpFault:
    return _changed(lambda _, a: replace(a, body=change(a.body)))


def _garbled(exchange: HttpExchange, answer: Answer) -> Answer:
    body = bytearray(answer.body)
    for _ in range(1 + len(body) // 100):
        body[exchange.draw.randrange(len(body))] = exchange.draw.randrange(256)
    return replace(answer, body=bytes(body))


def _one_bit(exchange: HttpExchange, answer: Answer) -> Answer:
    body = bytearray(answer.body)
    body[exchange.draw.randrange(len(body))] ^= 1 << exchange.draw.randrange(8)
    return replace(answer, body=bytes(body))


def _older(place: int) -> HttpFault:
    """The answer to an earlier request: the one before, or the first of all. The server gets the request."""

    def work(exchange: HttpExchange, answer: Answer) -> Answer:
        exchange.idle = not exchange.earlier
        return exchange.earlier[place] if exchange.earlier else answer

    return _changed(work)


def _older_baton(exchange: HttpExchange, answer: Answer) -> Answer:
    """The baton of the answer before, which is used up."""
    batons = [baton_of(earlier) for earlier in exchange.earlier]
    exchange.idle = not batons or baton_of(answer) is None
    return answer if exchange.idle else with_first(answer, baton=batons[-1])


async def _other_baton(exchange: HttpExchange) -> Answer:
    """The baton of a stream that has nothing to do with this one."""
    answer = await exchange.answer()
    path = exchange.request.path.replace("/cursor", "/pipeline")
    body = json.dumps({"baton": None, "requests": []}).encode()
    text = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    other = await exchange.ask(Request("POST", path, {}, text.encode(), body))
    return with_first(answer, baton=baton_of(other))


def _elsewhere(exchange: HttpExchange, answer: Answer) -> Answer:
    return with_first(answer, base_url=exchange.elsewhere)


def baton_of(answer: Answer) -> object:
    """The baton in an answer of a pipeline or a cursor."""
    try:
        return json.loads(answer.body.split(b"\n", 1)[0]).get("baton")
    except (ValueError, AttributeError):
        return None


def with_first(answer: Answer, **fields: object) -> Answer:
    """``answer`` with other ``fields`` in its first line, which is the whole of a pipeline's answer."""
    first, newline, rest = answer.body.partition(b"\n")
    try:
        changed = {**json.loads(first), **fields}
    except ValueError:
        return answer
    return replace(answer, body=json.dumps(changed).encode() + newline + rest)


@cache
def _bomb() -> bytes:
    """A little that unpacks to a gigabyte of blanks."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b" " * (1 << 20)
    return b"".join([*(packer.compress(piece) for _ in range(_BOMB_BYTES >> 20)), packer.flush()])


@cache
def _lists() -> bytes:
    """A little that unpacks to 240 million bytes of JSON: 80 million empty lists."""
    return gzip.compress(b'{"baton":null,"base_url":null,"results":[' + b"[]," * 80_000_000 + b"[]]}", 1)


_CONNECTION: dict[str, HttpFault] = {
    "lost-request": _lost_request,
    "lost-answer": _after(lambda _: ()),
    "cut-at-a-third": _after(lambda data: cut(data, 1 / 3)[:1]),
    "cut-at-two-thirds": _after(lambda data: cut(data, 2 / 3)[:1]),
    "cut-before-the-last-byte": _after(lambda data: (data[:-1],)),
    "reset-before": _before("reset"),
    "reset-after": _after(lambda _: (), "reset"),
    "reset-in-the-middle": _after(lambda data: cut(data, 1 / 2)[:1], "reset"),
    "answer-twice": _after(lambda data: (data, data), "keep"),
    "answer-and-garbage": _after(lambda data: (data, b"\x00garbage\r\n\r\n"), "keep"),
}
_SLOW: dict[str, HttpFault] = {
    "hang-before": _before("silence"),
    "hang-after": _after(lambda _: (), "silence"),
    "hang-in-the-middle": _after(lambda data: cut(data, 1 / 2)[:1], "silence"),
    "half-close-before": _before("half"),
    "half-close-in-the-middle": _after(lambda data: cut(data, 1 / 2)[:1], "half"),
    "slow-drip": _after(lambda data: tuple(data[i : i + 1] for i in range(len(data))), "keep", 0.2),
    "endless-head": _changed(lambda _, __: Wire((b"HTTP/1.1 200 OK\r\n", *(b"X: 1\r\n",) * 2000), "keep", 0.05)),
    "endless-blanks": _changed(
        lambda _, __: Wire(
            (Answer(200, b"", (("Transfer-Encoding", "chunked"),)).head,)
            + (b"10000\r\n" + b" " * 65536 + b"\r\n",) * 20000
        )
    ),
}
_HEADS: dict[str, HttpFault] = {
    "length-too-long": _length(lambda size: size + 10),
    "length-too-short": _length(lambda size: size // 2),
    "length-negative": _length(lambda _: -1),
    "length-word": _length(lambda _: "many"),
    "length-huge": _length(lambda _: 1 << 62),
    "length-twice": _head(("Content-Length", "1"), ("Content-Length", "2")),
    "chunk-size-garbage": _chunked(lambda body: b"zz\r\n" + body),
    "chunk-unended": _chunked(lambda body: b"%x\r\n%b\r\n" % (len(body), body)),
    "chunk-too-short": _chunked(lambda body: b"%x\r\n%b\r\n0\r\n\r\n" % (max(len(body) - 9, 1), body)),
    "chunk-huge": _chunked(lambda body: b"ffffffffffffffff\r\n" + body),
    "gzip-bomb": _changed(lambda _, a: Answer(200, _bomb(), (*a.headers, ("Content-Encoding", "gzip")))),
    "gzip-lists": _changed(lambda _, a: Answer(200, _lists(), (*a.headers, ("Content-Encoding", "gzip")))),
    "gzip-not": _head(("Content-Encoding", "gzip")),
    "gzip-cut": _changed(
        lambda _, a: Answer(200, gzip.compress(a.body)[:-9], (*a.headers, ("Content-Encoding", "gzip")))
    ),
    "deflate-not": _head(("Content-Encoding", "deflate")),
    "encoding-unknown": _head(("Content-Encoding", "magic")),
    "type-text": _head(("Content-Type", "text/html"), keep=False),
    "type-none": _head(keep=False),
    "head-huge": _head(("X-Padding", "x" * 1_000_000)),
    "head-garbage": _after(lambda data: (b"\x16\x03\x01\x02\x00" + data,)),
    "head-status-word": _after(lambda data: (data.replace(b" 200 ", b" fine ", 1),)),
    "head-no-colon": _after(lambda data: (data.replace(b"\r\n", b"\r\nno colon here\r\n", 1),)),
    "head-ssh": _after(lambda _: (b"SSH-2.0-OpenSSH_9.2\r\n",)),
    "continue-first": _after(lambda data: (b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + data,), "keep"),
}
_BODIES: dict[str, HttpFault] = {
    "garbled": _changed(_garbled),
    "bit-flipped": _changed(_one_bit),
    "html": _changed(lambda _, __: Answer(200, _PAGE, (("Content-Type", "text/html"),))),
    "html-as-json": _body(lambda _: _PAGE),
    "body-empty": _body(lambda _: b""),
    "body-half": _body(lambda body: body[: len(body) // 2]),
    "body-twice": _body(lambda body: body + body),
    "body-and-more": _body(lambda body: body + b"}"),
    "body-bom": _body(lambda body: b"\xef\xbb\xbf" + body),
    "body-utf-16": _body(lambda body: body.decode().encode("utf-16")),
    "body-latin-1": _body(lambda body: body.replace(b'"', b'"\xff', 1)),
    "body-bad-utf-8": _body(lambda body: body.replace(b'":"', b'":"\xc3\x28', 1) if b'":"' in body else b"\xc3\x28"),
    "body-nulls": _body(lambda body: b"\0" * len(body)),
    "answer-before": _older(-1),
    "answer-first": _older(0),
}
_STREAMS: dict[str, HttpFault] = {
    "baton-used-up": _changed(_older_baton),
    "baton-of-another": _other_baton,
    "base-url-elsewhere": _changed(_elsewhere),
}
_STATUSES = {
    204: b"",
    302: b"",
    308: b"",
    400: _EXPIRED,
    401: b'{"error":"Unauthorized"}',
    403: _PAGE,
    404: _PAGE,
    413: _PAGE,
    418: b"teapot",
    429: b'{"error":"Too many requests"}',
    500: b'{"error":"Internal Error"}',
    502: _PAGE,
    503: _PAGE,
    504: b"",
}
