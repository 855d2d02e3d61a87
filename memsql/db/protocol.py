"""What every connection can do, to a file or to a server.

A connection is one stream: settings made with PRAGMA, and an open transaction, hold from call to call. A list of
statements is sent in one request, so that a server costs one round trip a list and not one a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import KW_ONLY, dataclass, field
from typing import Protocol

from memsql.config import Target
from memsql.errors import StatementError

Value = None | int | float | str | bytes
Params = Sequence[Value]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one statement: the names of the columns, the rows as tuples in that order, and how many rows the
    statement changed. ``rows_read`` and ``rows_written`` are how many rows a server says it read and wrote for it; None
    where nobody counts."""

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    changes: int = 0
    rows_read: int | None = field(default=None, compare=False)
    rows_written: int | None = field(default=None, compare=False)

    def one(self) -> Value:
        """The first column of the first row, or None where there is no row."""
        return self.rows[0][0] if self.rows else None


@dataclass(frozen=True, slots=True)
class Script:
    """A text of many statements as one item of a batch. Its rows are discarded, and its Result is empty."""

    sql: str


Item = tuple[str, Params] | Script


@dataclass(slots=True)
class Touched:
    """What statements reached, as SQLite's authorizer reported it while they were compiled
    (https://sqlite.org/c3ref/set_authorizer.html).

    Every set holds names as the schema spells them: tables whose rows were ``inserted``, ``updated`` or ``deleted``, by
    foreign-key actions and triggers too, and tables that were ``created``, ``dropped`` (then they are in ``deleted``
    too) or ``altered``. ``writes`` are the DELETEs and UPDATEs, and the INSERTs of triggers: the authorizer's code,
    table, column of an UPDATE, and trigger (None for the statement itself and for foreign-key actions). ``unindexed``
    are tables that lost an index by DROP INDEX, ``virtual_created`` the virtual tables among the created ones,
    ``removed`` the indexes that were dropped by name, the triggers that were dropped, also with their tables, and the
    views: the type and the name. ``schema``: the schema was written. ``virtual``: a virtual table was created or
    dropped. ``forbidden`` names a statement that was denied, such as "COMMIT".
    """

    inserted: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    writes: set[tuple[int, str, str | None, str | None]] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)
    unindexed: set[str] = field(default_factory=set)
    virtual_created: set[str] = field(default_factory=set)
    removed: set[tuple[str, str]] = field(default_factory=set)
    _: KW_ONLY
    schema: bool = False
    virtual: bool = False
    forbidden: str | None = None

    def add(self, other: Touched) -> None:
        """Take over what other statements reached."""
        for mine, theirs in (
            (self.inserted, other.inserted),
            (self.updated, other.updated),
            (self.deleted, other.deleted),
            (self.created, other.created),
            (self.dropped, other.dropped),
            (self.altered, other.altered),
            (self.unindexed, other.unindexed),
            (self.virtual_created, other.virtual_created),
        ):
            mine |= theirs
        self.removed |= other.removed
        self.schema = self.schema or other.schema
        self.virtual = self.virtual or other.virtual
        self.forbidden = self.forbidden or other.forbidden

    @property
    def changes_schema(self) -> bool:
        """Whether objects of the schema may have changed."""
        return bool(self.schema or self.created or self.dropped or self.altered or self.removed or self.virtual)

    def written(self) -> set[str]:
        """Every table whose rows may have changed."""
        return self.inserted | self.updated | self.deleted


def each(
    execute: Callable[[str, Params], Result], reads: Sequence[tuple[str, Params]]
) -> list[Result | StatementError]:
    """What ``execute`` answers to each of ``reads``, or the StatementError in its place."""
    answers: list[Result | StatementError] = []
    for sql, params in reads:
        try:
            answers.append(execute(sql, params))
        except StatementError as e:
            answers.append(e)
    return answers


class Connection(Protocol):
    """A stream to one database.

    Every method raises errors.LockedError when another process holds the lock for longer than the busy timeout,
    errors.ConnectError when the database cannot be used at all, and errors.StatementError when the engine refuses a
    statement.
    """

    target: Target
    body_limit: int | None
    """How many bytes of SQL and parameters one call may carry; the caller cuts longer texts. None: any number."""

    @property
    def requests(self) -> int:
        """Round trips to a server so far; 0 for a file."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open on this stream."""

    def execute(self, sql: str, params: Params = ()) -> Result:
        """Run one statement and return all its rows."""

    def executemany(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement once for each row of parameters."""

    def stream_rows(self, sql: str, params: Params = ()) -> Iterator[tuple[Value, ...]]:
        """Run one reading statement and yield its rows without holding all of them. Until the iterator is exhausted or
        closed, nothing else may run on this connection."""

    def batch(self, items: Sequence[Item]) -> list[Result]:
        """Run statements and whole texts in order, all sent in one request. Returns one Result an item.

        The first failure ends the batch, and its StatementError has the index of the item. No transaction is added:
        BEGIN, COMMIT and PRAGMA may be among the items. What ran before the failure stays as it is, and an open
        transaction stays open unless the engine ended it.
        """

    def read_each(self, reads: Sequence[tuple[str, Params]]) -> list[Result | StatementError]:
        """The answer to each of ``reads``, or the error in its place. A server needs one request where no read fails,
        and two more for each that fails."""

    def read_together(self, reads: Sequence[tuple[str, Params]]) -> list[Result | StatementError]:
        """The answer to each of ``reads``, or the error in its place, all of them as of one moment: outside a
        transaction they have one of their own. A server needs one request, and keeps no stream open behind it. Raises
        StatementError where a text is not SQL at all."""

    def begin_and_read(
        self, reads: Sequence[tuple[str, Params]], settings: Sequence[str] = ()
    ) -> list[Result | StatementError]:
        """Make ``settings``, each the text of a PRAGMA, begin() and read_each(), in one request to a server."""

    def write(self, items: Sequence[Item]) -> None:
        """batch() inside the open transaction, for what needs no answer: it may be sent with the next request. An error
        of it then has no index, and no item ran behind the one that failed."""

    def script(self, sql: str, *, watched: bool = True) -> None:
        """Run a text of many statements inside the open transaction and discard their rows. Never commits.

        Its StatementError has no index. With ``watched`` False an observe() around it records nothing of the text,
        which is faster; use it where the caller knows already what the text touches.
        """

    def observe(self, tick: Callable[[], bool] | None = None) -> AbstractContextManager[Touched | None]:
        """While open, record what statements touch, and deny transaction control, ATTACH and DETACH.

        ``tick`` is called often and stops the running statement by returning True. Yields None where the engine has
        no authorizer.
        """

    def many_commits(self) -> AbstractContextManager[None]:
        """While open, many transactions follow: the connection may save work between them."""

    def begin(self) -> None:
        """BEGIN IMMEDIATE: take the write lock now, or raise LockedError."""

    def commit(self) -> None:
        """COMMIT."""

    def rollback(self) -> None:
        """ROLLBACK if a transaction is open; never raises for one that the engine has ended."""

    def close(self) -> None:
        """Close the stream; an open transaction is rolled back."""
