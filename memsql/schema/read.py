"""Reading the schema of a database."""

from __future__ import annotations

from collections import defaultdict

from memsql.db import Connection
from memsql.db.queries import load
from memsql.schema.internal import is_internal
from memsql.schema.model import Column, ForeignKey, Object, Schema, Table


def read(conn: Connection, *, internal: bool = False) -> Schema:
    """The schema of the database, in one request; ``internal`` includes what is nobody's business."""
    answers = conn.batch([(load(f"schema/{name}"), ()) for name in ("objects", "columns", "foreign_keys")])
    raw = [Object(str(r[0]), str(r[1]), str(r[2]), str(r[3] or "")) for r in answers[0].rows]
    virtual = {o.name.lower() for o in raw if o.sql[:14].lower() == "create virtual"}
    objects = tuple(o for o in raw if internal or not (is_internal(o.name, virtual) or is_internal(o.table, virtual)))
    columns: dict[str, list[Column]] = defaultdict(list)
    for table, name, kind, notnull, default, pk, hidden in answers[1].rows:
        columns[str(table)].append(Column(
            str(name), str(kind or ""), bool(notnull), None if default is None else str(default),
            int(pk or 0), int(hidden or 0),
        ))
    keys: dict[str, dict[object, list[tuple[object, ...]]]] = defaultdict(lambda: defaultdict(list))
    for row in answers[2].rows:
        keys[str(row[0])][row[1]].append(row)
    tables = {}
    for thing in objects:
        if thing.type not in ("table", "view"):
            continue
        kind = "view" if thing.type == "view" else "virtual" if thing.name.lower() in virtual else "table"
        tables[thing.name] = Table(
            thing.name, kind, tuple(columns[thing.name]),
            tuple(_foreign_key(rows) for rows in keys[thing.name].values()), thing.sql,
        )
    return Schema(tables, objects)


def _foreign_key(rows: list[tuple[object, ...]]) -> ForeignKey:
    first = rows[0]
    return ForeignKey(
        tuple(str(r[3]) for r in rows), str(first[2]), tuple(str(r[4]) for r in rows if r[4] is not None),
        str(first[5]), str(first[6]),
    )
