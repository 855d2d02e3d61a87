"""Comments about renames in the text of a schema, and the places of its objects."""

from __future__ import annotations

import pytest

from memsql.author.change import line_of, read_wanted
from memsql.errors import FileError

TABLE = """CREATE TABLE people ( -- renamed from: users
    id INTEGER PRIMARY KEY,
    -- renamed from: "first name"
    name TEXT,
    mail TEXT, -- renamed from: email
    age INT -- renamed from: years
);
"""


def test_each_comment_belongs_to_what_it_stands_by() -> None:
    renames = read_wanted(TABLE, "schema.sql").renames()
    assert renames.tables == {"people": "users"}
    assert renames.columns == {
        ("people", "name"): "first name",
        ("people", "mail"): "email",
        ("people", "age"): "years",
    }


def test_the_text_is_left_without_them() -> None:
    assert read_wanted(TABLE, "schema.sql").text == (
        "CREATE TABLE people (\n    id INTEGER PRIMARY KEY,\n    name TEXT,\n    mail TEXT,\n    age INT\n);\n"
    )


@pytest.mark.parametrize(
    ("text", "kind", "name", "old"),
    [
        ("-- renamed from: a\nCREATE TABLE b (x);", "table", "b", "a"),
        ("CREATE TABLE b (x); -- renamed from: a", "table", "b", "a"),
        ("CREATE TABLE b (x\n) -- renamed from: a\n;", "table", "b", "a"),
        ("CREATE TABLE t (\n  b TEXT -- RENAMED  FROM : [a]\n);", "column", "b", "a"),
        ('CREATE TABLE t (x,\n  -- renamed from: a\n  "b" TEXT);', "column", "b", "a"),
        ("-- renamed from: a\nCREATE INDEX b ON t (x);", "index", "b", "a"),
        ("CREATE VIEW b AS SELECT 1; -- renamed from: a\n", "view", "b", "a"),
        ("-- renamed from: 'a'\nCREATE VIRTUAL TABLE b USING fts5(x);", "table", "b", "a"),
    ],
)
def test_the_owner_of_a_comment(text: str, kind: str, name: str, old: str) -> None:
    (comment,) = read_wanted(text, "schema.sql").comments
    assert (comment.kind, comment.name, comment.old) == (kind, name, old)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("CREATE TABLE t (a);\n-- renamed from:\nCREATE TABLE u (a);", "names nothing", 2),
        ("\n-- renamed from: a\nSELECT 1;", "belongs to no table", 2),
        ("CREATE TABLE t (a);\n\n-- renamed from: a\n", "belongs to no table", 3),
    ],
)
def test_a_comment_that_belongs_to_nothing(text: str, message: str, line: int) -> None:
    with pytest.raises(FileError, match=message) as raised:
        read_wanted(text, "schema.sql")
    assert raised.value.where is not None
    assert raised.value.where.line == line


def test_strings_and_names_hold_no_comments() -> None:
    text = "CREATE TABLE t (a DEFAULT '-- renamed from: b', \"-- renamed from: c\");"
    assert read_wanted(text, "schema.sql").comments == ()


def test_where_things_are_defined() -> None:
    assert line_of(TABLE, "PEOPLE") == 1
    assert line_of(TABLE, "people", "Mail") == 5
    assert line_of(TABLE, "people", "nothing") == 1
    assert line_of(TABLE, "nobody") is None
