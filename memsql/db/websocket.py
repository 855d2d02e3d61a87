"""Hrana over WebSocket, on top of libsql-client's connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import aiohttp
from libsql_client import LibsqlError
from libsql_client.hrana.conn import HranaConn

from memsql.config import Target
from memsql.db import answers as shapes
from memsql.db.answers import ANSWER_LIMIT, Json, Malformed
from memsql.db.faults import Fault, http_status, not_a_server, statement_error
from memsql.db.pipeline import closing
from memsql.db.transport import USER_AGENT, Timeouts, endpoint, network_fault, proxy_for, timed_out
from memsql.errors import ConnectError, StatementError

_FETCH = 50
_ANSWER_BYTES = 1 << 20
# sqld closes a socket on which a larger frame comes.
_FRAME_BYTES = 16_000_000
_CLOSE_SECONDS = 1.0
# Enough to send a frame, and less than an answer takes that nobody needs.
_FAREWELL_SECONDS = 0.01


class _Conn(HranaConn):  # type: ignore[misc]
    """libsql-client's connection, but with Hrana 3 offered first, larger answers, which are checked, and the proxy of
    the environment. libsql-client itself offers Hrana 2 only and ends the connection at an answer of 4 MiB."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str | None, timeout: float) -> None:
        self.protocol = "hrana3"
        self._connect_timeout = timeout
        self._refusal: Json | None = None
        self._recvd_hello: bool
        super().__init__(session, url, token)

    async def _do_connect(self, session: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
        socket = await asyncio.wait_for(
            session.ws_connect(
                url,
                protocols=("hrana3", "hrana2"),
                autoclose=False,
                autoping=True,
                max_msg_size=ANSWER_LIMIT,
                proxy=proxy_for(url),
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
            ),
            self._connect_timeout,
        )
        self.protocol = socket.protocol or "hrana2"
        return socket

    def _send(self, msg: Json) -> None:
        text = json.dumps(msg, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > _FRAME_BYTES:
            raise StatementError(
                "the request is larger than a WebSocket frame may be (16 MB)",
                code="MEMSQL_SIZE",
                hint="split it, or use http:// or libsql:// in place of ws:// and wss://",
            )
        assert self.exception is None
        self._send_msg_queue.put_nowait(text)

    def _receive(self, text: str) -> None:
        """Take a message of the server. Raises Malformed, which ends the connection; libsql-client's own reading would
        leave a request without an answer for ever."""
        if self.exception is not None:
            return
        message = shapes.parse(text.encode("utf-8", "surrogatepass"))
        kind = message.get("type")
        if not self._recvd_hello:
            if kind not in ("hello_ok", "hello_error"):
                raise Malformed("the first message is no answer to the greeting")
            # Kept here, because a refused hello is reported as a broken connection when the socket is closed.
            self._refusal = shapes.error_object(message.get("error")) if kind == "hello_error" else None
            self._recvd_hello = True
            self._finished_handshake.set()
            if self._refusal is not None:
                raise LibsqlError("the greeting was refused", "HELLO")
            return
        number = message.get("request_id")
        state = self._response_map.get(number) if type(number) is int else None
        if state is None:
            raise Malformed("a message answers no request")
        answer = _answer(kind, message, state.type)
        del self._response_map[number]
        self._request_id_alloc.free(number)
        if not state.future.done():
            state.future.set_result(answer)

    async def greeted(self) -> Json | None:
        """Wait for the server's hello. Returns the error object of a refusal, None otherwise. Raises LibsqlError where
        the connection fails."""
        try:
            await self.wait_connected()
        except LibsqlError:
            if self._refusal is None:
                raise
        return self._refusal


class WebSocketTransport:
    """A stream on a WebSocket of its own. Such streams do not expire while the socket is open."""

    cheap_stop = True

    def __init__(self, target: Target, timeouts: Timeouts) -> None:
        self._target = target
        self._timeouts = timeouts
        self._url = endpoint(target)
        self._session: aiohttp.ClientSession | None = None
        self._conn: _Conn | None = None
        self._cursors = count()
        self.version = 3

    @property
    def fresh(self) -> bool:
        return self._conn is None

    @property
    def idle(self) -> float:
        return 0.0

    async def pipeline(
        self, requests: Sequence[Json], nonce: str, patience: float | None = None, *, last: bool = False
    ) -> list[Json]:
        conn = await self._ready()
        ending = closing(self.version, nonce)
        return await self._ask(conn, [{**r, "stream_id": 0} for r in (*requests, *ending)], patience)

    async def cursor(self, batch: Json) -> AsyncGenerator[list[Json], None]:
        conn = await self._ready()
        number = next(self._cursors)
        opening = {"type": "open_cursor", "stream_id": 0, "cursor_id": number, "batch": batch}
        size = _FETCH
        opened = (await self._ask(conn, [opening]))[0]
        if opened["type"] == "error":
            # The cursor is not closed: sqld cuts the connection when a cursor that did not open is closed.
            raise Fault(statement_error(opened["error"], self._target, None, None), sent=False, kept=True)
        try:
            while True:
                fetching = {"type": "fetch_cursor", "cursor_id": number, "max_count": size}
                fetched = (await self._ask(conn, [fetching]))[0]
                if fetched["type"] == "error":
                    yield [{"type": "error", "error": fetched["error"]}]
                    return
                entries, done = await self._fetched(fetched["response"])
                size = _next_size(entries)
                if entries:
                    yield entries
                if done:
                    return
        finally:
            if self._conn is conn:
                await self._ask(conn, [{"type": "close_cursor", "cursor_id": number}])

    async def _fetched(self, response: Json) -> tuple[list[Json], bool]:
        """The entries of the cursor in ``response``, and whether they are the last."""
        entries, done = response.get("entries"), response.get("done")
        if type(entries) is list and all(type(e) is dict for e in entries) and type(done) is bool and (entries or done):
            return entries, done
        await self.drop()
        raise not_a_server(self._target, "the entries of a cursor are not a list of objects")

    async def drop(self) -> None:
        await self._end(_CLOSE_SECONDS)

    async def close(self, *, waits: bool) -> None:
        await self._end(_CLOSE_SECONDS if waits else _FAREWELL_SECONDS)

    async def _end(self, seconds: float) -> None:
        """Say that the connection ends, wait for the same word of the server for ``seconds``, and end it."""
        conn, self._conn = self._conn, None
        session, self._session = self._session, None
        if conn is not None:
            with suppress(Exception):
                await asyncio.wait_for(conn.close(), seconds)
        if session is not None:
            await session.close()

    async def _ready(self) -> _Conn:
        """The open connection; a new one where there is none. A fault means that nothing was sent."""
        if self._conn is not None:
            if self._conn.exception is None:
                return self._conn
            # The server closed the socket between two requests.
            await self.drop()
            raise Fault(
                ConnectError(
                    f"{self._target}: the server closed the connection",
                    state="an open transaction was rolled back by the server; nothing was changed by this request",
                    hint="run it again",
                ),
                sent=False,
                expired=True,
            )
        self._session = aiohttp.ClientSession(headers={"User-Agent": USER_AGENT}, cookie_jar=aiohttp.DummyCookieJar())
        conn = self._conn = _Conn(self._session, self._url, self._target.token, self._timeouts.connect)
        # Sent with the greeting, whose answer comes first.
        opening = conn.send_request({"type": "open_stream", "stream_id": 0})
        error: BaseException | None = None
        refusal: Json | None = None
        try:
            refusal = await asyncio.wait_for(conn.greeted(), self._timeouts.connect + 1)
        except Exception as e:
            error = e
        if refusal is not None:
            fault = Fault(statement_error(refusal, self._target, None, None), sent=False)
        elif error is None:
            self.version = 3 if conn.protocol == "hrana3" else 2
            opened = (await self._answers(conn, [opening], self._timeouts.answer))[0]
            if opened["type"] == "ok":
                return conn
            fault = Fault(statement_error(opened["error"], self._target, None, None), sent=False)
        else:
            fault = self._greeting_fault(error)
        await self.drop()
        _settled([opening])
        raise fault

    async def _ask(self, conn: _Conn, requests: Sequence[Json], patience: float | None = None) -> list[Json]:
        """Send ``requests`` at once; return the answer to each, in the form of an answer over HTTP."""
        wait = patience if patience is not None else self._timeouts.answer
        futures, refused = [], None
        try:
            futures = [conn.send_request(r) for r in requests]
        except StatementError as e:
            refused = e
        if refused is not None:
            await self.drop()
            raise Fault(refused, sent=False)
        return await self._answers(conn, futures, wait)

    async def _answers(self, conn: _Conn, futures: Sequence[asyncio.Future[Any]], wait: float) -> list[Json]:
        """The answer to each request of ``futures``."""
        try:
            # Not gather() in wait_for(): these cancel the futures, and the connection cannot settle a cancelled future.
            _, pending = await asyncio.wait(futures, timeout=wait)
        except asyncio.CancelledError:
            await self.drop()
            _settled(futures)
            raise
        if not pending and conn.exception is None:
            return [f.result() for f in futures]
        reason = conn.exception
        await self.drop()
        _settled(futures)
        if pending:
            raise timed_out(self._target)
        if isinstance(reason, Malformed):
            raise not_a_server(self._target, str(reason))
        fault = network_fault(ConnectionResetError(), self._target)
        fault.error.hint = (
            "check the network and the server; sqld also cuts a WebSocket where the token does not "
            "give the right to a statement, and where a text is not UTF-8"
        )
        raise fault

    def _greeting_fault(self, error: BaseException) -> Fault:
        if isinstance(error, aiohttp.WSServerHandshakeError):
            if error.status in (505, 400, 405, 426):
                return Fault(
                    ConnectError(
                        f"{self._target} refuses WebSockets (HTTP {error.status})",
                        state="nothing was changed: the database was not reached",
                        hint="Turso Cloud speaks HTTP only: use libsql:// or https:// in place of ws:// and wss://",
                    ),
                    sent=False,
                )
            fault = http_status(error.status, "", self._target, 0)
            fault.sent = False
            return fault
        if isinstance(error, asyncio.TimeoutError):
            error = aiohttp.ConnectionTimeoutError()
        if isinstance(error, Malformed):
            fault = not_a_server(self._target, str(error))
            fault.sent = False
            return fault
        if isinstance(error, LibsqlError):
            return Fault(
                ConnectError(
                    f"{self._target}: the server closed the connection before it was opened",
                    state="nothing was changed: the database was not reached",
                    hint="check the URL: the name of the database, the host, the port",
                ),
                sent=False,
            )
        fault = network_fault(error, self._target)
        fault.sent = False
        return fault


def _answer(kind: object, message: Json, wanted: str) -> Json:
    """The ``message`` that answers a request of the type ``wanted``, in the form of an answer over HTTP."""
    if kind == "response_ok":
        answer = {"type": "ok", "response": message.get("response")}
    elif kind == "response_error":
        answer = {"type": "error", "error": message.get("error")}
    else:
        raise Malformed("a message has an unknown type")
    shapes.pipeline_results({"results": [answer]}, 1)
    if kind == "response_ok":
        shapes.response(answer, wanted)
    return answer


def _next_size(entries: Sequence[Json]) -> int:
    """How many rows to request so that the next answer has about a megabyte, by the size of the last rows."""
    weight = sum(
        len(str(value.get("value") or value.get("base64") or ""))
        for row in (entry.get("row") for entry in entries)
        if type(row) is list
        for value in row
        if type(value) is dict
    )
    return max(1, min(1000, len(entries) * _ANSWER_BYTES // max(weight, 20 * len(entries), 1)))


def _settled(futures: Sequence[asyncio.Future[Any]]) -> list[Any]:
    """The result or exception of each future that is done. Reading an exception keeps asyncio from reporting it as
    never retrieved."""
    return [f.exception() or f.result() for f in futures if f.done() and not f.cancelled()]
