"""What was found missing of a table while its copies were looked at, and what a statement does to them by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memsql.engine.loss.answers import Comparison
from memsql.engine.loss.copies import Match
from memsql.sqltext import fold


@dataclass
class Own:
    """What a statement does to its ``table`` by name: the ``columns`` (both folded) that it sets, and how many rows it
    deletes."""

    table: str = ""
    columns: frozenset[str] = frozenset()
    rows: Callable[[], int] = lambda: 0

    def of(self, matches: Sequence[Match]) -> Own:
        """The same in the columns of a table that was copied to the targets of ``matches``."""
        carriers = [match.carriers for match in matches if fold(match.target.name) == self.table]
        columns = {c for each in carriers for c, carrier in each.items() if carrier.column in self.columns}
        return Own(self.table, frozenset(columns), self.rows) if carriers else Own()


@dataclass
class Least:
    """What all comparisons of a table with its copies so far miss; None before the first one. ``before``: the one
    before a statement that changed a copy without naming it. ``grown_from``: what was missed before that was added."""

    comparison: Comparison | None = None
    before: Comparison | None = None
    grown_from: Comparison | None = None

    def add(self, now: Comparison) -> Comparison:
        """Take over a comparison, and return what all of them miss."""
        self.comparison = now if self.comparison is None else now.least(self.comparison)
        return self.comparison

    def keep(self, now: Comparison) -> None:
        """Note what is missing before such a statement."""
        self.before = now

    def grow(self, now: Comparison, own: Own) -> None:
        """Add what such a statement destroyed, without its ``own``."""
        if self.comparison is not None and self.before is not None:
            self.grown_from = self.comparison
            self.comparison = self.comparison.plus(now.beyond(self.before, own.columns, own.rows()))

    def shrink(self) -> None:
        """Take back what was added last: the statement was undone."""
        if self.grown_from is not None:
            self.comparison, self.grown_from = self.grown_from, None
