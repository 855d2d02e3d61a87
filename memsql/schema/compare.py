"""What is missing, different or extra in one schema, compared with another one.

There are two steps. ``definitions`` turns a schema into what its elements mean, by kind and name. ``compare`` compares
two such mappings. Whether two definitions are equal is decided in the first step alone, because ``compare`` only uses
``==``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from memsql.schema.meaning import index_rules, statement_text, virtual_text
from memsql.schema.model import Object, Schema, Table
from memsql.schema.read_rules import rules_of
from memsql.schema.rules import Check, Reference, TableRules
from memsql.sqltext.names import fold
from memsql.sqltext.tokens import join, tokenize

_KINDS = {
    "table": "table",
    "virtual": "full-text or other virtual table",
    "column": "column",
    "index": "index",
    "trigger": "trigger",
    "view": "view",
    "primary key": "primary key of",
    "unique": "unique",
    "foreign key": "foreign key",
    "check": "check of",
}


class Element(NamedTuple):
    """What a definition is about.

    ``kind`` is table, virtual, column, primary key, unique, foreign key, check, index, trigger or view. ``name`` is in
    lower case: ``users`` for a table or its primary key, ``users.email`` for a column, ``memories(user_id)`` for a
    foreign key or a unique key, ``users: age>0`` for a check. ``table`` is the table that it is a part of, in lower
    case; empty for what is no part of a table.
    """

    kind: str
    name: str
    table: str = ""

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
"""What each element of a schema means. Definitions are compared with ``==``."""


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


def definitions(schema: Schema) -> dict[Element, object]:
    """What every element of ``schema`` means, however it is spelled.

    A table is defined by its options, its columns (type, NOT NULL, default, collation, expression), its keys, foreign
    keys and checks. Where the order of columns differs, or the letters of a name, the schema means the same; see
    ``respelled``.
    """
    result: dict[Element, object] = {}
    for table in schema.tables.values():
        if table.kind != "view":
            result |= table_definitions(table, schema)
    for obj in schema.objects:
        if obj.type in ("index", "trigger", "view") and obj.sql:
            result[Element(obj.type, fold(obj.name))] = definition_of_object(obj, schema)
    return result


def columns_of(definition: object) -> Collection[str]:
    """The columns, in lower case, that a key, foreign key or check is about; none for another definition."""
    return definition[0].columns if isinstance(definition, tuple) else ()


def object_definitions(schema: Schema) -> dict[Element, object]:
    """What every table, index, trigger and view of ``schema`` means, each as a whole."""
    result: dict[Element, object] = {}
    for obj in schema.objects:
        if obj.sql:
            element = Element(obj.type, fold(obj.name))
            is_table = obj.type == "table"
            result[element] = (
                table_definitions(schema.tables[obj.name], schema) if is_table else definition_of_object(obj, schema)
            )
    return result


def definition_of_object(obj: Object, schema: Schema) -> object:
    """What an index with a text, a trigger or a view means."""
    return index_rules(obj, schema) if obj.type == "index" else statement_text(obj, schema)


def table_definitions(table: Table, schema: Schema) -> dict[Element, object]:
    """What ``table``, a plain or virtual one, and its parts mean: its options as text, each column as ColumnRule, its
    keys, foreign keys and checks as tuples of Key, Reference and Check."""
    name = fold(table.name)
    if table.kind == "virtual":
        return {Element("virtual", name): virtual_text(table.sql)}
    return _of_table(table) | _foreign_keys(name, rules_of(table), schema)


@lru_cache(maxsize=8192)
def _of_table(table: Table) -> dict[Element, object]:
    # A prefix of the migrations has most tables in common with the next one.
    name, rules = fold(table.name), rules_of(table)
    result: dict[Element, object] = {Element("table", name): _options(rules)}
    for column in rules.columns.values():
        result[Element("column", f"{name}.{column.name}", name)] = column
    if rules.primary_key:
        result[Element("primary key", name, name)] = (rules.primary_key,)
    for key in sorted(rules.unique, key=str):
        result[Element("unique", f"{name}({','.join(key.terms)})", name)] = (key,)
    checks: defaultdict[str, list[Check]] = defaultdict(list)
    for check in sorted(rules.checks, key=lambda c: (c.expression, c.name)):
        checks[join(tokenize(check.expression))].append(check)
    return result | {Element("check", f"{name}: {text}", name): tuple(same) for text, same in checks.items()}


def _options(rules: TableRules) -> str:
    return " ".join([*["without rowid"] * rules.without_rowid, *["strict"] * rules.strict, rules.unread]).strip()


def _foreign_keys(name: str, rules: TableRules, schema: Schema) -> dict[Element, object]:
    keys: defaultdict[Element, list[Reference]] = defaultdict(list)
    for reference in sorted(rules.references, key=lambda r: (r.parent, r.pairs)):
        whole = with_parent_columns(reference, schema)
        keys[Element("foreign key", f"{name}({','.join(whole.columns)})", name)].append(whole)
    return {element: tuple(same) for element, same in keys.items()}


def with_parent_columns(reference: Reference, schema: Schema) -> Reference:
    """``reference`` with the names of its parent's columns, which are those of the primary key where its author left
    them out."""
    if any(parent for _, parent in reference.pairs):
        return reference
    table = schema.table(reference.parent)
    key = rules_of(table).primary_key if table and table.kind == "table" else None
    if key is None or len(key.columns) != len(reference.pairs):
        return reference
    return replace(reference, pairs=tuple(sorted(zip(reference.columns, key.columns, strict=True))))


def respelled(before: Schema, after: Schema) -> tuple[str, ...]:
    """The names that ``after`` spells with other letters than ``before``, in lines: SQLite takes them for the same."""
    lines = []
    others = {(o.type, fold(o.name)): o for o in after.objects if o.sql}
    for obj in before.objects:
        other = others.get((obj.type, fold(obj.name)))
        if not obj.sql or other is None or obj.sql == other.sql:
            continue
        if obj.name != other.name:
            lines.append(f"{obj.type} {obj.name} is spelled {other.name}")
        one, two = before.table(obj.name), after.table(other.name)
        if obj.type == "table" and one and two:
            lines += _respelled_columns(one, two)
    return tuple(sorted(lines))


def _respelled_columns(before: Table, after: Table) -> Iterator[str]:
    names = {fold(c.name): c.name for c in after.columns if c.hidden != 1}
    for column in before.columns:
        name = names.get(fold(column.name), column.name)
        if column.hidden != 1 and name != column.name:
            yield f"table {after.name}: column {column.name} is spelled {name}"
