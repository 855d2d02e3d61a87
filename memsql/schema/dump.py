"""A schema as SQL text and as a diagram."""

from __future__ import annotations

import re
from collections.abc import Iterable

from memsql.schema.definition import definition_of, read_definition
from memsql.schema.model import Column, Object, Schema, Table
from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import tokenize, without_tail

# What the grammar of erDiagram reads as something else than a name, in any case.
_MERMAID_WORDS = frozenset(
    {
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
    }
)
_ORDER = {"table": 0, "index": 2, "trigger": 3, "view": 4}
HEADER = """-- The schema after all migrations, as `schema.dump --write` has it. Edit it only for `migrate.create NAME --from`.
"""


def dump(schema: Schema) -> str:
    """SQL that makes ``schema`` anew: tables, virtual tables, indexes, triggers, views and their triggers, each by
    name, each as its author wrote it but for comments behind its end. Loading it gives an equal schema."""
    virtual = {t.name for t in schema.tables.values() if t.kind == "virtual"}
    views = {t.name.lower() for t in schema.tables.values() if t.kind == "view"}
    things = sorted((o for o in schema.objects if o.sql), key=lambda o: (_rank(o, virtual, views), o.name))
    # A comment behind the last word would swallow the semicolon.
    return HEADER + "".join(f"\n{without_tail(o.sql)};\n" for o in things)


def mermaid(schema: Schema, only: Iterable[str] | None = None) -> str:
    """A Mermaid erDiagram of the tables (or of those in ``only``): columns with keys, a line for each
    foreign key, full-text tables joined to what they index."""
    chosen = None if only is None else {n.lower() for n in only}
    tables = [t for t in schema.tables.values() if t.kind != "view" and (chosen is None or t.name.lower() in chosen)]
    shown = {t.name.lower() for t in tables}
    lines = ["erDiagram"]
    for table in sorted(tables, key=lambda t: t.name):
        foreign = {c.lower() for key in table.foreign_keys for c in key.columns}
        unique = _unique(schema, table)
        lines.append(f"    {_entity(table.name)} {{")
        lines += [
            f"        {_type(c, table)} {_word(c.name)}{_keys(c, foreign, unique)}{_spelled(c.name)}"
            for c in table.columns
            if c.hidden != 1
        ]
        lines.append("    }")
    for table in sorted(tables, key=lambda t: t.name):
        for key in table.foreign_keys:
            if key.parent.lower() in shown:
                optional = not any(c.notnull for c in table.columns if c.name in key.columns)
                arrow = "|o--o{" if optional else "||--o{"
                lines.append(
                    f'    {_entity(key.parent)} {arrow} {_entity(table.name)} : "{_label(", ".join(key.columns))}"'
                )
        content = _content(table)
        if content and content.lower() in shown:
            lines.append(f'    {_entity(content)} ||..|| {_entity(table.name)} : "full text"')
    return "\n".join(lines) + "\n"


def _rank(thing: Object, virtual: set[str], views: set[str]) -> int:
    if thing.type == "trigger" and thing.table.lower() in views:
        return 5
    return 1 if thing.name in virtual else _ORDER[thing.type]


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
    keys = [
        key
        for key, on in (
            ("PK", column.pk),
            ("FK", column.name.lower() in foreign),
            ("UK", column.name.lower() in unique and not column.pk),
        )
        if on
    ]
    return " " + ", ".join(keys) if keys else ""


def _type(column: Column, table: Table) -> str:
    return _word(column.type) if column.type else "fulltext" if table.kind == "virtual" else "any"


def _word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_-]", "_", text)
    return word if re.match(r"[A-Za-z_]", word) and word.upper() not in ("PK", "FK", "UK") else f"_{word}"


def _spelled(name: str) -> str:
    """The name as it is, for a column whose name Mermaid cannot write."""
    return "" if _word(name) == name else f' "{_label(name)}"'


def _entity(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _MERMAID_WORDS
    return name if plain else '"' + _label(name) + '"'


def _label(text: str) -> str:
    # Mermaid takes %% for a comment, and no %, backslash or line end inside a quoted name.
    return re.sub(r"[%\\\x00-\x1f]", "_", text).replace('"', "#quot;")


def _content(table: Table) -> str | None:
    """The table that a full-text table indexes; None where it names none."""
    for argument in read_definition(table.sql).clauses if table.kind == "virtual" else ():
        words = [token.text for token in argument.tokens]
        if len(words) == 3 and fold(words[0]) == "content" and words[1] == "=":
            return unquote(words[2]) or None
    return None
