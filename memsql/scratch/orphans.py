"""Deletes made-up rows that refer to no row."""

from __future__ import annotations

from collections.abc import Mapping

from memsql.db import Connection, Value
from memsql.errors import StatementError
from memsql.schema import Schema
from memsql.scratch.restriction import Restriction
from memsql.sqltext import quote

_ROUNDS = 40


def remove_orphans(conn: Connection, schema: Schema, restrictions: Mapping[str, Restriction]) -> None:
    """Delete rows until each refers to one, by the foreign keys of its table and those of ``restrictions``."""
    for _ in range(_ROUNDS):
        _remove_by_schema(conn)
        if not _remove_restricted(conn, schema, restrictions):
            break


def _remove_by_schema(conn: Connection) -> None:
    before: set[tuple[Value, ...]] = set()
    # A deletion may make other rows orphans. The same orphans again means that a trigger keeps them.
    while (broken := set(_orphans(conn))) and broken != before:
        before = broken
        for name, rowid, *_ in sorted(broken, key=repr):
            sql = f"DELETE FROM {quote(str(name))}" + (" WHERE rowid = ?" if rowid is not None else "")
            conn.execute(sql, () if rowid is None else (rowid,))


def _remove_restricted(conn: Connection, schema: Schema, restrictions: Mapping[str, Restriction]) -> bool:
    """Delete rows that refer to no row by a foreign key of a restriction. Returns whether there were some."""
    removed, inside = False, conn.in_transaction
    for name, restriction in restrictions.items():
        for key in restriction.foreign_keys:
            columns = key.referred(schema.table(key.parent))
            table = quote(name)
            pairs = list(zip(map(quote, key.columns), map(quote, columns), strict=False))
            refers = " AND ".join(f"{table}.{c} IS NOT NULL" for c, _ in pairs) or "0"
            same = " AND ".join(f"p.{o} = {table}.{c}" for c, o in pairs)
            goal = f"SELECT 1 FROM {quote(key.parent)} AS p WHERE {same}"
            sql = f"DELETE FROM {table} WHERE {refers} AND NOT EXISTS ({goal})"
            try:
                removed |= conn.execute(sql).changes > 0
            except StatementError:
                if inside and not conn.in_transaction:
                    # A trigger has ended the transaction; what else is to be deleted needs one.
                    conn.rollback()
                    conn.begin()
    return removed


def _orphans(conn: Connection) -> list[tuple[Value, ...]]:
    try:
        return conn.execute("PRAGMA foreign_key_check").rows
    except StatementError:
        # A parent has no unique key for a foreign key, so that SQLite cannot check it.
        return []
