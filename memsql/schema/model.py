"""A schema as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
    ``hidden`` 2 or 3 for a generated one."""

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
    """A table, virtual table or view with its columns."""

    name: str
    kind: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything somebody made: ``tables`` by name, and ``objects`` with tables, indexes, triggers, views."""

    tables: Mapping[str, Table]
    objects: tuple[Object, ...]

    def of(self, table: str, kind: str) -> tuple[Object, ...]:
        """The objects of one ``kind`` (index, trigger) on ``table``."""
        return tuple(o for o in self.objects if o.type == kind and o.table.lower() == table.lower() and o.sql)
