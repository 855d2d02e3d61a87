"""Results as JSON, from the process that ran somebody else's SQL to the one that asked.

JSON and not pickle: whatever became of that process, its bytes can make nothing here but plain values and the frozen
dataclasses of memsql. Values that occur often are written once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from itertools import chain
from typing import Any

from memsql import errors
from memsql.errors import Location, MemsqlError, StatementError

_PACKAGE = "memsql."


def encode(value: object) -> bytes:
    """``value`` as bytes. Raises TypeError for what is neither plain, nor a collection, nor a dataclass of memsql."""
    writer = _Writer()
    root = writer.reference(value)
    return json.dumps({"nodes": writer.nodes, "root": root}).encode("ascii")


def decode(data: bytes) -> Any:
    """The value that encode() wrote. Raises ValueError for anything else."""
    try:
        message = json.loads(data)
        values: list[object] = []
        for kind, content in message["nodes"]:
            values.append(_read(kind, content, values))
        return values[message["root"]]
    except (KeyError, IndexError, TypeError, AttributeError, RecursionError) as e:
        raise ValueError(f"not a result: {e}") from None


def encode_error(error: MemsqlError) -> bytes:
    """``error`` as bytes, with everything that a person is told."""
    where = error.where
    return encode(
        {
            "kind": type(error).__name__,
            "message": error.message,
            "where": where,
            "statement": error.statement,
            "state": error.state,
            "hint": error.hint,
            "details": error.details,
            "code": error.code if isinstance(error, StatementError) else None,
            "index": error.index if isinstance(error, StatementError) else None,
        }
    )


def decode_error(data: bytes) -> MemsqlError:
    """The error that encode_error() wrote. Raises ValueError for anything else."""
    entries = decode(data)
    kind = getattr(errors, str(entries.pop("kind")), None)
    if not (isinstance(kind, type) and issubclass(kind, MemsqlError)):
        raise ValueError("not an error of memsql")
    message, where, details = entries.pop("message"), entries.pop("where"), entries.pop("details")
    code, index = entries.pop("code"), entries.pop("index")
    if not isinstance(where, Location | None):
        raise ValueError("not a place")
    if issubclass(kind, StatementError):
        error: MemsqlError = kind(message, code=code, index=index, **entries)
        error.where, error.details = where, details
        return error
    return kind(message, where=where, details=details, **entries)


class _Writer:
    """``nodes`` are [kind, content], and refer to earlier ones by their numbers."""

    def __init__(self) -> None:
        self.nodes: list[list[object]] = []
        self._numbers: dict[object, int] = {}
        # By the identity of a value, which is kept so that no other one gets its identity.
        self._known: dict[int, tuple[object, int]] = {}

    def reference(self, value: object) -> int:
        """The number of the node of ``value``. Equal values have one node."""
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        kind, content = self._node(value)
        # 1, 1.0 and True are equal.
        plain = tuple(content) if isinstance(content, list) else repr(content) if kind == "v" else content
        key = (kind, type(value), plain)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.nodes)
            self.nodes.append([kind, content])
        self._known[id(value)] = value, number
        return number

    def _references(self, values: Iterable[object]) -> list[int]:
        # A large result has a million of them, and most are known.
        known = self._known
        return [known[id(value)][1] if id(value) in known else self.reference(value) for value in values]

    def _node(self, value: object) -> tuple[str, Any]:
        if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, Enum)):
            return "v", value
        if isinstance(value, bytes):
            return "b", value.hex()
        if isinstance(value, Mapping):
            return "m", self._references(chain.from_iterable(value.items()))
        if isinstance(value, tuple | list | set | frozenset):
            kind = _name(type(value)) if hasattr(value, "_fields") else type(value).__name__
            return kind, self._references(value)
        if is_dataclass(value) and not isinstance(value, type):
            return _name(type(value)), self._references([getattr(value, name) for name in _parameters(type(value))])
        raise TypeError(f"{type(value).__name__} is no part of a result")


@cache
def _parameters(type_: Any) -> tuple[str, ...]:
    """The names of the parameters of a dataclass."""
    return tuple(field.name for field in fields(type_) if field.init)


_COLLECTIONS = {"tuple": tuple, "list": list, "set": set, "frozenset": frozenset}


def _read(kind: str, content: Any, values: list[object]) -> object:
    if kind == "v":
        return content
    if kind == "b":
        return bytes.fromhex(content)
    if kind == "m":
        numbers = iter(content)
        return {values[key]: values[item] for key, item in zip(numbers, numbers, strict=True)}
    items = [values[number] for number in content]
    if kind in _COLLECTIONS:
        return _COLLECTIONS[kind](items)
    type_ = _type(kind)
    if issubclass(type_, tuple):
        return type_(*items)
    return type_(**dict(zip(_parameters(type_), items, strict=True)))


def _name(type_: type) -> str:
    if not type_.__module__.startswith(_PACKAGE):
        raise TypeError(f"{type_.__name__} is no type of memsql")
    return f"{type_.__module__}:{type_.__qualname__}"


@cache
def _type(name: str) -> Any:
    """The dataclass or named tuple of memsql that is called ``name``."""
    module, _, class_name = name.partition(":")
    if not module.startswith(_PACKAGE) or not class_name.isidentifier():
        raise ValueError("not a type of memsql")
    type_ = getattr(sys.modules.get(module) or import_module(module), class_name)
    if not isinstance(type_, type) or not (is_dataclass(type_) or hasattr(type_, "_fields")):
        raise ValueError("not a type of results")
    return type_
