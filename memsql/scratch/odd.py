"""Values that a column takes and that nobody expects there: they break careless SQL."""

from __future__ import annotations

from memsql.db import Value
from memsql.scratch.values import Kind


class NotUtf8(bytes):
    """The bytes of a text that is not UTF-8. SQLite stores what it is given."""


# In the order in which they are used: a table with few rows has the most telling ones.
_TEXTS: tuple[Value, ...] = (
    "007",
    "",
    "Ann",
    "ann",
    b"ann",
    "12345678901234567890",
    NotUtf8(b"an\xe9"),
    " ann ",
    "1e3",
    7,
    "1.50",
    "é",
    "É",
    "e\u0301",
    0.5,
    "a\nb",
    "-0",
    "+5",
    " ",
    "0x10",
    "9007199254740993",
    "true",
    "NaN",
    "a\u0000b",
)
_INTEGERS: tuple[Value, ...] = (
    0,
    -1,
    2**63 - 1,
    0.5,
    "ann",
    "",
    2**53 + 1,
    b"7",
    -(2**63),
    "12ab",
    NotUtf8(b"\xff"),
    1e300,
)
_REALS: tuple[Value, ...] = (0.5, 2**53 + 1, "ann", 1e300, "", -0.5, b"\x00", 1e-320, 2**63 - 1, 0.1, NotUtf8(b"\xff"))
_BYTES: tuple[Value, ...] = (b"", b"\x00", "ann", b"\xff\x00", 7, b"ann", "", 0.5)
_DATES: tuple[Value, ...] = ("", "2020-02-30", 0, "2020-01-01", "ann", 1577836800, "2020-01-01 00:00:00", 0.5, b"7")
_STRICT = {"integer": (int,), "real": (int, float), "text": (str,), "date": (str,), "json": (str,), "blob": (bytes,)}


def odd_values(kind: Kind, *, readable: bool = False) -> tuple[Value, ...]:
    """The odd values for a column of ``kind``, none of them NULL: some are of its type, and others of another one
    where the table is not STRICT. ``readable``: only those that Python can read."""
    match kind.name:
        case "integer" | "boolean":
            values = _INTEGERS
        case "real" | "numeric":
            values = _REALS
        case "blob":
            values = _BYTES
        case "date":
            values = _DATES
        case _:
            values = _TEXTS
    types = _STRICT.get(kind.name) if kind.strict else None
    if types is None and not readable:
        return values
    return tuple(v for v in values if isinstance(v, types or object) and not isinstance(v, NotUtf8))
