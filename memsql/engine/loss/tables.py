"""What the proof knows of a table: its columns, what identifies a row, and whether its rows are anybody's data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from memsql.db import Connection
from memsql.db.queries import load
from memsql.engine.structure.snapshot import Snapshot
from memsql.errors import StatementError
from memsql.sqltext import ROWIDS, fold, free_rowid, quote
from memsql.sqltext.affinity import affinity
from memsql.sqltext.internal import SHADOW_SUFFIXES, has_sizes, is_nobodys_data, is_virtual, module_of, shadows_of
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import tokenize

ROWID = "rowid"
Kind = Literal["table", "view", "virtual", "contentless", "unreadable", "derived"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``name`` as the schema spells it, its ``affinity`` (https://sqlite.org/datatype3.html), whether it is
    ``generated`` from others, NOT NULL (``required``), and the SQL of its ``default``. ``added``: by the
    migration. ``fresh``: and nothing from before is in it."""

    name: str
    affinity: str
    generated: bool = False
    required: bool = False
    default: str | None = None
    added: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table at one moment.

    ``kind``: contentless is an FTS5 table that keeps no text, unreadable a virtual table whose module is not here,
    derived one whose rows are computed from others or belong to SQLite. ``columns``: folded name to column. ``key``:
    folded names of the columns that identify a row: the primary key, else a UNIQUE key without NULL. ``rowid``: a name
    under which the rowid can be read; None where there is none. ``unique``: sets of columns of which no two rows have
    the same values. ``partly_unique``: another UNIQUE index is over expressions or over some rows. ``replaces``: a
    constraint is ON CONFLICT REPLACE.
    """

    name: str
    schema: str
    kind: Kind
    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    rowid: str | None = None
    unique: tuple[frozenset[str], ...] = ()
    alias: str | None = None
    replaces: bool = False
    autoincrement: bool = False
    module: str = ""
    partly_unique: bool = False

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return f"{self.schema}.{quote(self.name)}" if self.schema == "temp" else quote(self.name)

    @property
    def holds_data(self) -> bool:
        """Whether its rows are somebody's data."""
        return self.kind in ("table", "virtual", "contentless", "unreadable")

    @property
    def stored(self) -> tuple[str, ...]:
        """The folded names of the columns that hold a value of their own."""
        return tuple(name for name, column in self.columns.items() if not column.generated)

    @property
    def rowid_names(self) -> tuple[str, ...]:
        """The folded names that are no column of it and mean its rowid."""
        if self.rowid is None:
            return ()
        names = (*ROWIDS, "docid") if self.module in ("fts3", "fts4") else ROWIDS
        return tuple(name for name in names if name not in self.columns)

    def value(self, alias: str, column: str) -> str:
        """SQL that reads ``column`` (folded, or ROWID) of the table under ``alias``."""
        if column == ROWID and column not in self.columns:
            return f"{alias}.{self.rowid or ROWID}"
        return f"{alias}.{quote(self.columns[column].name)}"

    def affinity(self, column: str) -> str:
        """The affinity of ``column`` (folded, or ROWID)."""
        return self.columns[column].affinity if column in self.columns else "INTEGER"

    def identifies(self, columns: frozenset[str]) -> bool:
        """Whether ``columns`` (folded, or ROWID) have different values in any two rows."""
        return ROWID in columns or any(unique <= columns for unique in self.unique)


@dataclass(frozen=True, slots=True)
class Definition:
    """A table or view as the schema (main or temp) has it: its ``type``, its ``name`` as spelled there, its text."""

    type: str
    name: str
    sql: str
    schema: str


def read_table(conn: Connection, definition: Definition, owner: str | None) -> Table:
    """The table or view ``definition``. ``owner``: the virtual table that made it for itself."""
    name, schema = definition.name, definition.schema
    if definition.type == "view":
        try:
            fields = conn.execute(load("engine/table_columns"), (name, schema)).rows
        except StatementError:
            fields = []
        return Table(name, schema, "view", _columns(fields))
    if is_virtual(definition.sql):
        return _virtual(conn, name, schema, definition.sql)
    if is_nobodys_data(name) or owner is not None:
        return Table(name, schema, "derived", {})
    return _ordinary(conn, name, schema, definition.sql)


