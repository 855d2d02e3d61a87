"""Defaults of foreign keys that refer to no row: ALTER TABLE or a copy would put them into every row."""

from __future__ import annotations

from collections.abc import Iterator

from memsql.author.change import Renames
from memsql.author.change.values import default_of
from memsql.db import Connection
from memsql.errors import StatementError
from memsql.schema import ForeignKey, Schema, Table
from memsql.sqltext import quote
from memsql.sqltext.names import fold


def dangling_defaults(conn: Connection, schema: Schema, renames: Renames) -> dict[tuple[str, str], str]:
    """The columns (table, column) of ``schema``, in lower case, whose default is no row of the table to which they
    refer; each with the name of that table.

    ``conn`` is a database after all migrations, with the rows that they insert. ``renames`` lead from the names in
    ``schema`` to those that it has there.
    """
    return {
        (fold(table.name), fold(column)): key.parent
        for table in schema.tables.values()
        for key in table.foreign_keys
        if (defaults := _defaults(table, key)) is not None and not _exists(conn, schema, renames, (key, defaults))
        for column in key.columns
    }


def _defaults(table: Table, key: ForeignKey) -> list[str] | None:
    """The defaults of the columns of ``key``; None where one is NULL, so that a row refers to nothing."""
    columns = {fold(c.name): c for c in table.columns}
    defaults = [default_of(columns[fold(c)]) if fold(c) in columns else None for c in key.columns]
    values = [d for d in defaults if d is not None]
    return values if len(values) == len(defaults) else None


def _exists(conn: Connection, schema: Schema, renames: Renames, reference: tuple[ForeignKey, list[str]]) -> bool:
    key, defaults = reference
    parent = schema.table(key.parent)
    if parent is None:
        return False
    name = fold(parent.name)
    columns = [renames.columns.get((name, fold(c)), c) for c in key.referred(parent)]
    conditions = " AND ".join(_conditions(columns, defaults))
    try:
        sql = f"SELECT 1 FROM {quote(renames.tables.get(name, parent.name))} WHERE {conditions} LIMIT 1"
        return bool(conn.execute(sql).rows)
    except StatementError:
        # The table, or a column of it, is new, so that no row has it yet.
        return False


def _conditions(columns: list[str], defaults: list[str]) -> Iterator[str]:
    for column, default in zip(columns, defaults, strict=False):
        yield f"{quote(column)} = {default}"
