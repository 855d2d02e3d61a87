"""Copying a server's database into a SQLite file, out of one read transaction.

A virtual table is created by its own CREATE statement, which creates its shadow tables too. The rows of the shadow
tables are then replaced by the server's, byte for byte: an index that is broken there is broken in the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from memsql.db.exact import Cell, exact_lists
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import ConnectError, MemsqlError, StatementError
from memsql.progress import Progress
from memsql.sqltext import free_rowid, quote
from memsql.sqltext.internal import LEDGER, OTHER_LEDGERS
from memsql.storage import space

if TYPE_CHECKING:
    from memsql.db.libsql import LibsqlConnection

# Tables of the server and of SQLite. They are created where they are needed.
_NOT_COPIED = ("sqlite_", "libsql_", "_litestream_")
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
        # SQLite stores these two words in this form, however they were written.
        return self.sql[:14].lower() == "create virtual"

    @property
    def kind(self) -> str:
        """The noun for it in a sentence, such as "virtual table"."""
        if self.type == "index" and _VECTOR_INDEX in self.sql:
            return "vector index"
        return "virtual table" if self.virtual else self.type


@dataclass(frozen=True, slots=True)
class Omitted:
    """Something of a server that the copy lacks. ``type`` is a noun such as "vector index" or "rows"; ``sql`` is the
    statement that creates it on a server, empty for rows."""

    type: str
    name: str
    sql: str
    reason: str

    def __str__(self) -> str:
        return f"the {self.type} {self.name}: {self.reason}"


Choice = Callable[[Sequence[Stored]], Collection[str]]
"""Takes the objects of the schema and returns the names of the tables whose rows are copied. A virtual table stands
for its shadow tables."""


def every_row(objects: Sequence[Stored]) -> list[str]:
    """The choice of all tables."""
    return [o.name for o in objects if o.type == "table"]


def no_rows(objects: Sequence[Stored]) -> list[str]:
    """The choice of no table. The rows of the ledger, of those of other tools and of memsql's own tables are
    copied whatever is chosen."""
    return []


Sink = Callable[[Sequence[Sequence[Cell]]], None]
"""Receives the rows of one table while they are copied, a list at a time."""

Selections = Mapping[str, tuple[Sequence[str], str]]
"""By table name: the columns that are copied, and the SELECT that reads them."""

Required = Literal["ordinary", "all", "none"]
"""Which tables the copy must have: all but virtual ones, all, or whichever can be read."""


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How to copy.

    Without a table that is ``required`` the copy fails; with "none" rows that cannot be read are left out too.
    ``exact`` names the tables that hold text which is not UTF-8. ``verb`` completes "the database cannot be …".
    ``selections`` is called once the tables exist in the copy and says how tables are read; a table that it does not
    name is read whole. ``sink`` is called with the name of each table before its rows are copied.
    """

    required: Required = "ordinary"
    exact: Collection[str] = ()
    verb: str = "cloned"
    selections: Callable[[SQLiteConnection], Selections] = lambda _: {}
    sink: Callable[[str], Sink] = lambda _: lambda _: None