def _ordinary(conn: Connection, name: str, schema: str, sql: str) -> Table:
    fields = conn.execute(load("engine/table_columns"), (name, schema)).rows
    words = [token.word for token in tokenize(sql)]
    options = _options(words)
    columns = _columns(fields, is_strict="STRICT" in options)
    primary = [(int(str(f[3])), fold(str(f[0]))) for f in fields if f[3]]
    key = tuple(column for _, column in sorted(primary))
    without_rowid = "ROWID" in options
    indexes: dict[str, list[str | None]] = {}
    for index, column, partial in conn.execute(load("engine/unique_columns"), (name, schema)).rows:
        indexes.setdefault(str(index), []).append(None if column is None or partial else fold(str(column)))
    unique = [frozenset(c for c in columns_ if c) for columns_ in indexes.values() if None not in columns_]
    alias = None
    if len(key) == 1 and not without_rowid and not any(set(u) == set(key) for u in unique):
        alias = key[0]
        unique.append(frozenset(key))
    if not key:
        whole = (tuple(sorted(u)) for u in unique if all(c in columns and columns[c].required for c in u))
        key = next(whole, ())
    return Table(
        name,
        schema,
        "table",
        columns,
        key,
        None if without_rowid else free_rowid(columns) or alias,
        tuple(unique),
        alias,
        _has(words, "ON", "CONFLICT", "REPLACE"),
        "AUTOINCREMENT" in words,
        partly_unique=any(None in columns_ for columns_ in indexes.values()),
    )


# https://sqlite.org/fts3.html#the_content_option_
_fts4_content = re.compile(r"[(,]\s*content\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s,)]*)", re.IGNORECASE).search


def _virtual(conn: Connection, name: str, schema: str, sql: str) -> Table:
    module = module_of(sql)
    try:
        fields = conn.execute(load("engine/table_columns"), (name, schema)).rows
        conn.execute(f"SELECT 1 FROM {quote(name)} LIMIT 0")
    except StatementError:
        return Table(name, schema, "unreadable", {}, module=module)
    kind: Kind = "virtual"
    if module == "fts5":
        from memsql.fts import discover

        content = next((t.kind for t in discover(conn) if fold(t.name) == fold(name)), "own")
        if content == "contentless" and not has_sizes(sql):
            return Table(name, schema, "unreadable", {}, module=module)
        kind = {"external": "derived", "contentless": "contentless"}.get(content, "virtual")  # type: ignore[assignment]
    elif module == "fts4" and (content_of := _fts4_content(sql)) is not None:
        if not unquote(content_of[1]):
            return Table(name, schema, "unreadable", {}, module=module)
        kind = "derived"
    elif module == "fts5vocab" or module in ("fts3tokenize", "dbstat"):
        kind = "derived"
    columns = _columns([f for f in fields if f[4] != 1])
    key = (next(iter(columns)),) if module.startswith(("rtree", "geopoly")) and columns else ()
    unique = (frozenset(key),) if key else ()
    return Table(name, schema, kind, columns, key, free_rowid(columns), unique, module=module)


def _columns(fields: Sequence[tuple[object, ...]], *, is_strict: bool = False) -> dict[str, Column]:
    def affinity_of(kind: str) -> str:
        # ANY converts nothing in a STRICT table, and is like NUMERIC elsewhere (https://sqlite.org/stricttables.html).
        return "blob" if is_strict and fold(kind) == "any" else affinity(kind)

    return {
        fold(str(name)): Column(
            str(name),
            affinity_of(str(kind or "")),
            hidden in (2, 3),
            bool(required),
            None if default is None else str(default),
        )
        for name, kind, required, _, hidden, default in fields
    }


def shadow_owner(schema: Snapshot, name: str) -> str | None:
    """The virtual table that made the table ``name`` for itself; None where none did."""
    owner, _, suffix = fold(name).rpartition("_")
    if not owner or suffix not in SHADOW_SUFFIXES:
        return None
    obj = schema.relation(owner)
    return obj.name if obj is not None and is_virtual(obj.sql) and fold(name) in shadows_of(owner, obj.sql) else None


def _options(words: list[str]) -> list[str]:
    """Those of the ``words`` of a CREATE TABLE that stand behind its columns."""
    return words[len(words) - words[::-1].index(")") :] if ")" in words else []


def _has(words: list[str], *sequence: str) -> bool:
    """Whether ``sequence`` stands somewhere in ``words``."""
    size = len(sequence)
    return any(tuple(words[n : n + size]) == sequence for n in range(len(words)))
