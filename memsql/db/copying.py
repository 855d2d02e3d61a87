"""Copying a server's database into a SQLite file, out of one read transaction.

Virtual tables are made by their own CREATE, so that their shadow tables appear with them; the rows of the shadows are
then the server's, byte for byte, and what is wrong with an index there is wrong with it here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memsql.db.exact import Cell, exact_lists
from memsql.db.protocol import Result
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import ConnectError, StatementError
from memsql.sqltext import free_rowid, quote

if TYPE_CHECKING:
    from memsql.db.libsql import LibsqlConnection

# The servers' and SQLite's own; made anew where they are needed.
_NOT_COPIED = ("sqlite_", "libsql_", "_litestream_")
_BOOKS = frozenset({"schema_migrations", "_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock"})
_VECTOR_INDEX = "libsql_vector_idx"
_PRAGMAS = ("user_version", "application_id", "encoding", "page_count", "page_size")


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

    @property
    def kind(self) -> str:
        """What to call it in a sentence."""
        if self.type == "index" and _VECTOR_INDEX in self.sql:
            return "vector index"
        return "virtual table" if self.virtual else self.type


Choice = Callable[[Sequence[Stored]], Collection[str]]
"""Which tables to copy with their rows, by name; a virtual table stands for its shadows."""


def every_row(objects: Sequence[Stored]) -> list[str]:
    """The choice of all tables."""
    return [o.name for o in objects if o.type == "table"]


def no_rows(objects: Sequence[Stored]) -> list[str]:
    """The choice of none; the ledger and memsql's other tables are always copied."""
    return []


Sink = Callable[[Sequence[Sequence[Cell]]], None]
"""Who looks at the rows of one table as they are copied, some at a time."""

Selections = Mapping[str, tuple[Sequence[str], str]]
"""For a table, by name, the columns that its rows are read by, and the SELECT that reads them."""


