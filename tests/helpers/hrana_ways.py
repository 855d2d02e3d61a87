"""The three ways to a Hrana server that must agree: memsql over HTTP, memsql over WebSocket, and the driver
turso-serverless. And the requests of Hrana 3, in short."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import pytest
import servers

from memsql.db import transport
from memsql.db.answers import Json
from memsql.db.faults import Fault
from memsql.db.hrana import decode_rows
from memsql.db.http import HttpTransport
from memsql.db.loop import Loop
from memsql.db.websocket import WebSocketTransport

NAMES = ["http", "ws", "driver"]
# What the server measured is not part of the protocol's answer.
_MEASURED = ("rows_read", "rows_written", "query_duration_ms", "replication_index")


class Refused(Exception):
    """The server refused the request as a whole: it violates the protocol, and the stream is gone."""


class Way(Protocol):
    """One stream to a server."""

    def send(self, requests: Sequence[Json]) -> list[Json]:
        """The answer to each request, without what was measured. Raises Refused."""
        ...

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of one statement through a cursor. Raises Refused where the cursor or the statement fails."""
        ...

    def close(self) -> None: ...


class _Ours:
    """A transport of memsql."""

    def __init__(self, of_memsql: transport.Transport) -> None:
        self._transport, self._loop = of_memsql, Loop()

    def send(self, requests: Sequence[Json]) -> list[Json]:
        try:
            # The last two belong to memsql itself.
            *answers, _, _ = self._loop.run(self._transport.pipeline(requests, "a text"))
        except Fault as e:
            raise Refused(e.error.message) from None
        return [without_measures(answer) for answer in answers]

    def entries(self, batch: Json) -> list[Json]:
        """All entries of a cursor."""

        async def read() -> list[Json]:
            return [entry async for piece in self._transport.cursor(batch) for entry in piece]

        try:
            return [without_measures(entry) for entry in self._loop.run(read())]
        except Fault as e:
            raise Refused(e.error.message) from None

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        entries = self.entries({"steps": [{"stmt": {"sql": sql}}]})
        if any(entry["type"] in ("error", "step_error") for entry in entries):
            raise Refused
        rows = [entry["row"] for entry in entries if entry["type"] == "row"]
        return list(decode_rows(rows, len(rows[0]) if rows else 0))

    def close(self) -> None:
        if not self._loop.closed:
            self._loop.run(self._transport.close(waits=True))
            self._loop.close()


class _Driver:
    """The session of turso-serverless."""

    def __init__(self, url: str) -> None:
        self._session: Any = pytest.importorskip("turso_serverless.session").Session(url)

    def send(self, requests: Sequence[Json]) -> list[Json]:
        try:
            return [without_measures(answer) for answer in self._session.execute_pipeline(list(requests))]
        except RuntimeError as e:
            raise Refused(str(e)) from None

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        try:
            rows: list[tuple[object, ...]] = self._session.execute_stmt(sql).rows
        except RuntimeError as e:
            raise Refused(str(e)) from None
        return rows

    def close(self) -> None:
        self._session.close()


@contextmanager
def opened(url: str, name: str) -> Iterator[Way]:
    """A stream to the server at ``url``, the way that ``name`` says."""
    way: Way
    if name == "driver":
        way = _Driver(url)
    else:
        kind = HttpTransport if name == "http" else WebSocketTransport
        way = _Ours(kind(servers.target(url.replace("http", name)), transport.Timeouts()))
    try:
        yield way
    finally:
        way.close()


@contextmanager
def opened_cursor(url: str, name: str) -> Iterator[_Ours]:
    """A stream whose cursors can be looked at, the way "http" or "ws"."""
    with opened(url, name) as way:
        assert isinstance(way, _Ours)
        yield way


def without_measures(answer: Any) -> Any:
    """``answer`` without what the server measured."""
    if isinstance(answer, dict):
        return {key: without_measures(value) for key, value in answer.items() if key not in _MEASURED}
    return [without_measures(value) for value in answer] if isinstance(answer, list) else answer


def execute(sql: str, *args: Json, **fields: Any) -> Json:
    """A request for one statement, with its arguments by position; ``fields`` are further ones of the statement."""
    return {"type": "execute", "stmt": {"sql": sql, **({"args": list(args)} if args else {}), **fields}}


def step(sql: str, condition: Json | None = None) -> Json:
    """A step of a batch."""
    return {"stmt": {"sql": sql}, **({"condition": condition} if condition else {})}


def batch(*steps: Json) -> Json:
    """A request for a batch."""
    return {"type": "batch", "batch": {"steps": list(steps)}}


def value(of_python: object) -> Json:
    """A value of Hrana. Blobs are bytes."""
    import base64

    if of_python is None:
        return {"type": "null"}
    if isinstance(of_python, bytes):
        return {"type": "blob", "base64": base64.b64encode(of_python).decode().rstrip("=")}
    if isinstance(of_python, int):
        return {"type": "integer", "value": str(of_python)}
    return {"type": "float" if isinstance(of_python, float) else "text", "value": of_python}


def ok(kind: str, **fields: Any) -> Json:
    """The answer to a request of this kind that succeeded."""
    return {"type": "ok", "response": {"type": kind, **fields}}


def result(
    *rows: Sequence[object], cols: Sequence[tuple[str, str | None]] = (), changed: int = 0, rowid: int | None = None
) -> Json:
    """A result of a statement; ``cols`` are names and declared types."""
    return {
        "cols": [{"name": name, "decltype": declared} for name, declared in cols],
        "rows": [[value(one) for one in row] for row in rows],
        "affected_row_count": changed,
        "last_insert_rowid": None if rowid is None else str(rowid),
    }


def error(message: str, code: str) -> Json:
    """An error object."""
    return {"message": message, "code": code}


def failed(message: str, code: str) -> Json:
    """The answer to a request that failed."""
    return {"type": "error", "error": error(message, code)}


def pipeline(url: str, baton: str | None, *requests: Json) -> tuple[int, Json]:
    """POST a pipeline as it is: the status of HTTP and the answer, with nothing of memsql in between."""
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        body = json.dumps({"baton": baton, "requests": requests})
        connection.request("POST", "/v3/pipeline", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text.startswith(b"{") else {}
    finally:
        connection.close()
