"""The documentation of a schema as one HTML page: tables, keys, indexes, triggers, queries and plans, diagram."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from memsql.advise.queries import QueryPlan
from memsql.project.queries import Query
from memsql.report.drawing import summary, svg
from memsql.report.templates import markup, page
from memsql.schema import Object, Schema, Table
from memsql.schema.definition import definition_of, read_definition
from memsql.schema.erd import Entity, Relation, erd
from memsql.schema.meaning import index_rules
from memsql.schema.model import ForeignKey
from memsql.schema.read_rules import rules_of
from memsql.sqltext import fold
from memsql.words import count

# A diagram of more tables and views shows the columns of keys alone.
_WHOLE = 40
_KINDS = {"table": "table", "view": "view", "virtual": "virtual table"}
_SECTIONS = {"table": "Tables", "virtual": "Virtual tables", "view": "Views"}
_GENERATED = {2: "virtual", 3: "stored"}


@dataclass(frozen=True, slots=True)
class _Link:
    """A name that leads to its table, or to nothing where it is not there."""

    name: str
    anchor: str


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: str
    keys: str
    null: str
    default: str
    remarks: str


@dataclass(frozen=True, slots=True)
class _Reference:
    """A foreign key as the table that has it tells it."""

    columns: str
    target: _Link
    target_columns: str
    actions: str
    rows: str


@dataclass(frozen=True, slots=True)
class _Index:
    name: str
    unique: bool
    terms: str
    where: str


@dataclass(frozen=True, slots=True)
class _Described:
    """Everything that the page says of a table, virtual table or view."""

    anchor: str
    name: str
    kind: str
    options: tuple[str, ...]
    columns: tuple[_Column, ...]
    constraints: tuple[str, ...]
    references: tuple[_Reference, ...]
    referrers: tuple[_Link, ...]
    reads: tuple[_Link, ...]
    read_by: tuple[_Link, ...]
    indexes: tuple[_Index, ...]
    triggers: tuple[Object, ...]
    sql: str


def schema_page(schema: Schema, name: str, queries: Sequence[tuple[Query, QueryPlan]]) -> str:
    """The page about ``schema``, the one of the database ``name``, and the hot queries of its project."""
    drawing = erd(schema)
    anchors = _anchors(schema)
    describer = _Describer(schema, drawing.relations, anchors)
    tables = [describer.describe(entity) for entity in drawing.nodes]
    keys_only = len(drawing.nodes) > _WHOLE
    picture = svg(drawing, links={t: f"#{a}" for t, a in anchors.items()}, keys_only=keys_only, inline=True)
    kinds = {kind: [t for t in tables if t.kind == _KINDS[kind]] for kind in _SECTIONS}
    return page(
        "schema.html.jinja",
        name=name,
        summary=", ".join([summary(drawing), *([count(len(queries), "query", "queries")] if queries else [])]),
        sections=[(title, kinds[kind]) for kind, title in _SECTIONS.items() if kinds[kind]],
        picture=markup(picture),
        keys_only=keys_only,
        queries=queries,
    )


def _anchors(schema: Schema) -> dict[str, str]:
    """A place in the page for each table, by name: the name itself, where an address can hold it as it is."""
    plain = re.compile(r"[A-Za-z0-9_]+").fullmatch
    return {name: f"table-{fold(name)}" if plain(name) else f"object-{n}" for n, name in enumerate(schema.tables, 1)}


class _Describer:
    """Describes the tables of one schema."""

    def __init__(self, schema: Schema, relations: Sequence[Relation], anchors: Mapping[str, str]) -> None:
        self.schema = schema
        self.relations = relations
        self.anchors = anchors

    def describe(self, entity: Entity) -> _Described:
        table = self.schema.tables[entity.name]
        outgoing = [r for r in self.relations if r.child == table.name]
        incoming = [r for r in self.relations if r.parent == table.name]
        options = [*(["WITHOUT ROWID"] if table.without_rowid else []), *(["STRICT"] if table.strict else [])]
        return _Described(
            self.anchors[table.name],
            table.name,
            _KINDS[table.kind],
            tuple(options),
            tuple(_columns(table, entity)),
            tuple(_constraints(table)),
            tuple(self._reference(key, outgoing) for key in table.foreign_keys),
            self._links(r.child for r in incoming if r.kind == "foreign key"),
            self._links(r.parent for r in outgoing if r.kind != "foreign key"),
            self._links(r.child for r in incoming if r.kind != "foreign key"),
            tuple(self._index(o) for o in self._objects(table, "index")),
            tuple(self._objects(table, "trigger")),
            table.sql,
        )

    def _objects(self, table: Table, kind: str) -> list[Object]:
        """By name, so that the page does not depend on what was made first."""
        return sorted(self.schema.of(table.name, kind), key=lambda o: o.name)

    def _reference(self, key: ForeignKey, relations: Sequence[Relation]) -> _Reference:
        relation = next((r for r in relations if r.columns == key.columns and fold(r.parent) == fold(key.parent)), None)
        actions = [
            f"ON {event} {action}"
            for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update))
            if action != "NO ACTION"
        ]
        if relation is None:
            return _Reference(
                ", ".join(key.columns),
                _Link(key.parent, ""),
                ", ".join(key.parent_columns),
                ", ".join(actions),
                "there is no such table",
            )
        return _Reference(
            ", ".join(key.columns),
            self._link(relation.parent),
            ", ".join(relation.parent_columns),
            ", ".join(actions),
            f"{relation.child_end} to {relation.parent_end}",
        )

    def _index(self, index: Object) -> _Index:
        rules = index_rules(index, self.schema)
        if rules.unread:
            return _Index(index.name, False, rules.unread, "")
        return _Index(index.name, rules.unique, ", ".join(rules.terms), rules.where)

    def _links(self, names: Iterator[str]) -> tuple[_Link, ...]:
        return tuple(self._link(name) for name in dict.fromkeys(names))

    def _link(self, name: str) -> _Link:
        return _Link(name, self.anchors[name])


def _columns(table: Table, entity: Entity) -> Iterator[_Column]:
    attributes = {attribute.name: attribute for attribute in entity.attributes}
    rules = rules_of(table) if table.kind == "table" else None
    for column in table.columns:
        attribute = attributes.get(column.name)
        if attribute is None:
            continue
        rule = rules.columns.get(fold(column.name)) if rules else None
        remarks = [f"generated, {_GENERATED[column.hidden]}"] if column.hidden in _GENERATED else []
        if rule is not None and rule.collation != "binary":
            remarks.append(f"COLLATE {rule.collation.upper()}")
        yield _Column(
            column.name,
            attribute.type,
            " ".join(attribute.keys),
            "" if table.kind != "table" else "never" if attribute.required else "yes",
            column.default or "",
            ", ".join(remarks),
        )


def _constraints(table: Table) -> Iterator[str]:
    """Keys and checks; of a virtual table, its options."""
    if table.kind == "virtual":
        yield from (clause.text for clause in read_definition(table.sql).clauses if "=" in clause.text)
        return
    if table.kind == "table":
        rules = rules_of(table)
        keys = sorted(rules.unique, key=str)
        for key in [*([rules.primary_key] if rules.primary_key else []), *keys]:
            yield f"{key} AUTOINCREMENT" if key.autoincrement else str(key)
        yield from (f"CHECK ({expression})" for expression in definition_of(table).checks)
