"""Hrana, the protocol of libSQL servers: Python values and statements to JSON and back. No I/O.

The structures are those of the Hrana 2 and 3 specifications
(https://github.com/tursodatabase/libsql/tree/main/docs). libsql-client converts the values, except where it would lose
or misread one.
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from math import isfinite
from typing import Any

from memsql.db import answers as shapes
from memsql.db.answers import Json, Malformed
from memsql.db.protocol import Params, Result, Value
from memsql.errors import StatementError

_INTEGER = re.compile("-?[0-9]{1,19}")
_LARGEST = sys.float_info.max


def encode_value(value: Value) -> Json:
    """``value`` as a Hrana value.

    Raises StatementError for a value that no server can store: an integer beyond 64 bits, an infinite number or NaN
    (JSON cannot write them), text that is not Unicode, or a value of another type.
    """
    # First the kinds of nearly all values: a restore sends millions.
    kind_of = type(value)
    if kind_of is str:
        if not value.isascii():  # type: ignore[union-attr]
            _refuse_surrogates(value, "a text parameter")  # type: ignore[arg-type]
        return {"type": "text", "value": value}
    if kind_of is int and -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:  # type: ignore[operator]
        return {"type": "integer", "value": str(value)}
    if value is None:
        return {"type": "null"}
    if isinstance(value, str):
        return encode_value(str(value))
    if isinstance(value, int):
        if not -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
            raise StatementError(f"the integer {value!r} does not fit into SQLite's 64 bits", code="MEMSQL_VALUE")
        return {"type": "integer", "value": str(int(value))}
    if isinstance(value, float) and isfinite(value):
        return {"type": "float", "value": float(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"type": "blob", "base64": b64encode(value).decode()}
    kind = str(value) if isinstance(value, float) else f"a value of type {type(value).__name__}"
    raise StatementError(
        f"{kind} cannot be sent to a libSQL server",
        code="MEMSQL_VALUE",
        hint="infinite numbers and NaN cannot be sent; use NULL or text",
    )


def _refuse_surrogates(text: str, name: str) -> None:
    # UTF-8 cannot write them; the server would refuse the whole request and close the stream.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise StatementError(
            f"{name} holds half of a surrogate pair, which is not Unicode", code="MEMSQL_VALUE"
        ) from None


def decode_value(value: Any) -> Value:
    """The Python value of a Hrana value. Raises Malformed for what is none, and StatementError for an infinite number,
    which sqld sends as null."""
    kind = value.get("type") if type(value) is dict else None
    if kind == "null":
        return None
    inside = value.get("base64" if kind == "blob" else "value") if kind is not None else None
    if kind == "integer" and type(inside) is str and _INTEGER.fullmatch(inside):
        number = int(inside)
        if -0x8000000000000000 <= number <= 0x7FFFFFFFFFFFFFFF:
            return number
    if kind == "text" and type(inside) is str:
        return inside
    if kind == "float":
        if inside is None and "value" in value:
            raise StatementError(
                "the result holds an infinite number, which a libSQL server cannot send",
                code="MEMSQL_VALUE",
                hint="select it as text: CAST(column AS TEXT)",
            )
        if type(inside) in (int, float):
            return _finite(inside)
    if kind == "blob" and type(inside) is str:
        with suppress(ValueError):
            # Hrana leaves the padding out.
            return b64decode(inside.rstrip("=") + "=" * (-len(inside.rstrip("=")) % 4), validate=True)
    raise Malformed("a value is not one of SQLite's")


def _finite(number: Any) -> float:
    with suppress(OverflowError):
        if isfinite(real := float(number)):
            return real
    raise Malformed("a value is a number that SQLite cannot hold")


def decode_rows(rows: Iterable[Any], width: int) -> list[tuple[Value, ...]]:
    """Rows of ``width`` Hrana values as tuples. Raises like decode_value()."""
    # A large result has millions of values, so first come the kinds of nearly all of them, without a call for each row.
    # What is not plainly right goes to decode_value(). What has no isdigit() is no text.
    try:
        decoded = [
            tuple(
                [
                    value
                    if (kind := v["type"]) == "text" and type(value := v["value"]) is str
                    else int(value)
                    if kind == "integer" and (value := v["value"]).isdigit() and len(value) < 19
                    else None
                    if kind == "null"
                    else value
                    if kind == "float" and type(value := v["value"]) is float and -_LARGEST <= value <= _LARGEST
                    else decode_value(v)
                    for v in row
                ]
            )
            for row in rows
        ]
    except (TypeError, KeyError, AttributeError, ValueError):
        raise Malformed("a row is not a list of values") from None
    if set(map(len, decoded)) - {width}:
        raise Malformed("a row has more or fewer values than there are columns")
    return decoded


def statement(sql: str, params: Params = (), *, want_rows: bool = True) -> Json:
    """A Hrana statement. Raises StatementError for a text or value that cannot be sent."""
    _refuse_surrogates(sql, "the statement")
    encoded: Json = {"sql": sql, "want_rows": want_rows}
    if params:
        encoded["args"] = [encode_value(v) for v in params]
    return encoded


def execute(sql: str, params: Params = ()) -> Json:
    """The request for one statement."""
    return {"type": "execute", "stmt": statement(sql, params)}


def sequence(sql: str) -> Json:
    """The request for a text of many statements. Raises StatementError for a text that is not Unicode."""
    _refuse_surrogates(sql, "the text")
    return {"type": "sequence", "sql": sql}


def chain(statements: Iterable[Json], first: Json | None = None) -> Json:
    """A batch in which each step runs only if the step before it succeeded, and the first one only on the condition
    ``first``."""
    steps: list[Json] = []
    for encoded in statements:
        step: Json = {"stmt": encoded}
        condition = {"type": "ok", "step": len(steps) - 1} if steps else first
        if condition is not None:
            step["condition"] = condition
        steps.append(step)
    return {"steps": steps}


def batch(statements: Iterable[Json], first: Json | None = None) -> Json:
    """The request for a chain() of statements."""
    return {"type": "batch", "batch": chain(statements, first)}


CLOSE: Json = {"type": "close"}
"""The request that ends the stream."""


def parse_only(sql: str) -> Json:
    """A request that makes the server parse ``sql`` and not run it: an "or" without conditions is false."""
    never = {"type": "or", "conds": []}
    return {"type": "batch", "batch": {"steps": [{"stmt": {"sql": sql, "want_rows": False}, "condition": never}]}}


def decode_result(result: Any) -> Result:
    """A Hrana statement result as a Result. Raises like decode_value()."""
    if type(result) is not dict or type(rows := result.get("rows")) is not list:
        raise Malformed("the result of a statement has no rows")
    columns = shapes.columns(result.get("cols"))
    # Servers of the first Hrana say nothing about it.
    read, written = (
        None if n is None else shapes.number(n, "the number of rows read or written")
        for n in (result.get("rows_read"), result.get("rows_written"))
    )
    changes = shapes.number(result.get("affected_row_count"), "the number of changed rows")
    return Result(columns, decode_rows(rows, len(columns)), changes, read, written)
