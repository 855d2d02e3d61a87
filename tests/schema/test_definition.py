"""CREATE TABLE read in clauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsql.schema.definition import read_definition, under_name

SQL = """CREATE TABLE "t" ( -- the first
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(20, 3) COLLATE NOCASE NOT NULL DEFAULT 'a,(b' CHECK (name <> ')' AND (1)), /* , */
    [the sum] INT AS (id + coalesce(id, 1)) STORED,
    CONSTRAINT one UNIQUE (id, name),
    FOREIGN KEY (id) REFERENCES other (id),
    CHECK (id > 0)
) STRICT, WITHOUT ROWID -- the end"""


def test_columns_and_constraints() -> None:
    definition = read_definition(SQL)
    assert [clause.name for clause in definition.columns] == ["id", "name", "the sum"]
    assert [clause.tokens[0].word for clause in definition.constraints] == ["CONSTRAINT", "FOREIGN", "CHECK"]
    assert [clause.type for clause in definition.columns] == ["INTEGER", "VARCHAR", "INT"]
    assert [token.word for token in definition.options] == ["STRICT", ",", "WITHOUT", "ROWID"]
    assert SQL[definition.opening] == "("
    assert all(SQL[clause.start : clause.end] == clause.text for clause in definition.clauses)


def test_keywords_are_those_outside_parentheses() -> None:
    definition = read_definition(SQL)
    name, total = definition.column("NAME"), definition.column("the sum")
    assert name is not None
    assert total is not None
    assert name.has("NOT", "NULL")
    assert not name.has("AND")
    assert [token.text for token in name.behind("DEFAULT")][:2] == ["'a,(b'", "CHECK"]
    assert total.behind("NOTHING") == ()
    assert total.find("STORED") == total.tokens[-1]
    # A name is no keyword.
    (column,) = read_definition("CREATE TABLE t (generated INT)").columns
    assert not column.has("GENERATED")


def test_checks_of_columns_and_of_the_table() -> None:
    assert read_definition(SQL).checks == ("name <> ')' AND (1)", "id > 0")
    assert read_definition('CREATE TABLE t ("it\'s" CHECK (length("it\'s") < 4))').checks == ('length("it\'s") < 4',)


def test_known_columns_decide_what_is_one() -> None:
    sql = "CREATE TABLE t (a, key, unique (a))"
    assert [c.name for c in read_definition(sql).clauses] == ["a", "key", ""]
    assert [c.name for c in read_definition(sql, ["A"]).clauses] == ["a", "", ""]


@pytest.mark.parametrize("sql", ["", "CREATE TABLE t AS SELECT f(a, b)", "CREATE VIEW v AS SELECT (1)", "x (", "x ()"])
def test_texts_without_clauses(sql: str) -> None:
    assert read_definition(sql).clauses == ()


@given(st.text(st.sampled_from("(),'\"[]`; ab-/*\n"), max_size=30))
def test_every_text_is_accepted(text: str) -> None:
    definition = read_definition(f"CREATE TABLE t {text}", offset=7)
    assert all(clause.start >= 7 for clause in definition.clauses)


def test_the_same_text_under_another_name() -> None:
    assert under_name("CREATE TABLE a (b)", "c d") == 'CREATE TABLE "c d" (b)'
    assert under_name("CREATE VIRTUAL TABLE [a] USING fts5(b)", "c") == "CREATE VIRTUAL TABLE c USING fts5(b)"
    # What names a column of its own table, and no column or table of the same name.
    assert (
        under_name("CREATE TABLE a (a REFERENCES a (a), CHECK (\"A\".a > 1 AND main.[a].a <> 'a.a' AND a))", "b")
        == "CREATE TABLE b (a REFERENCES a (a), CHECK (b.a > 1 AND main.b.a <> 'a.a' AND a))"
    )
    assert under_name("CREATE TABLE main (a, CHECK (main.main.a))", "b") == "CREATE TABLE b (a, CHECK (main.b.a))"
