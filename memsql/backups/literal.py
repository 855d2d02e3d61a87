"""Values as SQL text that every SQLite and every libSQL server reads back to the last bit. No I/O."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache

from memsql.db.exact import Cell

_HARD_IN_TEXT = re.compile("[\x00\r]").search
_SHORT = 15
"""A double holds every number of up to so many decimal digits."""
# SQLite computes with 64 bits or more where a double has 53, and rounds twice. Close to the middle between two doubles,
# within a thousandth of their distance, it may round to the wrong side; to which one depends on the version.
_MARGIN = Fraction(31, 64)
_STEP = 52


def literal(value: Cell) -> str:
    """``value`` as an SQL expression without names."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        if _HARD_IN_TEXT(value):
            # The sqlite3 program ends a text at a NUL, and some programs change the ends of lines.
            return f"CAST(x'{value.encode().hex()}' AS TEXT)"
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float):
        # A cache does not distinguish -0.0 from 0.0, so zero goes past it.
        return _real(value) if value else repr(value)
    if isinstance(value, int):
        return str(value)
    return f"CAST(x'{value.hex()}' AS TEXT)" if isinstance(value, bytearray) else f"x'{value.hex()}'"


@lru_cache(maxsize=65_536)
def _real(value: float) -> str:
    """A short decimal number where every SQLite reads it back exactly, otherwise a fraction of whole numbers."""
    if math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    text = repr(value)
    digits = text.partition("e")[0].lstrip("-").replace(".", "").strip("0")
    short = len(digits) <= _SHORT and 1e-20 < abs(value) < 1e20
    if short and abs(Fraction(text) - Fraction(value)) < _MARGIN * Fraction(math.ulp(value)):
        return text
    return _fraction(value)


def _fraction(value: float) -> str:
    """``value`` as its 53 bits, multiplied or divided by powers of two, which every SQLite computes exactly.

    0.1 becomes ``3602879701896397.0/4503599627370496.0/8.0``.
    """
    mantissa, exponent = math.frexp(value)
    whole, exponent = int(mantissa * 2**53), exponent - 53
    while whole % 2 == 0:
        whole, exponent = whole // 2, exponent + 1
    sign = "*" if exponent > 0 else "/"
    steps, rest = divmod(abs(exponent), _STEP)
    factors = [2**_STEP] * steps + ([2**rest] if rest else [])
    return f"{whole}.0" + "".join(f"{sign}{factor}.0" for factor in factors)
