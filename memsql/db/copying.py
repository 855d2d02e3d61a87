"""Copying a server's database into a SQLite file, out of one read transaction.

Virtual tables are made by their own CREATE, so that their shadow tables appear with them; the rows of the shadows are
then the server's, byte for byte, and what is wrong with an index there is wrong with it here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from memsql.db.protocol import Connection, Result, Value
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import ConnectError, MemsqlError, StatementError

# The servers' and SQLite's own; made anew where they are needed.
_NOT_COPIED = ("sqlite_", "libsql_", "_litestream_")
_BOOKS = frozenset({"schema_migrations", "_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock"})
_VECTOR_INDEX = "libsql_vector_idx"
_PRAGMAS = ("user_version", "application_id", "encoding", "page_count", "page_size")
_FINITE = "CASE WHEN typeof({0}) = 'real' AND abs({0}) = 9e999 THEN CAST({0} AS TEXT) ELSE {0} END"
_INFINITE = {"Inf": float("inf"), "-Inf": float("-inf")}


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as sqlite_schema holds it."""

    type: str
    name: str
    table: str
    sql: str

    @property
    def virtual(self) -> bool:
        # SQLite stores these words so, however they were written.
        return self.sql[:14].lower() == "create virtual"


Choice = Callable[[Sequence[Stored]], Collection[str]]
"""Which tables to copy with their rows, by name; a virtual table stands for its shadows."""


def every_row(objects: Sequence[Stored]) -> list[str]:
    """The choice of all tables."""
    return [o.name for o in objects if o.type == "table"]


def no_rows(objects: Sequence[Stored]) -> list[str]:
    """The choice of none; the ledger and memsql's other tables are always copied."""
    return []


