"""Connections to libSQL servers: one stream, kept alive over HTTP or WebSocket."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from libsql_client import LibsqlError

from memsql import hints
from memsql.config import Target
from memsql.db import hrana
from memsql.db.faults import Fault, broken_off, not_a_server, statement_error, stream_expired
from memsql.db.hrana import Json
from memsql.db.intent import Intent, intent_of
from memsql.db.loop import Loop, Stopped
from memsql.db.protocol import Item, Params, Result, Script, Touched, Value
from memsql.db.tally import Tally
from memsql.db.transport import Timeouts, Transport, endpoint
from memsql.errors import INTERRUPT, CommitUnknown, ConnectError, LockedError, MemsqlError, StatementError
from memsql.sqltext import effect

BODY_LIMIT = 4 << 20
"""Bytes of SQL that a server takes in one request, over HTTP and WebSocket: sqld closes a WebSocket at a frame of 16
MiB, and refuses values of more than 5,000,000 bytes. Over HTTP sqld took 70 MiB, but proxies in front of it do not."""

ROW_LIMIT = 5_000_000
"""Bytes of the largest value, and of the largest row, that sqld takes."""

T = TypeVar("T")
_RETRIES = 2
_CHUNK = 1000
_CHUNK_BYTES = 1 << 20
_SERVER_LOCK_MS = 5000
_UNREADABLE = ("SQL_PARSE_ERROR", "SQL_MANY_STATEMENTS", "SQL_NO_STATEMENT")


class LibsqlConnection:
    """One stream to a libSQL server. Nothing is sent until the first statement.

    A new stream silently replaces one that is gone where nothing is lost: when the stream expired outside a
    transaction, when a connection was refused, and when a read outside a transaction was cut off. The settings made
    with PRAGMA are then made again.
    """

    def __init__(self, target: Target, mode: str, busy_timeout: int, timeouts: Timeouts | None = None) -> None:
        self.target = target
        self.requests = 0
        self.tally: Tally | None = None
        self.body_limit: int | None = BODY_LIMIT
        self.mode = mode
        self._busy_timeout = busy_timeout
        self._timeouts = timeouts or Timeouts()
        self._transport = _transport(target, self._timeouts)
        self._loop = Loop()
        self._open = False
        self._reading = False
        self._settings: dict[str, str] = {}
        self._tick: Callable[[], bool] | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, by the last answer of the server."""
        return self._open

    def execute(self, sql: str, params: Params = ()) -> Result:
        intent = self._intent([(sql, params)])
        if effect(sql).kind == "attach":
            # Not sent: the server would answer 403, as to a wrong token, and end the stream.
            raise statement_error({"message": "unsupported statement: "}, self.target, sql, None)
        request = self._encoded(lambda: hrana.execute(sql, params), sql)
        answer = self._ask([request], intent)[0]
        if answer["type"] == "ok":
            self._settings.update(intent.settings)
            result = self._encoded(
                lambda: self._decoded(lambda: hrana.decode_result(answer["response"]["result"])), sql
            )
            return result if self.tally is None else self.tally.add(result)
        if answer["error"].get("code") == "RESPONSE_TOO_LARGE" and intent.repeatable and self._transport.version >= 3:
            columns, rows = self._cursor(sql, params)
            return Result(tuple(columns), [row for chunk in rows for row in chunk])
        raise statement_error(answer["error"], self.target, sql, None)

    def executemany(self, sql: str, rows: Iterable[Params]) -> None:
        chunk: list[Item] = []
        weight = 0
        for row in rows:
            chunk.append((sql, row))
            weight += len(sql) + sum(len(v) if isinstance(v, (str, bytes)) else 8 for v in row) + 50
            if len(chunk) == _CHUNK or weight > _CHUNK_BYTES:
                self.batch(chunk)
                chunk, weight = [], 0
        if chunk:
            self.batch(chunk)

    def stream_rows(self, sql: str, params: Params = ()) -> Iterator[tuple[Value, ...]]:
        for rows in self.stream_lists(sql, params):
            yield from rows

    def stream_lists(self, sql: str, params: Params = ()) -> Iterator[list[tuple[Value, ...]]]:
        """stream_rows() in lists of rows, as they arrive: each has about a megabyte at most, or one row."""
        if self.requests == 0 or (self._transport.fresh and self._settings):
            self._ask([], Intent())
        if self._transport.version < 3:
            yield self.execute(sql, params).rows
            return
        yield from self._cursor(sql, params)[1]

    def batch(self, items: Sequence[Item]) -> list[Result]:
        if not items:
            return []
        return self._batch(items) if self.tally is None else self.tally.batch(items, self._batch)

    def _batch(self, items: Sequence[Item]) -> list[Result]:
        intent = self._intent(items)
        pipeline = hrana.Pipeline(items)
        answers = self._ask(pipeline.requests, intent)
        failure = self._decoded(lambda: pipeline.failure(answers))
        if failure is None:
            self._settings.update(intent.settings)
            return self._decoded(lambda: pipeline.results(answers))
        request, step, error = failure
        index = pipeline.index_of(request, step)
        if index is None and step is None and error.get("code") in _UNREADABLE:
            index = self._unreadable(items, pipeline.members(request))
        if index is not None:
            self._settings.update(intent_of(items[:index], False).settings)
        elif step is not None:
            raise StatementError(
                "a text before it is incomplete, or ended the transaction",
                code="MEMSQL_GATE",
                index=pipeline.members(request)[0],
            )
        item = items[index] if index is not None else None
        raise statement_error(error, self.target, item[0] if isinstance(item, tuple) else None, index)

    def read_each(self, reads: Sequence[tuple[str, Params]]) -> list[Result | StatementError]:
        results: list[Result | StatementError] = []
        while len(results) < len(reads):
            rest = reads[len(results) :]
            try:
                results += self.batch(rest)
            except StatementError as e:
                if e.is_interrupt:
                    raise
                if e.index is None or e.code == "RESPONSE_TOO_LARGE":
                    results += [self._read(sql, params) for sql, params in rest]
                else:
                    # A batch that fails brings no results, not even of the reads before the failure; and none of those
                    # ran where the server cannot parse the text of the failed one.
                    results += self.read_each(rest[: e.index])
                    results.append(e)
        return results

    def read_together(self, reads: Sequence[tuple[str, Params]]) -> list[Result | StatementError]:
        own = not self._open
        encoded = [self._encoded(partial(hrana.statement, sql, params), sql) for sql, params in reads]
        answer = self._ask(hrana.together(encoded, own=own), self._intent(reads), last=own)[0]
        if answer["type"] == "error":
            raise statement_error(answer["error"], self.target, None, None)
        return self._decoded(lambda: self._each(reads, answer["response"]["result"], own=own))

    def _each(self, reads: Sequence[tuple[str, Params]], result: Json, *, own: bool) -> list[Result | StatementError]:
        """The results and errors in the answer to hrana.together()."""
        steps = list(zip(result["step_results"], result["step_errors"], strict=True))
        if own:
            begun, *steps = steps
            if begun[1] is not None:
                raise statement_error(begun[1], self.target, "BEGIN", None)
        each: list[Result | StatementError] = []
        for index, ((sql, _), (rows, error)) in enumerate(zip(reads, steps, strict=True)):
            if error is None:
                decoded = hrana.decode_result(rows)
                each.append(decoded if self.tally is None else self.tally.add(decoded))
                continue
            problem = statement_error(error, self.target, sql, index)
            if not isinstance(problem, StatementError) or problem.is_interrupt:
                raise problem
            each.append(problem)
        return each

    def _read(self, sql: str, params: Params) -> Result | StatementError:
        try:
            return self.execute(sql, params)
        except StatementError as e:
            if e.is_interrupt:
                raise
            return e

    def script(self, sql: str, *, watched: bool = True) -> None:
        intent = self._intent([Script(sql)])
        answer = self._ask([hrana.sequence(sql)], intent)[0]
        if answer["type"] == "error":
            raise statement_error(answer["error"], self.target, None, None)
        self._settings.update(intent.settings)

    @contextmanager
    def observe(self, tick: Callable[[], bool] | None = None) -> Iterator[Touched | None]:
        """Yield None, because a server has no authorizer. ``tick`` is called while the connection waits for an
        answer."""
        self._tick = tick
        try:
            yield None
        finally:
            self._tick = None

    @contextmanager
    def many_commits(self) -> Iterator[None]:
        """Do nothing: there is no work to save on a server."""
        yield

    def begin(self) -> None:
        """BEGIN IMMEDIATE. A server makes a writer wait, and after 5 seconds takes the lock from the writer that has
        it. A busy timeout of less than that ends the wait here."""
        short = self._busy_timeout < _SERVER_LOCK_MS
        patience = self._busy_timeout / 1000 + (0 if short else 1)
        sql = "BEGIN IMMEDIATE"
        try:
            answer = self._ask([hrana.execute(sql)], Intent(opens=True), patience)[0]
        except LockedError:
            raise LockedError(
                f"{self.target} is locked by another writer",
                state="nothing was changed",
                hint=f"wait for the other writer to finish, or raise busy_timeout in {hints.settings_file()}",
            ) from None
        if answer["type"] == "error":
            raise statement_error(answer["error"], self.target, sql, None)

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        if self._open:
            # Where ROLLBACK fails, the end of the stream ends the transaction.
            try:
                self.execute("ROLLBACK")
            except MemsqlError:
                self._lose()

    def close(self) -> None:
        self._open = False
        if not self._loop.closed:
            self._loop.run(self._transport.close())
            self._loop.close()

    def _intent(self, items: Sequence[Item]) -> Intent:
        intent = intent_of(items, self._open)
        if intent.writes and self.mode == "ro":
            raise ConnectError(
                f"{self.target} cannot be written: it was opened for reading only", state="nothing was changed"
            )
        return intent

    def _encoded(self, work: Callable[[], T], sql: str) -> T:
        """Return the result of ``work``; its StatementError gets ``sql`` as its statement."""
        try:
            return work()
        except StatementError as e:
            e.statement = sql
            raise

    def _decoded(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, which reads an answer. Raises ConnectError where the answer is not Hrana."""
        with suppress(KeyError, IndexError, TypeError, ValueError, AttributeError, AssertionError, LibsqlError):
            return work()
        raise not_a_server(self.target).error

    def _ask(
        self, requests: Sequence[Json], intent: Intent, patience: float | None = None, *, last: bool = False
    ) -> list[Json]:
        """Send ``requests`` and return their answers. Where the stream is gone and nothing is lost, a new one is
        used. ``last``: the stream may end with them."""
        if self._reading:
            raise RuntimeError("a result of stream_rows() is still being read on this connection")
        tries = 0
        while True:
            settings = [hrana.execute(sql) for sql in self._settings.values()] if self._transport.fresh else []
            self.requests += 1
            fault = None
            try:
                answers = self._loop.run(
                    self._transport.pipeline([*settings, *requests], patience, last=last),
                    None if intent.keeps else self._tick,
                )
            except Fault as e:
                fault = e
            except Stopped:
                self._lose()
                raise StatementError("interrupted", code=INTERRUPT) from None
            except BaseException:
                self._lose()
                raise
            if fault is None:
                break
            self._recover(fault, intent, tries)
            tries += 1
        state = self._decoded(lambda: hrana.in_transaction(answers.pop()))
        self._open = state is True
        if isinstance(state, dict):
            raise statement_error(state, self.target, None, None)
        return answers[len(settings) :]

    def _recover(self, fault: Fault, intent: Intent, tries: int) -> None:
        """Return where the request may be sent again; otherwise raise the error."""
        was_open, gone = self._open, self._transport.fresh
        self._open = was_open and not gone
        error = fault.error
        if was_open and gone:
            error.state = "the server rolls the open transaction back; nothing of it is kept"
        if fault.expired:
            if was_open:
                raise stream_expired(self.target, True) from None
            if tries == 0:
                return
        elif fault.sent and intent.keeps:
            raise CommitUnknown(
                f"{self.target}: no answer came to the request that commits",
                details=tuple(text for text in (error.message, error.hint) if text),
                state="whether the change was committed is not known; it is there completely or not at all",
                hint=f"see: {hints.command('migrate.status')}",
            ) from None
        elif fault.again and tries < _RETRIES and (not fault.sent or (intent.repeatable and not was_open)):
            time.sleep(self._timeouts.retry * 4**tries)
            return
        raise error from None

    def _lose(self) -> None:
        """Drop the stream, and with it an open transaction."""
        self._open = False
        self._loop.run(self._transport.drop())

    def _unreadable(self, items: Sequence[Item], members: Sequence[int]) -> int | None:
        """The index in ``members`` of the statement that the server cannot parse, so that it refused a whole batch.

        The refusal does not name it. So one more request makes the server parse each statement and run none.
        """
        texts = [item[0] for item in (items[i] for i in members) if isinstance(item, tuple)]
        with suppress(MemsqlError):
            for index, answer in zip(members, self._ask([hrana.parse_only(t) for t in texts], Intent()), strict=True):
                if answer["type"] == "error":
                    return index
        return None

    def _cursor(self, sql: str, params: Params) -> tuple[list[str], Iterator[list[tuple[Value, ...]]]]:
        """The column names, and an iterator of lists of rows that reads from the server as it goes."""
        batch = self._encoded(lambda: hrana.chain([hrana.statement(sql, params)]), sql)
        intent = self._intent([(sql, params)])
        pieces = self._entries(batch, intent)

        def rows(piece: list[Json] | None) -> Iterator[list[tuple[Value, ...]]]:
            ended = False
            try:
                while piece is not None:
                    decoded = self._decoded(partial(hrana.decode_rows, piece))
                    if decoded:
                        yield decoded
                    for entry in piece if len(decoded) < len(piece) else ():
                        ended = ended or entry["type"] == "step_end"
                        if entry["type"] in ("step_error", "error"):
                            raise statement_error(entry["error"], self.target, sql, None)
                    piece = next(pieces, None)
                if not ended:
                    raise broken_off(self.target)
            finally:
                pieces.close()

        first = next(pieces, None)
        columns = [c["name"] or "" for c in first[0]["cols"]] if first and first[0].get("type") == "step_begin" else []
        return columns, rows(first)

    def _entries(self, batch: Json, intent: Intent) -> Generator[list[Json], None, None]:
        if self._reading:
            raise RuntimeError("a result of stream_rows() is still being read on this connection")
        tries = 0
        while True:
            self.requests += 1
            source, fault, begun = self._transport.cursor(batch), None, False
            self._reading = True
            try:
                while chunk := self._loop.run(_take(source), self._tick):
                    begun = True
                    yield chunk
            except Fault as e:
                fault = e
            except GeneratorExit:
                if self._open and not self._transport.cheap_stop:
                    # Read to the end: to close the answer would end the stream, and the transaction with it.
                    while self._loop.run(_take(source)):
                        pass
                raise
            finally:
                self._reading = False
                self._loop.run(source.aclose())
            if fault is None:
                return
            self._recover(fault, intent, _RETRIES if begun else tries)
            tries += 1


async def _take(source: AsyncGenerator[list[Json], None]) -> list[Json]:
    """The next entries of a cursor; an empty list at its end."""
    return await anext(source, [])


def _transport(target: Target, timeouts: Timeouts) -> Transport:
    if endpoint(target).startswith("ws"):
        from memsql.db.websocket import WebSocketTransport

        return WebSocketTransport(target, timeouts)
    from memsql.db.http import HttpTransport

    return HttpTransport(target, timeouts)
