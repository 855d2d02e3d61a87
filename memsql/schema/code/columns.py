"""What a column of a table can hold, as far as source code has to know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from memsql.schema.model import Column, Table
from memsql.schema.read_rules import rules_of
from memsql.schema.rules import TableRules
from memsql.sqltext.affinity import affinity
from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import Token, tokenize

_VECTORS = ("f8_blob", "f16_blob", "fb16_blob", "f32_blob", "f64_blob", "f1bit_blob", "float8", "float32", "float64")


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column.

    ``kind`` is "integer", "boolean", "real", "numeric", "text", "json", "date", "blob", "vector" or "any".
    ``may_be_null`` is None where it cannot be told, as in a view. ``is_rowid``: SQLite makes its value up.
    ``is_required``: an INSERT has to name it. ``default`` is SQL, None for none or NULL. ``values``: a CHECK holds it
    to these; None where none does. ``is_generated``: it cannot be written.
    """

    name: str
    declared: str
    kind: str
    may_be_null: bool | None
    is_rowid: bool = False
    is_required: bool = False
    default: str | None = None
    values: frozenset[str | float] | None = None
    is_generated: bool = False


@lru_cache(maxsize=4096)
def facts_of(table: Table) -> Mapping[str, ColumnFacts]:
    """The columns of ``table`` by name, in order; without those that a virtual table hides."""
    if table.kind != "table":
        return {
            column.name: ColumnFacts(column.name, column.type, _kind(column, ()), None)
            for column in table.columns
            if column.hidden != 1
        }
    rules = rules_of(table)
    return {column.name: _facts(column, table, rules) for column in table.columns}


def literal_value(sql: str | None) -> str | float | None:
    """The value that a literal of SQL stands for; None for NULL and for what is no literal."""
    tokens = [token for token in tokenize(sql or "") if token.text not in ("(", ")")]
    return _value(tokens)


def _facts(column: Column, table: Table, rules: TableRules) -> ColumnFacts:
    name = fold(column.name)
    checks = [check.expression for check in rules.checks if name in check.columns]
    rule = rules.columns.get(name)
    default = None if rule is None else rule.default
    is_rowid = name in rules.rowid
    is_generated = bool(column.hidden)
    never_null = column.notnull or bool(column.pk) or any(_refuses_null(check, name) for check in checks)
    values = _values(checks, name)
    return ColumnFacts(
        column.name,
        column.type,
        _kind_with_values(_kind(column, checks), values, default),
        not never_null,
        is_rowid,
        never_null and default is None and not is_rowid and not is_generated,
        default,
        values,
        is_generated,
    )


def _kind(column: Column, checks: Sequence[str]) -> str:
    declared = fold(column.type)
    if declared.startswith(_VECTORS):
        return "vector"
    if "json" in declared or any(f"json_valid({fold(column.name)}" in check.replace('"', "") for check in checks):
        return "json"
    if declared == "any" or not declared:
        return "any"
    if "bool" in declared:
        return "boolean"
    kind = affinity(column.type)
    if kind == "numeric" and ("date" in declared or "time" in declared):
        return "date"
    return kind


def _kind_with_values(kind: str, values: frozenset[str | float] | None, default: str | None) -> str:
    """``kind``, where the values that a CHECK allows, or the default, do not tell more."""
    if kind == "integer" and values == frozenset({0, 1}):
        return "boolean"
    if kind == "integer" and any(isinstance(value, str) for value in values or ()):
        return "any"
    if kind == "integer" and any(isinstance(value, float) for value in values or ()):
        return "numeric"
    usual = literal_value(default)
    is_odd = usual not in (None, 0, 1) or (values is not None and not values <= {0, 1})
    return "numeric" if kind == "boolean" and is_odd else kind


def _refuses_null(check: str, name: str) -> bool:
    tokens = tokenize(check)
    return tokens[0].name == name and [token.word for token in tokens[1:]] in (["IS", "NOT", "NULL"], ["NOTNULL"])


def _values(checks: Sequence[str], name: str) -> frozenset[str | float] | None:
    """The values that one of ``checks`` holds the column ``name`` to."""
    for check in checks:
        values = _in_list(tokenize(check), name)
        if values is not None:
            return values
    return None


def _in_list(tokens: Sequence[Token], name: str) -> frozenset[str | float] | None:
    """The values of ``name IN (...)``, also with ``name IS NULL OR`` before or behind it."""
    tokens = list(tokens)
    words = [token.word for token in tokens]
    if words[1:4] == ["IS", "NULL", "OR"] and tokens[0].name == name:
        tokens = tokens[4:]
    elif words[-4:-3] == ["OR"] and words[-2:] == ["IS", "NULL"] and tokens[-3].name == name:
        tokens = tokens[:-4]
    if len(tokens) < 5 or tokens[0].name != name or tokens[1].word != "IN" or tokens[2].text != "(":
        return None
    values: set[str | float] = set()
    part: list[Token] = []
    for token in tokens[3:]:
        if token.text not in (",", ")"):
            part.append(token)
            continue
        value = _value(part)
        if value is None and [t.word for t in part] != ["NULL"]:
            return None
        values |= set() if value is None else {value}
        part = []
    return frozenset(values) if tokens[-1].text == ")" and not part else None


def _value(tokens: Sequence[Token]) -> str | float | None:
    sign = -1 if tokens and tokens[0].text == "-" else 1
    rest = tokens[1:] if tokens and tokens[0].text in ("-", "+") else tokens
    if len(rest) != 1:
        return None
    token = rest[0]
    if token.kind == "string":
        return unquote(token.text)
    if token.word in ("TRUE", "FALSE"):
        return int(token.word == "TRUE")
    if token.kind != "number":
        return None
    try:
        return sign * int(token.text, 0)
    except ValueError:
        try:
            return sign * float(token.text)
        except ValueError:
            return None