@dataclass(slots=True)
class Copier:
    """Copies what ``source``, a server, holds into ``copy``, an empty file.

    ``note`` is told what is being done, ``omitted`` what had to be left out, a sentence each.
    """

    source: Connection
    copy: SQLiteConnection
    note: Callable[[str], None]
    omitted: Callable[[str], None]
    _objects: list[Stored] = field(default_factory=list)
    _shadows: dict[str, str] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)
    _needed: set[str] = field(default_factory=set)

    def begin(self) -> int:
        """Open the read transaction and read the schema; return the size of the database in bytes."""
        asked = [f"PRAGMA {name}" for name in _PRAGMAS]
        _, stored, *settings = self.source.batch([(sql, ()) for sql in ("BEGIN", load("engine/stored_schema"), *asked)])
        self._objects = [Stored(str(k), str(n), str(t), str(s)) for k, n, t, s in stored.rows]
        values = dict(zip(_PRAGMAS, (str(answer.one()) for answer in settings), strict=True))
        for pragma, value in (("encoding", f"'{values['encoding']}'"), ("journal_mode", "memory"), ("synchronous", "off"),
                              ("foreign_keys", "off"), ("ignore_check_constraints", "on"), ("user_version", values["user_version"]),
                              ("application_id", values["application_id"])):
            self.copy.execute(f"PRAGMA {pragma} = {value}")
        return int(values["page_count"]) * int(values["page_size"])

    def run(self, choice: Choice) -> None:
        """Make everything and copy the rows of what ``choice`` names; end the transaction.

        Raises ConnectError where a table cannot be made or read; the server is as it was. Of a choice of some
        tables only those must be made; of all or none every table, but those of modules that are not here.
        """
        chosen = {name.lower() for name in choice(self._objects)}
        self._needed = chosen if choice not in (every_row, no_rows) else {
            o.name.lower() for o in self._objects if o.type == "table" and not o.virtual}
        self.copy.begin()
        self._make_tables()
        self._copy_rows(chosen)
        self.source.rollback()
        # Indexes are built quicker at once, and triggers must not run for rows that are copied.
        for kind in ("index", "view", "trigger"):
            for thing in self._objects:
                if thing.type == kind and not self._left_out(thing):
                    self._make(thing)
        self.copy.commit()

    def _make_tables(self) -> None:
        vectors = [o.name for o in self._objects if o.type == "index" and _VECTOR_INDEX in o.sql]
        for name in vectors:
            self.omitted(f"the vector index {name}, which only libSQL has")
        self._lost.update(name.lower() for name in vectors)
        tables = [o for o in self._objects if o.type == "table"]
        for thing in tables:
            if thing.virtual:
                before = self._names()
                if self._make(thing):
                    self._shadows |= {n.lower(): thing.name for n in self._names() - before - {thing.name}}
        there = {name.lower() for name in self._names()}
        for thing in tables:
            if not (thing.virtual or thing.name.lower() in there or self._left_out(thing)):
                self._make(thing)

    def _make(self, thing: Stored) -> bool:
        try:
            self.copy.execute(thing.sql)
        except MemsqlError as e:
            kind = "virtual table" if thing.virtual else thing.type
            if thing.type == "table" and thing.name.lower() in self._needed:
                raise self._failed(f"the {kind} {thing.name} cannot be made by the SQLite of this machine: {e.message}",
                                   "use a Python with a newer SQLite") from e
            self._lost.add(thing.name.lower())
            self.omitted(f"the {kind} {thing.name}, which the SQLite of this machine cannot make: {e.message}")
            return False
        return True

    def _left_out(self, thing: Stored) -> bool:
        """Whether nobody needs ``thing`` here, or its owner could not be made."""
        for name in (thing.name.lower(), thing.table.lower()):
            if name.startswith(_NOT_COPIED) or name in self._lost or name.rpartition("_")[0] in self._lost:
                return True
        return False

    def _copy_rows(self, chosen: set[str]) -> None:
        here = {name.lower(): name for name in self._names()}
        there = {o.name.lower() for o in self._objects if o.type == "table"}
        wanted = [o.name for o in self._objects if o.type == "table" and not o.virtual and o.name.lower() in here
                  and self._wanted(o.name.lower(), chosen)]
        for name, owner in self._shadows.items():
            if owner.lower() in chosen:
                # An index may have lost one of its tables.
                self.copy.execute(f"DELETE FROM {_quote(name)}" if name in there else f"DROP TABLE {_quote(name)}")
        if not wanted:
            return
        # Rows of tables with AUTOINCREMENT move it.
        wanted.sort(key=lambda name: name == "sqlite_sequence")
        filled = self.source.batch([(f"SELECT EXISTS (SELECT 1 FROM {_quote(name)})", ()) for name in wanted])
        for name, answer in zip(wanted, filled, strict=True):
            if answer.one():
                self._copy_table(name)

    def _wanted(self, name: str, chosen: set[str]) -> bool:
        if name == "sqlite_sequence":
            return True
        if name.startswith(_NOT_COPIED):
            return False
        owner = self._shadows.get(name)
        if owner is not None:
            return owner.lower() in chosen
        return name in chosen or name in _BOOKS or name.startswith("memsql_")

    def _copy_table(self, name: str) -> None:
        self.note(f"copying {name}")
        table, key = _quote(name), self._rowid(name)
        columns = [_quote(str(row[0])) for row in self.copy.execute(load("engine/columns"), (name,)).rows]
        listed = [key, *columns] if key else columns
        into = f"INSERT INTO {table} ({', '.join(listed)}) VALUES ({', '.join('?' * len(listed))})"
        order = f" ORDER BY {key}" if key else ""
        self.copy.execute(f"DELETE FROM {table}")
        try:
            self.copy.executemany(into, self.source.stream_rows(f"SELECT {', '.join(listed)} FROM {table}{order}"))
        except StatementError as e:
            if e.code != "MEMSQL_VALUE":
                raise self._failed(f"the rows of {name} cannot be copied: {e.message}", e.hint) from e
            self._copy_infinite(name, listed, order, into)

    def _copy_infinite(self, name: str, listed: list[str], order: str, into: str) -> None:
        """The same for a table with infinite numbers, which no server can send: as text, marked by a column more."""
        kinds = [f"typeof({c}) = 'real' AND abs({c}) = 9e999" for c in listed]
        values = [_FINITE.format(c) for c in listed]
        rows = self.source.stream_rows(f"SELECT {', '.join([*values, *kinds])} FROM {_quote(name)}{order}")
        self.copy.execute(f"DELETE FROM {_quote(name)}")
        try:
            self.copy.executemany(into, (_finite_or_not(row, len(listed)) for row in rows))
        except StatementError as e:
            raise self._failed(f"the rows of {name} cannot be copied: {e.message}", e.hint) from e

    def _rowid(self, name: str) -> str | None:
        """A name of the rowid that no column hides; None where there is none."""
        kind: Result = self.copy.execute(load("schema/without_rowid"), (name,))
        if kind.one():
            return None
        taken = {str(r[0]).lower() for r in self.copy.execute(load("fts/content_columns"), (name,)).rows}
        return next((word for word in ("rowid", "_rowid_", "oid") if word not in taken), None)

    def _names(self) -> set[str]:
        return {str(row[0]) for row in self.copy.execute(load("engine/tables")).rows}

    def _failed(self, why: str, hint: str | None) -> ConnectError:
        return ConnectError(f"{self.source.target} cannot be cloned: {why}", state="the database was only read", hint=hint)


def _finite_or_not(row: tuple[Value, ...], count: int) -> tuple[Value, ...]:
    return tuple(_INFINITE[str(value)] if infinite else value for value, infinite in zip(row[:count], row[count:], strict=True))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
