"""Finds what a migration makes fail, or mean something else, after it ran: references to a table that is nowhere,
generated columns that some rows make unreadable, views that take a new column for what they named before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from memsql.db import Value
from memsql.db.compiling import explained
from memsql.db.sqlite import ENGINE_ERRORS, SQLiteConnection
from memsql.errors import StatementError
from memsql.lint import Finding
from memsql.review.case import Case, rehearse
from memsql.review.findings import finding_of
from memsql.schema import Schema, Table
from memsql.schema.read_rules import rules_of
from memsql.scratch.database import copy_of, try_run
from memsql.sqltext import fold, identifiers, quote
from memsql.sqltext.tokens import Token, tokenize
from memsql.sqltext.writes import read_view

_ROWS, _COLUMNS = 3, 12
_UNUSUAL: tuple[Value, ...] = ("", "no JSON", "{", b"\xff", -(2**63), 2**63 - 1)


def missing_parents(case: Case, before: Schema, after: Schema) -> Iterator[Finding]:
    """A finding for each foreign key to a table that is not there behind the migration, and that is new or was not
    broken before it."""
    names = {fold(t.name) for t in after.tables.values()}
    known = {
        (fold(t.name), fold(k.parent))
        for t in before.tables.values()
        for k in t.foreign_keys
        if before.table(k.parent) is None
    }
    for table in after.tables.values():
        for key in table.foreign_keys:
            if fold(key.parent) not in names and (fold(table.name), fold(key.parent)) not in known:
                columns = ", ".join(key.columns)
                yield finding_of(
                    "MR01",
                    case.up,
                    f"{columns} of {table.name} refers to {key.parent}, which is no table: each row with a value there "
                    f"is refused (no such table: main.{key.parent})",
                    severity="warning",
                    fix=f"create {key.parent} in this migration or before it",
                )


def unreadable(case: Case, filled: SQLiteConnection, before: Schema, after: Schema) -> Iterator[Finding]:
    """A finding for each new VIRTUAL column that cannot be read where a row has a value that today's schema permits.

    ``filled`` has made-up rows of the schema ``before``.
    """
    for new in after.tables.values():
        old = before.table(new.name)
        if old is None or old.kind != "table" or new.kind != "table":
            continue
        existing = {fold(c.name) for c in old.columns}
        for column in [c for c in new.columns if c.hidden == 2 and fold(c.name) not in existing][:_COLUMNS]:
            expression = rules_of(new).columns[fold(column.name)].generated.rpartition(" ")[0]
            named = identifiers(expression)
            for source in (c.name for c in old.columns if fold(c.name) in named and not c.hidden):
                finding = _unreadable(case, filled, old, (column.name, source, expression))
                if finding is not None:
                    yield finding
                    break


def _unreadable(case: Case, filled: SQLiteConnection, table: Table, column: tuple[str, str, str]) -> Finding | None:
    name, source, expression = column
    for value in _UNUSUAL:
        with copy_of(filled) as conn:
            conn.execute("PRAGMA foreign_keys = off")
            try:
                conn.execute(f"UPDATE {quote(table.name)} SET {quote(source)} = ?", (value,))
            except StatementError:
                continue
            finally:
                conn.execute("PRAGMA foreign_keys = on")
            if try_run(conn, case.without_checks().project, "up", allow=True) is not None:
                continue
            try:
                conn.execute(f"SELECT {quote(name)} FROM {quote(table.name)} LIMIT {_ROWS}")
            except StatementError as e:
                query = f"SELECT count(*) FROM {quote(table.name)} WHERE NOT json_valid({quote(source)})"
                is_json = ("JSON" in e.message and "json" in expression.lower()) or "->" in expression
                return finding_of(
                    "MR03",
                    case.up,
                    f"rows of {table.name} cannot be read where {source} is {value!r}: {name} is computed then "
                    f"({e.message})",
                    fix=f"count such rows in production first:\n{query};" if is_json else rehearse(),
                )
    return None


def other_meanings(case: Case, base: SQLiteConnection, before: Schema, after: Schema) -> Iterator[Finding]:
    """A finding for each view of both schemas that reads a new column where its text meant something else before: a
    string in double quotes, a column of a query around it, or one more column of a NATURAL JOIN.

    ``base`` is a database of the schema ``before``.
    """
    concerned = list(_concerned(before, after))
    if not concerned:
        return
    with copy_of(base) as conn:
        if try_run(conn, case.without_checks().project, "up", allow=True) is not None:
            return
        for view, table, column, is_natural in concerned:
            if not is_natural and (fold(table.name), fold(column)) not in _reads(conn, view.name):
                continue
            how = "joins by it now (NATURAL JOIN)" if is_natural else "takes the new column for what it named before"
            yield finding_of(
                "MR17",
                case.up,
                f"view {view.name} {how}: {column} of {table.name}",
                fix=f"say in the view which column is meant, and write texts in single quotes; {rehearse()}",
            )


def _concerned(before: Schema, after: Schema) -> Iterator[tuple[Table, Table, str, bool]]:
    """Views, with a table that they read, the name of a new column of it, and whether a NATURAL JOIN takes it."""
    added = []
    for table in after.tables.values():
        old = before.table(table.name)
        if old is not None and table.kind == old.kind == "table":
            existing = {fold(c.name) for c in old.columns}
            added += [(table, c.name) for c in table.columns if fold(c.name) not in existing]
    if not added:
        return
    for view in after.tables.values():
        was = before.table(view.name)
        if view.kind != "view" or was is None or was.sql != view.sql:
            continue
        tokens = tokenize(view.sql)
        named = {token.name for token in tokens}
        for table, column in added:
            if fold(table.name) not in named:
                continue
            if any(token.word == "NATURAL" for token in tokens) and _others_have(after, view, table, column):
                yield view, table, column, True
            elif _is_named(tokens, fold(column)):
                yield view, table, column, False


def _others_have(schema: Schema, view: Table, table: Table, column: str) -> bool:
    sources = [source for arm in read_view(view.sql).arms for source in arm.sources]
    others = (schema.table(source.table) for source in sources if source.table != fold(table.name))
    return any(fold(column) == fold(c.name) for other in others if other is not None for c in other.columns)


def _is_named(tokens: list[Token], name: str) -> bool:
    """Whether a view names something, and does not only call a column of its own so."""
    for place, token in enumerate(tokens):
        if token.kind in ("word", "quoted") and token.name == name:
            before = tokens[place - 1].word if place else ""
            behind = tokens[place + 1].word if place + 1 < len(tokens) else ""
            if before not in ("AS", ".") and behind not in ("(", "."):
                return True
    return False


def _reads(conn: SQLiteConnection, view: str) -> set[tuple[str, str]]:
    """The columns that a view reads, as table and column in lower case."""
    read: set[tuple[str, str]] = set()

    def note(action: int, table: str | None, column: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table and column:
            read.add((fold(table), fold(column)))
        return sqlite3.SQLITE_OK

    conn.raw.set_authorizer(note)
    try:
        conn.raw.execute(explained(f"SELECT * FROM {quote(view)}")).fetchall()
    except ENGINE_ERRORS:
        return set()
    finally:
        conn.raw.set_authorizer(None)
    return read
