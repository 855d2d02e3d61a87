"""A clone of a database's schema in memory, without rows, on which indexes that are not there are tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from memsql.advise.index_list import Index
from memsql.advise.queries import QueryPlan, plans_of
from memsql.db import Connection, Params
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine import schema_replica
from memsql.errors import StatementError
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

    def learn(self, stat1: Sequence[Params], stat4: Sequence[Params] = ()) -> None:
        """From now on the planner knows these statistics: rows of sqlite_stat1, and of sqlite_stat4 where the SQLite of
        this machine reads it (https://sqlite.org/fileformat2.html#stat1tab)."""
        with self.conn.trusted():
            # This makes the tables, and reads no index: one may need a collation that is not there.
            self.conn.execute("ANALYZE sqlite_schema")
            self.conn.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", stat1)
            if stat4 and self.conn.execute(load("advise/has_stat4")).rows:
                self.conn.executemany(load("advise/add_stat4"), stat4)
            self.conn.execute("ANALYZE sqlite_schema")

    @contextmanager
    def with_indexes(self, indexes: Sequence[tuple[Index, str]], *, learned: bool = True) -> Iterator[None]:
        """While open, ``indexes`` are there, each with what sqlite_stat1 says of it. Without ``learned`` the planner
        knows no statistics at all."""
        with self.changed(), self.conn.trusted():
            for index, stat in indexes:
                self.conn.execute(index.sql)
                row = (index.table, index.name, stat)
                self.conn.execute("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", row)
            if not learned:
                self.conn.execute("DELETE FROM sqlite_stat1")
            self.conn.execute("ANALYZE sqlite_schema")
            yield

    def can_create(self, index: Index) -> bool:
        """Whether the SQLite of this machine can make ``index`` on the clone."""
        try:
            with self.changed([index.sql]):
                return True
        except StatementError:
            return False

    @contextmanager
    def without(self, *indexes: str) -> Iterator[None]:
        """While open, the indexes of these names are not there."""
        with self.changed(f"DROP INDEX {quote(name)}" for name in indexes):
            yield

    @contextmanager
    def changed(self, statements: Iterable[str] = ()) -> Iterator[None]:
        """While open, ``statements`` have run. One of these may be inside of another."""
        with self.conn.trusted():
            self.conn.execute("SAVEPOINT memsql_trial")
        try:
            for statement in statements:
                self.conn.execute(statement)
            yield
        finally:
            with self.conn.trusted():
                if self.conn.in_transaction:
                    self.conn.execute("ROLLBACK TO memsql_trial")
                    self.conn.execute("RELEASE memsql_trial")
                else:
                    # SQLite has undone all of it, those outside of this one too.
                    self.conn.rollback()


@contextmanager
def replica(source: Connection) -> Iterator[Replica]:
    """A clone of the schema of ``source``, which is read in one request, and its rows not at all."""
    objects = source.execute(load("advise/objects")).rows
    with closing(memory()) as conn:
        conn.execute("PRAGMA foreign_keys = on")
        status = schema_replica.make(conn, objects, keep_stand_ins=True)
        yield Replica(conn, read(conn), tuple(status.unknown))
