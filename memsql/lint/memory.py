"""A database in memory that runs the schema statements of files, compiles the others, and shows what it holds then."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from memsql import deadline
from memsql.db import Value
from memsql.db.compiling import compile_error
from memsql.db.queries import load
from memsql.db.sqlite import memory
from memsql.errors import MemsqlError
from memsql.fts.discover import discover
from memsql.lint.catalogue import CatalogueEntry, Index
from memsql.lint.step import Step
from memsql.schema import read
from memsql.sqltext import fold, quote
from memsql.sqltext.names import unquote

RUN = frozenset({"create", "drop", "alter_rename", "alter_rename_column", "alter_add_column", "alter_drop_column"})
"""The kinds of statements that are run; they change the schema."""
SENTINEL = "memsql_lint_end"
"""A table behind those that were loaded: what is created later has a higher rowid."""
_NO_COLUMN = re.compile(r"no such column: (.+)", re.DOTALL)
_ERRORS = (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError)
# A CREATE TABLE AS SELECT can go on for ever, or fill the memory.
_TICK, _MOST_TICKS = 100_000, 100
_MOST_PAGES, _LONGEST_VALUE = 50_000, 50_000_000
_BEGINNING = len("CREATE TABLE")
_MODERN_ALTER = "PRAGMA legacy_alter_table = off"


def is_run(step: Step) -> bool:
    """Whether a statement is run: it changes the schema, or how the statements behind it do."""
    return step.kind in RUN or (step.kind == "pragma" and step.name == "legacy_alter_table")


class MemoryDatabase:
    """A database in memory."""

    def __init__(self) -> None:
        self._conn = memory()
        self._db = self._conn.raw
        self._ticks = 0
        self._has_virtual = False
        self._db.execute(f"PRAGMA max_page_count = {_MOST_PAGES}")
        self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        self._db.set_progress_handler(self._tick, _TICK)

    def close(self) -> None:
        """Forget everything."""
        self._conn.close()

    def advance(self, steps: Iterable[Step]) -> bool:
        """Run the schema statements of a file for good. Returns False where one did not run; it is left out."""
        exact = True
        for step in steps:
            if (is_run(step) and self.run(step.text) is not None) or step.kind == "alter_column":
                exact = False
        self._db.execute(_MODERN_ALTER)
        # A virtual table takes its shadows with it, so that dropping these fails.
        for type_, name in self._conn.execute(load("engine/temporary")).rows:
            self.run(f"DROP {type_!s} IF EXISTS temp.{quote(str(name))}")
        return exact

    def run(self, sql: str) -> str | None:
        """Run a statement. Returns what SQLite says where it fails."""
        self._ticks = 0
        inside = self._db.in_transaction
        self._has_virtual = self._has_virtual or "virtual" in sql[:40].lower()
        try:
            self._db.execute(sql)
        except _ERRORS as e:
            deadline.refuse_over()
            if inside and not self._db.in_transaction:
                # An interruption undoes the whole transaction.
                self._conn.rollback()
                self._db.execute("SAVEPOINT memsql_lint")
            return str(e) or "out of memory"
        return None

    def compile(self, sql: str) -> str | None:
        """Compile a statement without running it. Returns what SQLite says where it cannot."""
        self._ticks = 0
        return compile_error(self._conn, sql)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo, at the end of the block, what was run in it."""
        self._db.execute("SAVEPOINT memsql_lint")
        try:
            yield
        finally:
            self._conn.rollback()
            self._db.execute(_MODERN_ALTER)
            self._refresh()

    def strings(self, step: Step) -> set[int]:
        """The offsets in the file of the names in double quotes that SQLite takes for strings.

        Written in brackets, which strings never have, such a name makes SQLite say ``no such column: free``.
        """
        quoted = [t for t in step.tokens if t.kind == "quoted" and t.text[0] == '"' and "]" not in t.text]
        offsets: set[int] = set()
        if not quoted or self.compile(step.text) is not None:
            return offsets
        while True:
            text, end = "", 0
            for token in quoted:
                if token.start not in offsets:
                    at = token.start - step.at
                    text += f"{step.text[end:at]}[{unquote(token.text)}]"
                    end = at + len(token.text)
            missed = _NO_COLUMN.match(self.compile(text + step.text[end:]) or "")
            more = {t.start for t in quoted if missed and t.name == fold(missed[1])} - offsets
            if not more:
                return offsets
            offsets |= more

    def entries(self) -> list[CatalogueEntry] | None:
        """Every object, in the order of creation; its place is its rowid. None where SQLite cannot read the schema."""
        self._ticks = -1000
        self._refresh()
        try:
            schema, fts = read(self._conn), {table.name: table for table in discover(self._conn)}
            indexes, rows = self._indexes(), self._rows()
        except MemsqlError:
            return None
        shown = {(o.type, o.name) for o in schema.objects}
        return [
            CatalogueEntry(
                place,
                type_,
                name,
                table,
                sql,
                hidden=(type_, name) not in shown,
                shape=schema.tables.get(name) if type_ in ("table", "view") else None,
                indexes=tuple(indexes.get(name, ())) if type_ == "table" else (),
                fts=fts.get(name) if type_ == "table" else None,
            )
            for place, type_, name, table, sql in rows
            if name != SENTINEL
        ]

    def texts(self) -> dict[tuple[str, str], str]:
        """The text of every object by its type and name."""
        return {(type_, name): sql for _, type_, name, _, sql in self._rows()}

    def rows(self) -> tuple[tuple[str, str, str, str], ...]:
        """The type, name, table and text of every object that has a text, in the order of creation."""
        return tuple(row[1:] for row in self._rows() if row[4])

    def load(self, entries: Sequence[CatalogueEntry]) -> dict[int, int] | None:
        """Create these objects, in their order, from their texts, and the sentinel behind them.

        Returns the place of each object by its rowid; None where the texts do not make the same objects again.
        """
        for entry in entries:
            self._create(entry)
        rows = self._rows()
        same = len(rows) == len(entries) and all(
            (type_, name, table) == (entry.type, entry.name, entry.table) and (entry.hidden or sql == entry.sql)
            for (_, type_, name, table, sql), entry in zip(rows, entries, strict=True)
        )
        self._db.execute(f"CREATE TABLE {SENTINEL} (a)")
        return {row[0]: entry.place for row, entry in zip(rows, entries, strict=True)} if same else None

    def has_rows(self) -> bool:
        """Whether a table holds a row, or there is an object in the TEMP schema: texts alone do not make that again."""
        if self._value("SELECT count(*) FROM sqlite_temp_schema"):
            return True
        tables = [name for _, type_, name, _, sql in self._rows() if type_ == "table" and sql[:13] == "CREATE TABLE "]
        return any(self._value(f"SELECT count(*) FROM (SELECT 1 FROM {quote(name)} LIMIT 1)") for name in tables)

    def enforces_keys(self) -> bool:
        """Whether this build of SQLite enforces foreign keys unless it is told not to."""
        return bool(self._value("PRAGMA foreign_keys"))

    def _refresh(self) -> None:
        """Let SQLite read the schema again. Until then it takes a table for a shadow though its virtual table is
        gone; and where it did that in a transaction, it does not after a ROLLBACK."""
        if self._has_virtual:
            self._db.execute("PRAGMA writable_schema = RESET")

    def _value(self, sql: str) -> Value:
        return self._conn.execute(sql).one()

    def _create(self, entry: CatalogueEntry) -> None:
        if entry.name == "sqlite_sequence":
            self.run("CREATE TABLE memsql_lint_sequence (a INTEGER PRIMARY KEY AUTOINCREMENT)")
            self.run("DROP TABLE memsql_lint_sequence")
        elif entry.hidden and entry.sql.startswith("CREATE TABLE"):
            # It may be there: a virtual table creates its shadows.
            self.run(f"CREATE TABLE IF NOT EXISTS{entry.sql[_BEGINNING:]}")
        elif entry.sql:
            self.run(entry.sql)

    def _rows(self) -> list[tuple[int, str, str, str, str]]:
        rows = self._conn.execute(load("lint/objects")).rows
        return [(int(str(r[0])), str(r[1]), str(r[2]), str(r[3]), str(r[4] or "")) for r in rows]

    def _indexes(self) -> dict[str, list[Index]]:
        columns: dict[tuple[str, str], list[tuple[Value, ...]]] = defaultdict(list)
        for row in self._conn.execute(load("lint/indexes")).rows:
            columns[str(row[0]), str(row[1])].append(row)
        indexes: dict[str, list[Index]] = defaultdict(list)
        for (table, name), rows in columns.items():
            _, _, unique, origin, partial = rows[0][:5]
            indexes[table].append(
                Index(
                    name,
                    table,
                    tuple(None if r[6] is None else str(r[6]) for r in rows),
                    tuple(bool(r[7]) for r in rows),
                    tuple(str(r[8]) for r in rows),
                    unique=bool(unique),
                    partial=bool(partial),
                    origin=str(origin),
                )
            )
        return indexes

    def _tick(self) -> int:
        self._ticks += 1
        return int(self._ticks > _MOST_TICKS or deadline.is_over())
