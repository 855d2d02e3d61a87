"""Connections to libSQL servers: one stream, kept alive over HTTP or WebSocket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from memsql import hints
from memsql.config import Target
from memsql.db import hrana
from memsql.db.answers import Json
from memsql.db.cursor import Rows
from memsql.db.faults import commit_unknown, statement_error
from memsql.db.intent import Intent, intent_of
from memsql.db.pipeline import NO_SAVEPOINT, Outcome, Pipeline, Reads
from memsql.db.protocol import Item, Params, Result, Script, Touched, Value
from memsql.db.stream import Stream
from memsql.db.tally import Tally
from memsql.db.transport import Timeouts
from memsql.errors import ConnectError, LockedError, MemsqlError, StatementError
from memsql.sqltext import effect

BODY_LIMIT = 4 << 20
"""Bytes of SQL that a server takes in one request, over HTTP and WebSocket: sqld closes a WebSocket at a frame of 16
MiB, and refuses values of more than 5,000,000 bytes. Over HTTP sqld took 70 MiB, but proxies in front of it do not."""

ROW_LIMIT = 5_000_000
"""Bytes of the largest value, and of the largest row, that sqld takes."""

_CHUNK = 1000
_CHUNK_BYTES = 1 << 20
_WAY_SECONDS = 1.0
"""How long an answer to BEGIN may be under way, beside the wait for the lock: nobody sees from here which of the two it
is, and no server would ever be reached whose way is longer than the busy timeout."""
_UNREADABLE = ("SQL_PARSE_ERROR", "SQL_MANY_STATEMENTS", "SQL_NO_STATEMENT")


class LibsqlConnection:
    """One stream to a libSQL server. Nothing is sent until the first statement.

    A new stream silently replaces one that is gone where nothing is lost: when the stream expired outside a
    transaction, when a connection was refused, and when a read outside a transaction was cut off. The settings made
    with PRAGMA are then made again.
    """

    def __init__(self, target: Target, mode: str, busy_timeout: int, timeouts: Timeouts | None = None) -> None:
        self.target = target
        self.tally: Tally | None = None
        self.body_limit: int | None = BODY_LIMIT
        self.mode = mode
        self._busy_timeout = busy_timeout
        self._stream = Stream(target, timeouts or Timeouts())

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, by the last answer of the server."""
        return self._stream.open

    @property
    def requests(self) -> int:
        """Round trips so far."""
        return self._stream.requests

    def execute(self, sql: str, params: Params = ()) -> Result:
        intent = self._intent([(sql, params)])
        if effect(sql).kind == "attach":
            # Not sent: the server would answer 403, as to a wrong token, and end the stream.
            raise statement_error({"message": "unsupported statement: "}, self.target, sql, None)
        was_open = self.in_transaction
        try:
            outcome = self._run([(sql, params)], intent)[1]
        except StatementError as e:
            e.index = None
            raise
        if outcome.failure is None:
            return outcome.results[0] if self.tally is None else self.tally.add(outcome.results[0])
        error = outcome.failure[2]
        self._notice_end(error, sql, inside=was_open)
        if error.get("code") == "RESPONSE_TOO_LARGE" and intent.repeatable and self._stream.version >= 3:
            columns, rows = self._query(sql, params, intent)
            return Result(columns, [row for chunk in rows for row in chunk])
        raise statement_error(error, self.target, sql, None)

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
        stream = self._stream
        if self.requests == 0 or (stream.is_new and stream.settings):
            stream.exchange([], Intent(), list)
        if stream.version < 3:
            yield self.execute(sql, params).rows
            return
        yield from self._query(sql, params, self._intent([(sql, params)]))[1]

    def batch(self, items: Sequence[Item]) -> list[Result]:
        if not items:
            return []
        return self._batch(items) if self.tally is None else self.tally.batch(items, self._batch)

    def _batch(self, items: Sequence[Item]) -> list[Result]:
        was_open = self.in_transaction
        pipeline, outcome = self._run(items, self._intent(items))
        if outcome.failure is None:
            return outcome.results
        request, step, error = outcome.failure
        index = pipeline.index_of(request, step)
        if index is None and step is None and error.get("code") in _UNREADABLE:
            index = self._unreadable(items, pipeline.members(request))
        if index is not None:
            self._stream.settings.update(intent_of(items[:index], False).settings)
        elif step is not None and NO_SAVEPOINT in error["message"]:
            raise StatementError(
                "a text before it is incomplete, or ended the transaction",
                code="MEMSQL_GATE",
                index=pipeline.members(request)[0],
            )
        item = items[index] if index is not None else None
        text = item[0] if isinstance(item, tuple) else None
        inside = was_open if index is None else bool(intent_of(items[:index], was_open).inside)
        self._notice_end(error, text, inside=inside)
        raise statement_error(error, self.target, text, index)

    def _notice_end(self, error: Json, text: str | None, *, inside: bool) -> None:
        """Let the stream refuse what follows where the transaction that was open (``inside``) when ``text`` failed with
        ``error`` is not open any more. Raise CommitUnknown where ``text`` is a COMMIT: one that fails leaves it open.
        """
        if not inside or self.in_transaction:
            return
        of_text = effect(text or "")
        commits = of_text.kind == "transaction" and of_text.name in ("COMMIT", "END")
        problem = statement_error(error, self.target, text, None)
        if commits and not isinstance(problem, LockedError):
            self._stream.lost = True
            self._stream.lose()
            raise commit_unknown(self.target, problem)
        self._stream.undo(error["message"])

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
        return self._each(Reads(reads, self._stream.guard), self._intent(reads)) if reads else []

    def _each(self, reads: Reads, intent: Intent, patience: float | None = None) -> list[Result | StatementError]:
        """Send ``reads``, and return the answer to each, or its error."""
        outcome = self._stream.read(reads, intent, patience)
        if outcome.failure is not None:
            _, step, error = outcome.failure
            raise statement_error(error, self.target, reads.first_text(step), None)
        self._stream.settings.update(intent.settings)
        if outcome.undecoded is not None:
            raise outcome.undecoded
        each: list[Result | StatementError] = []
        for index, (sql, result) in enumerate(zip(reads.texts, outcome.results, strict=True)):
            if index not in outcome.errors:
                each.append(result if self.tally is None else self.tally.add(result))
                continue
            problem = statement_error(outcome.errors[index], self.target, sql, index)
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

    def write(self, items: Sequence[Item]) -> None:
        self.batch(items)

    def script(self, sql: str, *, watched: bool = True) -> None:
        was_open = self.in_transaction
        outcome = self._run([Script(sql)], self._intent([Script(sql)]))[1]
        if outcome.failure is not None:
            self._notice_end(outcome.failure[2], None, inside=was_open)
            raise statement_error(outcome.failure[2], self.target, None, None)

    @contextmanager
    def observe(self, tick: Callable[[], bool] | None = None) -> Iterator[Touched | None]:
        """Yield None, because a server has no authorizer. ``tick`` is called while the connection waits for an
        answer."""
        self._stream.tick = tick
        try:
            yield None
        finally:
            self._stream.tick = None

    def meanwhile(self, work: Callable[[], None]) -> None:
        """Call ``work`` once while this connection waits for the next answer, unless that comes at once."""
        self._stream.meanwhile = work

    @contextmanager
    def many_commits(self) -> Iterator[None]:
        """Do nothing: there is no work to save on a server."""
        yield

    def begin(self) -> None:
        """BEGIN IMMEDIATE. A server makes a writer wait, and after 5 seconds takes the lock from the writer that has
        it. A shorter busy timeout ends the wait here, a second after it."""
        self.begin_and_read(())

    def begin_and_read(
        self, reads: Sequence[tuple[str, Params]], settings: Sequence[str] = ()
    ) -> list[Result | StatementError]:
        patience = self._busy_timeout / 1000 + _WAY_SECONDS
        first = [*settings, "BEGIN IMMEDIATE"]
        self._stream.lost = False
        items: list[Item] = [*((sql, ()) for sql in first), *reads]
        intent = intent_of(items, False)
        self._stream.refuse(items, intent)
        try:
            return self._each(Reads(reads, first=first), intent, patience)
        except LockedError:
            raise LockedError(
                f"{self.target} is locked by another writer",
                state="nothing was changed",
                hint=f"wait for the other writer to finish, or raise busy_timeout in {hints.settings_file()}",
            ) from None

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        if self._stream.open:
            # Where ROLLBACK fails, the end of the stream ends the transaction.
            try:
                self.execute("ROLLBACK")
            except MemsqlError:
                self._stream.lose()
        self._stream.forget()

    def close(self) -> None:
        self._stream.close()

    def _intent(self, items: Sequence[Item]) -> Intent:
        intent = intent_of(items, self._stream.open)
        if intent.writes and self.mode == "ro":
            raise ConnectError(
                f"{self.target} cannot be written: it was opened for reading only", state="nothing was changed"
            )
        self._stream.refuse(items, intent)
        return intent

    def _run(self, items: Sequence[Item], intent: Intent) -> tuple[Pipeline, Outcome]:
        """Send ``items``, and keep their settings where all of them ran. Raises StatementError for a value that cannot
        be sent or received."""
        pipeline, outcome = self._stream.run(items, intent)
        if outcome.failure is None:
            self._stream.settings.update(intent.settings)
            if outcome.undecoded is not None:
                raise outcome.undecoded
        return pipeline, outcome

    def _query(self, sql: str, params: Params, intent: Intent) -> tuple[tuple[str, ...], Iterator[Rows]]:
        """Stream.query(), whose StatementError has the statement."""
        try:
            return self._stream.query(sql, params, intent)
        except StatementError as e:
            e.statement = sql
            raise

    def _unreadable(self, items: Sequence[Item], members: Sequence[int]) -> int | None:
        """The index in ``members`` of the statement that the server cannot parse, so that it refused a whole batch.

        The refusal does not name it. So one more request makes the server parse each statement and run none.
        """
        texts = [item[0] for item in (items[i] for i in members) if isinstance(item, tuple)]
        with suppress(MemsqlError):
            requests = [hrana.parse_only(text) for text in texts]
            for index, answer in zip(members, self._stream.exchange(requests, Intent(), list), strict=True):
                if answer["type"] == "error":
                    return index
        return None
