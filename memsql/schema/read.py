"""Reading the schema of a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from memsql.db import Connection, Value
from memsql.db.many import answers
from memsql.db.queries import load
from memsql.errors import StatementError
from memsql.schema.definition import read_definition
from memsql.schema.internal import VECTOR_INDEX, is_internal, module_of
from memsql.schema.model import Column, ForeignKey, Object, Schema, Table

Rows = Sequence[tuple[Value, ...]]


def read(conn: Connection, *, internal: bool = False) -> Schema:
    """The schema of the database, in one request; ``internal`` includes what is nobody's business.

    A broken view, or a virtual table whose module is not loaded, does not stand in the way of the rest; then
    it takes a request an object. Raises ConnectError and LockedError.
    """
    objects, columns, keys, kinds = _ask(conn)
    raw = [Object(str(r[0]), str(r[1]), str(r[2]), str(r[3] or "")) for r in objects]
    # SQLite stores these two words so, however they were written.
    virtual = {o.name.lower(): module_of(o.sql) for o in raw if o.sql[:14].lower() == "create virtual"}
    owners = virtual | {o.name.lower(): VECTOR_INDEX for o in raw if o.type == "index" and VECTOR_INDEX in o.sql}
    shadows = {str(r[0]) for r in kinds if r[1] == "shadow"}

    def hidden(name: str) -> bool:
        return name in shadows or is_internal(name, owners)

    chosen = tuple(o for o in raw if internal or not (hidden(o.name) or hidden(o.table)))
    columns_of, keys_of = _columns(columns), _foreign_keys(keys)
    flags = {str(r[0]): (bool(r[2]), bool(r[3])) for r in kinds}
    tables = {}
    for thing in chosen:
        if thing.type not in ("table", "view"):
            continue
        kind = "view" if thing.type == "view" else "virtual" if thing.name.lower() in virtual else "table"
        without_rowid, strict = (kind == "table" and f for f in flags.get(thing.name) or _options(thing.sql))
        tables[thing.name] = Table(
            thing.name,
            kind,
            tuple(columns_of[thing.name]),
            tuple(keys_of[thing.name]),
            thing.sql,
            without_rowid,
            strict,
        )
    return Schema(tables, chosen)


def _ask(conn: Connection) -> tuple[Rows, Rows, Rows, Rows]:
    names = ("objects", "columns", "foreign_keys", "tables")
    try:
        one, two, three, four = (a.rows for a in conn.batch([(load(f"schema/{name}"), ()) for name in names]))
        return one, two, three, four
    except StatementError:
        # One object that cannot be described fails the whole statement.
        objects = conn.execute(load("schema/objects")).rows
        described = [str(r[1]) for r in objects if r[0] in ("table", "view")]
        reads = [
            (load(f"schema/{query}"), (name, name)) for query in ("columns_of", "foreign_keys_of") for name in described
        ]
        rows = [
            [] if isinstance(answer, StatementError) else answer.rows
            for answer in answers(conn, [*reads, (load("schema/tables"), ())])
        ]
        columns, keys = rows[: len(described)], rows[len(described) : -1]
        return objects, [row for some in columns for row in some], [row for some in keys for row in some], rows[-1]


def _columns(rows: Rows) -> defaultdict[str, list[Column]]:
    found: defaultdict[str, list[Column]] = defaultdict(list)
    for table, name, kind, notnull, default, pk, hidden in rows:
        found[str(table)].append(
            Column(
                str(name),
                str(kind or ""),
                bool(notnull),
                None if default is None else str(default),
                int(pk or 0),
                int(hidden or 0),
            )
        )
    return found


def _foreign_keys(rows: Rows) -> defaultdict[str, list[ForeignKey]]:
    grouped: dict[tuple[Value, Value], list[tuple[Value, ...]]] = defaultdict(list)
    for row in rows:
        grouped[row[0], row[1]].append(row)
    found: defaultdict[str, list[ForeignKey]] = defaultdict(list)
    for (table, _), key in grouped.items():
        first = key[0]
        found[str(table)].append(
            ForeignKey(
                tuple(str(r[3]) for r in key),
                str(first[2]),
                tuple(str(r[4]) for r in key if r[4] is not None),
                str(first[5]),
                str(first[6]),
            )
        )
    return found


def _options(sql: str) -> tuple[bool, bool]:
    """WITHOUT ROWID and STRICT, from the text, for a SQLite that has no pragma for them."""
    words = [token.word for token in read_definition(sql).options] if sql[:12].lower() == "create table" else []
    return "ROWID" in words, "STRICT" in words
