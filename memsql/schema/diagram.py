"""A schema as a diagram for Mermaid (https://mermaid.js.org/syntax/entityRelationshipDiagram.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memsql import visible
from memsql.schema.definition import definition_of, read_definition
from memsql.schema.model import Column, Schema, Table
from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import tokenize

# What the grammar of erDiagram reads as something else than a name, in any case.
_MERMAID_WORDS = frozenset(
    [
        "erdiagram",
        "title",
        "acctitle",
        "accdescr",
        "direction",
        "style",
        "class",
        "classdef",
        "subgraph",
        "end",
        "one",
        "many",
        "only",
        "zero",
        "to",
        "optionally",
        "u",
    ]
)


def mermaid(schema: Schema, only: Iterable[str] | None = None) -> str:
    """A Mermaid erDiagram of the tables, or of those whose names are in ``only``.

    It shows the columns with their keys, a line for each foreign key, and a line from each full-text table to the table
    that it indexes.
    """
    chosen = None if only is None else {fold(name) for name in only}
    tables = sorted(
        (t for t in schema.tables.values() if t.kind != "view" and (chosen is None or fold(t.name) in chosen)),
        key=lambda t: t.name,
    )
    shown = {fold(t.name) for t in tables}
    lines = ["erDiagram"]
    for table in tables:
        lines += _columns(schema, table)
    for table in tables:
        lines += _relations(table, shown)
    return "\n".join(lines) + "\n"


def _columns(schema: Schema, table: Table) -> Iterator[str]:
    foreign = {fold(c) for key in table.foreign_keys for c in key.columns}
    unique = _unique(schema, table)
    yield f"    {_entity(table.name)} {{"
    for column in table.columns:
        if column.hidden != 1:
            keys = _keys(column, foreign, unique)
            yield f"        {_type(column, table)} {_word(column.name)}{keys}{_spelled(column.name)}"
    yield "    }"


def _relations(table: Table, shown: set[str]) -> Iterator[str]:
    for key in table.foreign_keys:
        if fold(key.parent) in shown:
            optional = not any(c.notnull for c in table.columns if c.name in key.columns)
            arrow = "|o--o{" if optional else "||--o{"
            yield f'    {_entity(key.parent)} {arrow} {_entity(table.name)} : "{_label(", ".join(key.columns))}"'
    content = _content(table)
    if content and fold(content) in shown:
        yield f'    {_entity(content)} ||..|| {_entity(table.name)} : "full text"'


def _unique(schema: Schema, table: Table) -> set[str]:
    """The columns, in lower case, that are unique by themselves."""
    unique = {clause.name for clause in definition_of(table).columns if clause.has("UNIQUE")}
    for index in schema.of(table.name, "index"):
        definition = read_definition(index.sql)
        single = len(definition.clauses) == 1 and len(definition.clauses[0].tokens) == 1 and not definition.options
        if single and tokenize(index.sql)[1].word == "UNIQUE":
            unique.add(definition.clauses[0].name)
    return unique


def _keys(column: Column, foreign: set[str], unique: set[str]) -> str:
    keys = ["PK"] if column.pk else []
    keys += ["FK"] if fold(column.name) in foreign else []
    keys += ["UK"] if fold(column.name) in unique and not column.pk else []
    return " " + ", ".join(keys) if keys else ""


def _content(table: Table) -> str | None:
    """The table that a full-text table indexes; None where it names none."""
    for argument in read_definition(table.sql).clauses if table.kind == "virtual" else ():
        words = [token.text for token in argument.tokens]
        if len(words) == 3 and fold(words[0]) == "content" and words[1] == "=":
            return unquote(words[2]) or None
    return None


def _type(column: Column, table: Table) -> str:
    return _word(column.type) if column.type else "fulltext" if table.kind == "virtual" else "any"


def _word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_-]", "_", text)
    return word if re.match(r"[A-Za-z_]", word) and word.upper() not in ("PK", "FK", "UK") else f"_{word}"


def _spelled(name: str) -> str:
    """The name of a column as a comment, where Mermaid cannot write it as a word."""
    return "" if _word(name) == name else f' "{_label(name)}"'


def _entity(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _MERMAID_WORDS
    return name if plain else '"' + _label(name) + '"'


def _label(text: str) -> str:
    # Mermaid takes %% for a comment, and no %, backslash or line end inside a quoted name.
    return re.sub(r"[%\\]", "_", visible.line(text)).replace('"', "#quot;")