@dataclass(slots=True)
class Copier:
    """Copies what ``source``, a server, holds into ``copy``, an empty file: first begin(), then run()."""

    source: LibsqlConnection
    copy: SQLiteConnection
    progress: Progress
    options: CopyOptions = CopyOptions()
    reading: tuple[str, int] | None = None
    """The table whose rows are being read, and how many of them have arrived."""
    engine_version: str = ""
    journal_mode: str = ""
    _objects: list[Stored] = field(default_factory=list)
    _shadows: dict[str, str] = field(default_factory=dict)
    _omitted: list[Omitted] = field(default_factory=list)
    _lost: set[str] = field(default_factory=set)
    _needed: set[str] = field(default_factory=set)
    _selections: Selections = field(default_factory=dict)

    def begin(self) -> int:
        """Open the read transaction and read the schema. Returns the size of the database in bytes."""
        texts = [
            "BEGIN",
            load("engine/stored_schema"),
            "SELECT sqlite_version()",
            "PRAGMA journal_mode",
            *(f"PRAGMA {name}" for name in _PRAGMAS),
        ]
        _, stored, engine, journal, *settings = self.source.batch([(sql, ()) for sql in texts])
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

    def run(self, choice: Choice) -> tuple[Omitted, ...]:
        """Create every object, copy the rows of the tables in ``choice`` and end the transaction. Returns what is not
        in the copy.

        Raises ConnectError where a required table cannot be created or read; the server is as it was. Where
        ``choice`` names single tables, those are the required ones.
        """
        chosen = {name.lower() for name in choice(self._objects)}
        self._needed = self._needed_for(choice, chosen)
        self.copy.begin()
        self._create_tables()
        self._selections = self.options.selections(self.copy)
        self._copy_rows(chosen)
        self.source.rollback()
        # After the rows: SQLite builds an index faster at once, and no trigger may fire for rows that are copied.
        for kind in ("index", "view", "trigger"):
            for stored in self._objects:
                if stored.type == kind and not self._left_out(stored):
                    self._create(stored)
        try:
            self.copy.commit()
        except StatementError as e:
            raise self._not_written("the copy", e) from e
        return tuple(self._omitted)

    @property
    def _salvages(self) -> bool:
        return self.options.required == "none"

    def _needed_for(self, choice: Choice, chosen: set[str]) -> set[str]:
        if self._salvages:
            return set()
        if choice not in (every_row, no_rows):
            return chosen
        every = self.options.required == "all"
        return {o.name.lower() for o in self._objects if o.type == "table" and (every or not o.virtual)}

    def _create_tables(self) -> None:
        for index in self._objects:
            if index.type == "index" and _VECTOR_INDEX in index.sql:
                self._omit(index, "only libSQL has it")
        tables = [o for o in self._objects if o.type == "table"]
        for table in tables:
            if table.virtual:
                before = self._names()
                if self._create(table):
                    self._shadows |= {n.lower(): table.name for n in self._names() - before - {table.name}}
        existing = {name.lower() for name in self._names()}
        for table in tables:
            if not (table.virtual or table.name.lower() in existing or self._left_out(table)):
                self._create(table)

    def _create(self, stored: Stored) -> bool:
        try:
            self.copy.execute(stored.sql)
        except StatementError as e:
            if e.code != "SQLITE_ERROR" and not self._salvages:
                raise self._not_written(stored.name, e) from e
            if stored.type == "table" and stored.name.lower() in self._needed:
                raise self._failed(
                    f"the {stored.kind} {stored.name} cannot be made by the SQLite of this machine: {e.message}",
                    "use a Python with a newer SQLite",
                ) from e
            self._omit(stored, f"the SQLite of this machine cannot make it: {e.message}")
            return False
        return True

    def _omit(self, stored: Stored, reason: str) -> None:
        self._lost.add(stored.name.lower())
        self._omitted.append(Omitted(stored.kind, stored.name, stored.sql, reason))

    def _left_out(self, stored: Stored) -> bool:
        """Whether ``stored`` is not needed in the copy, or its owner could not be created."""
        for name in (stored.name.lower(), stored.table.lower()):
            if name.startswith(_NOT_COPIED) or name in self._lost or name.rpartition("_")[0] in self._lost:
                return True
        return False

    def _copy_rows(self, chosen: set[str]) -> None:
        existing = {name.lower() for name in self._names()}
        on_server = {o.name.lower() for o in self._objects if o.type == "table"}
        names = [
            o.name
            for o in self._objects
            if o.type == "table"
            and not o.virtual
            and o.name.lower() in existing
            and self._is_copied(o.name.lower(), chosen)
        ]
        for name, owner in self._shadows.items():
            if owner.lower() in chosen:
                # An index on the server may have lost one of its shadow tables.
                self.copy.execute(f"DELETE FROM {quote(name)}" if name in on_server else f"DROP TABLE {quote(name)}")
        if not names:
            return
        # The last one, because rows of tables with AUTOINCREMENT change it.
        names.sort(key=lambda name: name == "sqlite_sequence")
        filled = self.source.batch([(f"SELECT EXISTS (SELECT 1 FROM {quote(name)})", ()) for name in names])
        for name, answer in zip(names, filled, strict=True):
            if answer.one():
                self._copy_table(name)

    def _is_copied(self, name: str, chosen: set[str]) -> bool:
        if name == "sqlite_sequence":
            return True
        if name.startswith(_NOT_COPIED):
            return False
        owner = self._shadows.get(name)
        if owner is not None:
            return owner.lower() in chosen
        return name in chosen or name in LEDGER or name in OTHER_LEDGERS or name.startswith("memsql_")

    def _copy_table(self, name: str) -> None:
        self.progress.start(f"copying {name}")
        columns, sql = self._selections.get(name) or self._selection(name)
        self.copy.execute(f"DELETE FROM {quote(name)}")
        try:
            if name in self.options.exact:
                self._copy_lists(name, columns, exact_lists(self.source, sql, columns), exact=True)
                return
            try:
                self._copy_lists(name, columns, self.source.stream_lists(sql))
            except StatementError as e:
                if e.code != "MEMSQL_VALUE":
                    raise
                # Infinite numbers: no server can send them as they are.
                self.copy.execute(f"DELETE FROM {quote(name)}")
                self._copy_lists(name, columns, exact_lists(self.source, sql, columns), exact=True)
        except StatementError as e:
            if not self._salvages:
                raise self._failed(f"the rows of {name} cannot be copied: {e.message}", e.hint) from e
            count = self.reading[1] if self.reading else 0
            self._omitted.append(Omitted("rows", name, "", f"rows after the first {count} cannot be read: {e.message}"))

    def _copy_lists(
        self,
        name: str,
        columns: Sequence[str],
        lists: Iterator[Sequence[Sequence[Cell]]],
        *,
        exact: bool = False,
    ) -> None:
        sink, self.reading = self.options.sink(name), (name, 0)
        for rows in lists:
            try:
                self._insert(name, columns, rows, exact=exact)
            except StatementError as e:
                raise self._not_written(name, e) from e
            sink(rows)
            self.reading = (name, self.reading[1] + len(rows))

    def _insert(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, exact: bool) -> None:
        """Insert ``rows`` into the table ``name`` of the copy. Where they are ``exact``, text may come as a
        bytearray."""
        head = f"INSERT INTO {quote(name)} ({', '.join(map(quote, columns))}) VALUES "
        if not (exact and any(type(value) is bytearray for row in rows for value in row)):
            self.copy.executemany(f"{head}({', '.join('?' * len(columns))})", rows)  # type: ignore[arg-type]
            return
        for row in rows:
            marks = ", ".join("CAST(? AS TEXT)" if type(value) is bytearray else "?" for value in row)
            self.copy.execute(f"{head}({marks})", [bytes(v) if isinstance(v, bytearray) else v for v in row])

    def _selection(self, name: str) -> tuple[Sequence[str], str]:
        key = self._rowid(name)
        columns = [str(row[0]) for row in self.copy.execute(load("engine/columns"), (name,)).rows]
        listed = [key, *columns] if key else columns
        order = f" ORDER BY {key}" if key else ""
        return listed, f"SELECT {', '.join(map(quote, listed))} FROM {quote(name)}{order}"

    def _rowid(self, name: str) -> str | None:
        """A name of the rowid that no column hides; None where the table has no rowid, or columns hide all three."""
        if self.copy.execute(load("schema/without_rowid"), (name,)).one():
            return None
        return free_rowid(str(row[0]) for row in self.copy.execute(load("fts/content_columns"), (name,)).rows)

    def _names(self) -> set[str]:
        return {str(row[0]) for row in self.copy.execute(load("engine/tables")).rows}

    def _not_written(self, name: str, e: StatementError) -> MemsqlError:
        if e.code == "SQLITE_FULL":
            assert self.copy.target.path is not None
            what = f"a copy of {self.source.target}"
            return space.full(
                self.copy.target.path.parent, what, "the disk is full here", "make room, and run it again"
            )
        return self._failed(f"{name} cannot be written here: {e.message}", e.hint)

    def _failed(self, reason: str, hint: str | None) -> ConnectError:
        return ConnectError(
            f"{self.source.target} cannot be {self.options.verb}: {reason}",
            state="the database was only read",
            hint=hint,
        )
