"""The schema that a SQL text makes."""

from __future__ import annotations

from contextlib import closing

from memsql.errors import FileError, Location, StatementError
from memsql.schema.model import Schema
from memsql.schema.read import read


def from_sql(text: str, shown: str | None = None) -> Schema:
    """Run ``text`` on an empty database in memory and read its schema.

    ``shown`` is the file it comes from, as the user knows it: then FileError with file and line is raised for a
    statement that does not run, otherwise StatementError. Transaction control, ATTACH and DETACH do not run.
    """
    from memsql.db.sqlite import memory
    from memsql.sqltext import split

    statements = split(text)
    try:
        with closing(memory()) as conn:
            conn.begin()
            with conn.observe():
                conn.batch([(statement.text, ()) for statement in statements])
            return read(conn)
    except StatementError as e:
        if shown is None or e.index is None:
            raise
        failed = statements[e.index]
        raise FileError(
            f"{shown} does not make a schema: {e.message}",
            where=Location(shown, failed.line),
            statement=failed.text,
            hint="write it anew: invoke schema.dump --write",
        ) from None
