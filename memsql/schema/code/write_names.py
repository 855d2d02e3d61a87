"""Decides the names of the models and fields that are written for a schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from memsql.schema.code.columns import ColumnFacts
from memsql.schema.code.names import column_of, pascal, unique
from memsql.schema.code.views import facts_in
from memsql.schema.model import Schema, Table


@dataclass(frozen=True, slots=True)
class Written:
    """A table or view as it is written: the names of its models, ``insert`` empty for a view, and of its fields by
    column. ``comments`` are what the schema says of each column, by column."""

    table: Table
    row: str
    insert: str
    fields: Mapping[str, str]
    facts: Mapping[str, ColumnFacts]
    comments: Mapping[str, str]


def names_for(
    schema: Schema, tables: list[str] | None, field_name: Callable[[str], str], reserved: frozenset[str]
) -> list[Written]:
    """The tables and views of ``schema`` in order of their names, only ``tables`` where some are named; virtual tables
    only where they are named. ``field_name`` makes a field's name of a column's; ``reserved`` cannot name a model."""
    chosen = sorted(
        (t for t in schema.tables.values() if (t.kind != "virtual" if tables is None else t.name in tables)),
        key=lambda table: table.name,
    )
    rows = unique({table.name: _type_name(table.name) for table in chosen}, reserved)
    writable = {table.name: f"{rows[table.name]}Insert" for table in chosen if table.kind == "table"}
    inserts = unique(writable, reserved | set(rows.values()))
    written = []
    for table in chosen:
        facts = facts_in(schema, table)
        fields = unique({name: field_name(name) for name in facts})
        comments = {name: _comment(table, each) for name, each in facts.items()}
        written.append(Written(table, rows[table.name], inserts.get(table.name, ""), fields, facts, comments))
    return written


def needs_column(written: Written, column: str) -> bool:
    """Whether the name of the field for ``column`` does not tell which column it is for."""
    return column_of(written.fields[column], written.facts) != column


def _type_name(table: str) -> str:
    name = "".join(c for c in pascal(table) if c.isascii() and c.isalnum())
    return name if name[:1].isalpha() else f"Table{name}"


def _comment(table: Table, facts: ColumnFacts) -> str:
    """What a reader should know of the column, on one line: ``INTEGER, default 2``."""
    parts = [f"type {facts.declared or 'none'}"]
    parts += ["primary key"] if facts.name in table.primary_key else []
    parts += ["generated"] if facts.is_generated else []
    parts += [f"default {facts.default}"] if facts.default is not None else []
    parts += [f"refers to {key.parent}" for key in table.foreign_keys if facts.name in key.columns]
    return ", ".join(parts)
