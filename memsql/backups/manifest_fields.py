"""Reads the fields of a manifest: whatever a file holds, they have the types of the dataclasses, or there is an error
that names the field."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_LARGEST = 2**63 - 1


class WrongFieldError(Exception):
    """A field that no memsql writes; the message is the end of a sentence that begins with the file."""


def typed(kind: type[T], values: object, place: str = "") -> T:
    """The dataclass ``kind`` from ``values``, as JSON holds them. ``place`` is where they stand, such as "source".

    Raises WrongFieldError where a field is missing, unknown or of another type.
    """
    if not isinstance(values, dict):
        raise WrongFieldError(f"has no object in {place or 'it'}")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise WrongFieldError(f"has the unknown field {_inside(place, str(name)[:100])}")
    hints = get_type_hints(kind)
    content = {name: _field(field, hints[name], values, place) for name, field in known.items()}
    return kind(**content)


def moment(text: str, name: str) -> datetime:
    """The time in ``text``, the field ``name``. Raises WrongFieldError where it is no time in a known zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise WrongFieldError(f"has no time in {name}")
    return time


def _field(field: Field[Any], kind: Any, values: Mapping[str, object], place: str) -> object:
    name = _inside(place, field.name)
    if field.name in values:
        return _value(kind, values[field.name], name)
    if field.default is MISSING:
        raise WrongFieldError(f"lacks the field {name}")
    return field.default


def _value(kind: Any, value: object, name: str) -> object:
    """``value`` as the type ``kind``. Raises WrongFieldError."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _value(next(k for k in inner if k is not type(None)), value, name)
    if origin is Literal:
        if not isinstance(value, str) or value not in inner:
            raise WrongFieldError(f"has something else than {' or '.join(inner)} in {name}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise WrongFieldError(f"has no list in {name}")
        return tuple(_value(inner[0], each, f"{name}[{number}]") for number, each in enumerate(value))
    if is_dataclass(kind):
        return typed(kind, value, name)  # type: ignore[arg-type]
    is_fit, wanted = _PLAIN[kind]
    if not is_fit(value):
        raise WrongFieldError(f"has no {wanted} in {name}")
    return value


def _is_number(value: object) -> bool:
    return _is_count(value) or (isinstance(value, float) and math.isfinite(value) and value >= 0)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


_PLAIN: Mapping[type, tuple[Callable[[object], bool], str]] = {
    str: (_is_text, "text"),
    bool: (_is_truth, "true or false"),
    int: (_is_count, "whole number from 0 to 2^63-1"),
    float: (_is_number, "number from 0"),
}


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
