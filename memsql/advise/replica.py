"""A clone of a database's schema in memory, without rows, on which indexes that are not there are tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from memsql.advise.queries import QueryPlan, plans_of
from memsql.db import Connection
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine import schema_replica
from memsql.project.queries import Query
from memsql.schema import Schema, read
from memsql.sqltext import quote


@dataclass(frozen=True, slots=True)
class Replica:
    """The clone: ``conn`` is in memory, and ``schema`` is what it was in the beginning. ``unknown``: a sentence for
    each table and trigger that the SQLite of this machine cannot make."""

    conn: SQLiteConnection
    schema: Schema
    unknown: tuple[str, ...] = ()

    def plans(self, queries: Sequence[Query]) -> list[QueryPlan]:
        """The plans of ``queries``, which are filled."""
        return plans_of(self.conn, queries)

    @contextmanager
    def without(self, *indexes: str) -> Iterator[None]:
        """While open, the indexes of these names are not there."""
        with self.changed(f"DROP INDEX {quote(name)}" for name in indexes):
            yield

    @contextmanager
    def changed(self, statements: Iterator[str] | Sequence[str]) -> Iterator[None]:
        """While open, ``statements`` have run."""
        self.conn.begin()
        try:
            for statement in statements:
                self.conn.execute(statement)
            yield
        finally:
            self.conn.rollback()


@contextmanager
def replica(source: Connection) -> Iterator[Replica]:
    """A clone of the schema of ``source``, which is read in one request, and its rows not at all."""
    objects = source.execute(load("advise/objects")).rows
    with closing(memory()) as conn:
        conn.execute("PRAGMA foreign_keys = on")
        status = schema_replica.make(conn, objects)
        yield Replica(conn, read(conn), tuple(status.unknown))
