"""Made-up rows that satisfy what holds before a migration and what it demands."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

from memsql.db import Value
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.errors import StatementError
from memsql.schema import ForeignKey, Schema, Table
from memsql.scratch.rows import Extra, fill
from memsql.scratch.values import literals
from memsql.sqltext import fold, identifiers, quote

_TABLES = 40


def concerned(schema: Schema, text: str) -> Schema:
    """The part of ``schema`` that matters to a migration of this text: the tables it names, those that refer to them or that
    their triggers reach, and whatever all of these refer to. At most 40 tables."""
    named = identifiers(text)
    chosen = {fold(t.name) for t in schema.tables.values() if fold(t.name) in named}
    reached = {
        fold(t.name)
        for o in schema.objects
        if o.type == "trigger" and fold(o.table) in chosen
        for t in schema.tables.values()
        if fold(t.name) in identifiers(o.sql)
    }
    chosen |= reached | {
        fold(t.name) for t in schema.tables.values() if any(fold(k.parent) in chosen for k in t.foreign_keys)
    }
    # A full-text index of a table is filled by its rows, and is broken with them.
    chosen |= {
        fold(t.name)
        for t in schema.tables.values()
        if t.kind == "virtual" and not chosen.isdisjoint(identifiers(t.sql))
    }
    chosen |= {
        n for t in schema.tables.values() if t.kind == "virtual" and fold(t.name) in chosen for n in identifiers(t.sql)
    }
    while True:
        parents = {fold(k.parent) for t in schema.tables.values() if fold(t.name) in chosen for k in t.foreign_keys}
        if parents <= chosen:
            break
        chosen |= parents
    tables = {n: t for n, t in sorted(schema.tables.items()) if fold(n) in chosen and t.kind != "view"}
    return Schema(dict(list(tables.items())[:_TABLES]), schema.objects)


def populate(conn: SQLiteConnection, part: Schema, after: Schema, rows: int, name: str) -> dict[str, int]:
    """Fill the tables of ``part`` with rows that could live in ``after`` too, the same ones for the same ``name``. Returns
    how many each took. AUTOINCREMENT goes on a little higher, as it does when rows were deleted."""
    shadow = Shadow(conn, part, after)
    try:
        extra = {fold(t.name): found for t in part.tables.values() if (found := _extra(t, after)) is not None}
        counts = fill(conn, part, rows, crc32(name.encode()), accept=shadow.accepts, extra=extra)
    finally:
        shadow.close()
    if conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").rows:
        conn.execute("UPDATE sqlite_sequence SET seq = seq + 7")
    return counts


class Shadow:
    """The tables as the migration leaves them, without triggers, to ask whether a row could live there."""

    def __init__(self, conn: SQLiteConnection, part: Schema, after: Schema) -> None:
        self._conn = memory()
        self._tables: dict[str, tuple[Table, frozenset[str]]] = {}
        for old in part.tables.values():
            new = after.table(old.name)
            if old.kind != "table" or new is None or new.kind != "table":
                continue
            try:
                self._conn.execute(new.sql)
                for index in after.of(new.name, "index"):
                    if index.sql[:13].lower() == "create unique":
                        self._conn.execute(index.sql)
            except StatementError:
                continue
            shared = {fold(c.name) for c in old.columns} & {fold(c.name) for c in new.columns if not c.hidden}
            self._tables[fold(old.name)] = (new, frozenset(shared))
            for row in conn.execute(f"SELECT * FROM {quote(old.name)}").rows:
                self.accepts(old.name, dict(zip((c.name for c in old.columns if c.hidden != 1), row, strict=False)))

    def accepts(self, table: str, row: Mapping[str, Value]) -> bool:
        """Whether ``row`` fits beside those that were accepted before."""
        found = self._tables.get(fold(table))
        if found is None:
            return True
        new, shared = found
        kept = {c: v for c, v in row.items() if fold(c) in shared}
        if not kept:
            return True
        names, marks = ", ".join(map(quote, kept)), ", ".join("?" * len(kept))
        try:
            self._conn.execute(f"INSERT INTO {quote(new.name)} ({names}) VALUES ({marks})", list(kept.values()))
        except StatementError as e:
            # A column that the migration fills says nothing about this row.
            return e.code == "SQLITE_CONSTRAINT_NOTNULL" and not any(e.message.endswith(f".{c}") for c in kept)
        return True

    def close(self) -> None:
        """Forget everything."""
        self._conn.close()


def new_keys(old: Table, new: Table) -> list[ForeignKey]:
    """Foreign keys over columns of ``old`` that only ``new`` has."""
    had = {(tuple(map(fold, k.columns)), fold(k.parent)) for k in old.foreign_keys}
    names = {fold(c.name) for c in old.columns}
    return [
        k
        for k in new.foreign_keys
        if (tuple(map(fold, k.columns)), fold(k.parent)) not in had and names.issuperset(map(fold, k.columns))
    ]


def _extra(old: Table, after: Schema) -> Extra | None:
    new = after.table(old.name)
    if old.kind != "table" or new is None or new.kind != "table" or new.sql == old.sql:
        return None
    types = {fold(c.name): c.type for c in new.columns}
    olds = {fold(c.name): c.type for c in old.columns}
    return Extra(
        tuple(new_keys(old, new)),
        frozenset(fold(c.name) for c in new.columns if c.notnull),
        literals(new),
        {n: t for n, t in types.items() if n in olds and fold(olds[n]) != fold(t)},
    )
