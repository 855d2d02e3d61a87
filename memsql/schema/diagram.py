"""A schema as a diagram for Mermaid (https://mermaid.js.org/syntax/entityRelationshipDiagram.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from memsql import visible
from memsql.schema.erd import Attribute, Relation, erd
from memsql.schema.model import Schema

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


_LEFT = {"one": "||", "zero or one": "|o", "zero or many": "}o"}
_RIGHT = {"one": "||", "zero or one": "o|", "zero or many": "o{"}


def mermaid(schema: Schema, only: Iterable[str] | None = None) -> str:
    """A Mermaid erDiagram of the tables and views, or of those whose names are in ``only``.

    It shows the columns with their types and keys, a line for each foreign key with how many rows it brings together,
    and dotted lines from a table to the full-text tables that index it and the views that read it.
    """
    drawing = erd(schema, only)
    lines = ["erDiagram"]
    for entity in drawing.nodes:
        untyped = "fulltext" if entity.kind == "virtual" else "any"
        attributes = (_attribute(attribute, untyped) for attribute in entity.attributes)
        lines += [f"    {_entity(entity.name)} {{", *attributes, "    }"]
    return "\n".join([*lines, *map(_relation, drawing.relations)]) + "\n"


def _attribute(attribute: Attribute, untyped: str) -> str:
    """A line about ``attribute``; Mermaid wants a type, so one without has the word ``untyped``."""
    type_ = _type(attribute.type) if attribute.type else untyped
    keys = f" {', '.join(attribute.keys)}" if attribute.keys else ""
    name = _word(attribute.name)
    spelled = [
        *([attribute.name] if name != attribute.name else []),
        *([attribute.type] if attribute.type and type_ != attribute.type else []),
    ]
    comment = f' "{_label(": ".join(spelled))}"' if spelled else ""
    return f"        {type_} {name}{keys}{comment}"


def _relation(relation: Relation) -> str:
    line = "--" if relation.kind == "foreign key" else ".."
    arrow = f"{_LEFT[relation.parent_end]}{line}{_RIGHT[relation.child_end]}"
    label = _label(", ".join(relation.columns)) if relation.columns else relation.kind
    return f'    {_entity(relation.parent)} {arrow} {_entity(relation.child)} : "{label}"'


def _type(text: str) -> str:
    """A type as Mermaid can write it: letters, digits, and parentheses, but no comma and no blank."""
    sized = re.fullmatch(r"([A-Za-z][A-Za-z0-9_]*)\(\d+\)", text)
    return text if sized else _word(text)


def _word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_-]", "_", text)
    return word if re.match(r"[A-Za-z_]", word) and word.upper() not in ("PK", "FK", "UK") else f"_{word}"


def _entity(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _MERMAID_WORDS
    # Mermaid takes no empty name.
    return name if plain else f'"{_label(name) or "#quot;#quot;"}"'


def _label(text: str) -> str:
    # Mermaid takes %% for a comment, and no %, backslash or line end inside a quoted name.
    return re.sub(r"[%\\]", "_", visible.line(text)).replace('"', "#quot;")
