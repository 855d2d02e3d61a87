"""The steps from one schema to another as data, and what decides on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class CannotChange(Exception):
    """A change for which no migration can be derived.

    ``table`` and ``column`` say where the edited schema has it, ``hint`` what to write instead.
    """

    def __init__(self, message: str, table: str, column: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.table = table
        self.column = column
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Renames:
    """The tables and columns that had another name before, all names in lower case.

    ``tables`` maps the new name of a table to its old one. ``columns`` maps the new name of a table and of a column of
    it to the old name of the column.
    """

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def reversed(self) -> Renames:
        """The renames of the way back."""
        return Renames(
            {old: new for new, old in self.tables.items()},
            {(self.tables.get(table, table), old): new for (table, new), old in self.columns.items()},
        )

    def new_name(self, table: str) -> str:
        """The name after the change of the table that is called ``table`` before it."""
        return next((new for new, old in self.tables.items() if old == table), table)


NO_RENAMES = Renames()


@dataclass(frozen=True, slots=True)
class Abilities:
    """What ALTER TABLE can do on every engine that counts: DROP COLUMN, and changes of NOT NULL and CHECK."""

    drop_column: bool = True
    constraints: bool = False


NO_ABILITIES = Abilities()
"""Those of SQLite from 3.35 to 3.52."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What a trial run showed, as names before or after the change, in lower case, and what the engines can do.

    ``rebuild`` are tables that plain statements do not change as they should. ``recreate`` are triggers, views, indexes
    and virtual tables that must be dropped and created again. ``dangling`` are the columns (table, column) whose
    default refers to no row, each with the table to which it refers.
    """

    rebuild: frozenset[str] = frozenset()
    recreate: frozenset[str] = frozenset()
    dangling: Mapping[tuple[str, str], str] = field(default_factory=dict)
    abilities: Abilities = NO_ABILITIES

    def __or__(self, other: Hints) -> Hints:
        return Hints(
            self.rebuild | other.rebuild,
            self.recreate | other.recreate,
            {**self.dangling, **other.dangling},
            self.abilities if other.abilities == NO_ABILITIES else other.abilities,
        )


NO_HINTS = Hints()


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP of an object; ``kind`` is table, index, trigger or view."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Create:
    """A CREATE statement as its author wrote it."""

    sql: str


@dataclass(frozen=True, slots=True)
class RenameTable:
    """ALTER TABLE … RENAME TO."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """ALTER TABLE … RENAME COLUMN."""

    table: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DropColumn:
    """ALTER TABLE … DROP COLUMN."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ALTER TABLE … ADD COLUMN; ``definition`` is the column as its author wrote it."""

    table: str
    definition: str


@dataclass(frozen=True, slots=True)
class SetNotNull:
    """ALTER TABLE … SET NOT NULL; a NULL becomes the ``default`` before, where there is one."""

    table: str
    column: str
    default: str | None


@dataclass(frozen=True, slots=True)
class DropNotNull:
    """ALTER TABLE … DROP NOT NULL."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class AddCheck:
    """ALTER TABLE … ADD CONSTRAINT, or ADD CHECK where ``name`` is empty; ``expression`` as its author wrote it."""

    table: str
    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """ALTER TABLE … DROP CONSTRAINT."""

    table: str
    name: str


ConstraintStep = SetNotNull | DropNotNull | AddCheck | DropConstraint


@dataclass(frozen=True, slots=True)
class ForgetSequence:
    """DELETE of the row in sqlite_sequence: ``table`` is AUTOINCREMENT no more."""

    table: str


@dataclass(frozen=True, slots=True)
class RebuildTable:
    """A new table takes the place of ``table`` (https://sqlite.org/lang_altertable.html, section 7).

    ``sql`` creates it under the name ``temporary``. ``copies`` are pairs: a column to fill, and the expression over the
    old table that fills it. ``keeps_sequence``: AUTOINCREMENT goes on where it was. ``remarks`` are sentences for the
    reader of the file.
    """

    table: str
    temporary: str
    sql: str
    copies: tuple[tuple[str, str], ...]
    keeps_sequence: bool = False
    remarks: tuple[str, ...] = ()


ChangeStep = (
    Drop | Create | RenameTable | RenameColumn | DropColumn | AddColumn | ConstraintStep | ForgetSequence | RebuildTable
)


@dataclass(frozen=True, slots=True)
class Loss:
    """What no way back restores: the rows of ``table``, or the values of its ``column``.

    The names are those before the change. ``sentence`` says it.
    """

    table: str
    column: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What one direction of a migration does.

    ``fts_rebuild`` are the full-text indexes to build anew. ``losses`` are what no way back restores, ``notes`` are
    sentences for the author.
    """

    steps: tuple[ChangeStep, ...]
    foreign_keys_off: bool = False
    fts_rebuild: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rebuilds(self) -> tuple[str, ...]:
        """The tables that are rebuilt."""
        return tuple(step.table for step in self.steps if isinstance(step, RebuildTable))
