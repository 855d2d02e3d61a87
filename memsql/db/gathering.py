"""A transaction on a server that sends as few requests as it can.

What is written waits for the next request that needs an answer, and goes in front of it. What was read ahead is
answered from memory until something is written: inside a transaction that has the write lock nobody else can change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from memsql.db.intent import intent_of
from memsql.db.protocol import Connection, Item, Params, Result, Script, Touched, Value
from memsql.db.tally import Tally, tally_of
from memsql.errors import StatementError

Answer = Result | StatementError
_Read = tuple[str, tuple[Value, ...]]
# Items that wait at most: a request has a limit.
_WAITING = 1000


class Gathering:
    """A connection (see memsql.db.protocol.Connection) over another one, for the time of a transaction."""

    def __init__(self, conn: Connection) -> None:
        self.target, self.body_limit = conn.target, conn.body_limit
        self._conn = conn
        self._waiting: list[Item] = []
        self._ahead: dict[_Read, Answer] = {}

    @property
    def requests(self) -> int:
        """Those of the connection."""
        return self._conn.requests

    @property
    def tally(self) -> Tally | None:
        """What counts on the connection."""
        return tally_of(self._conn)

    @property
    def in_transaction(self) -> bool:
        """As on the connection."""
        return self._conn.in_transaction

    def open(self, settings: Sequence[str], reads: Sequence[tuple[str, Params]]) -> None:
        """Make ``settings``, take the write lock, and read ahead, in one request. Raises LockedError."""
        try:
            self._note(reads, self._conn.begin_and_read(reads, settings))
        except StatementError:
            if self._conn.in_transaction:
                raise
            # One of them is not SQL at all, so that the server ran nothing. Whoever reads it will hear of it.
            self._conn.begin_and_read((), settings)

    def read_ahead(self, reads: Sequence[tuple[str, Params]]) -> None:
        """Read now, in one request, what will be read next."""
        self._flush()
        self._note(reads, self._conn.read_together(reads))

    def write(self, items: Sequence[Item]) -> None:
        """Let ``items`` wait."""
        self._ahead.clear()
        self._waiting += items
        if len(self._waiting) > _WAITING:
            self._flush()

    def execute(self, sql: str, params: Params = ()) -> Result:
        """Answer from memory, or send it behind what waits."""
        return self.batch([(sql, params)])[0]

    def executemany(self, sql: str, rows: Iterable[Params]) -> None:
        """Send what waits, and then these."""
        self._flush()
        self._ahead.clear()
        self._conn.executemany(sql, rows)

    def stream_rows(self, sql: str, params: Params = ()) -> Iterator[tuple[Value, ...]]:
        """Send what waits, and read."""
        self._flush()
        return self._conn.stream_rows(sql, params)

    def batch(self, items: Sequence[Item]) -> list[Result]:
        """Answer from memory, or send them behind what waits. An error in what waited has no index."""
        known = self._known(items)
        if known is not None:
            return [_answered(answer, index) for index, answer in enumerate(known)]
        waited, self._waiting = self._waiting, []
        if not intent_of(items, True).repeatable:
            self._ahead.clear()
        try:
            return self._conn.batch([*waited, *items])[len(waited) :]
        except StatementError as e:
            if e.index is not None:
                e.index = e.index - len(waited) if e.index >= len(waited) else None
            raise

    def read_each(self, reads: Sequence[tuple[str, Params]]) -> list[Answer]:
        """Answer from memory, or send what waits, and ask."""
        known = self._known(reads)
        if known is not None:
            return known
        self._flush()
        return self._conn.read_each(reads)

    def read_together(self, reads: Sequence[tuple[str, Params]]) -> list[Answer]:
        """Answer from memory, or send what waits, and ask."""
        known = self._known(reads)
        if known is not None:
            return known
        self._flush()
        return self._conn.read_together(reads)

    def begin_and_read(self, reads: Sequence[tuple[str, Params]], settings: Sequence[str] = ()) -> list[Answer]:
        """As on the connection."""
        return self._conn.begin_and_read(reads, settings)

    def script(self, sql: str, *, watched: bool = True) -> None:
        """Send it behind what waits."""
        self.batch([Script(sql)])

    def observe(self, tick: Callable[[], bool] | None = None) -> AbstractContextManager[Touched | None]:
        """As on the connection."""
        return self._conn.observe(tick)

    def many_commits(self) -> AbstractContextManager[None]:
        """As on the connection."""
        return self._conn.many_commits()

    def begin(self) -> None:
        """As on the connection."""
        self._conn.begin()

    def commit(self) -> None:
        """COMMIT behind what waits, in one request."""
        if self._waiting:
            self.batch([("COMMIT", ())])
        else:
            self._conn.commit()
        self._ahead.clear()

    def rollback(self) -> None:
        """Forget what waits, and ROLLBACK."""
        self._waiting.clear()
        self._ahead.clear()
        self._conn.rollback()

    def close(self) -> None:
        """As on the connection."""
        self._conn.close()

    def _flush(self) -> None:
        if self._waiting:
            waited, self._waiting = self._waiting, []
            try:
                self._conn.batch(waited)
            except StatementError as e:
                e.index = None
                raise

    def _note(self, reads: Sequence[tuple[str, Params]], answers: Sequence[Answer]) -> None:
        self._ahead.update(((sql, tuple(params)), answer) for (sql, params), answer in zip(reads, answers, strict=True))

    def _known(self, items: Sequence[Item]) -> list[Answer] | None:
        """The answers to all ``items``, where all of them were read ahead."""
        answers = [None if isinstance(item, Script) else self._ahead.get((item[0], tuple(item[1]))) for item in items]
        known = [answer for answer in answers if answer is not None]
        return known if len(known) == len(answers) else None


def read_ahead(conn: Connection, reads: Sequence[tuple[str, Params]]) -> None:
    """Read on a Gathering, in one request, what will be read next; on another connection do nothing."""
    if isinstance(conn, Gathering):
        conn.read_ahead(reads)


def _answered(answer: Answer, index: int) -> Result:
    if isinstance(answer, StatementError):
        answer.index = index
        raise answer
    return answer
