"""CREATE TABLE, judged by the catalogue of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from memsql.schema.definition import definition_of, read_definition, under_name
from memsql.schema.expressions import canonical_default, canonical_type
from memsql.schema.model import Column, Table
from memsql.schema.read_rules import rules_of
from memsql.sqltext.names import fold
from tests.fuzz.sql_grammar import SQL
from tests.fuzz.target import Grammar, Repeated, Target

_GRAMMAR: Grammar = {
    **SQL,
    "start": ["CREATE TABLE n(a)", "CREATE TABLE <exists><name><maybe>(<maybe><column_list><maybe>)<options><maybe>"],
}
_STEPS = 100_000


def run(data: bytes) -> None:
    """Read ``data`` as the text of a CREATE TABLE, and as SQLite stores it where SQLite takes it."""
    text = data.decode("utf-8", "replace").replace("\0", "")
    _is_accepted(text)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.set_progress_handler(lambda: 1, _STEPS)
        # So that no text makes a file.
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        try:
            db.execute(text)
            row = db.execute(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'"
            ).fetchone()
        except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError):
            return
        if row is not None and not row[0].startswith("sqlite_"):
            _agrees_with_catalogue(db, row[0], row[1])


def _is_accepted(text: str) -> None:
    definition = read_definition(text)
    for clause in definition.clauses:
        assert text[clause.start : clause.end] == clause.text
        assert all(token in clause.tokens for token in [*clause.type_tokens, *clause.default])
        assert all(check in clause.text for check in clause.checks)
    shifted = read_definition(text, offset=7)
    assert [clause.start - 7 for clause in shifted.clauses] == [clause.start for clause in definition.clauses]
    columns = tuple(Column(clause.name, clause.type, False, None, 0) for clause in definition.columns)
    rules_of(Table("n", "table", columns, (), text))


def _agrees_with_catalogue(db: sqlite3.Connection, name: str, sql: str) -> None:
    try:
        rows = db.execute(
            'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)', (name,)
        ).fetchall()
    except sqlite3.OperationalError:
        # SQLite cuts the name of a type in the middle of a character, where it begins with empty brackets.
        return
    flags = db.execute("SELECT wr, strict FROM pragma_table_list(?) WHERE schema = 'main'", (name,)).fetchone()
    columns = tuple(Column(n, t, bool(notnull), default, pk, hidden) for n, t, notnull, default, pk, hidden in rows)
    table = Table(name, "table", columns, (), sql, without_rowid=bool(flags[0]), strict=bool(flags[1]))
    definition = definition_of(table)
    if definition.clauses:
        # CREATE TABLE AS is stored with the columns and types that came of it.
        assert [clause.name for clause in definition.columns] == [fold(column.name) for column in columns]
    rules = rules_of(table)
    assert rules.unread == "" or sql.count("(") > 90, f"not in our grammar: {sql}"
    assert list(rules.columns) == [fold(column.name) for column in columns]
    for column in columns:
        rule = rules.columns[fold(column.name)]
        assert bool(rule.generated) == (column.hidden in (2, 3))
        assert canonical_type(rule.type) == rule.type
        assert rule.default is None or canonical_default(rule.default) == rule.default, rule.default
    # A key of the table over one column of no rowid table says nothing else than one behind the column.
    assert bool(rules.primary_key) == any(column.pk for column in columns)
    _can_be_renamed(table)


def _can_be_renamed(table: Table) -> None:
    """The text for another name makes the same table."""
    renamed = under_name(table.sql, "another;table")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(renamed)
        rows = db.execute("SELECT name, type FROM pragma_table_xinfo('another;table')").fetchall()
        assert rows == [(column.name, column.type) for column in table.columns]
        ((stored,),) = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'another;table'").fetchall()
    again = replace(table, name="another;table", sql=stored)
    assert replace(rules_of(again), checks=frozenset()) == replace(rules_of(table), checks=frozenset())


def _read(text: str) -> object:
    table = Table("n", "table", (Column("a", "", False, None, 0),), (), text)
    return [read_definition(text).clauses, rules_of(table), under_name(text, "m")]


TARGETS = [
    Target(
        "definition",
        "accepts every text, and finds in every CREATE TABLE of SQLite the columns, types and keys of its catalogue",
        run,
        _GRAMMAR,
        seeds=[
            b'CREATE TABLE "t" (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(20, 3) COLLATE NOCASE NOT NULL'
            b" DEFAULT 'a,(b' CHECK (name <> ')' AND (1)), [the sum] INT AS (id + coalesce(id, 1)) STORED, CONSTRAINT"
            b" one UNIQUE (id, name), FOREIGN KEY (id) REFERENCES other (id), CHECK (id > 0)) STRICT, WITHOUT ROWID",
        ],
        work=_read,
        growing=[
            Repeated("a,", "CREATE TABLE n(", "b)"),
            Repeated("(", "CREATE TABLE n(a "),
            Repeated("CHECK (a) ", "CREATE TABLE n(a ", ")"),
            Repeated("a + ", "CREATE TABLE n(a CHECK (", "1))"),
            Repeated("NOT NULL ", "CREATE TABLE n(a ", ")"),
            Repeated("CONSTRAINT b ", "CREATE TABLE n(a ", ")"),
            Repeated("UNIQUE (a) ", "CREATE TABLE n(a, ", ")"),
            Repeated("n.", "CREATE TABLE n(a CHECK (", "a))"),
            Repeated("a.", "CREATE TABLE n(a CHECK (", "a))"),
            Repeated("REFERENCES n ", "CREATE TABLE n(a ", ")"),
        ],
    ),
]
