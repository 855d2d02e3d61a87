"""A proxy that makes a server on this machine look far away: every byte takes a while, in both directions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Distance:
    """A proxy at ``url``. ``connections``: how many were opened. ``turns``: how often the client sent something when
    the other side had spoken last; over HTTP that is once for each request."""

    url: str = ""
    connections: int = 0
    turns: int = 0

    @property
    def round_trips(self) -> int:
        """How often the client waited for the other side, once for each connection among them."""
        return self.connections + self.turns


@contextmanager
def far_away(url: str, seconds: float) -> Iterator[str]:
    """The URL of a proxy on 127.0.0.1 in front of ``url`` that adds ``seconds`` to every round trip."""
    with counted(url, seconds) as distance:
        yield distance.url


@contextmanager
def counted(url: str, seconds: float) -> Iterator[Distance]:
    """As far_away(), and counts the round trips. The scheme of the URL may be exchanged for ``ws``."""
    parts = urlsplit(url)
    distance = Distance()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(
            lambda reader, writer: _serve(
                reader, writer, (parts.hostname or "", parts.port or 0), seconds / 2, distance=distance
            ),
            "127.0.0.1",
            0,
        )
    )
    distance.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield distance
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    backend: tuple[str, int],
    seconds: float,
    *,
    distance: Distance,
) -> None:
    distance.connections += 1
    # Connecting takes a round trip too.
    await asyncio.sleep(2 * seconds)
    there, back = await asyncio.open_connection(*backend)
    answered = True

    def asks() -> None:
        nonlocal answered
        distance.turns += answered
        answered = False

    def answers() -> None:
        nonlocal answered
        answered = True

    with suppress(asyncio.CancelledError, OSError):
        await asyncio.gather(_carry(reader, back, seconds, asks), _carry(there, writer, seconds, answers))


async def _carry(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float, hear: Callable[[], None]
) -> None:
    """Each piece arrives ``seconds`` after it was sent, however many are on their way."""
    loop = asyncio.get_running_loop()
    while piece := await source.read(1 << 16):
        hear()
        loop.call_later(seconds, sink.write, piece)
    loop.call_later(seconds, sink.close)