@dataclass(slots=True)
class Copier:
    """Copies what ``source``, a server, holds into ``copy``, an empty file.

    ``note`` is told what is being done, ``omitted`` what had to be left out and why. ``selections`` may say how tables
    are read, once they are made in the copy; ``watch`` is asked for a Sink whenever the rows of a table begin to be
    copied. With ``strict`` a table that cannot be made is an error whatever it is, with ``salvage`` none is, and
    rows that cannot be read neither. The tables named in ``exact`` hold text that is no UTF-8.
    """

    source: LibsqlConnection
    copy: SQLiteConnection
    note: Callable[[str], None]
    omitted: Callable[[Stored, str], None]
    selections: Callable[[SQLiteConnection], Selections] = lambda _: {}
    watch: Callable[[str], Sink] = lambda _: lambda _: None
    strict: bool = False
    salvage: bool = False
    exact: Collection[str] = ()
    verb: str = "cloned"
    reading: tuple[str, int] | None = None
    """The table whose rows are being read, and how many of them have come."""
    engine_version: str = ""
    journal_mode: str = ""
    _objects: list[Stored] = field(default_factory=list)
    _shadows: dict[str, str] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)
    _needed: set[str] = field(default_factory=set)
    _selections: Selections = field(default_factory=dict)

    def begin(self) -> int:
        """Open the read transaction and read the schema; return the size of the database in bytes."""
        asked = [f"PRAGMA {name}" for name in _PRAGMAS]
        _, stored, engine, journal, *settings = self.source.batch(
            [
                (sql, ())
                for sql in (
                    "BEGIN",
                    load("engine/stored_schema"),
                    "SELECT sqlite_version()",
                    "PRAGMA journal_mode",
                    *asked,
                )
            ]
        )
        self.engine_version, self.journal_mode = str(engine.one()), str(journal.one())
        self._objects = [Stored(str(k), str(n), str(t), str(s)) for k, n, t, s in stored.rows]
        values = dict(zip(_PRAGMAS, (str(answer.one()) for answer in settings), strict=True))
        for pragma, value in (
            ("encoding", f"'{values['encoding']}'"),
            ("journal_mode", "memory"),
            ("synchronous", "off"),
            ("foreign_keys", "off"),
            ("ignore_check_constraints", "on"),
            ("user_version", values["user_version"]),
            ("application_id", values["application_id"]),
        ):
            self.copy.execute(f"PRAGMA {pragma} = {value}")
        return int(values["page_count"]) * int(values["page_size"])

    def run(self, choice: Choice) -> None:
        """Make everything and copy the rows of what ``choice`` names; end the transaction.

        Raises ConnectError where a table cannot be made or read; the server is as it was. Of a choice of some
        tables only those must be made; of all or none every table, but those of modules that are not here.
        """
        chosen = {name.lower() for name in choice(self._objects)}
        self._needed = (
            chosen
            if choice not in (every_row, no_rows)
            else {o.name.lower() for o in self._objects if o.type == "table" and (self.strict or not o.virtual)}
        )
        self.copy.begin()
        self._make_tables()
        self._selections = self.selections(self.copy)
        self._copy_rows(chosen)
        self.source.rollback()
        # Indexes are built quicker at once, and triggers must not run for rows that are copied.
        for kind in ("index", "view", "trigger"):
            for thing in self._objects:
                if thing.type == kind and not self._left_out(thing):
                    self._make(thing)
        try:
            self.copy.commit()
        except StatementError as e:
            raise self._not_written("the copy", e) from e

    def _make_tables(self) -> None:
        vectors = [o for o in self._objects if o.type == "index" and _VECTOR_INDEX in o.sql]
        for index in vectors:
            self.omitted(index, "only libSQL has it")
        self._lost.update(o.name.lower() for o in vectors)
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
        except StatementError as e:
            if e.code != "SQLITE_ERROR" and not self.salvage:
                raise self._not_written(thing.name, e) from e
            if thing.type == "table" and thing.name.lower() in self._needed and not self.salvage:
                raise self._failed(
                    f"the {thing.kind} {thing.name} cannot be made by the SQLite of this machine: {e.message}",
                    "use a Python with a newer SQLite",
                ) from e
            self._lost.add(thing.name.lower())
            self.omitted(thing, f"the SQLite of this machine cannot make it: {e.message}")
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
        wanted = [
            o.name
            for o in self._objects
            if o.type == "table" and not o.virtual and o.name.lower() in here and self._wanted(o.name.lower(), chosen)
        ]
        for name, owner in self._shadows.items():
            if owner.lower() in chosen:
                # An index may have lost one of its tables.
                self.copy.execute(f"DELETE FROM {quote(name)}" if name in there else f"DROP TABLE {quote(name)}")
        if not wanted:
            return
        # Rows of tables with AUTOINCREMENT move it.
        wanted.sort(key=lambda name: name == "sqlite_sequence")
        filled = self.source.batch([(f"SELECT EXISTS (SELECT 1 FROM {quote(name)})", ()) for name in wanted])
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
        columns, sql = self._selections.get(name) or self._selection(name)
        self.copy.execute(f"DELETE FROM {quote(name)}")
        try:
            if name in self.exact:
                self._copy_lists(name, columns, exact_lists(self.source, sql, columns), exact=True)
                return
            try:
                self._copy_lists(name, columns, self.source.stream_lists(sql))
            except StatementError as e:
                if e.code != "MEMSQL_VALUE":
                    raise
                # Infinite numbers, which no server can send as they are.
                self.copy.execute(f"DELETE FROM {quote(name)}")
                self._copy_lists(name, columns, exact_lists(self.source, sql, columns), exact=True)
        except StatementError as e:
            if not self.salvage:
                raise self._failed(f"the rows of {name} cannot be copied: {e.message}", e.hint) from e
            count = self.reading[1] if self.reading else 0
            self.omitted(Stored("rows", name, name, ""), f"rows after the first {count} cannot be read: {e.message}")

    def _copy_lists(
        self,
        name: str,
        columns: Sequence[str],
        lists: Iterator[Sequence[Sequence[Cell]]],
        *,
        exact: bool = False,
    ) -> None:
        sink, self.reading = self.watch(name), (name, 0)
        for rows in lists:
            try:
                _insert(self.copy, name, columns, rows, exact)
            except StatementError as e:
                raise self._not_written(name, e) from e
            sink(rows)
            self.reading = (name, self.reading[1] + len(rows))

    def _selection(self, name: str) -> tuple[Sequence[str], str]:
        key = self._rowid(name)
        columns = [str(row[0]) for row in self.copy.execute(load("engine/columns"), (name,)).rows]
        listed = [key, *columns] if key else columns
        order = f" ORDER BY {key}" if key else ""
        return listed, f"SELECT {', '.join(map(quote, listed))} FROM {quote(name)}{order}"

    def _rowid(self, name: str) -> str | None:
        """A name of the rowid that no column hides; None where there is none."""
        kind: Result = self.copy.execute(load("schema/without_rowid"), (name,))
        if kind.one():
            return None
        return free_rowid(str(row[0]) for row in self.copy.execute(load("fts/content_columns"), (name,)).rows)

    def _names(self) -> set[str]:
        return {str(row[0]) for row in self.copy.execute(load("engine/tables")).rows}

    def _not_written(self, name: str, e: StatementError) -> ConnectError:
        if e.code == "SQLITE_FULL":
            return self._failed("the disk is full here", "free space, and run it again")
        return self._failed(f"{name} cannot be written here: {e.message}", e.hint)

    def _failed(self, why: str, hint: str | None) -> ConnectError:
        return ConnectError(
            f"{self.source.target} cannot be {self.verb}: {why}", state="the database was only read", hint=hint
        )


def _insert(
    copy: SQLiteConnection, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], exact: bool
) -> None:
    """Insert ``rows`` into the table ``name`` of ``copy``; where they are ``exact``, text may be bytes."""
    head = f"INSERT INTO {quote(name)} ({', '.join(map(quote, columns))}) VALUES "
    plain = f"{head}({', '.join('?' * len(columns))})"
    if not (exact and any(type(value) is bytearray for row in rows for value in row)):
        copy.executemany(plain, rows)  # type: ignore[arg-type]
        return
    for row in rows:
        marks = ", ".join("CAST(? AS TEXT)" if type(value) is bytearray else "?" for value in row)
        copy.execute(f"{head}({marks})", [bytes(v) if isinstance(v, bytearray) else v for v in row])
