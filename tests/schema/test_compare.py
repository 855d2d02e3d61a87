"""What one schema lacks, has differently or has besides."""

from __future__ import annotations

import pytest

from memsql.schema import from_sql
from memsql.schema.compare import Comparison, Element, compare, definitions

SQL = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x' CHECK (name <> ''));"
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INT REFERENCES users (id) ON DELETE CASCADE);"
    "CREATE INDEX by_user ON notes (user_id);"
    "CREATE VIEW v AS SELECT 1 AS one;"
    "CREATE TRIGGER g AFTER INSERT ON notes BEGIN SELECT 1; END;"
    "CREATE VIRTUAL TABLE f USING fts5(body);"
)


def compared(expected: str, actual: str) -> Comparison:
    return compare(definitions(from_sql(expected)), definitions(from_sql(actual)))


def lines(comparison: Comparison) -> dict[str, list[str]]:
    return {
        "missing": [str(element) for element in comparison.missing],
        "different": [str(difference.element) for difference in comparison.different],
        "extra": [str(element) for element in comparison.extra],
    }


def test_every_element_has_a_definition() -> None:
    assert {str(element) for element in definitions(from_sql(SQL))} == {
        "table users",
        "primary key of users",
        "column users.id",
        "column users.name",
        "check of users: name<>''",
        "table notes",
        "primary key of notes",
        "column notes.id",
        "column notes.user_id",
        "foreign key notes(user_id)",
        "index by_user",
        "view v",
        "trigger g",
        "full-text or other virtual table f",
    }


def test_missing_and_extra_are_two_sides() -> None:
    less = compared(SQL, SQL.replace("CREATE INDEX by_user ON notes (user_id);", ""))
    more = compared(SQL.replace("CREATE INDEX by_user ON notes (user_id);", ""), SQL)
    assert lines(less) == {"missing": ["index by_user"], "different": [], "extra": []}
    assert lines(more) == {"missing": [], "different": [], "extra": ["index by_user"]}


@pytest.mark.parametrize(
    ("old", "new", "different"),
    [
        ("'x'", "'X'", "column users.name"),
        ("name TEXT", "name INT", "column users.name"),
        ("NOT NULL DEFAULT", "DEFAULT", "column users.name"),
        ("ON DELETE CASCADE", "", "foreign key notes(user_id)"),
        ("(user_id);", "(user_id DESC);", "index by_user"),
        ("SELECT 1 AS one", "SELECT 2 AS one", "view v"),
        ("BEGIN SELECT 1", "BEGIN SELECT 2", "trigger g"),
        ("fts5(body)", "fts5(body, prefix=2)", "full-text or other virtual table f"),
        ("users (id)", "users (name)", "foreign key notes(user_id)"),
        ("user_id INT REFERENCES users (id) ON DELETE CASCADE);", "user_id INT) STRICT;", "table notes"),
    ],
)
def test_what_is_different(old: str, new: str, different: str) -> None:
    assert old in SQL
    assert different in lines(compared(SQL, SQL.replace(old, new)))["different"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE TABLE a (b TEXT, c INT)", "create table A (c int, [b] text)"),
        (
            "CREATE TABLE a (b PRIMARY KEY) STRICT, WITHOUT ROWID",
            "CREATE TABLE a (b PRIMARY KEY) WITHOUT ROWID, STRICT",
        ),
        ("CREATE TABLE a (b CHECK (b > 0))", "CREATE TABLE a (b, CHECK (b>0))"),
        ("CREATE TABLE a (b); CREATE INDEX i ON a (b)", "CREATE TABLE a (b); CREATE INDEX IF NOT EXISTS i ON a(b);"),
    ],
)
def test_layout_is_no_difference(one: str, other: str) -> None:
    one, other = (text.replace("(b PRIMARY", "(b INT PRIMARY") for text in (one, other))
    assert lines(compared(one, other)) == {"missing": [], "different": [], "extra": []}


def test_definitions_are_anything_that_compares() -> None:
    element = Element("column", "t.a")
    comparison = compare({element: ("TEXT", True)}, {element: ("TEXT", False)})
    (difference,) = comparison.different
    assert (difference.expected, difference.actual) == (("TEXT", True), ("TEXT", False))
