"""Tells whether SQL names a column: queries, views, triggers, indexes, generated columns and foreign keys."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from memsql.schema.definition import definition_of
from memsql.schema.model import Table
from memsql.sqltext.names import fold
from memsql.sqltext.tokens import tokenize


def who_names(texts: Mapping[str, str], table: Table, column: str) -> str:
    """What names both ``table`` and its ``column``: the first name of ``texts`` whose SQL does, or the table itself
    where it needs the column for a key or another column; empty for nothing. ``*`` names no column."""
    name = fold(column)
    if any(name in map(fold, key.columns) for key in table.foreign_keys) or name in map(fold, table.primary_key):
        return f"a key of {table.name}"
    if _in_own_rules(table, name):
        return f"the definition of {table.name}"
    # The definition of the table itself names all its columns.
    others = ((by, text) for by, text in texts.items() if text != table.sql)
    return next((by for by, text in others if {fold(table.name), name} <= _names(text)), "")


def _in_own_rules(table: Table, name: str) -> bool:
    if table.kind != "table":
        return False
    return any(
        name in {token.name for token in clause.body}
        for clause in definition_of(table).clauses
        if clause.name != name and (clause.name == "" or clause.has("AS"))
    )


@lru_cache(maxsize=4096)
def _names(text: str) -> frozenset[str]:
    return frozenset(token.name for token in tokenize(text) if token.kind in ("word", "quoted"))
