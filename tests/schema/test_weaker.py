"""What a schema protects less than the one before it."""

from __future__ import annotations

import pytest

from memsql.schema import from_sql
from memsql.schema.weaker import weaker

OTHERS = "CREATE TABLE team (id INTEGER PRIMARY KEY, code TEXT UNIQUE);"


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        ("(a TEXT UNIQUE)", "(a TEXT)", ["UNIQUE (a) of t is gone"]),
        ("(a TEXT, b, UNIQUE (a, b))", "(a TEXT, b)", ["UNIQUE (a, b) of t is gone"]),
        ("(a TEXT UNIQUE)", "(a TEXT); CREATE UNIQUE INDEX u ON t (a)", []),
        ("(a TEXT); CREATE UNIQUE INDEX u ON t (a)", "(a TEXT UNIQUE)", []),
        ("(a TEXT UNIQUE)", "(a TEXT); CREATE UNIQUE INDEX u ON t (a) WHERE a > 'b'", ["UNIQUE (a) of t is gone"]),
        ("(a, b, UNIQUE (a, b))", "(a UNIQUE, b)", []),
        ("(a TEXT UNIQUE, b)", "(b)", []),
        (
            "(a TEXT UNIQUE)",
            "(a TEXT UNIQUE ON CONFLICT IGNORE)",
            ["ON CONFLICT of UNIQUE (a) of t is IGNORE and was ABORT"],
        ),
        ("(a TEXT PRIMARY KEY)", "(a TEXT)", ["PRIMARY KEY (a) of t is gone"]),
        ("(a INTEGER PRIMARY KEY)", "(a INT PRIMARY KEY)", ["PRIMARY KEY (a) of t is no longer the rowid"]),
        ("(a INTEGER PRIMARY KEY AUTOINCREMENT)", "(a INTEGER PRIMARY KEY)", ["AUTOINCREMENT of t is gone"]),
        ("(a CHECK (a > 21))", "(a)", ["CHECK (a > 21) of t is gone"]),
        ("(a CHECK (a > 21))", "(a CHECK (a > 18))", ["CHECK (a > 21) of t is gone"]),
        ("(a CHECK (a > 21))", '(a, CHECK ( "A" > 21 ))', []),
        ("(a CHECK (a > 21), b)", "(b)", []),
        ("(a TEXT NOT NULL)", "(a TEXT)", ["NOT NULL of t.a is gone"]),
        ("(a DEFAULT 'x')", "(a)", ["DEFAULT 'x' of t.a is gone"]),
        ("(a DEFAULT 'x')", "(a DEFAULT 'y')", ["DEFAULT of t.a is 'y' and was 'x'"]),
        ("(a DEFAULT 1)", "(a DEFAULT (1))", []),
        ("(a TEXT COLLATE NOCASE)", "(a TEXT)", ["COLLATE NOCASE of t.a is gone"]),
        ("(a TEXT)", "(a TEXT COLLATE NOCASE)", ["COLLATE of t.a is NOCASE and was BINARY"]),
        ("(a INT) STRICT", "(a INT)", ["STRICT of t is gone"]),
        (
            "(a, b AS (a + 1))",
            "(a, b)",
            ["GENERATED ALWAYS AS (a + 1) virtual of t.b is gone"],
        ),
        ("(a, b AS (a + 1))", "(a, b AS (a+1) STORED)", ["t.b is AS (a + 1) stored and was AS (a + 1) virtual"]),
        ("(a REFERENCES team (id))", "(a)", ["FOREIGN KEY (a) of t to team is gone"]),
        ("(a REFERENCES team (id))", "(a REFERENCES team)", []),
        (
            "(a REFERENCES team (id) ON DELETE CASCADE)",
            "(a REFERENCES team (id))",
            ["ON DELETE of FOREIGN KEY (a) of t to team is NO ACTION and was CASCADE"],
        ),
        (
            "(a REFERENCES team (id))",
            "(a REFERENCES team (id) DEFERRABLE INITIALLY DEFERRED)",
            ["FOREIGN KEY (a) of t to team is DEFERRABLE INITIALLY DEFERRED"],
        ),
        ("(a); CREATE UNIQUE INDEX u ON t (a)", "(a); CREATE INDEX u ON t (a)", ["index u is no longer UNIQUE"]),
        ("(a); CREATE UNIQUE INDEX u ON t (a)", "(a)", ["UNIQUE (a) of t is gone"]),
        (
            "(a); CREATE INDEX u ON t (a) WHERE a > 1",
            "(a); CREATE INDEX u ON t (a)",
            ["index u is for all rows and was for rows WHERE a > 1"],
        ),
        (
            "(a, b); CREATE INDEX u ON t (a DESC)",
            "(a, b); CREATE INDEX u ON t (a)",
            ["index u is on (a) and was on (a desc)"],
        ),
        (
            "(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM team; END",
            "(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
            ["trigger g has another text"],
        ),
        (
            "(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
            '(a); create trigger G after insert on "T" for each row begin select 1 ; end',
            [],
        ),
    ],
)
def test_what_is_weaker(before: str, after: str, sentences: list[str]) -> None:
    old, new = (from_sql(f"{OTHERS} CREATE TABLE t {text};") for text in (before, after))
    assert list(weaker(old, new)) == sentences
    assert weaker(old, old) == weaker(new, new) == ()


def test_a_renamed_table_is_followed() -> None:
    old = from_sql(
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a INT NOT NULL REFERENCES p);"
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM p; END;"
    )
    new = from_sql(
        "CREATE TABLE q (id INTEGER PRIMARY KEY); CREATE TABLE u (a INT REFERENCES q);"
        "CREATE TRIGGER g AFTER INSERT ON u BEGIN DELETE FROM q; END;"
    )
    assert weaker(old, new, {"t": "u", "p": "q"}) == ("NOT NULL of u.a is gone",)
