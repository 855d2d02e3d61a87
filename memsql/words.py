"""Counts, sizes and times as people write them."""

from __future__ import annotations

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


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
    name, length = next(((n, s) for n, s in _UNITS if seconds >= 2 * s), _UNITS[-1])
    return count(int(seconds // length), name)


def orphans(rows: str, child: object, parent: object) -> str:
    """``3 rows of notes refer to users rows that do not exist``; ``rows`` says how many rows of the table ``child`` have a
    foreign key that finds no row in the table ``parent``."""
    return f"{rows} of {child} refer to {parent} rows that do not exist"
