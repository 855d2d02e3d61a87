"""Hrana over HTTP: one stream, whose requests are joined by its baton."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from memsql import token_rules
from memsql.config import Target
from memsql.db import answers as shapes
from memsql.db.answers import ANSWER_LIMIT, ENTRY_LIMIT, Json, Malformed
from memsql.db.faults import Fault, http_status, not_a_server, statement_error
from memsql.db.hrana import CLOSE
from memsql.db.pipeline import closing
from memsql.db.posts import PIECE_BYTES, Posts, failures
from memsql.db.transport import USER_AGENT, Timeouts, endpoint, network_fault, proxy_for
from memsql.db.wire import Answer, Content
from memsql.errors import ConnectError, MemsqlError

# sqld ends a stream ten seconds after its last request began.
_ALIVE_SECONDS = 3.0
# Not compressed: sqld flushes its compressor behind every few bytes of a cursor, and to decompress them took ten times
# as long as to read the rows.
_UNCOMPRESSED = {"Accept-Encoding": "identity"}
# For a head or a body that comes byte by byte; an answer that is on its way is not given up for a slow line before.
_BODY_SECONDS = 300.0
# Bytes of an answer without results: to a refusal, and to a request that only keeps the stream alive.
_SHORT = 20_000
_NOT_SQL = "SQL string"


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
        self._posts: Posts | None = None
        self._answered = False
        self._last_answer = 0.0
        self.version = 3

    @property
    def fresh(self) -> bool:
        return self._baton is None

    @property
    def idle(self) -> float:
        return time.monotonic() - self._last_answer

    async def pipeline(
        self, requests: Sequence[Json], nonce: str, patience: float | None = None, *, last: bool = False
    ) -> list[Json]:
        def body(version: int) -> bytes:
            return _body(self._baton, requests=[*requests, *closing(version, nonce), *ending])

        ending = [CLOSE] if last else []

        response = await self._post("pipeline", body, patience)
        fault = None
        try:
            text = await asyncio.wait_for(_whole(response.content, ANSWER_LIMIT), self._wait(patience) + _BODY_SECONDS)
            answer = shapes.parse(text)
            results = shapes.pipeline_results(answer, len(requests) + 2 + len(ending))
            self._follow(answer)
            return results[: len(requests) + 2]
        except failures() as e:
            fault = network_fault(e, self._target)
        except Malformed as e:
            fault = not_a_server(self._target, str(e))
        except Fault as e:
            fault = e
        finally:
            response.release()
        self._forget()
        raise fault

    async def cursor(self, batch: Json) -> AsyncGenerator[list[Json], None]:
        response = await self._post("cursor", lambda _: _body(self._baton, batch=batch), None, _UNCOMPRESSED)
        fault, done = None, False
        # The first entry, which has the baton of the next request. It holds when the last line has come.
        following: Json | None = None
        alive, over = None, asyncio.Event()
        try:
            async for lines in _lines(response.content, self._wait(None)):
                entries = shapes.parse_lines(lines)
                if following is None:
                    following = entries.pop(0)
                    shapes.baton(following)
                    alive = asyncio.create_task(self._keep_alive(following, over))
                if entries:
                    yield entries
            done = True
        except failures() as e:
            fault = network_fault(e, self._target)
        except Malformed as e:
            fault = not_a_server(self._target, str(e))
        finally:
            over.set()
            if alive is not None:
                following = await alive
            if done and following is not None:
                response.release()
                fault = self._followed(following)
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
            try:
                url = self._address(following) or self._url
                answer = await self._short(url, _body(following.get("baton"), requests=[]), _ALIVE_SECONDS * 10)
            except failures(Malformed, Fault):
                answer = None
            if answer is None or not answer.get("baton"):
                return None
            following = {**answer, "base_url": answer.get("base_url") or following.get("base_url")}

    async def drop(self) -> None:
        self._forget()
        if self._posts is not None:
            await self._posts.close()
            self._posts = None

    async def close(self, *, waits: bool) -> None:
        posts = self._posts
        if posts is None:
            return
        try:
            body = _body(self._baton, requests=[CLOSE])
            if self._baton is not None and waits:
                await self._short(self._url, body, 2)
            elif self._baton is not None:
                # Nothing depends on it: a stream that nobody uses ends after ten seconds.
                await posts.send_last(f"{self._url}/v{self.version}/pipeline", body, seconds=2)
        except failures(Malformed):
            # Without requests the server ends the stream by itself.
            pass
        finally:
            self._forget()
            self._posts = None
            await posts.close()

    async def _short(self, url: str, body: bytes, seconds: float) -> Json | None:
        """Send a pipeline whose answer is short, and return it; None where it is a refusal. Raises failures(),
        TimeoutError after ``seconds``, and Malformed."""
        assert self._posts is not None

        async def sent(posts: Posts) -> Json | None:
            response = await posts.send(
                f"{url}/v{self.version}/pipeline", body, connect=self._timeouts.connect, read=seconds
            )
            try:
                text = await _whole(response.content, _SHORT)
                return shapes.parse(text) if response.status == 200 else None
            finally:
                response.release()

        return await asyncio.wait_for(sent(self._posts), seconds)

    async def _post(
        self,
        path: str,
        make: Callable[[int], bytes],
        patience: float | None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if self._posts is None:
            self._posts = Posts(self._headers())
        while True:
            response, fault, body = None, None, make(self.version)
            wait = self._wait(patience)
            request = self._posts.send(
                f"{self._url}/v{self.version}/{path}",
                body,
                connect=self._timeouts.connect,
                read=wait,
                headers=headers,
            )
            try:
                # The time-out of the session is for the next byte; this one is for a head that comes byte by byte.
                response = await asyncio.wait_for(request, self._timeouts.connect + wait + _BODY_SECONDS)
                if response.status == 200:
                    self._answered = True
                    return response
                text = await asyncio.wait_for(_beginning(response.content), _BODY_SECONDS)
                fault = self._refusal(response.status, text, path, len(body))
                response.close()
            except failures() as e:
                fault = network_fault(e, self._target)
            if fault is None:
                self.version = 2
                continue
            if fault.sent or fault.expired or response is not None:
                self._forget()
            raise fault

    def _refusal(self, status: int, raw: bytes, path: str, size: int) -> Fault | None:
        """The fault for an answer other than 200; None where an older version is to be tried."""
        text = raw.decode("utf-8", "replace")
        if status == 404 and not self._answered and self.version == 3 and path == "pipeline" and not _object(raw):
            return None
        if path == "cursor" and status == 500:
            # This is how the cursor endpoint answers a text that is not SQL.
            raw_error = _object(raw).get("error")
            if isinstance(raw_error, str) and _NOT_SQL in raw_error:
                message = raw_error.removeprefix("Internal Error: `").removesuffix("`")
                error = statement_error({"message": message, "code": "SQL_PARSE_ERROR"}, self._target, None, None)
                return Fault(error, sent=False)
        return http_status(status, text, self._target, size)

    def _wait(self, patience: float | None) -> float:
        """Seconds to wait for the next byte of an answer."""
        return patience if patience is not None else self._timeouts.answer

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        if self._target.token:
            headers["Authorization"] = f"Bearer {self._target.token}"
        return headers

    def _followed(self, answer: Json) -> Fault | None:
        """_follow(), which returns its fault."""
        try:
            self._follow(answer)
        except Malformed as e:
            self._forget()
            return not_a_server(self._target, str(e))
        except Fault as e:
            self._forget()
            return e
        return None

    def _follow(self, answer: Json) -> None:
        """Go on with the baton and the address of ``answer``. Raises Malformed, and Fault for an address that is not
        trusted."""
        self._last_answer = time.monotonic()
        self._baton = shapes.baton(answer)
        if self._baton is None:
            self._forget()
            return
        self._url = self._address(answer) or self._url

    def _address(self, answer: Json) -> str | None:
        """The address that the stream goes to; None where it stays. Raises like _follow()."""
        base = shapes.base_url(answer)
        if base is None:
            return None
        if urlsplit(self._base).scheme == "https" and urlsplit(base).scheme != "https":
            raise Fault(
                ConnectError(
                    f"{self._target} sends the stream to an address without TLS, where the token would be readable",
                    hint="tell whoever runs the server",
                )
            )
        if self._target.token:
            try:
                token_rules.refuse_stranger(base, self._base, self._target.token_rules)
                token_rules.refuse_readable(base, self._target.token_rules, proxy=proxy_for(base))
            except MemsqlError as e:
                raise Fault(e) from None
        return base

    def _forget(self) -> None:
        self._baton = None
        self._url = self._base


def _body(baton: str | None, **rest: Any) -> bytes:
    return json.dumps({"baton": baton, **rest}, ensure_ascii=False, separators=(",", ":")).encode()


def _object(text: bytes) -> Json:
    """The JSON object that ``text`` is; an empty one where it is anything else."""
    try:
        return shapes.parse(text)
    except Malformed:
        return {}


async def _whole(content: Content, limit: int) -> bytes:
    """All of an answer. Raises Malformed where it has more than ``limit`` bytes."""
    pieces: list[bytes] = []
    size = 0
    async for piece in content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise Malformed(f"the answer has more than {limit:,} bytes")
    return b"".join(pieces)


async def _beginning(content: Content) -> bytes:
    """The first bytes of an answer that is no more than read to a person."""
    text = b""
    async for piece in content.iter_any():
        text += piece
        if len(text) >= _SHORT:
            break
    return text[:_SHORT]


async def _lines(content: Content, seconds: float) -> AsyncIterator[list[bytes]]:
    """The lines of the answer, in lists. StreamReader's own reading of lines is not used, because it limits their
    length to less than a row may have.

    Raises Malformed for a line of more than ENTRY_LIMIT bytes, and TimeoutError where none ends for ``seconds``.
    """
    begun: list[bytes] = []
    size, end = 0, time.monotonic() + seconds
    pieces = aiter(content.iter_any())
    while True:
        # aiohttp waits for ever behind a chunk that it cannot read.
        async with asyncio.timeout(seconds):
            piece = await anext(pieces, b"")
        if not piece:
            break
        begun.append(piece)
        size += len(piece)
        if b"\n" in piece:
            end = time.monotonic() + seconds
            if size >= PIECE_BYTES:
                *lines, rest = b"".join(begun).split(b"\n")
                begun, size = [rest], len(rest)
                if whole := [line for line in lines if line]:
                    yield whole
        elif size > ENTRY_LIMIT:
            raise Malformed(f"a row has more than {ENTRY_LIMIT:,} bytes")
        elif time.monotonic() > end:
            raise TimeoutError
    if lines := [line for line in b"".join(begun).split(b"\n") if line.strip()]:
        yield lines
