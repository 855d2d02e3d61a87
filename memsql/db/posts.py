"""Sending requests over HTTP: directly, or with aiohttp where the environment names a proxy."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from memsql.db.transport import proxy_for
from memsql.db.wire import KEEPALIVE_SECONDS, Answer, Broken, Direct, Unconnected

if TYPE_CHECKING:
    import aiohttp

# Large, because each piece that goes from the network to the caller passes from one thread to another.
PIECE_BYTES = 1 << 18


class Posts:
    """What is sent to servers, with the same ``headers`` each time. Connections are kept between requests."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)
        self._direct = Direct(headers)
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, url: str, body: bytes, *, connect: float, read: float, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send ``body`` to ``url``. ``connect`` and ``read``: seconds to wait for the connection, and for the next
        bytes. Raises one of failures()."""
        proxy = proxy_for(url)
        if proxy is None:
            return await self._direct.post(url, body, connect=connect, read=read, headers=headers)
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=2, keepalive_timeout=KEEPALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=PIECE_BYTES,
            )
        return await self._session.post(
            url,
            data=body,
            headers=headers,
            proxy=proxy,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read),
        )

    async def send_last(self, url: str, body: bytes, *, seconds: float) -> None:
        """Send ``body`` to ``url``, and wait for no answer where no proxy stands in between. Raises like send()."""
        if proxy_for(url) is None:
            await self._direct.post_last(url, body, seconds=seconds)
        else:
            (await self.send(url, body, connect=seconds, read=seconds)).close()

    async def close(self) -> None:
        """Close every connection."""
        await self._direct.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def failures(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """What sending a request and reading its answer raise, and ``more``."""
    aiohttp = sys.modules.get("aiohttp")
    others: tuple[type[Exception], ...] = () if aiohttp is None else (aiohttp.ClientError,)
    return Unconnected, Broken, asyncio.TimeoutError, OSError, *others, *more
