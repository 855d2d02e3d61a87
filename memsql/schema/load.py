"""The schema that a SQL text makes."""

from __future__ import annotations

from memsql.db.sqlite import memory
from memsql.schema.model import Schema
from memsql.schema.read import read


def from_sql(text: str) -> Schema:
    """Run ``text`` on an empty database in memory and read its schema. Raises StatementError."""
    conn = memory()
    try:
        conn.begin()
        with conn.observe():
            conn.script(text)
        return read(conn)
    finally:
        conn.close()
