"""What last_insert_rowid(), changes() and total_changes() say: to a migration the same whether it runs alone or behind
a hundred others, and whatever memsql asked between its statements.

SQLite keeps these counters for a connection. The first two are set by writing to TEMP tables of our own, for only
SQLite can give them the value that a trigger or the middle of a statement sees. total_changes() only grows; a function
of the same name takes off what is not the migration's.
"""

from __future__ import annotations

from dataclasses import dataclass

from memsql.db.protocol import Item
from memsql.db.sqlite import SQLiteConnection

_TEMPORARY = "temp.memsql_counter"


@dataclass(frozen=True, slots=True)
class Counts:
    """What the functions return: the last rowid, the rows of the last statement, the rows since the file began."""

    rowid: int = 0
    changes: int = 0
    total: int = 0


class Counters:
    """The counters as the statements of one migration after another see them. ``counts`` may be set, where statements
    are undone."""

    def __init__(self, conn: SQLiteConnection) -> None:
        self.counts = Counts()
        self._conn, self._others = conn, 0
        conn.raw.create_function("total_changes", 0, lambda: conn.total_changes - self._others)

    def begin(self) -> None:
        """A migration begins."""
        self.counts = Counts()
        self.before()

    def before(self) -> None:
        """A statement of the migration is about to run: the counters are what the one before it left."""
        counts = self.counts
        if (counts.rowid, counts.changes) != self._now():
            self._set(counts)
        self._others = self._conn.total_changes - counts.total

    def after(self) -> None:
        """A statement of the migration ran."""
        rowid, changes = self._now()
        self.counts = Counts(rowid, changes, self._conn.total_changes - self._others)

    def _now(self) -> tuple[int, int]:
        rowid, changes = self._conn.raw.execute("SELECT last_insert_rowid(), changes()").fetchone()
        return rowid, changes

    def _set(self, counts: Counts) -> None:
        run = self._conn.execute
        run(f"CREATE TABLE {_TEMPORARY} (n)")
        run(f"CREATE TABLE {_TEMPORARY}_rowid (n)")
        numbers = "WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number LIMIT ?)"
        run(f"INSERT INTO {_TEMPORARY} {numbers} SELECT n FROM number WHERE ? > 0", (counts.changes, counts.changes))
        run(f"INSERT INTO {_TEMPORARY}_rowid (rowid) VALUES (?)", (counts.rowid,))
        run(f"DELETE FROM {_TEMPORARY}")
        run(f"DROP TABLE {_TEMPORARY}")
        run(f"DROP TABLE {_TEMPORARY}_rowid")


def zero_on_server(table: str) -> list[Item]:
    """What sets last_insert_rowid() and changes() to 0 on a server, by means of ``table``, which must not exist."""
    return [
        (f"CREATE TABLE {table} (n)", ()),
        (f"INSERT INTO {table} (rowid) VALUES (0)", ()),
        (f"DELETE FROM {table} WHERE n = 0", ()),
        (f"DROP TABLE {table}", ()),
    ]
