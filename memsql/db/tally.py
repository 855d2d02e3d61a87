"""Counts the rows that a server says it reads and writes, which is what its provider bills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memsql.db.protocol import Item, Result, Script
from memsql.errors import StatementError

# A larger text is sent as one, because a request has a limit; its rows are not counted then.
_LARGEST = 1 << 16


@dataclass
class Tally:
    """``rows_read`` and ``rows_written`` of all statements so far; ``uncounted`` are the texts and statements of which
    the server said nothing."""

    rows_read: int = 0
    rows_written: int = 0
    uncounted: int = 0

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
            else:
                self.add(result)
                if not isinstance(items[owner], Script):
                    answers[owner] = result
        return answers


def _parts(item: Item) -> list[Item]:
    if not isinstance(item, Script) or len(item.sql) > _LARGEST:
        return [item]
    from memsql.sqltext import statements

    return [(statement.text, ()) for statement in statements(item.sql)] or [item]
