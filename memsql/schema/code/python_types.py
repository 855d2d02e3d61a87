"""Reads the annotations of Python: the types behind ``field:``, and the values of an enum."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from memsql.schema.code.types import Known, Literal, Named, TypeExpr, Union

# Wrappers of a type that say nothing about its values.
_TRANSPARENT = frozenset({"Annotated", "Final", "Required", "NotRequired", "ReadOnly", "Mapped", "type"})


def annotated_type(node: ast.expr | None) -> TypeExpr:
    """The type that an annotation means; Known "any" for one that is no type."""
    if node is None:
        return Known("any")
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Name | ast.Attribute):
        return Named(base_name(node))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union((annotated_type(node.left), annotated_type(node.right)))
    if isinstance(node, ast.Subscript):
        return _subscript(node)
    return Known("any")


def base_name(node: ast.expr) -> str:
    """The last name of ``a.b.C`` or of ``C[...]``; empty for anything else."""
    if isinstance(node, ast.Subscript):
        return base_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_null(default: ast.expr | None) -> bool:
    """Whether the default of a field is None, also as ``field(default=None)``."""
    if isinstance(default, ast.Constant):
        return default.value is None
    if not isinstance(default, ast.Call):
        return False
    first = default.args[:1] if base_name(default.func) == "Field" else []
    named = [keyword.value for keyword in default.keywords if keyword.arg == "default"]
    return any(isinstance(value, ast.Constant) and value.value is None for value in (*first, *named))


def enum_values(node: ast.ClassDef, bases: Sequence[str]) -> Iterator[TypeExpr]:
    """The types of the values of an enum, whose ``bases`` are the names behind its own."""
    of_text = any(base in ("str", "StrEnum") for base in bases)
    following = 1
    for statement in node.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        name, value = statement.targets[0].id, statement.value
        if name.startswith("_"):
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, str | int | float):
            yield Literal(value.value)
            following = value.value + 1 if isinstance(value.value, int) else following
        elif isinstance(value, ast.Call) and base_name(value.func) == "auto":
            yield Literal(name.lower()) if of_text else Literal(following)
            following += 1
        else:
            yield Known("text" if of_text else "any")


def _constant(value: object) -> TypeExpr:
    if value is None:
        return Known("null")
    if not isinstance(value, str):
        return Known("any")
    # An annotation in quotes.
    try:
        return annotated_type(ast.parse(value.strip(), mode="eval").body)
    except SyntaxError:
        return Known("any")


def _subscript(node: ast.Subscript) -> TypeExpr:
    name = base_name(node.value)
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Literal":
        return Union(tuple(_literal(item) for item in items))
    if name == "Optional":
        return Union((*map(annotated_type, items), Known("null")))
    if name == "Union":
        return Union(tuple(map(annotated_type, items)))
    if name in _TRANSPARENT and items:
        return annotated_type(items[0])
    return Named(name, tuple(map(annotated_type, items)))


def _literal(node: ast.expr) -> TypeExpr:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return Literal(-value) if isinstance(value, int | float) else Known("any")
    if isinstance(node, ast.Constant):
        if node.value is None:
            return Known("null")
        if isinstance(node.value, str | int | float):
            return Literal(node.value)
        return Known("bytes") if isinstance(node.value, bytes) else Known("any")
    return Known("any")
