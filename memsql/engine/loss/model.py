"""What the account of a migration says: what was lost, what was changed, and what is permitted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from memsql import visible, words
from memsql.sqltext import Permit, fold, permit_line


class MustRunAlone(Exception):
    """The migration has to keep rows, and shares its transaction with others: where it fails to write a TEMP table,
    SQLite ends the whole transaction."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows of ``table``, or values of its ``column``, that are gone and that no statement names.

    ``table`` and ``column`` are the names before the migration. ``rows``: how many. ``how``: what happened, as the end
    of a sentence. ``example``: one of them. ``aliases``: other names, folded, under which a permit may name it.
    """

    table: str
    column: str | None
    rows: int
    how: str
    example: str = ""
    aliases: frozenset[tuple[str, str | None]] = frozenset()

    @property
    def message(self) -> str:
        """A sentence: ``column member.phone loses a value in 2 rows: … (for example id 1: '11', now NULL)``."""
        example = f" (for example {self.example})" if self.example else ""
        return f"{self.how}{example}"

    @property
    def permit(self) -> str:
        """The line that permits it."""
        return permit_line(self.table, self.column)

    def is_permitted(self, permits: Iterable[Permit]) -> bool:
        """Whether one of ``permits`` names it. The permit of a table is one for its rows, not for values of rows that
        stay."""
        names = self.aliases | {(fold(self.table), None if self.column is None else fold(self.column))}
        spelled = {(visible.line(table), None if column is None else visible.line(column)) for table, column in names}
        return any((fold(p.table), None if p.column is None else fold(p.column)) in spelled for p in permits)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that the file does by name, or that a trigger overwrote: ``what`` (UPDATE, DELETE, copy, trigger …),
    ``table``, ``column`` and the number of ``rows``."""

    what: str
    table: str
    column: str | None
    rows: int

    @property
    def message(self) -> str:
        """``UPDATE member: 3 rows``, ``copy of part.code: values changed in 2 rows``."""
        rows = words.count(self.rows, "row")
        if self.what == "copy":
            return f"copy of {self.table}.{self.column}: values changed in {rows}"
        if self.what == "trigger":
            return f"a trigger or foreign key changed {self.table}.{self.column} in {rows}"
        return f"{self.what} {self.table}: {rows}"


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the rows and values from before: ``losses``, with permission or not, ``changes`` by name,
    ``notes`` (sentences) and what could not be looked at (``unproven``, sentences)."""

    losses: tuple[Loss, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    unproven: tuple[str, ...] = field(default=())

    def refused(self, permits: Sequence[Permit]) -> tuple[Loss, ...]:
        """The losses that ``permits`` do not name."""
        return tuple(loss for loss in self.losses if not loss.is_permitted(permits))


def summed(changes: Iterable[Change]) -> tuple[Change, ...]:
    """One change for each table, column and kind, in the order in which they came."""
    rows: dict[tuple[str, str, str | None], int] = {}
    for change in changes:
        key = (change.what, change.table, change.column)
        rows[key] = rows.get(key, 0) + change.rows
    return tuple(Change(what, table, column, n) for (what, table, column), n in rows.items() if n)
