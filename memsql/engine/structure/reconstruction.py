"""A schema made again in memory from the texts of its objects, without rows, to compile statements there.

Functions and collations that an application registers are unknown here. The reconstruction puts others in their place,
and says of what it compiled with them that it is not certain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from memsql.db import Connection
from memsql.db.compiling import compile_only
from memsql.db.sqlite import memory
from memsql.db.unknown import unknown_part
from memsql.engine.structure.snapshot import Snapshot, StoredObject
from memsql.errors import MemsqlError
from memsql.sqltext import fold, quote
from memsql.sqltext.internal import is_virtual, shadows_of
from memsql.sqltext.tokens import tokenize

_NO_FUNCTION = re.compile(r"no such function: (.+)", re.DOTALL)
_NO_COLLATION = re.compile(r"no such collation sequence: (.+)", re.DOTALL)
_NO_TABLE = re.compile(r"no such table: (?:main\.)?(.+)", re.DOTALL)
# One statement names no more unknown functions than this.
_MOST = 50


@dataclass(frozen=True, slots=True)
class Compilation:
    """What SQLite said of a statement: ``error`` where it does not compile, and ``doubt`` where the answer is not
    certain, because of something that only the application or the server knows."""

    error: str | None = None
    doubt: str | None = None


class Reconstruction:
    """The tables, indexes and views of ``schema`` in memory, without its triggers."""

    def __init__(self, schema: Snapshot) -> None:
        self._schema = schema
        self._conn = memory()
        self._conn.execute("PRAGMA foreign_keys = off")
        self._functions: set[str] = set()
        self._collations: set[str] = set()
        self._missing: set[str] = set()
        tables = schema.of("table")
        virtual = [o for o in tables if is_virtual(o.sql)]
        shadows = frozenset[str]().union(*(shadows_of(o.name, o.sql) for o in virtual))
        plain = [o for o in tables if o not in virtual and not o.name.startswith("sqlite_")]
        # A virtual table may read the columns of its content table, and makes its shadows by itself.
        for obj in [o for o in plain if fold(o.name) not in shadows]:
            self._create(obj)
        for obj in virtual:
            self._create(obj)
        self._own(frozenset(fold(o.name) for o in tables))
        for obj in [o for o in plain if fold(o.name) in shadows and not self._exists(o.name)]:
            self._create(obj)
        for obj in [*schema.of("index"), *schema.of("view")]:
            self._create(obj)

    def close(self) -> None:
        """Forget everything."""
        self._conn.close()

    def compile(self, statement: str, trigger: StoredObject | None = None) -> Compilation:
        """Compile ``statement``; with ``trigger``, as if this were the only one there is."""
        if trigger is None:
            return self._compile(statement)
        try:
            self._conn.execute(trigger.sql)
        except MemsqlError as e:
            return Compilation(e.message, doubt=e.message)
        compilation = self._compile(statement)
        self._conn.execute(f"DROP TRIGGER main.{quote(trigger.name)}")
        return compilation

    def compile_with_keys(self, statement: str) -> Compilation:
        """Compile ``statement`` while foreign keys are enforced."""
        self._conn.execute("PRAGMA foreign_keys = on")
        try:
            return self._compile(statement)
        finally:
            self._conn.execute("PRAGMA foreign_keys = off")

    @property
    def conn(self) -> Connection:
        """The connection to it."""
        return self._conn

    def _compile(self, statement: str) -> Compilation:
        doubt: str | None = None
        for _ in range(_MOST):
            try:
                compile_only(self._conn, statement)
            except MemsqlError as e:
                stand_in = self._stand_in(e.message)
                if stand_in is None:
                    return Compilation(e.message, doubt=self._doubt(e.message))
                doubt = doubt or stand_in
            else:
                return Compilation(None, doubt)
        return Compilation(None, doubt)

    def _create(self, obj: StoredObject) -> None:
        for _ in range(_MOST):
            try:
                self._conn.execute(obj.sql)
            except MemsqlError as e:
                if self._stand_in(e.message) is None:
                    self._missing.add(fold(obj.name))
                    return
            else:
                return

    def _stand_in(self, message: str) -> str | None:
        """Register what SQLite misses according to ``message``, and return a sentence; None where that is no function
        and no collation."""
        if match := _NO_FUNCTION.fullmatch(message):
            if fold(match[1]) in self._functions:
                return None
            self._functions.add(fold(match[1]))
            self._conn.raw.create_function(match[1], -1, _nothing, deterministic=True)
            return uses_unknown(message)
        if match := _NO_COLLATION.fullmatch(message):
            if fold(match[1]) in self._collations:
                return None
            self._collations.add(fold(match[1]))
            self._conn.raw.create_collation(match[1], _equal)
            return uses_unknown(message)
        return None

    def _doubt(self, message: str) -> str | None:
        """Why ``message`` may be wrong, or None."""
        if why := uses_unknown(message):
            return why
        if match := _NO_TABLE.fullmatch(message):
            name = fold(match[1])
            unknown_here = name in self._missing or name in self._table_functions
            return f"reads {match[1]}, which is unknown here" if unknown_here else None
        words = {token.name for token in tokenize(message)}
        unknown = sorted(words & self._functions)
        return f"uses the function {unknown[0]}, which is unknown here" if unknown else None

    @cached_property
    def _table_functions(self) -> frozenset[str]:
        """What the views and triggers read like a table with arguments, which no table can have."""
        names = set()
        for obj in self._schema.of("view", "trigger"):
            tokens = tokenize(obj.sql)
            for before, name, behind in zip(tokens, tokens[1:], tokens[2:], strict=False):
                if behind.text == "(" and (before.word in ("FROM", "JOIN") or before.text == ","):
                    names.add(name.name)
        return frozenset(names)

    def _exists(self, name: str) -> bool:
        return bool(self._conn.execute("SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE", (name,)).rows)

    def _own(self, names: frozenset[str]) -> None:
        """Let SQLite make its own tables, which no statement can create."""
        if "sqlite_sequence" in names:
            self._conn.execute("CREATE TABLE memsql_sequence (a INTEGER PRIMARY KEY AUTOINCREMENT)")
            self._conn.execute("DROP TABLE memsql_sequence")
        if any(name.startswith("sqlite_stat") for name in names):
            self._conn.execute("ANALYZE")


def uses_unknown(message: str) -> str | None:
    """``uses the function f, which is unknown here`` where SQLite says so in ``message``, else None."""
    part = unknown_part(message)
    return f"uses {part}, which is unknown here" if part else None


def _nothing(*_: object) -> None:
    return None


def _equal(_a: str, _b: str) -> int:
    return 0
