"""Figures of a database: how many tables and rows it has, and how much space they take."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.errors import StatementError
from memsql.schema import is_internal, read
from memsql.sqltext import fold, quote

_FIGURES = (
    "PRAGMA page_size",
    "PRAGMA page_count",
    "PRAGMA freelist_count",
    "PRAGMA journal_mode",
    "PRAGMA encoding",
    "SELECT sqlite_version()",
)


@dataclass(frozen=True, slots=True)
class Size:
    """A table or index and the space that it takes.

    ``rows`` is None for an index, and for a virtual table whose module is missing. ``pages`` and ``bytes`` are None
    where this SQLite has no dbstat (https://sqlite.org/dbstat.html).
    """

    name: str
    type: str
    table: str
    rows: int | None
    pages: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of a database. ``tables`` counts each virtual table once, without its shadow tables; ``indexes``
    leaves out automatic ones; ``rows`` counts those of ordinary tables."""

    tables: int
    indexes: int
    triggers: int
    views: int
    rows: int
    sizes: tuple[Size, ...]
    page_size: int
    page_count: int
    free_pages: int
    journal_mode: str
    encoding: str
    sqlite_version: str

    @property
    def file_bytes(self) -> int:
        """Pages times page size."""
        return self.page_size * self.page_count


def stats(conn: Connection) -> Stats:
    """Count and weigh everything that is not internal. This scans each table once, and the file once."""
    schema = read(conn)
    tables = [t for t in schema.tables.values() if t.kind != "view"]
    counts = [f"SELECT count(*) FROM {quote(table.name)}" for table in tables]
    dbstat, *results = conn.read_each([(sql, ()) for sql in (load("operate/dbstat"), *counts, *_FIGURES)])
    # Python's own SQLite may lack dbstat, and a virtual table its module.
    weights = (
        {} if isinstance(dbstat, StatementError) else {str(r[0]): (_integer(r[1]), _integer(r[2])) for r in dbstat.rows}
    )
    values = [None if isinstance(result, StatementError) else result.one() for result in results]
    row_counts, figures = values[: len(tables)], values[len(tables) :]
    virtual = {t.name.lower() for t in tables if t.kind == "virtual"}
    sizes = []
    for table, rows in zip(tables, row_counts, strict=True):
        pages, weight = _weigh(table.name, weights, table.kind == "virtual")
        sizes.append(Size(table.name, table.kind, table.name, rows if isinstance(rows, int) else None, pages, weight))
        for index in schema.of(table.name, "index"):
            pages, weight = weights.get(index.name, (None, None))
            sizes.append(Size(index.name, "index", table.name, None, pages, weight))
    kinds = [o.type for o in schema.objects if o.sql]
    return Stats(
        tables=len(tables),
        indexes=kinds.count("index"),
        triggers=kinds.count("trigger"),
        views=kinds.count("view"),
        rows=sum(s.rows or 0 for s in sizes if s.table.lower() not in virtual),
        sizes=tuple(sizes),
        page_size=_integer(figures[0]),
        page_count=_integer(figures[1]),
        free_pages=_integer(figures[2]),
        journal_mode=str(figures[3]),
        encoding=str(figures[4]),
        sqlite_version=str(figures[5]),
    )


def _weigh(name: str, weights: dict[str, tuple[int, int]], virtual: bool) -> tuple[int | None, int | None]:
    """Pages and bytes of a table; those of a virtual table are those of its shadow tables."""
    if not virtual:
        return weights.get(name, (None, None))
    shadows = [
        weight
        for shadow, weight in weights.items()
        if shadow != name and is_internal(shadow, {fold(name)}) and shadow.startswith(f"{name}_")
    ]
    return (sum(pages for pages, _ in shadows), sum(size for _, size in shadows)) if shadows else (None, None)


def _integer(value: Value) -> int:
    return value if isinstance(value, int) else 0
