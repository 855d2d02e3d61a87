"""Faults of WebSockets: frames that are cut, false, of the wrong kind, too large or in the wrong order."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.campaigns.server.exchange import Kind, SocketExchange, SocketFault
from tests.campaigns.server.wire import BINARY, PING, End, Wire, closing, cut, frame


def kinds() -> list[Kind]:
    """All kinds of this module."""
    return [
        Kind("ws-lost-request", socket=_sent(lambda _: b""), lost=True),
        *(Kind(name, socket=fault) for name, fault in {**_ENDS, **_FRAMES, **_MESSAGES}.items()),
        *(Kind(name, socket=fault, slow=True) for name, fault in _SLOW.items()),
    ]


def _sent(data: Callable[[bytes], bytes], end: End = "keep", pause: float = 0.0) -> SocketFault:
    """Bytes that are made of the text of the true message."""
    return lambda exchange: Wire((data(exchange.text),), end, pause)


def _fields(change: Callable[[dict[str, object]], object]) -> SocketFault:
    """The true message with other fields."""

    def fault(exchange: SocketExchange) -> Wire:
        message = json.loads(exchange.text)
        exchange.idle = "request_id" not in message
        if not exchange.idle:
            change(message)
        return Wire((frame(json.dumps(message).encode()),), "keep")

    return fault


def _instead(message: dict[str, object]) -> SocketFault:
    """Another message; its id is that of the true one."""

    def fault(exchange: SocketExchange) -> Wire:
        true = json.loads(exchange.text)
        named = {"request_id": true["request_id"]} if "request_id" in true else {}
        return Wire((frame(json.dumps({**message, **named}).encode()),), "keep")

    return fault


def _earlier(exchange: SocketExchange) -> Wire:
    """The message before, under the id of this one."""
    message, earlier = json.loads(exchange.text), json.loads(exchange.earlier[-1]) if exchange.earlier else {}
    exchange.idle = "request_id" not in message or "request_id" not in earlier
    if not exchange.idle:
        message = {**earlier, "request_id": message["request_id"]}
    return Wire((frame(json.dumps(message).encode()),), "keep")


def _after_the_next(exchange: SocketExchange) -> Wire:
    """The message comes behind the next one, which the protocol allows."""
    exchange.held.append(frame(exchange.text))
    return Wire((), "keep")


def _fragments(exchange: SocketExchange) -> Wire:
    """The message in three frames, which the protocol allows."""
    first, second, third = cut(exchange.text, 1 / 3, 2 / 3)
    return Wire((frame(first, final=False), frame(second, opcode=0, final=False), frame(third, opcode=0)), "keep")


_ENDS: dict[str, SocketFault] = {
    "ws-close-1000": _sent(lambda _: closing(1000), "close"),
    "ws-close-1011": _sent(lambda _: closing(1011, b"internal error"), "close"),
    "ws-close-bad-reason": _sent(lambda _: closing(1008, b"\xff\xfe"), "close"),
    "ws-close-bad-code": _sent(lambda _: closing(3), "close"),
    "ws-close-after": _sent(lambda text: frame(text) + closing(1001), "close"),
    "ws-end": _sent(lambda _: b"", "close"),
    "ws-reset": _sent(lambda _: b"", "reset"),
    "ws-cut-at-a-third": _sent(lambda text: cut(frame(text), 1 / 3)[0], "close"),
    "ws-cut-at-two-thirds": _sent(lambda text: cut(frame(text), 2 / 3)[0], "close"),
}
_SLOW: dict[str, SocketFault] = {
    "ws-hang": _sent(lambda _: b"", "silence"),
    "ws-hang-in-the-middle": _sent(lambda text: cut(frame(text), 1 / 2)[0], "silence"),
    "ws-slow-drip": lambda exchange: Wire(tuple(bytes([byte]) for byte in frame(exchange.text)), "keep", 0.2),
    "ws-fragment-unended": _sent(lambda text: frame(text, final=False), "silence"),
    "ws-pings": lambda exchange: Wire((frame(b"x", opcode=PING),) * 2000, "silence", 0.05),
    "ws-no-answer": _sent(lambda _: b"", "keep"),
    "ws-id-other": _fields(lambda m: m.__setitem__("request_id", 4711)),
    "ws-endless-fragments": lambda _: Wire(
        (frame(b"[", final=False), *(frame(b" " * 65536, opcode=0, final=False),) * 20000), "silence"
    ),
}
_FRAMES: dict[str, SocketFault] = {
    "ws-binary": _sent(lambda text: frame(text, opcode=BINARY)),
    "ws-huge-frame": _sent(lambda text: frame(text, size=1 << 62)),
    "ws-long-frame": _sent(lambda text: frame(text, size=len(text) + 100) + frame(text)),
    "ws-reserved-bits": _sent(lambda text: frame(text, bits=7)),
    "ws-unknown-opcode": _sent(lambda text: frame(text, opcode=5)),
    "ws-continuation-alone": _sent(lambda text: frame(text, opcode=0)),
    "ws-bad-utf-8": _sent(lambda text: frame(text.replace(b'"', b'"\xc3\x28', 1))),
    "ws-garbage": _sent(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "close"),
    "ws-ping-large": _sent(lambda text: frame(b"x" * 200, opcode=PING) + frame(text)),
    "ws-fragments": _fragments,
}
_MESSAGES: dict[str, SocketFault] = {
    "ws-half-message": _sent(lambda text: frame(text[: len(text) // 2])),
    "ws-html": _sent(lambda _: frame(b"<html>")),
    "ws-empty": _sent(lambda _: frame(b"")),
    "ws-twice": _sent(lambda text: frame(text) + frame(text)),
    "ws-hello-again": _sent(lambda text: frame(b'{"type":"hello_ok"}') + frame(text)),
    "ws-hello-error": _instead({"type": "hello_error", "error": {"message": "no", "code": "AUTH_JWT_INVALID"}}),
    "ws-unknown-message": _instead({"type": "magic"}),
    "ws-no-type": _instead({}),
    "ws-error": _instead({"type": "response_error", "error": {"message": "no", "code": "UNKNOWN"}}),
    "ws-error-empty": _instead({"type": "response_error"}),
    "ws-ok-empty": _instead({"type": "response_ok"}),
    "ws-id-text": _fields(lambda m: m.__setitem__("request_id", "one")),
    "ws-id-absent": _fields(lambda m: m.pop("request_id")),
    "ws-id-before": _fields(lambda m: m.__setitem__("request_id", 0)),
    "ws-response-null": _fields(lambda m: m.__setitem__("response", None)),
    "ws-message-before": _earlier,
    "ws-after-the-next": _after_the_next,
}
