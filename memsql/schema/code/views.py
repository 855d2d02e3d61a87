"""What the columns of a view can hold: where it only passes columns of tables on, what these can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from memsql.schema.code.columns import ColumnFacts, facts_of
from memsql.schema.model import Schema, Table
from memsql.sqltext.names import fold
from memsql.sqltext.selects import Arm, Item, reference_of
from memsql.sqltext.tokens import tokenize
from memsql.sqltext.writes import read_view

# Joins that fill up with NULL.
_OUTER = frozenset({"LEFT", "RIGHT", "FULL", "OUTER"})
_DEEPEST = 20


def facts_in(schema: Schema, table: Table, depth: int = 0) -> Mapping[str, ColumnFacts]:
    """The columns of ``table``, a table or view of ``schema``, by name, in order."""
    own = facts_of(table)
    if table.kind != "view" or depth > _DEEPEST:
        return own
    select = read_view(table.sql)
    words = {token.word for token in tokenize(table.sql) if token.kind == "word"}
    if len(select.arms) != 1 or select.ctes or words & _OUTER:
        return own
    arm = select.arms[0]
    sources: dict[str, Mapping[str, ColumnFacts]] = {}
    for source in arm.sources:
        origin = schema.table(source.table)
        if source.select is not None or source.natural or source.using or origin is None or origin.name == table.name:
            return own
        sources[source.label] = facts_in(schema, origin, depth + 1)
    passed = _passed(arm, sources)
    # An aggregate makes one row of none, with NULL for the columns beside it.
    if len(passed) != len(own) or (None in passed and "GROUP" not in words):
        return own
    return {
        name: replace(origin, name=name, is_rowid=False, is_required=False, default=None) if origin else facts
        for (name, facts), origin in zip(own.items(), passed, strict=True)
    }


def _passed(arm: Arm, sources: Mapping[str, Mapping[str, ColumnFacts]]) -> list[ColumnFacts | None]:
    """The column that each column of the SELECT is; None for an expression, and for a name that several tables have."""
    columns: list[ColumnFacts | None] = []
    for item in arm.items:
        if item.star:
            of = [facts for label, facts in sources.items() if item.of in (None, label)]
            columns += [each for facts in of for each in facts.values()]
        else:
            columns.append(_one(item, sources))
    return columns


def _one(item: Item, sources: Mapping[str, Mapping[str, ColumnFacts]]) -> ColumnFacts | None:
    reference = reference_of(item.tokens[:-2] if _has_alias(item) else item.tokens)
    if reference is None:
        return None
    label, name = reference
    fitting = [
        each
        for source, facts in sources.items()
        if label in (None, source)
        for each in facts.values()
        if fold(each.name) == name
    ]
    return fitting[0] if len(fitting) == 1 else None


def _has_alias(item: Item) -> bool:
    return len(item.tokens) > 2 and item.tokens[-2].word == "AS"
