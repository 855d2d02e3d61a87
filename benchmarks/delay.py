"""A proxy that makes a server on this machine look far away: every byte takes a while, in both directions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def far_away(url: str, seconds: float) -> Iterator[str]:
    """The URL of a proxy on 127.0.0.1 in front of ``url`` that adds ``seconds`` to every round trip."""
    parts = urlsplit(url)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(
            lambda reader, writer: _serve(reader, writer, (parts.hostname or "", parts.port or 0), seconds / 2),
            "127.0.0.1",
            0,
        )
    )
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
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
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, backend: tuple[str, int], seconds: float
) -> None:
    # Connecting takes a round trip too.
    await asyncio.sleep(2 * seconds)
    there, back = await asyncio.open_connection(*backend)
    with suppress(asyncio.CancelledError, OSError):
        await asyncio.gather(_carry(reader, back, seconds), _carry(there, writer, seconds))


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    """Each piece arrives ``seconds`` after it was sent, however many are on their way."""
    loop = asyncio.get_running_loop()
    while piece := await source.read(1 << 16):
        loop.call_later(seconds, sink.write, piece)
    loop.call_later(seconds, sink.close)
