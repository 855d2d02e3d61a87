"""Shows the figures of a database before and after a change: tables, indexes, rows and sizes."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.operate.stats import Stats
from memsql.words import size


@dataclass(frozen=True, slots=True)
class Figures:
    """What is compared of a database. ``bytes``: its pages in use; ``index_bytes``: those of its indexes, None where
    this SQLite cannot tell. ``rows`` and both sizes are None for a clone of a schema alone."""

    tables: int
    indexes: int
    rows: int | None
    bytes: int | None
    index_bytes: int | None


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """The figures before a change and after it."""

    before: Figures
    after: Figures


def compare(before: Stats, after: Stats, *, without_rows: bool = False) -> BeforeAfter:
    """The figures of both. ``without_rows``: they are of a clone of a schema alone, so only objects are counted."""
    if without_rows:
        return BeforeAfter(*(Figures(s.tables, s.indexes, None, None, None) for s in (before, after)))
    return BeforeAfter(_figures(before), _figures(after))


def text(compared: BeforeAfter) -> list[str]:
    """``tables 9 → 8 (−11 %), indexes 23 → 13 (−43 %)``, and a line about sizes and rows."""
    before, after = compared.before, compared.after
    objects = f"tables {_change(before.tables, after.tables)}, indexes {_change(before.indexes, after.indexes)}"
    if before.rows is None or after.rows is None or before.bytes is None or after.bytes is None:
        return [
            objects,
            "rows and sizes: not known, because no row was copied; --with-data copies all and measures them",
        ]
    sizes = f"size {_change(before.bytes, after.bytes, in_bytes=True)}"
    if before.index_bytes is not None and after.index_bytes is not None:
        sizes += f", of which indexes {_change(before.index_bytes, after.index_bytes, in_bytes=True)}"
    return [objects, f"{sizes}; rows {_change(before.rows, after.rows)}"]


def data(compared: BeforeAfter) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {"before": _fields(compared.before), "after": _fields(compared.after)}


def _figures(stats: Stats) -> Figures:
    weights = [item.bytes for item in stats.sizes if item.type == "index"]
    known = [weight for weight in weights if weight is not None]
    return Figures(
        stats.tables,
        stats.indexes,
        stats.rows,
        stats.page_size * (stats.page_count - stats.free_pages),
        sum(known) if len(known) == len(weights) else None,
    )


def _change(before: int, after: int, *, in_bytes: bool = False) -> str:
    shown = (size(before), size(after)) if in_bytes else (f"{before:,}", f"{after:,}")
    percent = round(100 * (after - before) / before) if before else 0
    sign = "−" if percent < 0 else "+"
    return f"{shown[0]} → {shown[1]}" + (f" ({sign}{abs(percent)} %)" if percent else "")


def _fields(figures: Figures) -> dict[str, object]:
    return {
        "tables": figures.tables,
        "indexes": figures.indexes,
        "rows": figures.rows,
        "bytes": figures.bytes,
        "index_bytes": figures.index_bytes,
    }
