"""A request of the client and what may be done with it, for faults over HTTP and over WebSockets."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.campaigns.server.wire import Answer, Request, Wire


@dataclass
class HttpExchange:
    """One request over HTTP. ``earlier``: the true answers to those before it. ``elsewhere``: the URL of another host
    that notes what is sent to it. ``idle`` is set by a fault that changes nothing of this answer."""

    request: Request
    earlier: list[Answer]
    draw: random.Random
    elsewhere: str
    ask: Callable[[Request], Awaitable[Answer]]
    idle: bool = False

    async def answer(self) -> Answer:
        """The true answer of the server to the request."""
        return await self.ask(self.request)


@dataclass
class SocketExchange:
    """One message of the server to the client. ``earlier``: the messages before it. ``held``: messages that wait for
    the next one. ``idle`` as above."""

    text: bytes
    earlier: list[bytes]
    draw: random.Random
    elsewhere: str
    held: list[bytes] = field(default_factory=list)
    idle: bool = False


HttpFault = Callable[[HttpExchange], Awaitable[Answer | Wire]]
SocketFault = Callable[[SocketExchange], Wire]


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    ``told``: a client can know that the answer is false, or missing, and must say so; otherwise the answer is well
    formed, and only its content is false. ``lost``: over a WebSocket, the message of the client does not reach the
    server. ``lasts``: every later request has the fault too. ``slow``: the client waits for its bound. ``strike`` is
    called when the request has come, before it goes on.
    """

    name: str
    http: HttpFault | None = None
    socket: SocketFault | None = None
    told: bool = True
    lost: bool = False
    lasts: bool = False
    slow: bool = False
    strike: Callable[[], None] | None = None
