"""Figures of a database: how many tables and rows, and what they weigh."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.db import Connection, Value
from memsql.db.many import answers
from memsql.db.queries import load
from memsql.errors import StatementError
from memsql.schema import is_internal, read
from memsql.sqltext import quote

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
    """A table or index with what it occupies; ``rows`` is None for an index, ``pages`` and ``bytes``
    None where this SQLite has no dbstat."""

    name: str
    type: str
    table: str
    rows: int | None
    pages: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of a database. ``tables`` counts ordinary tables and each virtual one once, ``indexes``
    only those that somebody named. ``file_bytes`` is pages times page size."""

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
        return self.page_size * self.page_count


def stats(conn: Connection) -> Stats:
    """Count and weigh everything that is not internal. One scan of each table, one of the file."""
    schema = read(conn)
    tables = [t for t in schema.tables.values() if t.kind != "view"]
    asked = [load("operate/dbstat"), *(f"SELECT count(*) FROM {quote(t.name)}" for t in tables), *_FIGURES]
    dbstat, *rest = answers(conn, [(sql, ()) for sql in asked])
    # Python's own SQLite may lack dbstat, and a virtual table its module.
    weights = (
        {} if isinstance(dbstat, StatementError) else {str(r[0]): (_integer(r[1]), _integer(r[2])) for r in dbstat.rows}
    )
    found = [None if isinstance(answer, StatementError) else answer.one() for answer in rest]
    counted, figures = found[: len(tables)], found[len(tables) :]
    virtual = {t.name.lower() for t in tables if t.kind == "virtual"}
    sizes = []
    for table, rows in zip(tables, counted, strict=True):
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
    if not virtual:
        return weights.get(name, (None, None))
    mine = [w for n, w in weights.items() if n != name and is_internal(n, {name.lower()}) and n.startswith(f"{name}_")]
    return (sum(p for p, _ in mine), sum(b for _, b in mine)) if mine else (None, None)


def _integer(value: Value) -> int:
    return value if isinstance(value, int) else 0
