"""What is missing, different or extra in one schema, compared with another one.

There are two steps. ``definitions`` turns a schema into normalised definitions by kind and name. ``compare`` compares
two such mappings. Whether two definitions are equal is decided in the first step alone, because ``compare`` only uses
``==``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from memsql.schema.definition import read_definition
from memsql.schema.model import Column, ForeignKey, Schema, Table
from memsql.schema.normalise import normalise
from memsql.sqltext.names import fold

_KINDS = {
    "table": "table",
    "virtual": "full-text or other virtual table",
    "column": "column",
    "index": "index",
    "trigger": "trigger",
    "view": "view",
    "foreign key": "foreign key",
    "check": "check of",
}


class Element(NamedTuple):
    """What a definition is about.

    ``kind`` is table, virtual, column, foreign key, check, index, trigger or view. ``name`` is in lower case: ``users``
    for a table, ``users.email`` for a column, ``memories(user_id)`` for a foreign key, ``users: age>0`` for a check.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        """``index idx_users_email``."""
        return f"{_KINDS[self.kind]} {self.name}"


@dataclass(frozen=True, slots=True)
class Difference:
    """An element that two schemas define differently, with both definitions."""

    element: Element
    expected: object
    actual: object


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is missing, different or extra in one schema compared with another, in the order of the definitions."""

    missing: tuple[Element, ...]
    different: tuple[Difference, ...]
    extra: tuple[Element, ...]


Definitions = Mapping[Element, object]
"""The normalised definition of each element of a schema. Definitions are compared with ``==``."""


def compare(expected: Definitions, actual: Definitions) -> Comparison:
    """Compare the definitions of a schema, ``actual``, with those of the schema it should be."""
    return Comparison(
        tuple(element for element in expected if element not in actual),
        tuple(
            Difference(element, definition, actual[element])
            for element, definition in expected.items()
            if element in actual and actual[element] != definition
        ),
        tuple(element for element in actual if element not in expected),
    )


def definitions(schema: Schema) -> dict[Element, str]:
    """The definitions that rows and queries depend on, whatever the layout of the SQL text.

    A table is defined by its options, its columns (type, NOT NULL, default, place in the primary key), its foreign keys
    and its checks; an index, a trigger, a view and a virtual table by its whole text.
    """
    result: dict[Element, str] = {}
    for table in schema.tables.values():
        name = fold(table.name)
        if table.kind == "virtual":
            result[Element("virtual", name)] = normalise(table.sql)
        elif table.kind == "table":
            result |= _of_table(table, name)
    for obj in schema.objects:
        if obj.type in ("index", "trigger", "view") and obj.sql:
            result[Element(obj.type, fold(obj.name))] = normalise(obj.sql)
    return result


def _of_table(table: Table, name: str) -> dict[Element, str]:
    result = {Element("table", name): _options(table)}
    for key in table.foreign_keys:
        result[Element("foreign key", f"{name}({fold(','.join(key.columns))})")] = _foreign_key(key)
    for check in _checks(normalise(table.sql)):
        result[Element("check", f"{name}: {check}")] = ""
    for column in table.columns:
        result[Element("column", f"{name}.{fold(column.name)}")] = _column(column)
    return result


def _options(table: Table) -> str:
    return " ".join(["without rowid"] * table.without_rowid + ["strict"] * table.strict)


@lru_cache(maxsize=8192)
def _checks(sql: str) -> tuple[str, ...]:
    # A prefix of the migrations has most tables in common with the next one.
    return read_definition(sql).checks


def _foreign_key(key: ForeignKey) -> str:
    return (
        f"{fold(key.parent)}({fold(','.join(key.parent_columns))})"
        f" on update {fold(key.on_update)} on delete {fold(key.on_delete)}"
    )


def _column(column: Column) -> str:
    return f"{fold(column.type)} notnull={int(column.notnull)} default={column.default} pk={column.pk}"
