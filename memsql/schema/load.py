"""The schema that a SQL text makes."""

from __future__ import annotations

from contextlib import closing

from memsql.errors import FileError, Location, StatementError
from memsql.schema.model import Schema
from memsql.schema.read import read


def from_sql(text: str, shown: str | None = None) -> Schema:
    """Run ``text`` on an empty database in memory and read its schema.

    Transaction control, ATTACH and DETACH do not run.

    ``shown`` is the path of the file that holds ``text``, as messages show it. For a statement that does not run,
    FileError with file and line is raised where ``shown`` is given, StatementError otherwise.
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
