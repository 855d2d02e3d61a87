"""Comments in source code that say what memsql cannot see: ``table: memories``, ``column: api_key_hash``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

FORMS = ("row", "insert", "update")
"""What a model is for: a row as it is read, and values for an INSERT or an UPDATE."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_KEYS = "table|column|converted|never null|not a column|not in the model|without a model"
_DIRECTIVE = re.compile(rf"(?:^|;)\s*({_KEYS})\s*:\s*((?:{_QUOTED}|[^;\"])*)")
_ITEM = re.compile(rf"\s*({_QUOTED}|[^,]*?)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Directives:
    """What the comments of a model or field say.

    ``table`` is the table of a model; ``is_no_table``: the model is for none (``table: none``). ``form`` is one of
    FORMS, or empty. ``left_out`` are columns that a model leaves out on purpose, and ``without_model`` tables for which
    a file has no model on purpose.

    ``column`` is the column of a field. ``is_converted``: the application turns the value into another type.
    ``is_never_null``: the application never stores NULL, though the column would take it. ``is_no_column``: the field
    is not stored.
    """

    table: str = ""
    is_no_table: bool = False
    form: str = ""
    column: str = ""
    is_converted: bool = False
    is_never_null: bool = False
    is_no_column: bool = False
    left_out: tuple[str, ...] = ()
    without_model: tuple[str, ...] = ()


NO_DIRECTIVES = Directives()


def read_directives(comments: Iterable[str]) -> Directives:
    """What ``comments``, texts without their signs, say; a comment of several lines may say one thing a line."""
    read = NO_DIRECTIVES
    for line in (line for comment in comments for line in comment.splitlines()):
        for match in _DIRECTIVE.finditer(line.strip().lstrip("*").strip()):
            read = _with(read, match[1], match[2])
    return read


def spelled(name: str) -> str:
    """``name`` as a directive writes it: in quotes where it is not a plain word."""
    return name if re.fullmatch(r"\w+", name, re.ASCII) and name != "none" else json.dumps(name)


def _with(read: Directives, key: str, text: str) -> Directives:
    items = _items(text)
    if key == "table":
        form = next((item for item, _ in items[1:] if item in FORMS), "")
        name, is_quoted = items[0] if items else ("", False)
        is_none = name == "none" and not is_quoted
        return replace(read, table="" if is_none else name, is_no_table=is_none, form=form)
    if key == "column":
        converted = read.is_converted or any(item == "converted" for item, _ in items[1:])
        return replace(read, column=items[0][0] if items else "", is_converted=converted)
    if key == "converted":
        return replace(read, is_converted=True)
    if key == "never null":
        return replace(read, is_never_null=True)
    if key == "not a column":
        return replace(read, is_no_column=True)
    names = tuple(item for item, _ in items)
    if key == "not in the model":
        return replace(read, left_out=(*read.left_out, *names))
    return replace(read, without_model=(*read.without_model, *names))


def _items(text: str) -> list[tuple[str, bool]]:
    """The names in ``text``, which commas separate, and whether each was in quotes."""
    items = []
    for match in _ITEM.finditer(text.strip()):
        if not match[1]:
            continue
        try:
            items.append((str(json.loads(match[1])), True) if match[1].startswith('"') else (match[1], False))
        except ValueError:
            items.append((match[1], False))
    return items
