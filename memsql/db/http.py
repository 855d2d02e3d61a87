"""Hrana over HTTP: one stream, kept together by its baton."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from memsql.config import Target
from memsql.db.faults import Fault, http_status, not_a_server, statement_error
from memsql.db.hrana import Json, autocommit_probe
from memsql.db.transport import USER_AGENT, Timeouts, endpoint, network_fault, proxy_for
from memsql.errors import ConnectError

# Proxies close idle connections after anything from 5 seconds on, and a request that meets such a
# connection is lost without an answer.
_KEEPALIVE_SECONDS = 4
# A stream ends ten seconds after its last request began.
_ALIVE_SECONDS = 3.0
# Every piece that goes from the network to the caller is one hop between two threads.
_PIECE_BYTES = 1 << 18
# sqld flushes its compressor behind every few bytes of a cursor: decompressing them took ten times as long as reading the rows.
_AS_IT_IS = {"Accept-Encoding": "identity"}
_NETWORK = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class HttpTransport:
    """A stream to a server that speaks Hrana 3 or 2 over HTTP.

    Version 3 is tried first; a server that answers 404 is asked in version 2. Later requests of a stream go
    where the server's ``base_url`` sends them.
    """

    cheap_stop = False

    def __init__(self, target: Target, timeouts: Timeouts) -> None:
        self._target = target
        self._timeouts = timeouts
        self._base = self._url = endpoint(target)
        self._baton: str | None = None
        self._session: aiohttp.ClientSession | None = None
        self._known = False
        self.version = 3

    @property
    def fresh(self) -> bool:
        return self._baton is None

    async def pipeline(self, requests: Sequence[Json], patience: float | None = None) -> list[Json]:
        def body(version: int) -> bytes:
            return _body(self._baton, requests=[*requests, autocommit_probe(version)])

        response = await self._post("pipeline", body, patience)
        text, fault = None, None
        try:
            text = await response.read()
        except _NETWORK as e:
            fault = network_fault(e, self._target)
        finally:
            response.release()
        found = _json(text) if text is not None else None
        if fault is None and not _answers(found, len(requests) + 1):
            fault = not_a_server(self._target)
        if fault is not None:
            self._forget()
            raise fault
        assert found is not None
        self._follow(found)
        answers: list[Json] = found["results"]
        return answers

    async def cursor(self, batch: Json) -> AsyncGenerator[list[Json], None]:
        response = await self._post("cursor", lambda _: _body(self._baton, batch=batch), None, _AS_IT_IS)
        fault, done = None, False
        # Until the last line has come the server has the stream.
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
        """While a cursor is read, ask nothing now and then: the server counts the seconds to the end of the stream from the
        beginning of the cursor. Returns what carries the baton to go on with; None where the stream is gone."""
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
                    data=_body(self._baton, requests=[{"type": "close"}]),
                    proxy=proxy_for(self._url),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=2),
                ) as response:
                    await response.read()
        except _NETWORK:
            # The server ends the stream by itself when nobody asks anything on it.
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
                    self._known = True
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
            and not self._known
            and self.version == 3
            and path == "pipeline"
            and not _json(text.encode())
        ):
            return None
        if path == "cursor" and response.status == 500:
            # The cursor endpoint has no other way to say that the text is no SQL.
            said = (_json(text.encode()) or {}).get("error") or ""
            message = str(said).removeprefix("Internal Error: `").removesuffix("`")
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


def _answers(found: Json | None, number: int) -> bool:
    results = found.get("results") if found is not None else None
    return (
        isinstance(results, list)
        and len(results) == number
        and all(
            isinstance(r, dict)
            and isinstance(r.get({"ok": "response", "error": "error"}.get(r.get("type") or "", "")), dict)
            for r in results
        )
    )


def _json(text: bytes) -> Json | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _entries(lines: list[bytes]) -> list[Json] | None:
    """The objects that ``lines`` hold, one each; None where they hold anything else."""
    try:
        found = json.loads(b"[%b]" % b",".join(lines))
    except ValueError:
        return None
    return found if len(found) == len(lines) and all(type(entry) is dict for entry in found) else None


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[list[bytes]]:
    """The lines of the answer, many at once. They may have any length: a row is one line, and StreamReader's own
    reading of lines has a limit."""
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
