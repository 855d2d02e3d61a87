"""Counts, sizes and times as people write them."""

from __future__ import annotations

import re

_UNITS = (("day", "d", 86_400), ("hour", "h", 3600), ("minute", "min", 60), ("second", "s", 1))
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MOST_DIGITS = 100
_LONGEST_MS = 10_000 * 366 * 86_400_000
_duration = re.compile(r"\s*(\d+)\s*(?:(ms|s|m|h|d)\s*)?").fullmatch


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 row``, ``2 rows``, ``12,345 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def milliseconds(ms: int | float | None) -> str:
    """``3 ms``, ``1.2 s``, ``2 min 5 s``; empty for None."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    return f"{int(ms // 60_000)} min {int(ms % 60_000 // 1000)} s"


def whole_number(text: str) -> int | None:
    """The whole number that ``text`` spells with the digits 0 to 9 alone; None for every other text, and for more than
    a hundred digits, for int() raises ValueError where there are thousands."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def parse_duration(text: str, unit: str) -> int | None:
    """``text``, such as ``30s`` or ``5 m``, in milliseconds; None where it is no time, or more than ten thousand years.
    ``unit`` is meant where it names none: ms, s, m, h or d."""
    match = _duration(text)
    number = whole_number(match[1]) if match is not None else None
    if match is None or number is None:
        return None
    duration = number * _UNITS_MS[match[2] or unit]
    return duration if duration <= _LONGEST_MS else None


def size(number: int) -> str:
    """``512 B``, ``4.0 KiB``, ``1.5 GiB``."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{number} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def age(seconds: float) -> str:
    """``3 days``, ``26 hours``, ``5 minutes``: in the largest unit of which there are at least two."""
    name, _, length = _unit(seconds)
    return count(int(seconds // length), name)


def short_age(seconds: float) -> str:
    """``3 d``, ``26 h``, ``5 min``, for a column of a table; ``0 s`` for a time that lies in the future."""
    _, symbol, length = _unit(seconds)
    return f"{max(0, int(seconds // length))} {symbol}"


def orphans(rows: int, child: object, parent: object) -> str:
    """``3 rows of notes refer to users rows that do not exist``; ``rows`` is the number of rows of the table ``child``
    with a foreign key that finds no row in the table ``parent``."""
    return f"{count(rows, 'row')} of {child} {'refers' if rows == 1 else 'refer'} to {parent} rows that do not exist"


def _unit(seconds: float) -> tuple[str, str, int]:
    """The largest unit of which ``seconds`` hold at least two: its name, its symbol and its length in seconds."""
    return next((unit for unit in _UNITS if seconds >= 2 * unit[2]), _UNITS[-1])
