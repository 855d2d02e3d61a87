"""What a CREATE TABLE says, as data: its columns and constraints, wherever and however their author wrote them.

Every text is canonical (see ``schema/expressions.py``), so that equal rules are equal objects. What says nothing is
left out: NULL, ASC, ON CONFLICT ABORT, NO ACTION, MATCH, DEFAULT NULL, NOT DEFERRABLE, the default collation, and the
names of all constraints but CHECK, whose name is part of the error message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from memsql.sqltext.names import quote_if_needed


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What a column is.

    ``not_null`` is empty, "not null", or that with its ON CONFLICT. ``default`` is None for NULL. ``generated`` is the
    expression in parentheses with "virtual" or "stored" behind it, empty for a plain column. ``spelled`` and
    ``declared`` are name and type with the letters of their author.
    """

    name: str
    type: str
    not_null: str = ""
    default: str | None = None
    collation: str = "binary"
    generated: str = ""
    spelled: str = field(default="", compare=False)
    declared: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Key:
    """A PRIMARY KEY or UNIQUE.

    ``kind`` is "unique", "primary key", or "rowid" for an INTEGER PRIMARY KEY, which is an alias of the rowid.
    ``terms`` are its columns in order, each with ``desc`` and with its collation where that is not the column's.
    ``collations`` are those of all ``columns``. ``conflict`` is empty or `` on conflict replace`` and the like.
    ``origin`` is the column behind which it is written; empty for a constraint of the table.
    """

    kind: str
    terms: tuple[str, ...]
    columns: tuple[str, ...] = field(compare=False)
    collations: tuple[str, ...] = field(compare=False)
    conflict: str = ""
    autoincrement: bool = False
    origin: str = field(default="", compare=False)

    def __str__(self) -> str:
        """``UNIQUE (mail)``."""
        words = "UNIQUE" if self.kind == "unique" else "PRIMARY KEY"
        return f"{words} ({', '.join(self.terms)})"


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK: its expression, its name in lower case (empty without one), and the columns that it names."""

    expression: str
    name: str = ""
    columns: frozenset[str] = field(default=frozenset(), compare=False)
    origin: str = field(default="", compare=False)

    def __str__(self) -> str:
        """``CHECK (age > 21)``."""
        return f"CHECK ({self.expression})"


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: pairs of a column and the column of the parent, which is empty where the primary key is meant."""

    pairs: tuple[tuple[str, str], ...]
    parent: str
    on_update: str = "no action"
    on_delete: str = "no action"
    deferred: bool = False
    origin: str = field(default="", compare=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The referring columns."""
        return tuple(column for column, _ in self.pairs)

    def __str__(self) -> str:
        """``FOREIGN KEY (team_id)``."""
        return f"FOREIGN KEY ({', '.join(map(quote_if_needed, self.columns))})"


@dataclass(frozen=True, slots=True)
class TableRules:
    """Everything that a CREATE TABLE says; ``columns`` are by name. ``unread`` is the text of one that is not in the
    grammar that we know; then only ``columns`` and the options are filled."""

    columns: Mapping[str, ColumnRule]
    primary_key: Key | None = None
    unique: frozenset[Key] = frozenset()
    checks: frozenset[Check] = frozenset()
    references: frozenset[Reference] = frozenset()
    _: KW_ONLY
    without_rowid: bool = False
    strict: bool = False
    unread: str = ""

    @property
    def rowid(self) -> tuple[str, ...]:
        """The column that is the rowid, in lower case; empty without one. SQLite replaces a NULL there."""
        return self.primary_key.columns if self.primary_key and self.primary_key.kind == "rowid" else ()


@dataclass(frozen=True, slots=True)
class ParentRenames:
    """New names by old ones, in lower case: of tables, and of the columns of each table by its old name."""

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
