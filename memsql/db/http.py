"""Hrana over HTTP: one stream, whose requests are joined by its baton."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from memsql.config import Target
from memsql.db.faults import Fault, http_status, not_a_server, statement_error
from memsql.db.hrana import CLOSE, Json, autocommit_probe
from memsql.db.transport import USER_AGENT, Timeouts, endpoint, network_fault, proxy_for
from memsql.errors import ConnectError

# Proxies close idle connections after 5 seconds or more, and a request on a closed connection is lost without an
# answer.
_KEEPALIVE_SECONDS = 4
# sqld ends a stream ten seconds after its last request began.
_ALIVE_SECONDS = 3.0
# Large, because each piece that goes from the network to the caller passes from one thread to another.
_PIECE_BYTES = 1 << 18
# Not compressed: sqld flushes its compressor behind every few bytes of a cursor, and to decompress them took ten times
# as long as to read the rows.
_UNCOMPRESSED = {"Accept-Encoding": "identity"}
_NETWORK = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class HttpTransport:
    """A stream to a server that speaks Hrana 3 or 2 over HTTP.

    Version 3 is tried first, and version 2 where the server answers 404. Later requests of a stream go to the
    ``base_url`` of the server's answer.
    """

    cheap_stop = False

    def __init__(self, target: Target, timeouts: Timeouts) -> None:
        self._target = target
        self._timeouts = timeouts
        self._base = self._url = endpoint(target)
        self._baton: str | None = None
        self._session: aiohttp.ClientSession | None = None
        self._answered = False
        self.version = 3

    @property
    def fresh(self) -> bool:
        return self._baton is None

    async def pipeline(
        self, requests: Sequence[Json], patience: float | None = None, *, last: bool = False
    ) -> list[Json]:
        def body(version: int) -> bytes:
            return _body(self._baton, requests=[*requests, autocommit_probe(version), *ending])

        ending = [CLOSE] if last else []

        response = await self._post("pipeline", body, patience)
        text, fault = None, None
        try:
            text = await response.read()
        except _NETWORK as e:
            fault = network_fault(e, self._target)
        finally:
            response.release()
        answer = _json(text) if text is not None else None
        if fault is None and not _is_answer(answer, len(requests) + 1 + len(ending)):
            fault = not_a_server(self._target)
        if fault is not None:
            self._forget()
            raise fault
        assert answer is not None
        self._follow(answer)
        results: list[Json] = answer["results"][: len(requests) + 1]
        return results

    async def cursor(self, batch: Json) -> AsyncGenerator[list[Json], None]:
        response = await self._post("cursor", lambda _: _body(self._baton, batch=batch), None, _UNCOMPRESSED)
        fault, done = None, False
        # The first entry, which has the baton of the next request. It holds when the last line has come.
        following: Json | None = None
        alive, over = None, asyncio.Event()
        try:
            async for lines in _lines(response.content):
                entries = _entries(lines)
                if entries is None:
                    fault = not_a_server(self._target)
                    break
                if following is None:
                    following = entries.pop(0)
                    alive = asyncio.create_task(self._keep_alive(following, over))
                if entries:
                    yield entries
            else:
                done = True
        except _NETWORK as e:
            fault = network_fault(e, self._target)
        finally:
            over.set()
            if alive is not None:
                following = await alive
            if done and following is not None:
                response.release()
                self._follow(following)
            else:
                response.close()
                self._forget()
                fault = fault or (network_fault(ConnectionResetError(), self._target) if done else None)
        if fault is not None:
            raise fault

    async def _keep_alive(self, following: Json, over: asyncio.Event) -> Json | None:
        """Send an empty request every few seconds until ``over`` is set. Without it a cursor that is read for long
        would lose the stream, because the server counts from the beginning of the cursor.

        ``following`` has the baton. Returns the same with the last baton, None where the stream is gone.
        """
        while True:
            try:
                await asyncio.wait_for(over.wait(), _ALIVE_SECONDS)
                return following
            except TimeoutError:
                pass
            assert self._session is not None
            url = (following.get("base_url") or self._url).rstrip("/")
            try:
                async with self._session.post(
                    f"{url}/v{self.version}/pipeline",
                    data=_body(following.get("baton"), requests=[]),
                    proxy=proxy_for(url),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect, sock_read=30),
                ) as response:
                    answer = _json(await response.read()) if response.status == 200 else None
            except _NETWORK:
                answer = None
            if answer is None:
                return None
            following = {
                **following,
                **{key: value for key, value in answer.items() if key in ("baton", "base_url") and value},
            }

    async def drop(self) -> None:
        self._forget()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def close(self) -> None:
        session = self._session
        if session is None:
            return
        try:
            if self._baton is not None:
                async with session.post(
                    f"{self._url}/v{self.version}/pipeline",
                    data=_body(self._baton, requests=[CLOSE]),
                    proxy=proxy_for(self._url),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=2),
                ) as response:
                    await response.read()
        except _NETWORK:
            # Without requests the server ends the stream by itself.
            pass
        finally:
            self._forget()
            self._session = None
            await session.close()

    async def _post(
        self,
        path: str,
        make: Callable[[int], bytes],
        patience: float | None,
        headers: dict[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = self._new_session()
        while True:
            response, fault, body = None, None, make(self.version)
            wait = patience if patience is not None else self._timeouts.answer
            try:
                response = await self._session.post(
                    f"{self._url}/v{self.version}/{path}",
                    data=body,
                    headers=headers,
                    proxy=proxy_for(self._url),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect, sock_read=wait),
                )
                if response.status == 200:
                    self._answered = True
                    return response
                fault = await self._refusal(response, path, len(body))
            except _NETWORK as e:
                fault = network_fault(e, self._target)
            if fault is None:
                self.version = 2
                continue
            if fault.sent or fault.expired or response is not None:
                self._forget()
            raise fault

    async def _refusal(self, response: aiohttp.ClientResponse, path: str, size: int) -> Fault | None:
        """The fault for an answer other than 200; None where an older version is to be tried."""
        text = (await response.read())[:20_000].decode("utf-8", "replace")
        response.release()
        if (
            response.status == 404
            and not self._answered
            and self.version == 3
            and path == "pipeline"
            and not _json(text.encode())
        ):
            return None
        if path == "cursor" and response.status == 500:
            # This is how the cursor endpoint answers a text that is not SQL.
            raw = (_json(text.encode()) or {}).get("error") or ""
            message = str(raw).removeprefix("Internal Error: `").removesuffix("`")
            error = statement_error({"message": message, "code": "SQL_PARSE_ERROR"}, self._target, None, None)
            return Fault(error, sent=False)
        return http_status(response.status, text, self._target, size)

    def _new_session(self) -> aiohttp.ClientSession:
        headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        if self._target.token:
            headers["Authorization"] = f"Bearer {self._target.token}"
        return aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=2, keepalive_timeout=_KEEPALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_PIECE_BYTES,
        )

    def _follow(self, answer: Json) -> None:
        self._baton = answer.get("baton")
        if self._baton is None:
            self._forget()
            return
        base = answer.get("base_url")
        if not base:
            return
        if urlsplit(self._base).scheme == "https" and urlsplit(base).scheme != "https":
            self._forget()
            raise Fault(
                ConnectError(
                    f"{self._target} sends the stream to an address without TLS, where the token would be readable",
                    hint="tell whoever runs the server",
                )
            )
        self._url = base.rstrip("/")

    def _forget(self) -> None:
        self._baton = None
        self._url = self._base


def _body(baton: str | None, **rest: Any) -> bytes:
    return json.dumps({"baton": baton, **rest}, ensure_ascii=False, separators=(",", ":")).encode()


def _is_answer(answer: Json | None, count: int) -> bool:
    """Whether ``answer`` holds ``count`` results of a pipeline."""
    results = answer.get("results") if answer is not None else None
    return (
        isinstance(results, list)
        and len(results) == count
        and all(
            isinstance(r, dict)
            and isinstance(r.get({"ok": "response", "error": "error"}.get(r.get("type") or "", "")), dict)
            for r in results
        )
    )


def _json(text: bytes) -> Json | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _entries(lines: list[bytes]) -> list[Json] | None:
    """The JSON object of each line; None where a line is anything else."""
    try:
        values = json.loads(b"[%b]" % b",".join(lines))
    except ValueError:
        return None
    return values if len(values) == len(lines) and all(type(entry) is dict for entry in values) else None


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[list[bytes]]:
    """The lines of the answer, in lists. StreamReader's own reading of lines is not used, because it limits their
    length, and a line is a row of any size."""
    begun: list[bytes] = []
    size = 0
    async for piece in content.iter_any():
        begun.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            *lines, rest = b"".join(begun).split(b"\n")
            begun, size = [rest], 0
            if whole := [line for line in lines if line]:
                yield whole
    if lines := [line for line in b"".join(begun).split(b"\n") if line.strip()]:
        yield lines
