"""A schema as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from memsql.sqltext.names import fold


@dataclass(frozen=True, slots=True)
class Object:
    """A row of sqlite_schema. ``type`` is table, index, trigger or view; ``table`` is the table that it belongs to;
    ``sql`` is its text, empty for an automatic index."""

    type: str
    name: str
    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column as pragma_table_xinfo describes it (https://sqlite.org/pragma.html#pragma_table_xinfo).

    ``pk`` is its place in the primary key, 0 for none. ``hidden`` is 1 for a hidden column of a virtual table, 2 for a
    virtual generated column, 3 for a stored one, 0 for every other.
    """

    name: str
    type: str
    notnull: bool
    default: str | None
    pk: int
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key: its columns, the parent table and its columns (none for its primary key), and the actions."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_update: str
    on_delete: str

    def referred(self, parent: Table | None) -> tuple[str, ...]:
        """The columns of ``parent`` that it refers to; none where they are not named and ``parent`` is missing."""
        return self.parent_columns or (parent.primary_key if parent is not None else ())


@dataclass(frozen=True, slots=True)
class Table:
    """A table, virtual table or view with its columns. ``kind`` is "table", "virtual" or "view".

    A view that refers to something that is missing, and a table of a module that is not loaded, have no columns,
    because SQLite cannot tell them.
    """

    name: str
    kind: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    sql: str
    _: KW_ONLY
    without_rowid: bool = False
    strict: bool = False

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key in its order; empty without one."""
        return tuple(c.name for c in sorted(self.columns, key=lambda c: c.pk) if c.pk)


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables and views of a database by name, and all its objects: tables, indexes, triggers and views."""

    tables: Mapping[str, Table]
    objects: tuple[Object, ...]
    _of: dict[tuple[str, str], list[Object]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for obj in self.objects:
            if obj.sql:
                self._of.setdefault((fold(obj.table), obj.type), []).append(obj)

    def of(self, table: str, kind: str) -> tuple[Object, ...]:
        """The objects of one ``kind`` (index, trigger) on ``table``, without automatic indexes."""
        return tuple(self._of.get((fold(table), kind), ()))

    def table(self, name: str) -> Table | None:
        """The table, virtual table or view called ``name`` in any case, or None."""
        exact = self.tables.get(name)
        return exact or next((t for t in self.tables.values() if fold(t.name) == fold(name)), None)
