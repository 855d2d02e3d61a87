"""The schema that a SQL text makes."""

from __future__ import annotations

from contextlib import closing

from memsql import hints
from memsql.errors import FileError, Location, StatementError
from memsql.schema.model import Schema
from memsql.schema.read import read
from memsql.schema.snapshot import read_snapshot
from memsql.sqltext import effect


def from_sql(text: str, shown: str | None = None) -> Schema:
    """Run ``text`` on an empty database in memory and read its schema.

    What is no part of a schema, such as rows, PRAGMA and BEGIN, is left out (see ``schema/snapshot.py``). ATTACH and
    DETACH do not run.

    ``shown`` is the path of the file that holds ``text``, as messages show it. For a statement that does not run,
    FileError with file and line is raised where ``shown`` is given, StatementError otherwise.
    """
    from memsql.db.sqlite import memory

    parts = [part for part in read_snapshot(text) if part.role != "ignored"]
    try:
        with closing(memory()) as conn:
            conn.begin()
            with conn.observe():
                conn.batch([(part.text, ()) for part in parts])
            return read(conn)
    except StatementError as e:
        if shown is None or e.index is None:
            raise
        failed = parts[e.index]
        refused = effect(failed.text).kind in ("attach", "detach")
        raise FileError(
            f"{shown} does not make a schema: {'a schema is one database alone' if refused else e.message}",
            where=Location(shown, failed.line),
            statement=failed.text,
            hint="take it out" if refused else f"write it anew: {hints.command('schema.dump --write')}",
        ) from None
