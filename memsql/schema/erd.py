"""The entities and relationships of a schema, for every kind of drawing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from memsql.schema.definition import Clause, definition_of, read_definition
from memsql.schema.keys import SearchKey, Term, keys_of_table
from memsql.schema.meaning import index_rules, sources_of_view
from memsql.schema.model import Column, ForeignKey, Schema, Table
from memsql.schema.read_rules import rules_of
from memsql.sqltext.names import NAME, fold, quote_if_needed, unquote

End = Literal["one", "zero or one", "zero or many"]
RelationKind = Literal["foreign key", "full text", "view"]

_not_null = re.compile(rf'({NAME}|"(?:[^"]|"")+") is not null(?: and |$)').match


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column of an entity. ``type`` has the letters of its author, and is empty where none is declared; ``keys`` are
    PK, FK and UK, the last one where the column is unique by itself."""

    name: str
    type: str
    keys: tuple[str, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class Entity:
    """A table, virtual table or view (``kind`` as of Table) with its visible columns."""

    name: str
    kind: str
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A line between two entities.

    ``parent_end`` says how many rows of ``parent`` belong to one of ``child``, and ``child_end`` the reverse.
    ``columns`` are those of a foreign key, and ``parent_columns`` what they refer to. A full-text table is the child of
    the table that it indexes, a view of each that it reads; how many rows of a view come of one row nobody knows.
    """

    parent: str
    child: str
    kind: RelationKind
    parent_end: End
    child_end: End
    columns: tuple[str, ...] = ()
    parent_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Erd:
    """The entities in the order of their names (``nodes``), and the relations between them."""

    nodes: tuple[Entity, ...]
    relations: tuple[Relation, ...]


def erd(schema: Schema, only: Iterable[str] | None = None) -> Erd:
    """The diagram of ``schema``, or of the tables and views whose names are in ``only``. Names have the letters of
    their definition, whoever refers to them."""
    chosen = None if only is None else {fold(name) for name in only}
    tables = sorted((t for t in schema.tables.values() if chosen is None or fold(t.name) in chosen), key=_by_name)
    shown = {fold(t.name): t for t in tables}
    relations = [r for table in tables for r in _relations(schema, table, shown)]
    return Erd(tuple(_entity(schema, table) for table in tables), tuple(relations))


def foreign_key_relation(schema: Schema, table: Table, key: ForeignKey, parent: Table) -> Relation:
    """How many rows of ``parent`` and of ``table`` the foreign key ``key`` of ``table`` brings together.

    A row belongs to exactly one parent where no column of the key can be NULL, and a parent has at most one row where
    the columns of the key, or some of them, are unique.
    """
    targets = key.referred(parent)
    required = {fold(name) for name in key.columns} <= _required(table)
    unique = any(_keeps_apart(unique, key, targets, parent) for unique in _unique_keys(schema, table))
    return Relation(
        parent.name,
        table.name,
        "foreign key",
        "one" if required else "zero or one",
        "zero or one" if unique else "zero or many",
        key.columns,
        targets,
    )


def _by_name(table: Table) -> tuple[str, str]:
    return fold(table.name), table.name


def _entity(schema: Schema, table: Table) -> Entity:
    foreign = {fold(c) for key in table.foreign_keys for c in key.columns}
    unique = {k.terms[0].text for k in _unique_keys(schema, table) if len(k.terms) == 1 and not k.where}
    required = _required(table)
    types = _written_types(table)

    def keys(column: Column) -> Iterator[str]:
        name = fold(column.name)
        if column.pk:
            yield "PK"
        if name in foreign:
            yield "FK"
        if not column.pk and quote_if_needed(name) in unique:
            yield "UK"

    attributes = (
        Attribute(c.name, types[c.name], tuple(keys(c)), fold(c.name) in required)
        for c in table.columns
        if c.hidden != 1
    )
    return Entity(table.name, table.kind, tuple(attributes))


def _relations(schema: Schema, table: Table, shown: dict[str, Table]) -> Iterator[Relation]:
    for key in table.foreign_keys:
        parent = shown.get(fold(key.parent))
        if parent is not None:
            yield foreign_key_relation(schema, table, key, parent)
    indexed = content_of(table)
    content = None if indexed is None else shown.get(fold(indexed))
    if content is not None:
        yield Relation(content.name, table.name, "full text", "one", "one")
    for name in sources_of_view(table) if table.kind == "view" else ():
        source = shown.get(name)
        if source is not None:
            yield Relation(source.name, table.name, "view", "zero or many", "zero or many")


def content_of(table: Table) -> str | None:
    """The table or view that a full-text table indexes; None where it names none."""
    for argument in read_definition(table.sql).clauses if table.kind == "virtual" else ():
        words = [token.text for token in argument.tokens]
        if len(words) == 3 and fold(words[0]) == "content" and words[1] == "=":
            return unquote(words[2]) or None
    return None


def _required(table: Table) -> frozenset[str]:
    """The columns, in lower case, that are never NULL."""
    rules = rules_of(table) if table.kind == "table" else None
    names = {fold(c.name) for c in table.columns if c.notnull}
    if rules is None:
        return frozenset(names)
    names |= set(rules.rowid)
    for check in rules.checks:
        names |= _not_null_columns(check.expression) or set()
    return frozenset(names)


def _unique_keys(schema: Schema, table: Table) -> list[SearchKey]:
    """What makes rows of ``table`` differ: PRIMARY KEY, UNIQUE and unique indexes."""
    if table.kind != "table":
        return []
    rules = rules_of(table)
    keys = keys_of_table(rules, (index_rules(o, schema) for o in schema.of(table.name, "index")))
    if rules.unread:
        # The grammar of a server: its columns are known all the same.
        columns = [fold(name) for name in table.primary_key]
        keys.append(SearchKey(tuple(Term(quote_if_needed(c), "binary", False) for c in columns), unique=True))
        keys += [
            SearchKey((Term(quote_if_needed(clause.name), "binary", False),), unique=True)
            for clause in definition_of(table).columns
            if clause.has("UNIQUE")
        ]
    return [key for key in keys if key.unique and key.terms]


def _keeps_apart(unique: SearchKey, key: ForeignKey, targets: tuple[str, ...], parent: Table) -> bool:
    """Whether ``unique`` lets at most one row refer by ``key`` to a row of ``parent``, whose columns are ``targets``.

    Values that are equal to the parent must be equal to ``unique`` too: a foreign key compares by the collation of the
    parent's column. Rows that a condition IS NOT NULL of a column of the key leaves out refer to nothing.
    """
    columns = rules_of(parent).columns
    collations = {}
    for place, name in enumerate(key.columns):
        target = columns.get(fold(targets[place])) if place < len(targets) else None
        collations[quote_if_needed(fold(name))] = target.collation if target else "binary"
    partial = _not_null_columns(unique.where) if unique.where else set()
    if partial is None or not partial <= {fold(name) for name in key.columns}:
        return False
    return all(term.text in collations and collations[term.text] in ("binary", term.collation) for term in unique.terms)


def _not_null_columns(condition: str) -> set[str] | None:
    """The columns of a canonical condition that only asks for columns that are not NULL; None for another condition."""
    names, place = set(), 0
    while place < len(condition):
        match = _not_null(condition, place)
        if match is None:
            return None
        names.add(fold(unquote(match[1])))
        place = match.end()
    return names


def _written_types(table: Table) -> dict[str, str]:
    """The type of each column as its author wrote it; SQLite tells the usual ones in capitals."""
    definition = definition_of(table) if table.kind == "table" else None
    types = {}
    for column in table.columns:
        clause = definition.column(column.name) if definition is not None else None
        text, told = "" if clause is None else _type_text(clause), _flat(column.type)
        # Whatever else may stand there is what SQLite says.
        types[column.name] = text if fold(_flat(text)) == fold(told) else told
    return types


def _type_text(clause: Clause) -> str:
    """What stands between the name of a column and its constraints."""
    tokens = clause.type_tokens
    if not tokens:
        return ""
    if len(tokens) == 1:
        return unquote(tokens[0].text)
    return _flat(clause.text[tokens[0].start - clause.start : tokens[-1].end - clause.start])


def _flat(text: str) -> str:
    return " ".join(text.split())
