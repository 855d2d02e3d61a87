"""What goes over the wire between memsql, the lying proxy and the server: HTTP and WebSocket frames. No I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
# What becomes of the connection behind the bytes: it stays, is closed, is reset, is closed in one direction, or nothing
# more comes.
End = Literal["keep", "close", "reset", "half", "silence"]


@dataclass(frozen=True)
class Request:
    """An HTTP request. The names of ``headers`` are in lower case; ``head`` is what came before the body."""

    method: str
    path: str
    headers: dict[str, str]
    head: bytes
    body: bytes


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, with a length of its own where ``headers`` has none."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)

    @property
    def head(self) -> bytes:
        """The status line, the headers and the empty line."""
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in self.headers)]
        if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in self.headers):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    @property
    def data(self) -> bytes:
        """The whole answer."""
        return self.head + self.body


@dataclass(frozen=True)
class Wire:
    """Bytes that go to the client as they are, with ``pause`` seconds between the pieces, and what follows them."""

    pieces: tuple[bytes, ...] = ()
    end: End = "close"
    pause: float = 0.0


@dataclass(frozen=True)
class Frame:
    """A WebSocket frame as it came: its kind, its payload without the mask, and all its bytes."""

    opcode: int
    payload: bytes
    data: bytes


def frame(payload: bytes, *, opcode: int = TEXT, final: bool = True, size: int | None = None, bits: int = 0) -> bytes:
    """The bytes of a frame from a server. ``size`` is what its head says, by default the truth; ``bits`` are the three
    reserved ones."""
    size = len(payload) if size is None else size
    first = (0x80 if final else 0) | bits << 4 | opcode
    if size < 126:
        return bytes([first, size]) + payload
    if size < 1 << 16:
        return bytes([first, 126]) + struct.pack(">H", size) + payload
    return bytes([first, 127]) + struct.pack(">Q", size) + payload


def closing(code: int, reason: bytes = b"") -> bytes:
    """A frame that closes the WebSocket."""
    return frame(struct.pack(">H", code) + reason, opcode=CLOSE)


def cut(data: bytes, *places: float) -> tuple[bytes, ...]:
    """``data`` in pieces that end at these shares of it, such as 1/3."""
    ends = [0, *(round(len(data) * place) for place in places), len(data)]
    return tuple(data[start:end] for start, end in pairwise(ends))
