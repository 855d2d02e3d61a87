"""What every connection can do, whatever is at its other end.

A connection is one stream: pragmas and an open transaction hold from call to call. Statement lists
are sent at once, so that a server costs one round trip a list and not one a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from memsql.config import Target

Value = None | int | float | str | bytes
Params = Sequence[Value]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one statement: column names, rows as tuples in that order, rows changed."""

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    changes: int = 0

    def one(self) -> Value:
        """The first column of the first row, or None where there is no row."""
        return self.rows[0][0] if self.rows else None


@dataclass(frozen=True, slots=True)
class Script:
    """A text of many statements as one item of a batch. Its rows are discarded, its Result is empty."""

    sql: str


Item = tuple[str, Params] | Script


@dataclass(slots=True)
class Touched:
    """What statements reached, as the engine's authorizer named it while they were prepared.

    Table names as the schema spells them. ``deleted`` includes the reach of foreign-key actions
    and triggers, and tables being dropped. ``unindexed`` lost an index by name. ``schema`` says whether the schema was written at all,
    ``virtual`` whether a virtual table was created or dropped, ``modules`` the names of those that were created.
    """

    inserted: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)
    unindexed: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    schema: bool = False
    virtual: bool = False
    forbidden: str | None = None

    def written(self) -> set[str]:
        """Every table whose rows may have changed."""
        return self.inserted | self.updated | self.deleted


class Connection(Protocol):
    """A stream to one database. Every method raises errors.LockedError when the lock is held
    elsewhere for longer than the busy timeout, errors.ConnectError when the database cannot be
    used at all, and errors.StatementError when the engine refuses a statement."""

    target: Target
    requests: int
    """Round trips to a server so far; 0 for a file."""
    body_limit: int | None
    """How many bytes of SQL and parameters one call may carry: longer texts are cut by the caller. None
    where there is no limit."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open on this stream."""

    def execute(self, sql: str, params: Params = ()) -> Result:
        """Run one statement and return all its rows."""

    def executemany(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement once for each row of parameters."""

    def stream_rows(self, sql: str, params: Params = ()) -> Iterator[tuple[Value, ...]]:
        """Run one reading statement and yield its rows without holding them all. Until the iterator
        is exhausted or closed, nothing else may run on this connection."""

    def batch(self, items: Sequence[Item]) -> list[Result]:
        """Run statements and whole texts in order, all sent in one request; stop at the first failure,
        whose StatementError carries its index. No transaction is added; BEGIN, COMMIT and PRAGMA may
        be among the items. What ran before the failure stays as it is, and an open transaction stays
        open unless the engine ended it."""

    def script(self, sql: str, *, watched: bool = True) -> None:
        """Run a text of many statements inside the open transaction, discarding rows. Never
        commits. A StatementError from here has no index. Not ``watched``: what it touches is known,
        and observe() need not record it again, which is quicker."""

    def observe(self, tick: Callable[[], bool] | None = None) -> AbstractContextManager[Touched | None]:
        """While open, record what statements touch; transaction control, ATTACH and DETACH are
        denied. ``tick`` is called often and stops the running statement by returning True. Yields
        None where the engine cannot tell."""

    def many_commits(self) -> AbstractContextManager[None]:
        """Tell the connection that many transactions follow, for whatever it can save between them."""

    def begin(self) -> None:
        """BEGIN IMMEDIATE: take the write lock now, or raise LockedError."""

    def commit(self) -> None:
        """COMMIT."""

    def rollback(self) -> None:
        """ROLLBACK if a transaction is open; never raises for one that the engine has ended."""

    def close(self) -> None:
        """Close the stream; an open transaction is rolled back."""
