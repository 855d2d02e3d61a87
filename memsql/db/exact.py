"""Rows of a server that Hrana cannot carry as they are: infinite numbers, and text that is not UTF-8.

sqld sends an infinite number as null, and ends the stream at text that is not UTF-8. So text is read as a blob and an
infinite number as text, and one column more says for every value how it was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from memsql.db.protocol import Value
from memsql.sqltext import quote

if TYPE_CHECKING:
    from memsql.db.libsql import LibsqlConnection

Cell = Value | bytearray
"""A value; text that is not UTF-8 is a bytearray."""

_VALUE = (
    "CASE WHEN typeof({0}) = 'text' THEN CAST({0} AS BLOB) WHEN {0} IN (9e999, -9e999) THEN CAST({0} AS TEXT) "
    "ELSE {0} END"
)
# One letter a value: t for text, + and - for an infinite number, a dot for a value that was read as it is.
_KIND = (
    "CASE WHEN typeof({0}) = 'text' THEN 't' WHEN typeof({0}) <> 'real' THEN '.' WHEN {0} = 9e999 THEN '+' "
    "WHEN {0} = -9e999 THEN '-' ELSE '.' END"
)


def exact_lists(conn: LibsqlConnection, sql: str, columns: Sequence[str]) -> Iterator[list[tuple[Cell, ...]]]:
    """The rows that ``sql`` selects, a list at a time, every value as it is stored. ``columns`` are its columns."""
    # Names of our own, because two columns of a result may have the same name.
    names = [f"c{n}" for n in range(len(columns))]
    values = ", ".join(_VALUE.format(n) for n in names)
    kinds = " || ".join(_KIND.format(n) for n in names)
    for rows in conn.stream_lists(
        f"WITH x ({', '.join(map(quote, names))}) AS ({sql}) SELECT {values}, {kinds} FROM x"
    ):
        yield [_row(row) for row in rows]


def _row(row: tuple[Value, ...]) -> tuple[Cell, ...]:
    kinds = str(row[-1])
    return tuple([value if kind == "." else _cell(value, kind) for value, kind in zip(row, kinds, strict=False)])


def _cell(value: Value, kind: str) -> Cell:
    if kind != "t":
        return float(f"{kind}inf")
    assert isinstance(value, bytes)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return bytearray(value)
