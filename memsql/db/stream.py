"""One stream to a libSQL server: what is sent on it, what its answers mean for the transaction, and what follows where
an answer is lost or cannot be believed."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import TypeVar

from memsql import token_rules
from memsql.config import Target
from memsql.db import hrana
from memsql.db.answers import Json, Malformed
from memsql.db.cursor import CursorReader, Rows
from memsql.db.faults import (
    Fault,
    broken_off,
    commit_unknown,
    not_a_server,
    statement_error,
    stream_expired,
    transaction_gone,
)
from memsql.db.intent import Intent
from memsql.db.loop import Loop, Stopped
from memsql.db.pipeline import Outcome, Pipeline, Reads, TransactionGone, guarded_query, in_transaction
from memsql.db.protocol import Item, Params
from memsql.db.transport import Timeouts, Transport, endpoint, proxy_for
from memsql.db.undone import are_settings, undone
from memsql.errors import INTERRUPT, LockedError, MemsqlError, StatementError

T = TypeVar("T")
_RETRIES = 2
# A stream that was idle for so long may have expired.
_EXPIRY_SECONDS = 5.0


class Stream:
    """A stream, which a new one silently replaces where nothing is lost by it. The settings made with PRAGMA are then
    made again.

    ``open``: whether a transaction is open, by the last answer that could be believed. ``requests``: round trips so
    far. ``settings``: the text of each PRAGMA that a new stream needs, by its name. ``tick`` is called while the stream
    waits for an answer, and stops the waiting by returning True; ``meanwhile`` is called once, in the first wait.

    What belongs to an open transaction is sent so that the server runs it only inside that transaction, and never on
    another stream. An answer without a way to go on, one that contradicts itself and one of another request mean that
    the stream is lost. Then, and where the server has rolled a transaction back by itself (``undo()``), ``refuse()``
    keeps back what whoever believes in the transaction sends, until ``forget()`` (see memsql.db.undone).
    """

    def __init__(self, target: Target, timeouts: Timeouts) -> None:
        self.open = False
        self.requests = 0
        self.settings: dict[str, str] = {}
        self.tick: Callable[[], bool] | None = None
        self.meanwhile: Callable[[], None] | None = None
        self.lost = False
        self._cause: str | None = None
        self._target = target
        self._timeouts = timeouts
        self._transport = _transport(target, timeouts)
        self._loop = Loop()
        self._name = secrets.token_hex(8)
        self._reading = False

    @property
    def version(self) -> int:
        """The version of Hrana."""
        return self._transport.version

    @property
    def is_new(self) -> bool:
        """Whether nothing was sent on this stream yet."""
        return self._transport.fresh

    def refuse(self, items: Sequence[Item], intent: Intent) -> None:
        """Raise TransactionUndone where the server has rolled the open transaction back, unless ``items`` are settings
        alone, and ConnectError for a write or COMMIT without a BEGIN where the stream with the transaction was lost."""
        if self._cause is not None and not are_settings(items):
            raise undone(self._target, self._cause)
        if self.lost and intent.outside:
            raise transaction_gone(self._target).error

    def undo(self, cause: str) -> None:
        """Note that the server has rolled the transaction back by itself, behind an error with the message
        ``cause``."""
        self._cause = cause

    def forget(self) -> None:
        """Whoever believed in a transaction that was lost knows of it."""
        self.lost, self._cause = False, None

    def run(self, items: Sequence[Item], intent: Intent, patience: float | None = None) -> tuple[Pipeline, Outcome]:
        """Send ``items``. ``patience``, in seconds, replaces the time to wait for the answer.

        Raises ConnectError, LockedError, and StatementError for a value that cannot be sent or an interrupt.
        """
        pipeline = Pipeline(items, self.guard)
        return pipeline, self.exchange(pipeline.requests, intent, pipeline.read, patience=patience)

    @property
    def guard(self) -> int | None:
        """The version of Hrana, for what must run inside the open transaction; None where none is open."""
        return self.version if self.open else None

    def read(self, reads: Reads, intent: Intent, patience: float | None = None) -> Outcome:
        """Send ``reads``, and end the stream where no transaction is open behind them. Raises like run()."""
        return self.exchange(
            reads.requests, intent, reads.read, patience=patience, last=not (self.open or intent.opens)
        )

    def exchange(
        self,
        requests: Sequence[Json],
        intent: Intent,
        read: Callable[[list[Json]], T],
        *,
        patience: float | None = None,
        last: bool = False,
    ) -> T:
        """Send ``requests`` and return what ``read`` makes of their answers. ``last``: the stream may end with them.
        Raises like run()."""
        self._refuse_while_reading()
        if intent.keeps and not self.open and self._transport.idle > _EXPIRY_SECONDS:
            # If the stream has expired, the answer that says so would leave it open whether something was committed.
            self.lose()
        tries = 0
        while True:
            settings = [hrana.execute(sql) for sql in self.settings.values()] if self.is_new else []
            nonce = self._next_nonce()
            meanwhile, self.meanwhile = self.meanwhile, None
            self.requests += 1
            try:
                answers = self._loop.run(
                    self._transport.pipeline([*settings, *requests], nonce, patience, last=last),
                    None if intent.keeps else self.tick,
                    meanwhile,
                )
                return self._understood(answers[len(settings) :], nonce, intent, read)
            except Fault as e:
                fault = e
            except MemsqlError:
                raise
            except BaseException as e:
                self.lose()
                if isinstance(e, Stopped):
                    raise StatementError("interrupted", code=INTERRUPT) from None
                raise
            self._recover(fault, intent, tries)
            tries += 1

    def query(self, sql: str, params: Params, intent: Intent) -> tuple[tuple[str, ...], Generator[Rows, None, None]]:
        """The names of the columns that ``sql`` returns, and its rows in lists, as they arrive. Needs version 3."""
        columns: list[str] = []
        lists = self._lists(sql, params, intent, columns)

        def rest(rows: Rows | None) -> Generator[Rows, None, None]:
            try:
                while rows is not None:
                    if rows:
                        yield rows
                    rows = next(lists, None)
            finally:
                lists.close()

        first = next(lists, None)
        return tuple(columns), rest(first)

    def lose(self) -> None:
        """Drop the stream, and with it an open transaction."""
        self.lost = self.lost or self.open
        self.open = False
        self._drop()

    def close(self) -> None:
        """End the stream and release everything. Only where a transaction is open, wait until the server has ended
        it."""
        was_open, self.open = self.open, False
        if not self._loop.closed:
            self._loop.run(self._transport.close(waits=was_open))
            self._loop.close()

    def _drop(self) -> None:
        self._loop.run(self._transport.drop())

    def _next_nonce(self) -> str:
        """A text that no other request has."""
        return f"{self._name}-{self.requests}"

    def _refuse_while_reading(self) -> None:
        if self._reading:
            raise RuntimeError("a result of stream_rows() is still being read on this connection")

    def _understood(self, answers: Sequence[Json], nonce: str, intent: Intent, read: Callable[[list[Json]], T]) -> T:
        """What ``read`` makes of ``answers``, without those to closing(). Raises Fault where they cannot be believed,
        or where they say that the transaction is gone which should be open."""
        try:
            state = in_transaction(answers[-2:], nonce)
            outcome = read(list(answers[:-2]))
            failed = isinstance(outcome, Outcome) and outcome.failure is not None
            if not failed and intent.inside is False and state is True:
                raise Malformed("it says that a transaction is open, which this request ended")
        except (Malformed, TransactionGone) as e:
            self._drop()
            raise self._broken(e) from None
        if isinstance(state, dict):
            raise self._stateless(state, intent)
        if (state and self.is_new) or (not failed and intent.inside and not state):
            self._drop()
            raise transaction_gone(self._target)
        self.open = state
        return outcome

    def _stateless(self, error: Json, intent: Intent) -> Fault | MemsqlError:
        """What to raise where the server does not say whether a transaction is open, but ``error``."""
        self.lose()
        problem = statement_error(error, self._target, None, None)
        return Fault(problem) if intent.keeps and not isinstance(problem, LockedError) else problem

    def _recover(self, fault: Fault, intent: Intent, tries: int) -> None:
        """Return where the request may be sent again; otherwise raise the error."""
        was_open, gone = self.open, self.is_new
        self.open = was_open and not gone
        self.lost = self.lost or (was_open and gone)
        error = fault.error
        if intent.keeps and (fault.sent or (fault.refused and (was_open or fault.expired))):
            self.lose()
            raise commit_unknown(self._target, error) from None
        if was_open and gone:
            error.state = "the server rolls the open transaction back; nothing of it is kept"
        if fault.expired:
            if was_open:
                raise stream_expired(self._target, True) from None
            if tries == 0:
                return
        elif fault.again and tries < _RETRIES and (not fault.sent or (intent.repeatable and not was_open)):
            time.sleep(self._timeouts.retry * 4**tries)
            return
        raise error from None

    def _lists(self, sql: str, params: Params, intent: Intent, columns: list[str]) -> Generator[Rows, None, None]:
        """The rows of query(). ``columns`` gets their names before the first list comes, which may be empty."""
        self._refuse_while_reading()
        tries = 0
        while True:
            nonce = self._next_nonce()
            batch = guarded_query(sql, params, nonce, guarded=self.open)
            self.requests += 1
            reader = CursorReader(nonce, guarded=self.open)
            fault, begun = None, False
            try:
                for rows in self._entries(reader, self._transport.cursor(batch)):
                    columns[:] = reader.columns
                    begun = True
                    yield rows
            except Fault as e:
                fault = e
            if fault is None and reader.failure is not None:
                raise statement_error(reader.failure, self._target, sql, None)
            if fault is None:
                return
            self._recover(fault, intent, _RETRIES if begun else tries)
            tries += 1

    def _entries(self, reader: CursorReader, source: AsyncGenerator[list[Json], None]) -> Generator[Rows, None, None]:
        """The rows of ``source``, as ``reader`` takes them. Raises Fault, and StatementError like the reader."""
        self._reading = True
        try:
            while entries := self._loop.run(_take(source), self.tick):
                rows = reader.take(entries)
                if reader.columns:
                    yield rows
            complete = reader.finish() or reader.failure is not None
        except (GeneratorExit, StatementError):
            if self.open and not self._transport.cheap_stop:
                # Read to the end: to close the answer would end the stream, and the transaction with it.
                while self._loop.run(_take(source)):
                    pass
            raise
        except (Malformed, TransactionGone, Stopped) as e:
            self._loop.run(source.aclose())
            self._drop()
            raise self._broken(e) from None
        finally:
            self._reading = False
            self._loop.run(source.aclose())
        if self.open and self.is_new:
            raise transaction_gone(self._target)
        if not complete:
            raise Fault(broken_off(self._target), sent=False)

    def _broken(self, error: Malformed | TransactionGone | Stopped) -> Fault:
        """The fault for an answer that cannot be used."""
        if isinstance(error, Malformed):
            return not_a_server(self._target, str(error))
        if isinstance(error, TransactionGone):
            return transaction_gone(self._target)
        return Fault(StatementError("interrupted", code=INTERRUPT))


async def _take(source: AsyncGenerator[list[Json], None]) -> list[Json]:
    """The next entries of a cursor; an empty list at its end."""
    return await anext(source, [])


def _transport(target: Target, timeouts: Timeouts) -> Transport:
    """The transport for the scheme of ``target``. Raises UsageError where its token could be read on the way."""
    url = endpoint(target)
    if target.token:
        token_rules.refuse_readable(url, target.token_rules, proxy=proxy_for(url))
    if url.startswith("ws"):
        from memsql.db.websocket import WebSocketTransport

        return WebSocketTransport(target, timeouts)
    from memsql.db.http import HttpTransport

    return HttpTransport(target, timeouts)
