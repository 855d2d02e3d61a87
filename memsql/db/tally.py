"""Counts the rows that a server says it reads and writes, which is what its provider bills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from memsql.db.protocol import Connection, Item, Result, Script
from memsql.errors import StatementError

# A larger text is sent as one, because a request has a limit; its rows are not counted then.
_LARGEST = 1 << 16


@dataclass
class Tally:
    """``rows_read`` and ``rows_written`` of all statements so far; ``uncounted`` are the texts and statements of which
    the server said nothing. ``parts``: the same for each migration, by its id; what belongs to none is in no part."""

    rows_read: int = 0
    rows_written: int = 0
    uncounted: int = 0
    parts: dict[str, Tally] = field(default_factory=dict)

    def since(self, earlier: Tally) -> Tally:
        """What was counted since it was as ``earlier``."""
        return Tally(
            self.rows_read - earlier.rows_read,
            self.rows_written - earlier.rows_written,
            self.uncounted - earlier.uncounted,
        )

    def now(self) -> Tally:
        """A copy, for since()."""
        return replace(self, parts={})

    def add(self, result: Result) -> Result:
        """Count ``result``, and return it."""
        if result.rows_read is None or result.rows_written is None:
            self.uncounted += 1
        else:
            self.rows_read += result.rows_read
            self.rows_written += result.rows_written
        return result

    def batch(self, items: Sequence[Item], send: Callable[[Sequence[Item]], list[Result]]) -> list[Result]:
        """Send ``items`` as Connection.batch() does, by ``send``. A server counts for statements and not for texts, so
        texts are cut. Raises StatementError with the index in ``items``."""
        flat: list[Item] = []
        owners: list[int] = []
        for index, item in enumerate(items):
            parts = _parts(item)
            flat += parts
            owners += [index] * len(parts)
        try:
            results = send(flat)
        except StatementError as e:
            if e.index is not None:
                e.index = owners[e.index]
            raise
        answers = [Result((), [])] * len(items)
        for owner, item, result in zip(owners, flat, results, strict=True):
            if isinstance(item, Script):
                self.uncounted += 1
                continue
            self.add(result)
            if not isinstance(items[owner], Script):
                answers[owner] = result
            else:
                answers[owner] = _together(answers[owner], result)
        return answers


def tally_of(conn: Connection) -> Tally | None:
    """What counts on ``conn``; None where nothing does."""
    return cast("Tally | None", getattr(conn, "tally", None))


def sum_of(answers: Sequence[Result]) -> Tally:
    """What a server counted for ``answers``."""
    tally = Tally()
    for answer in answers:
        tally.add(answer)
    return tally


def _together(one: Result, other: Result) -> Result:
    """The empty answer to a text, with what was counted for its statements."""
    read, written = (
        (a or 0) + (b or 0) for a, b in ((one.rows_read, other.rows_read), (one.rows_written, other.rows_written))
    )
    return replace(one, rows_read=read, rows_written=written)


def _parts(item: Item) -> list[Item]:
    if not isinstance(item, Script) or len(item.sql) > _LARGEST:
        return [item]
    from memsql.sqltext import statements

    return [(statement.text, ()) for statement in statements(item.sql)] or [item]
