"""A schema as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Object:
    """A row of sqlite_schema: an index, trigger, view or table, its table, and its text."""

    type: str
    name: str
    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column as pragma_table_xinfo tells it. ``pk`` is its place in the primary key, 0 for none;
    ``hidden`` 2 or 3 for a generated one, 1 for what a virtual table keeps to itself."""

    name: str
    type: str
    notnull: bool
    default: str | None
    pk: int
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference: columns here, table and columns there (empty: its primary key), and the actions."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_update: str
    on_delete: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table, virtual table or view with its columns. ``kind`` is "table", "virtual" or "view".

    A view that refers to what is gone, and a table of a module that is not loaded, have no columns:
    SQLite cannot tell them.
    """

    name: str
    kind: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    sql: str
    without_rowid: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything somebody made: ``tables`` by name, and ``objects`` with tables, indexes, triggers, views."""

    tables: Mapping[str, Table]
    objects: tuple[Object, ...]
    _of: dict[tuple[str, str], list[Object]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for thing in self.objects:
            if thing.sql:
                self._of.setdefault((thing.table.lower(), thing.type), []).append(thing)

    def of(self, table: str, kind: str) -> tuple[Object, ...]:
        """The objects of one ``kind`` (index, trigger) on ``table``."""
        return tuple(self._of.get((table.lower(), kind), ()))

    def table(self, name: str) -> Table | None:
        """The table, virtual table or view called ``name`` in any case, or None."""
        found = self.tables.get(name)
        return found or next((t for t in self.tables.values() if t.name.lower() == name.lower()), None)
