"""Running the schema part of files in memory, to know what is there before and after each."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import groupby

from memsql.db.compiling import compile_error
from memsql.db.queries import load
from memsql.db.sqlite import memory
from memsql.errors import MemsqlError
from memsql.fts.discover import FtsTable, discover
from memsql.lint.script import Before, Index, Query
from memsql.lint.step import Step
from memsql.schema import Schema, read
from memsql.sqltext import fold
from memsql.sqltext.names import unquote

_RUN = frozenset({"create", "drop", "alter_rename", "alter_rename_column", "alter_add_column", "alter_drop_column"})
_PREPARE = frozenset(
    {
        "insert",
        "replace",
        "update",
        "delete",
        "select",
        "other",
        "transaction",
        "attach",
        "detach",
        "vacuum",
        "analyze",
        "reindex",
    }
)
_MAY_BREAK = frozenset({"drop", "alter_rename", "alter_rename_column", "alter_drop_column"})
# What is prepared without being run costs time and changes nothing: in a file of data the first ones will do.
_PREPARED = 500
_LONGEST = 1_000_000
_NO_COLUMN = re.compile(r"no such column: (.+)", re.DOTALL)
# A CREATE TABLE AS SELECT can go on for ever.
_STEPS_OF_WORK = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of running a file: the schema before and after it, what did not run, which queries it broke, and
    the offsets of names in double quotes that SQLite takes for strings."""

    before: Before
    after: Before
    failures: dict[int, str]
    broken: tuple[tuple[int, Query, str], ...] = ()
    strings: frozenset[int] = frozenset()


class Replay:
    """A database in memory that takes the schema statements of one file after the other."""

    def __init__(self, before: Before | None = None) -> None:
        self._conn = memory()
        self._db = self._conn.raw
        self._exact = before is None or before.exact
        self._work = 0
        # Nor may one of them fill the memory.
        self._db.execute("PRAGMA max_page_count = 50000")
        self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 50_000_000)
        self._db.set_progress_handler(self._tick, 100_000)
        self._seen: Before | None = None
        if before is not None:
            self._make(before.schema)

    def close(self) -> None:
        """Forget everything."""
        self._conn.close()

    def state(self) -> Before:
        """The schema as it is now."""
        if self._seen is None:
            self._seen = Before(*self._read(), self._exact)
        return self._seen

    def advance(self, steps: Iterable[Step]) -> None:
        """Run the schema statements of a file for good; one that does not run is left out."""
        for step in steps:
            if (step.kind in _RUN and self._run(step) is not None) or step.kind == "alter_column":
                self._exact = False
            if step.kind in _RUN:
                self._seen = None

    def trial(self, steps: Sequence[Step], queries: Sequence[Query] = ()) -> Trial:
        """Run a file, look what it leaves, and undo it."""
        before, exact = self.state(), self._exact
        failures: dict[int, str] = {}
        changes = False
        broken: list[tuple[int, Query, str]] = []
        strings: set[int] = set()
        with self._undone():
            alive = (
                [q for q in queries if self._prepare(q.sql) is None] if any(s.kind in _MAY_BREAK for s in steps) else []
            )
            prepared = 0
            for step in steps:
                problem = None
                if (
                    (step.kind in _PREPARE or step.is_making("table", "index"))
                    and '"' in step.text
                    and len(step.text) < _LONGEST
                ):
                    strings |= self._strings(step)
                if step.kind in _RUN:
                    changes = True
                    problem = self._run(step)
                    if step.kind in _MAY_BREAK:
                        gone = [(q, said) for q in alive if (said := self._prepare(q.sql)) is not None]
                        broken += [(step.number, query, said) for query, said in gone]
                        alive = [q for q in alive if q not in [g[0] for g in gone]]
                elif step.kind in _PREPARE and prepared < _PREPARED and len(step.text) < _LONGEST:
                    prepared += 1
                    problem = self._prepare(step.text)
                elif step.kind == "alter_column":
                    exact = False
                if problem is not None:
                    failures[step.number] = problem
            # A query that a later statement of the file lets run again is not broken by it.
            broken = [b for b in broken if self._prepare(b[1].sql) is not None]
            after = Before(*self._read(), exact and not failures) if changes else before
        self._seen = before
        return Trial(before, replace(after, exact=exact and not failures), failures, tuple(broken), frozenset(strings))

    def refuses(self, queries: Iterable[Query]) -> frozenset[str]:
        """The paths of those queries that do not run on the schema as it is now."""
        return frozenset(query.path for query in queries if self._prepare(query.sql) is not None)

    @contextmanager
    def _undone(self) -> Iterator[None]:
        self._db.execute("SAVEPOINT memsql_lint")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def _strings(self, step: Step) -> set[int]:
        """Where the statement has a string in double quotes: in brackets, which no string has, SQLite misses the column."""
        quoted = [t for t in step.tokens if t.kind == "quoted" and t.text[0] == '"' and "]" not in t.text]
        found: set[int] = set()
        if not quoted or self._prepare(step.text) is not None:
            return found
        while True:
            text, end = "", 0
            for token in quoted:
                if token.start not in found:
                    at = token.start - step.at
                    text += f"{step.text[end:at]}[{unquote(token.text)}]"
                    end = at + len(token.text)
            said = self._prepare(text + step.text[end:]) or ""
            missed = _NO_COLUMN.match(said)
            more = {t.start for t in quoted if missed and t.name == fold(missed[1])} - found
            if not more:
                return found
            found |= more

    def _run(self, step: Step) -> str | None:
        self._work = 0
        inside = self._db.in_transaction
        try:
            self._db.execute(step.text)
        except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError) as e:
            if inside and not self._db.in_transaction:
                # An interruption undoes the whole transaction.
                self._db.execute("SAVEPOINT memsql_lint")
            return str(e)
        return None

    def _prepare(self, sql: str) -> str | None:
        self._work = 0
        return compile_error(self._conn, sql)

    def _tick(self) -> int:
        self._work += 1
        return int(self._work > _STEPS_OF_WORK)

    def _read(self) -> tuple[Schema, tuple[Index, ...], tuple[FtsTable, ...]]:
        self._work = -1000
        try:
            return read(self._conn), self._indexes(), tuple(discover(self._conn))
        except MemsqlError:
            self._exact = False
            return Schema({}, ()), (), ()

    def _indexes(self) -> tuple[Index, ...]:
        found = []
        for _, group in groupby(self._conn.execute(load("lint/indexes")).rows, key=lambda r: (r[0], r[1])):
            rows = list(group)
            table, name, unique, origin, partial = rows[0][:5]
            found.append(
                Index(
                    str(name),
                    str(table),
                    tuple(None if r[6] is None else str(r[6]) for r in rows),
                    tuple(bool(r[7]) for r in rows),
                    tuple(str(r[8]) for r in rows),
                    bool(unique),
                    bool(partial),
                    str(origin),
                )
            )
        return tuple(found)

    def _make(self, schema: Schema) -> None:
        kinds = {t.name: t.kind for t in schema.tables.values()}
        order = {"table": 0, "virtual": 1, "index": 2, "view": 3, "trigger": 4}
        for thing in sorted(schema.objects, key=lambda o: order[kinds.get(o.name, o.type)]):
            if thing.sql:
                with suppress(sqlite3.Error):
                    self._db.execute(thing.sql)
