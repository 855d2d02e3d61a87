"""Writes the tables of a schema as Python dataclasses."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator

from memsql.schema.code.columns import ColumnFacts
from memsql.schema.code.directives import spelled
from memsql.schema.code.write_names import Written, names_for, needs_column
from memsql.schema.model import Schema
from memsql.visible import line

_TYPES = {
    "integer": "int",
    "boolean": "bool",
    "real": "float",
    "numeric": "int | float",
    "text": "str",
    "json": "Any",
    "date": "str | int | float",
    "blob": "bytes",
    "vector": "bytes",
    "any": "str | int | float | bytes",
}
# Names that a field or a class cannot have: they would hide what the file needs.
_RESERVED = frozenset(["Any", "Literal", "NotRequired", "TypedDict", "None", "True", "False"])


def write_python(schema: Schema, tables: list[str] | None = None) -> str:
    """The text of a file of models: for each table a dataclass for its rows and a TypedDict for an INSERT, for a view a
    dataclass. The same schema gives the same text. ``tables``: only these."""
    models = names_for(schema, tables, _field_name, _RESERVED)
    written = {model.table.name for model in models}
    without = sorted(t.name for t in schema.tables.values() if t.kind == "table" and t.name not in written)
    body: list[str] = []
    for model in models:
        body += ["", "", f"# table: {spelled(model.table.name)}, row", "@dataclass(frozen=True, slots=True)"]
        body += [f"class {model.row}:", f'    """A row of the {model.table.kind} {_comment(model.table.name)}."""', ""]
        body += [f"    {text}" for facts in model.facts.values() for text in _row_field(model, facts)]
        if model.insert:
            body += ["", "", f"# table: {spelled(model.table.name)}, insert", f"class {model.insert}(TypedDict):"]
            body += [f'    """What an INSERT into {_comment(model.table.name)} may name."""', ""]
            body += [f"    {text}" for facts in model.facts.values() for text in _insert_field(model, facts)]
    text = "\n".join(body)
    names = [name for name in ("Any", "Literal", "NotRequired", "TypedDict") if re.search(rf"\b{name}\b", text)]
    lines = ["# Written by `memsql schema.types --format python`. Run it again after a migration."]
    lines += [f"# without a model: {', '.join(map(spelled, without))}"] if without else []
    lines += ["", "from __future__ import annotations", "", "from dataclasses import dataclass"]
    lines += [f"from typing import {', '.join(names)}"] if names else []
    return "\n".join([*lines, *body]) + "\n"


def _row_field(model: Written, facts: ColumnFacts) -> Iterator[str]:
    nullable = facts.may_be_null is not False
    yield f"# {_comment(model.comments[facts.name])}"
    yield f"{model.fields[facts.name]}: {_type(facts, nullable=nullable)}{_directive(model, facts)}"


def _insert_field(model: Written, facts: ColumnFacts) -> Iterator[str]:
    if facts.is_generated:
        return
    read = _type(facts, nullable=bool(facts.may_be_null) or facts.is_rowid)
    text = read if facts.is_required else f"NotRequired[{read}]"
    yield f"{model.fields[facts.name]}: {text}{_directive(model, facts)}"


def _type(facts: ColumnFacts, *, nullable: bool) -> str:
    text = _TYPES[facts.kind]
    values = facts.values or frozenset()
    # A Literal holds no fractions.
    if values and facts.kind in ("text", "integer") and not any(isinstance(value, float) for value in values):
        ordered = sorted(values, key=lambda v: (isinstance(v, str), v))
        text = f"Literal[{', '.join(_literal(v) for v in ordered)}]"
    return f"{text} | None" if nullable and text != "Any" else text


def _literal(value: str | float) -> str:
    # JSON spells a character beyond U+FFFF as two, which Python would take for two.
    return json.dumps(value) if not isinstance(value, str) or max(value, default="") <= "\uffff" else ascii(value)


def _directive(model: Written, facts: ColumnFacts) -> str:
    return f"  # column: {spelled(facts.name)}" if needs_column(model, facts.name) else ""


def _field_name(column: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", column)
    # Two underscores in front would be mangled, and a field of a dataclass cannot be a keyword.
    name = name.lstrip("_") or "column"
    name = name if name[0].isalpha() else f"column_{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in _HIDDEN else name


# The types of this file, which a field of that name with a default would hide.
_HIDDEN = frozenset(["int", "str", "bytes", "bool", "float"])


def _comment(text: str) -> str:
    return line(text).replace("\\", "/").replace('"""', "'''")
