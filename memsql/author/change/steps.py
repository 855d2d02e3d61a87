"""Steps from one schema to another as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class CannotChange(Exception):
    """A change that nobody can derive. ``table`` and ``column`` say where it is wanted, ``hint`` what to write instead."""

    def __init__(self, message: str, table: str, column: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.table = table
        self.column = column
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Renames:
    """What was called otherwise before, in lower case: ``tables`` maps the new name to the old one, ``columns`` the new
    table and the new column to the old column."""

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def reversed(self) -> Renames:
        """The same for the way back."""
        return Renames(
            {old: new for new, old in self.tables.items()},
            {(self.tables.get(table, table), old): new for (table, new), old in self.columns.items()},
        )


@dataclass(frozen=True, slots=True)
class Hints:
    """What a trial taught: tables to ``rebuild`` that plain statements would not change as wanted, and triggers, views
    and indexes to ``recreate``; names of before and after, in lower case."""

    rebuild: frozenset[str] = frozenset()
    recreate: frozenset[str] = frozenset()

    def __or__(self, other: Hints) -> Hints:
        return Hints(self.rebuild | other.rebuild, self.recreate | other.recreate)


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP of a table, index, trigger or view."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Create:
    """A CREATE statement as its author wrote it."""

    sql: str


@dataclass(frozen=True, slots=True)
class RenameTable:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RenameColumn:
    table: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DropColumn:
    table: str
    column: str


@dataclass(frozen=True, slots=True)
class AddColumn:
    """``definition`` is the column as its author wrote it."""

    table: str
    definition: str


@dataclass(frozen=True, slots=True)
class ForgetSequence:
    """Where AUTOINCREMENT of ``table`` stands is not needed any more."""

    table: str


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A new table in the place of an old one: ``sql`` makes it under the name ``temporary``, ``copies`` pairs each column
    to fill with the expression over the old table that fills it. ``sequence``: AUTOINCREMENT goes on where it was.
    ``remarks`` are sentences for the reader of the file."""

    table: str
    temporary: str
    sql: str
    copies: tuple[tuple[str, str], ...]
    sequence: bool = False
    remarks: tuple[str, ...] = ()


Step = Drop | Create | RenameTable | RenameColumn | DropColumn | AddColumn | ForgetSequence | Rebuild


@dataclass(frozen=True, slots=True)
class Plan:
    """What one direction does. ``losses`` are sentences about what no way back restores, ``notes`` are for the author,
    ``fts_rebuild`` names full-text indexes to build anew, ``rebuilds`` the tables that are rebuilt."""

    steps: tuple[Step, ...]
    foreign_keys_off: bool = False
    fts_rebuild: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rebuilds(self) -> tuple[str, ...]:
        return tuple(step.table for step in self.steps if isinstance(step, Rebuild))
