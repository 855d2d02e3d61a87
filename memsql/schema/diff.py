"""What differs between two schemas, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from memsql.schema.compare import Definitions, Element, compare
from memsql.schema.definition import read_definition
from memsql.schema.model import Column, Object, Schema
from memsql.schema.normalise import normalise
from memsql.sqltext.names import fold

_REST = Element("constraints", "")
"""The constraints of a table that belong to no column, and its options."""


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """Differences as lines without their mark. False where there is none."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def lines(self) -> list[str]:
        """All lines: ``-`` marks what is removed, ``~`` what is changed, ``+`` what is added."""
        return [f"- {x}" for x in self.removed] + [f"~ {x}" for x in self.changed] + [f"+ {x}" for x in self.added]


@dataclass(frozen=True, slots=True)
class _TableText:
    """The columns of a table, and the exact definition of everything in it."""

    columns: Mapping[Element, Column]
    definitions: Definitions


def diff(before: Schema, after: Schema) -> SchemaDiff:
    """Compare objects by name and normalised text, tables by column and constraint in whatever order."""
    old, new = _objects(before), _objects(after)
    # Most texts are equal as they are stored, so they need not be normalised.
    equal = {element for element in old.keys() & new.keys() if old[element].sql == new[element].sql}
    comparison = compare(_texts(old, equal), _texts(new, equal))
    changed: list[str] = []
    for element in (d.element for d in comparison.different):
        if element.kind == "table" and not _is_virtual(old[element].sql) and not _is_virtual(new[element].sql):
            changed += _table_lines(element.name, _read(before, old[element]), _read(after, new[element]))
        else:
            changed.append(_named(new[element]))
    return SchemaDiff(
        tuple(sorted(_named(new[element]) for element in comparison.extra)),
        tuple(sorted(_named(old[element]) for element in comparison.missing)),
        tuple(sorted(changed)),
    )


def _table_lines(name: str, before: _TableText, after: _TableText) -> Iterator[str]:
    comparison = compare(before.definitions, after.definitions)
    for element in comparison.extra:
        yield f"table {name}: column {after.columns[element].name} {after.columns[element].type} added"
    for element in comparison.missing:
        yield f"table {name}: column {before.columns[element].name} {before.columns[element].type} removed"
    for element in (d.element for d in comparison.different):
        if element == _REST:
            yield f"table {name}: constraints or options changed"
        else:
            yield f"table {name}: column {after.columns[element].name} changed"


def _read(schema: Schema, obj: Object) -> _TableText:
    table = schema.table(obj.name)
    columns = {Element("column", fold(c.name)): c for c in (table.columns if table else ())}
    definition = read_definition(normalise(obj.sql), (element.name for element in columns))
    texts = {clause.name: clause.text for clause in definition.columns}
    definitions: dict[Element, object] = {e: (column, texts.get(e.name)) for e, column in columns.items()}
    definitions[_REST] = sorted([*(clause.text for clause in definition.constraints), definition.tail])
    return _TableText(columns, definitions)


def _objects(schema: Schema) -> dict[Element, Object]:
    return {Element(o.type, fold(o.name)): o for o in schema.objects if o.sql}


def _texts(objects: Mapping[Element, Object], without: set[Element]) -> Definitions:
    return {element: normalise(o.sql) for element, o in objects.items() if element not in without}


def _named(obj: Object) -> str:
    return f"{obj.type} {obj.name}"


def _is_virtual(sql: str) -> bool:
    return sql[:14].lower() == "create virtual"
