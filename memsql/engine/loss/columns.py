"""What a migration did to columns: which ones it added, which of these hold nothing from before, and what was written
into them. No database is asked; names are folded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

# So many literals that UPDATEs write into a column are told apart: SQLite reads no endless condition.
_MOST = 100


@dataclass(slots=True)
class Column:
    """``added``: by the migration; ``fresh``: and nothing from before is in it. ``others``: what was written there that
    is no copy of another column: literals, or what is not known (None)."""

    added: bool = False
    fresh: bool = False
    others: set[str | None] = field(default_factory=set)


class Columns:
    """The columns to which something happened, by table and name. ``any_added``: some were added."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Column]] = {}
        self.any_added = False

    def of(self, table: str) -> dict[str, Column]:
        """Those of ``table`` by name."""
        return self._tables.get(table, {})

    def added_to(self, table: str) -> dict[str, Column]:
        """Those of ``table`` that were added, by name."""
        return {name: column for name, column in self.of(table).items() if column.added}

    def is_fresh(self, table: str, name: str) -> bool:
        """Whether a column was added and holds nothing from before."""
        return name in self.of(table) and self.of(table)[name].fresh

    def added(self, table: str, names: Iterable[str]) -> None:
        """Columns were added, and hold nothing from before."""
        for name in names:
            column = self._at(table, name)
            column.added = column.fresh = self.any_added = True

    def held(self, table: str, names: Iterable[str]) -> None:
        """Columns hold values from before now."""
        for name in self.of(table).keys() & set(names):
            self._tables[table][name].fresh = False

    def written(self, table: str, name: str, literal: str | None, *, whole: bool) -> None:
        """A literal, or what is not known (None), was written into a column, perhaps not in all rows unless
        ``whole``."""
        column = self._at(table, name)
        others = {literal} if whole else column.others | {literal}
        column.others = others if len(others) <= _MOST else {None}

    def copied(self, table: str, names: Iterable[str]) -> None:
        """All rows of these columns are copies of other columns now."""
        for name in self.of(table).keys() & set(names):
            self._tables[table][name].others = set()

    def gone(self, table: str, name: str) -> None:
        """The next column of this name is another one."""
        self.of(table).pop(name, None)

    def table_gone(self, table: str) -> None:
        """The next table of this name is another one."""
        self._tables.pop(table, None)

    def renamed(self, table: str, old: str, new: str) -> None:
        """A column has another name."""
        if old in self.of(table):
            self._tables[table][new] = self._tables[table].pop(old)

    def table_renamed(self, old: str, new: str) -> None:
        """A table has another name."""
        if old in self._tables:
            self._tables[new] = self._tables.pop(old)

    def _at(self, table: str, name: str) -> Column:
        return self._tables.setdefault(table, {}).setdefault(name, Column())
