"""Which tables and views cannot be used: SQLite stores a view or a trigger whatever it names."""

from __future__ import annotations

from memsql.db import Connection
from memsql.db.compiling import compile_only
from memsql.errors import MemsqlError
from memsql.schema import Schema
from memsql.sqltext import quote


def unusable(conn: Connection, schema: Schema) -> dict[str, str]:
    """The tables and views of ``schema`` that SQLite can compile no statement for, each with a message.

    ``conn`` is a database that has the schema. Nothing is run: each statement is compiled with every trigger and
    foreign key that it reaches.
    """
    on = conn.execute("PRAGMA foreign_keys").one()
    if not on and not conn.in_transaction:
        conn.execute("PRAGMA foreign_keys = on")
    problems = {}
    for table in schema.tables.values():
        name = quote(table.name)
        statements = [f"SELECT * FROM {name}"]
        triggers = [o.sql for o in schema.of(table.name, "trigger")]
        if table.kind == "table" or triggers:
            column = next((quote(c.name) for c in table.columns if not c.hidden), None)
            statements += _writes(table.kind, name, column, triggers)
        for statement in statements:
            try:
                compile_only(conn, statement)
            except MemsqlError as e:
                problems[table.name] = f"{table.kind} {table.name}: {e.message}"
                break
    if not on and not conn.in_transaction:
        conn.execute("PRAGMA foreign_keys = off")
    return problems


def lost_content(conn: Connection) -> dict[str, str]:
    """The full-text tables whose content table, or a column of it, does not exist, each with a message."""
    from memsql.fts import all_problems, discover

    return {
        f.table: f"full-text table {f.table}: {f.message}"
        for problems in all_problems(conn, discover(conn))
        for f in problems
        if f.code == "FTS06"
    }


def _writes(kind: str, name: str, column: str | None, triggers: list[str]) -> list[str]:
    """Statements that reach every trigger of the table; of a view only those that it has a trigger for."""
    from memsql.fts.triggers import Trigger

    every = {
        "insert": f"INSERT INTO {name} DEFAULT VALUES",
        "delete": f"DELETE FROM {name}",
        "update": f"UPDATE {name} SET {column} = {column}",
    }
    events = every.keys() if kind == "table" else {Trigger("", "", sql).head().event for sql in triggers}
    return [text for event, text in every.items() if event in events and (column or event != "update")]
