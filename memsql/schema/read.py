"""Reading the schema of a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from memsql.db import Connection, Params, Value
from memsql.db.queries import load
from memsql.errors import StatementError
from memsql.schema.definition import read_definition
from memsql.schema.model import Column, ForeignKey, Object, Schema, Table
from memsql.sqltext.internal import VECTOR_INDEX, is_internal, is_virtual, module_of, not_shadows
from memsql.sqltext.names import fold

Rows = Sequence[tuple[Value, ...]]


def read(conn: Connection, *, internal: bool = False) -> Schema:
    """The schema of the database, in one request. With ``internal`` it includes the tables that ``is_internal`` names.

    Where a view is broken or the module of a virtual table is not loaded, the rest is read all the same, with one
    request for each table and view. Raises ConnectError and LockedError.
    """
    objects, columns, keys, kinds = _ask(conn)
    every = [Object(str(r[0]), str(r[1]), str(r[2]), str(r[3] or "")) for r in objects]
    # SQLite stores these two words like this, whatever their author wrote.
    virtual = {fold(o.name): module_of(o.sql) for o in every if is_virtual(o.sql)}
    owners = virtual | {fold(o.name): VECTOR_INDEX for o in every if o.type == "index" and VECTOR_INDEX in o.sql}
    shadows = {str(r[0]) for r in kinds if r[1] == "shadow"}
    own = frozenset[str]().union(*(not_shadows(o.name, o.sql) for o in every if is_virtual(o.sql)))

    def hidden(name: str) -> bool:
        return fold(name) not in own and (name in shadows or is_internal(name, owners))

    chosen = tuple(o for o in every if internal or not (hidden(o.name) or hidden(o.table)))
    columns_of, keys_of = _columns(columns), _foreign_keys(keys)
    flags = {str(r[0]): (bool(r[2]), bool(r[3])) for r in kinds}
    tables = {}
    for obj in chosen:
        if obj.type not in ("table", "view"):
            continue
        kind = "view" if obj.type == "view" else "virtual" if fold(obj.name) in virtual else "table"
        without_rowid, strict = (kind == "table" and flag for flag in flags.get(obj.name) or _options(obj.sql))
        tables[obj.name] = Table(
            obj.name,
            kind,
            tuple(columns_of[obj.name]),
            tuple(keys_of[obj.name]),
            obj.sql,
            without_rowid=without_rowid,
            strict=strict,
        )
    return Schema(tables, chosen)


def questions() -> list[tuple[str, Params]]:
    """What read() asks first."""
    return [(load(f"schema/{name}"), ()) for name in ("objects", "columns", "foreign_keys", "tables")]


def _ask(conn: Connection) -> tuple[Rows, Rows, Rows, Rows]:
    """The rows of the queries ``objects``, ``columns``, ``foreign_keys`` and ``tables``."""
    try:
        objects, columns, keys, kinds = (answer.rows for answer in conn.batch(questions()))
        return objects, columns, keys, kinds
    except StatementError:
        # One object that cannot be described fails the whole statement.
        return _ask_one_by_one(conn)


def _ask_one_by_one(conn: Connection) -> tuple[Rows, Rows, Rows, Rows]:
    objects = conn.execute(load("schema/objects")).rows
    described = [str(r[1]) for r in objects if r[0] in ("table", "view")]
    reads = [
        (load(f"schema/{query}"), (name, name)) for query in ("columns_of", "foreign_keys_of") for name in described
    ]
    *tables, kinds = (
        [] if isinstance(answer, StatementError) else answer.rows
        for answer in conn.read_each([*reads, (load("schema/tables"), ())])
    )
    columns, keys = tables[: len(described)], tables[len(described) :]
    return objects, [row for rows in columns for row in rows], [row for rows in keys for row in rows], kinds


def _columns(rows: Rows) -> defaultdict[str, list[Column]]:
    columns: defaultdict[str, list[Column]] = defaultdict(list)
    for table, name, declared, notnull, default, pk, hidden in rows:
        columns[str(table)].append(
            Column(
                str(name),
                str(declared or ""),
                bool(notnull),
                None if default is None else str(default),
                int(pk or 0),
                int(hidden or 0),
            )
        )
    return columns


def _foreign_keys(rows: Rows) -> defaultdict[str, list[ForeignKey]]:
    grouped: dict[tuple[Value, Value], list[tuple[Value, ...]]] = defaultdict(list)
    for row in rows:
        grouped[row[0], row[1]].append(row)
    keys: defaultdict[str, list[ForeignKey]] = defaultdict(list)
    for (table, _), key in grouped.items():
        first = key[0]
        keys[str(table)].append(
            ForeignKey(
                tuple(str(r[3]) for r in key),
                str(first[2]),
                tuple(str(r[4]) for r in key if r[4] is not None),
                str(first[5]),
                str(first[6]),
            )
        )
    return keys


def _options(sql: str) -> tuple[bool, bool]:
    """Whether a table is WITHOUT ROWID and STRICT, from its text, for a SQLite that has no pragma for it."""
    words = [token.word for token in read_definition(sql).options] if sql[:12].lower() == "create table" else []
    return "ROWID" in words, "STRICT" in words
