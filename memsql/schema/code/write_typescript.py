"""Writes the tables of a schema as TypeScript interfaces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from memsql.schema.code.columns import ColumnFacts
from memsql.schema.code.directives import spelled
from memsql.schema.code.names import camel
from memsql.schema.code.write_names import Written, names_for, needs_column
from memsql.schema.model import Schema
from memsql.visible import line

_TYPES = {
    "integer": "number",
    "boolean": "boolean",
    "real": "number",
    "numeric": "number",
    "text": "string",
    "json": "unknown",
    "date": "string | number",
    "blob": "Uint8Array",
    "vector": "Uint8Array",
    "any": "string | number | Uint8Array",
}
# Names that TypeScript or its library has, so that an interface of that name would be another.
_RESERVED = frozenset(
    {"Array", "BigInt", "Blob", "Boolean", "Buffer", "Date", "Error", "Event", "File", "Function", "Map", "Node"}
    | {"Number", "Object", "Omit", "Partial", "Pick", "Promise", "Readonly", "Record", "RegExp", "Required", "Set"}
    | {"String", "Symbol", "Uint8Array"}
)


def write_typescript(schema: Schema, tables: list[str] | None = None) -> str:
    """The text of a file of interfaces: for each table one for its rows and one for an INSERT, for a view one for its
    rows. The same schema gives the same text. ``tables``: only these."""
    models = names_for(schema, tables, camel, _RESERVED)
    without = [name for name, table in schema.tables.items() if table.kind == "table" and name not in
               {model.table.name for model in models}]  # fmt: skip
    lines = ["// Written by `memsql schema.types --format typescript`. Run it again after a migration."]
    lines += [f"// without a model: {', '.join(map(spelled, sorted(without)))}"] if without else []
    for model in models:
        lines += ["", f"/** A row of the {_comment(model.table.kind)} {_comment(model.table.name)}. */"]
        lines += [f"// table: {spelled(model.table.name)}, row", f"export interface {model.row} {{"]
        lines += [text for facts in model.facts.values() for text in _row_field(model, facts)]
        lines.append("}")
        if model.insert:
            lines += ["", f"/** What an INSERT into {_comment(model.table.name)} may name. */"]
            lines += [f"// table: {spelled(model.table.name)}, insert", f"export interface {model.insert} {{"]
            lines += [text for facts in model.facts.values() for text in _insert_field(model, facts)]
            lines.append("}")
    return "\n".join(lines) + "\n"


def _row_field(model: Written, facts: ColumnFacts) -> Iterator[str]:
    nullable = facts.may_be_null is not False
    yield f"  /** {_comment(model.comments[facts.name])} */"
    yield f"  {_property(model, facts)}: {_type(facts, nullable=nullable)};{_directive(model, facts)}"


def _insert_field(model: Written, facts: ColumnFacts) -> Iterator[str]:
    if facts.is_generated:
        return
    mark = "" if facts.is_required else "?"
    nullable = bool(facts.may_be_null) or facts.is_rowid
    yield f"  {_property(model, facts)}{mark}: {_type(facts, nullable=nullable)};{_directive(model, facts)}"


def _property(model: Written, facts: ColumnFacts) -> str:
    name = model.fields[facts.name]
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) else json.dumps(name)


def _type(facts: ColumnFacts, *, nullable: bool) -> str:
    text = _TYPES[facts.kind]
    values = facts.values or frozenset()
    if values and facts.kind in ("text", "integer", "real", "numeric"):
        text = " | ".join(json.dumps(v) for v in sorted(values, key=lambda v: (isinstance(v, str), v)))
    return f"{text} | null" if nullable and text != "unknown" else text


def _directive(model: Written, facts: ColumnFacts) -> str:
    return f" // column: {spelled(facts.name)}" if needs_column(model, facts.name) else ""


def _comment(text: str) -> str:
    return line(text).replace("*/", "* /")
