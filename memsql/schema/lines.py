"""The differences of two schemas in lines: ``table team``, ``table team: column mail changed``."""

from __future__ import annotations

from collections.abc import Iterator

from memsql.schema.compare import (
    Definitions,
    Element,
    columns_of,
    compare,
    definition_of_object,
    table_definitions,
)
from memsql.schema.model import Object, Schema
from memsql.schema.rules import ColumnRule
from memsql.sqltext.names import fold


def added(before: Schema, after: Schema) -> tuple[str, ...]:
    """The objects that only ``after`` has."""
    old, new = _objects(before), _objects(after)
    return tuple(sorted(_named(new[element]) for element in new.keys() - old.keys()))


def changed(before: Schema, after: Schema) -> tuple[str, ...]:
    """What is another thing in ``after``, of the objects that both have."""
    old, new = _objects(before), _objects(after)
    lines: list[str] = []
    for element in old.keys() & new.keys():
        # Most texts are equal as they are stored.
        if old[element].sql != new[element].sql:
            lines += _changes((old[element], before), (new[element], after))
    return tuple(sorted(lines))


def _changes(old: tuple[Object, Schema], new: tuple[Object, Schema]) -> Iterator[str]:
    """The lines on an object, before and after, each with its schema."""
    if new[0].type != "table":
        if definition_of_object(*old) != definition_of_object(*new):
            yield _named(new[0])
        return
    one, two = old[1].tables[old[0].name], new[1].tables[new[0].name]
    before, after = table_definitions(one, old[1]), table_definitions(two, new[1])
    if one.kind == two.kind == "table":
        yield from _table_lines(fold(two.name), before, after)
    elif before != after:
        yield _named(new[0])


def _table_lines(name: str, before: Definitions, after: Definitions) -> Iterator[str]:
    comparison = compare(before, after)
    for elements, here, there, happened in (
        (comparison.extra, after, before, "added"),
        (comparison.missing, before, after, "removed"),
    ):
        for element in elements:
            part = here[element]
            # What is about a column that comes or goes, comes or goes with it.
            if all(Element("column", f"{name}.{column}", name) in there for column in columns_of(part)):
                yield f"table {name}: {_text(part)}{_type(part)} {happened}"
    for difference in comparison.different:
        yield f"table {name}: {_text(difference.actual)} changed"


def _text(part: object) -> str:
    """A column, key, foreign key or check as people write it."""
    if isinstance(part, ColumnRule):
        return f"column {part.spelled}"
    return str(part[0]) if isinstance(part, tuple) else "options"


def _type(part: object) -> str:
    return f" {part.declared}".rstrip() if isinstance(part, ColumnRule) else ""


def _objects(schema: Schema) -> dict[Element, Object]:
    return {Element(o.type, fold(o.name)): o for o in schema.objects if o.sql}


def _named(obj: Object) -> str:
    return f"{obj.type} {obj.name}"
