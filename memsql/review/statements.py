"""What each statement of a migration does to made-up rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

from memsql.db import rolled_back
from memsql.db.protocol import Touched
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.job import Direction
from memsql.errors import MemsqlError, StatementError
from memsql.project.admission import enforces_keys
from memsql.project.files import Migration
from memsql.review.held import Held
from memsql.review.model import StatementResult
from memsql.schema import Schema, is_internal, read
from memsql.scratch import database
from memsql.sqltext import Effect, Statement, effect, fold, identifiers, quote, statements
from memsql.sqltext.internal import module_of
from memsql.sqltext.tokens import tokenize

LISTED = 200
"""The number of statements that a review lists."""
_MEASURED = 1000
_HEAD = 4000
WRITES = frozenset({"insert", "update", "delete", "replace"})
"""The kinds of statements that write rows."""
_VERBS = {
    "alter_rename": "rename table",
    "alter_rename_column": "rename column",
    "alter_add_column": "add column",
    "alter_drop_column": "drop column",
    "alter_column": "alter column",
    "other": "statement",
}
_LOSES = ("alter_drop_column", "delete", "update", "replace")


@dataclass(frozen=True, slots=True)
class Measured:
    """What the statements of one direction did, one by one. ``left_out`` is the number of those behind them;
    ``rest_writes``: some of these may change rows."""

    results: tuple[StatementResult, ...] = ()
    left_out: int = 0
    rest_writes: bool = False

    @property
    def ran(self) -> int:
        """How many of the statements ran."""
        return sum(result.rows is not None for result in self.results)


def measure(conn: SQLiteConnection, migration: Migration, direction: Direction = "up") -> Measured:
    """Run the statements of one direction of ``migration`` one by one on ``conn``, a scratch database, and undo them.

    The result of a statement that fails, and of those after it, has None for rows.
    """
    try:
        file, header = migration.up, migration.header
        if direction == "down" and migration.down is not None:
            file, header = migration.down, migration.down_header or header
        text = file.text()
        enforced = enforces_keys(header, text)
    except MemsqlError:
        return Measured()
    results: list[StatementResult] = []
    runs, schema = True, read(conn)
    held = Held.by(schema)
    ends = time.monotonic() + database.TIME_LIMIT

    def is_late() -> bool:
        return time.monotonic() > ends

    rest = statements(text)
    conn.execute(f"PRAGMA foreign_keys = {'on' if enforced else 'off'}")
    try:
        with rolled_back(conn):
            for statement in islice(rest, _MEASURED):
                what = effect(statement.text)
                result, touched = _run(conn, statement, schema, is_late) if runs else (None, None)
                runs = touched is not None
                if result is None or touched is None:
                    results.append(_plain(statement, what, schema))
                    continue
                results.append(replace(result, loses=held.loses(what, touched)))
                schema = read(conn) if touched.schema else schema
                held.follow(what, schema, copies="SELECT" in _words(statement.text))
    finally:
        conn.execute("PRAGMA foreign_keys = on")
    left = [statement.text for statement in rest]
    return Measured(tuple(results), len(left), any(not has_only_values(text) for text in left))


def writes_rows(text: str) -> bool:
    """Whether ``text`` has a statement that may write rows of others than itself."""
    return any(effect(s.text).kind in WRITES and not has_only_values(s.text) for s in statements(text))


def has_only_values(text: str) -> bool:
    """Whether a statement writes what it says itself, and nothing that it reads from a table."""
    words = _words(text)
    return bool(words & {"INSERT", "REPLACE"}) and "SELECT" not in words


def _words(text: str) -> set[str]:
    return {token.word for token in tokenize(text[:_HEAD])}


def kind_of(what: Effect) -> str:
    """What a statement does, in words."""
    if what.kind in ("create", "drop"):
        return f"{what.kind} {'virtual table' if what.object_type == 'virtual' else what.object_type or 'object'}"
    return _VERBS.get(what.kind, what.kind)


def _plain(statement: Statement, what: Effect, schema: Schema) -> StatementResult:
    table = what.table or (what.name if what.object_type in (None, "table", "virtual") else None)
    if what.kind == "drop" and what.object_type in ("index", "trigger"):
        table = next(
            (o.table for o in schema.objects if o.type == what.object_type and fold(o.name) == fold(what.name or "")),
            None,
        )
    tables = (table,) if table and what.kind not in ("pragma", "transaction", "vacuum", "attach", "detach") else ()
    loses = what.kind in _LOSES or (what.kind == "drop" and what.object_type in ("table", "virtual"))
    return StatementResult(
        statement.line, kind_of(what), " ".join(statement.text.split()), tables, None, whole=False, loses=loses
    )


def _run(
    conn: SQLiteConnection, statement: Statement, schema: Schema, is_late: Callable[[], bool]
) -> tuple[StatementResult, Touched] | tuple[None, None]:
    """The result of a statement and what it reached; None where it does not run."""
    what = effect(statement.text)
    plain = _plain(statement, what, schema)
    named = identifiers(statement.text)
    # CREATE TRIGGER and CREATE VIEW name tables, and touch none of them.
    concerned = [t for t in schema.tables.values() if t.kind == "table" and fold(t.name) in named]
    sizes = (
        {fold(t.name): _size(conn, t.name) for t in concerned} if what.object_type not in ("trigger", "view") else {}
    )
    before = conn.raw.total_changes
    try:
        with conn.observe(is_late) as touched:
            conn.execute(statement.text)
    except MemsqlError:
        return None, None
    assert touched is not None
    rows = conn.raw.total_changes - before
    shadows = {fold(t.name): module_of(t.sql) for t in schema.tables.values() if t.kind == "virtual"}
    if what.object_type == "virtual":
        shadows[fold(what.name or "")] = module_of(statement.text)
    reached = {
        n
        for n in touched.written() | touched.dropped | touched.created | touched.altered
        if not n.startswith("sqlite_") and not is_internal(n, shadows)
    }
    target = sizes.get(fold(plain.tables[0]), 0) if plain.tables else 0
    if what.kind == "alter_drop_column" or (what.kind == "drop" and what.object_type in ("table", "virtual")):
        rows = target
    elif what.kind in ("create", "alter_rename", "alter_rename_column", "alter_add_column"):
        rows = rows if what.kind == "create" and what.object_type == "table" else 0
    sources = [n for name, n in sizes.items() if name != fold(plain.tables[0] if plain.tables else "")]
    whole = rows > 0 and (
        rows >= target > 0 if what.kind not in ("insert", "replace", "create") else any(rows >= n > 0 for n in sources)
    )
    tables = (*plain.tables, *sorted(reached - set(plain.tables)))
    return replace(plain, tables=tables, rows=rows, whole=whole), touched


def _size(conn: SQLiteConnection, table: str) -> int:
    try:
        value = conn.execute(f"SELECT count(*) FROM {quote(table)}").one()
    except StatementError:
        return 0
    return value if isinstance(value, int) else 0
