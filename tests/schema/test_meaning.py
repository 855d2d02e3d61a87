"""Which texts SQLite reads alike, and which it does not."""

from __future__ import annotations

import pytest

from memsql.schema import diff, from_sql
from memsql.schema.compare import definitions
from memsql.schema.expressions import read_expression
from memsql.schema.meaning import virtual_text
from memsql.schema.read_rules import rules_of
from memsql.schema.token_reader import Unreadable, scope_of_table

T = "CREATE TABLE t (id INTEGER PRIMARY KEY, kind TEXT, n INT);"
P = "CREATE TABLE p (x INT, y INT, PRIMARY KEY (x, y));"

SAME = [
    # What a table says, in other words.
    ("CREATE TABLE a (b DEFAULT (1))", "CREATE TABLE a (b DEFAULT +1)"),
    ("CREATE TABLE a (b DEFAULT true)", "CREATE TABLE a (b DEFAULT 1)"),
    ('CREATE TABLE a (b DEFAULT "it\'s")', "CREATE TABLE a (b DEFAULT 'it''s')"),
    ("CREATE TABLE a (b DEFAULT word)", "CREATE TABLE a (b DEFAULT 'word')"),
    ("CREATE TABLE a (b DEFAULT NULL)", "CREATE TABLE a (b)"),
    ("CREATE TABLE a (b DEFAULT 0x10)", "CREATE TABLE a (b DEFAULT 16)"),
    ("CREATE TABLE a (b VARCHAR (10))", "CREATE TABLE a (b varchar( 10 ))"),
    ("CREATE TABLE a (b TEXT COLLATE BINARY)", "CREATE TABLE a (b TEXT)"),
    ("CREATE TABLE a (b TEXT NOT NULL ON CONFLICT ABORT)", "CREATE TABLE a (b TEXT NOT NULL)"),
    ("CREATE TABLE a (b UNIQUE, UNIQUE (b))", "CREATE TABLE a (b UNIQUE)"),
    ("CREATE TABLE a (b TEXT PRIMARY KEY UNIQUE)", "CREATE TABLE a (b TEXT PRIMARY KEY)"),
    ("CREATE TABLE a (b INTEGER, PRIMARY KEY (b DESC))", "CREATE TABLE a (b INTEGER PRIMARY KEY)"),
    (
        "CREATE TABLE a (b INTEGER, PRIMARY KEY (b AUTOINCREMENT))",
        "CREATE TABLE a (b INTEGER PRIMARY KEY AUTOINCREMENT)",
    ),
    ("CREATE TABLE a (b TEXT UNIQUE COLLATE NOCASE)", "CREATE TABLE a (b TEXT COLLATE NOCASE UNIQUE)"),
    (
        "CREATE TABLE a (b TEXT COLLATE NOCASE, UNIQUE (b COLLATE NOCASE))",
        "CREATE TABLE a (b TEXT COLLATE NOCASE UNIQUE)",
    ),
    ("CREATE TABLE a (b CONSTRAINT one UNIQUE)", "CREATE TABLE a (b CONSTRAINT two UNIQUE)"),
    ("CREATE TABLE a (b CHECK (a.b > 0))", "CREATE TABLE a (b, CHECK (((b)) > (0)))"),
    ("CREATE TABLE a (b PRIMARY KEY) WITHOUT ROWID", "CREATE TABLE a (b NOT NULL PRIMARY KEY) WITHOUT ROWID"),
    (
        P + "CREATE TABLE c (a, b, FOREIGN KEY (a, b) REFERENCES p)",
        P + "CREATE TABLE c (a, b, FOREIGN KEY (b, a) REFERENCES p (y, x))",
    ),
    (
        P + "CREATE TABLE c (a REFERENCES p (x) NOT DEFERRABLE INITIALLY DEFERRED)",
        P + "CREATE TABLE c (a REFERENCES p (x) MATCH FULL)",
    ),
    ("CREATE TABLE a (b CONSTRAINT x CONSTRAINT y CHECK (b))", "CREATE TABLE a (b, CONSTRAINT y CHECK (b))"),
    ("CREATE TABLE a (b CONSTRAINT x NOT NULL CHECK (b))", "CREATE TABLE a (b NOT NULL CONSTRAINT x CHECK (b))"),
    # Expressions.
    (T + 'CREATE INDEX i ON t (n) WHERE kind == "free"', T + "CREATE INDEX i ON t (n) WHERE \"kind\" = 'free'"),
    (T + "CREATE INDEX i ON t (n) WHERE n IS NOT NULL", T + "CREATE INDEX i ON t (n) WHERE n NOTNULL"),
    (
        T + "CREATE INDEX i ON t (n) WHERE (n > 1 AND kind) AND id",
        T + "CREATE INDEX i ON t (n) WHERE n > 1 AND (kind AND id)",
    ),
    (T + "CREATE INDEX i ON t (kind COLLATE BINARY)", T + "CREATE INDEX i ON t ('kind' ASC)"),
    (T + "CREATE INDEX i ON t (LOWER (kind))", T + 'CREATE INDEX i ON t (lower("Kind"))'),
    # Queries.
    (
        T + "CREATE VIEW v AS SELECT ALL id AS x, n y FROM t",
        T + 'CREATE VIEW v AS SELECT ID x, t.n AS "y" FROM main.t'.replace("t.n", "n"),
    ),
    (T + "CREATE VIEW v AS SELECT id FROM t, t AS u", T + "CREATE VIEW v AS SELECT id FROM t INNER JOIN t u"),
    (T + "CREATE VIEW v AS SELECT count( * ) FROM t", T + "CREATE VIEW v AS SELECT count(*) FROM t"),
    (T + "CREATE VIEW v AS SELECT id FROM t LIMIT 5, 10", T + "CREATE VIEW v AS SELECT id FROM t LIMIT 10 OFFSET 5"),
    (
        T + "CREATE VIEW v AS SELECT id FROM 't' ORDER BY n ASC NULLS FIRST",
        T + "CREATE VIEW v AS SELECT id FROM t ORDER BY n",
    ),
    (
        T + "CREATE VIEW v AS WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c",
        T + 'CREATE VIEW v AS with C(i) as (select 1 union all select "I"+1 from "C") select I from c',
    ),
    (T + "CREATE VIEW v AS SELECT kind AS kind, t.n FROM t", T + "CREATE VIEW v AS SELECT x.KIND, n FROM t AS x"),
    (T + "CREATE VIEW v AS SELECT t.* FROM t WHERE t.n = 1", T + "CREATE VIEW v AS SELECT * FROM (t) WHERE n = 1"),
    # Triggers.
    (
        T + "CREATE TRIGGER g UPDATE OF n, kind ON t BEGIN REPLACE INTO t (n) VALUES (NEW.n); END",
        T + "CREATE TRIGGER g BEFORE UPDATE OF kind, n ON t FOR EACH ROW"
        " BEGIN INSERT OR REPLACE INTO T(n) VALUES(new.N) ; END",
    ),
    (
        T + 'CREATE TRIGGER g AFTER DELETE ON t WHEN (old.n > 1) BEGIN SELECT RAISE(ABORT, "no"); END',
        T + "CREATE TRIGGER g AFTER DELETE ON t WHEN OLD.n > 1 BEGIN SELECT raise(abort, 'no'); END",
    ),
    # Full-text tables.
    (
        "CREATE VIRTUAL TABLE f USING fts5(a, b, content='', prefix='2 3')",
        'CREATE VIRTUAL TABLE f USING FTS5("A", [b], PREFIX = \'2,3\', content = "")',
    ),
    (
        "CREATE VIRTUAL TABLE f USING fts5(a, tokenize='porter ascii')",
        "CREATE VIRTUAL TABLE f USING fts5(a, tokenize=\"Porter 'ascii'\", detail=full)",
    ),
]

DIFFERENT = [
    ("CREATE TABLE a (b DEFAULT 'x')", "CREATE TABLE a (b DEFAULT 'X')"),
    ("CREATE TABLE a (b DEFAULT 1)", "CREATE TABLE a (b DEFAULT '1')"),
    ("CREATE TABLE a (b DEFAULT 1)", "CREATE TABLE a (b DEFAULT 1.0)"),
    ('CREATE TABLE a (b DEFAULT "null")', "CREATE TABLE a (b DEFAULT null)"),
    ('CREATE TABLE a (b DEFAULT "true")', "CREATE TABLE a (b DEFAULT true)"),
    ('CREATE TABLE a ("b c")', 'CREATE TABLE a ("b  c")'),
    ("CREATE TABLE a (É TEXT)", "CREATE TABLE a (é TEXT)"),
    ("CREATE TABLE a (b VARCHAR(10))", "CREATE TABLE a (b VARCHAR(20))"),
    ("CREATE TABLE a (b INTEGER PRIMARY KEY)", "CREATE TABLE a (b INTEGER PRIMARY KEY DESC)"),
    ("CREATE TABLE a (b INTEGER PRIMARY KEY)", "CREATE TABLE a (b INT PRIMARY KEY)"),
    ("CREATE TABLE a (b, c, UNIQUE (b, c))", "CREATE TABLE a (b UNIQUE, c UNIQUE)"),
    ("CREATE TABLE a (b, c, UNIQUE (b, c))", "CREATE TABLE a (b, c, UNIQUE (c, b))"),
    ("CREATE TABLE a (b TEXT, UNIQUE (b COLLATE NOCASE))", "CREATE TABLE a (b TEXT, UNIQUE (b))"),
    ("CREATE TABLE a (b UNIQUE ON CONFLICT IGNORE)", "CREATE TABLE a (b UNIQUE)"),
    ("CREATE TABLE a (c, b AS (1) STORED)", "CREATE TABLE a (c, b AS (1))"),
    ("CREATE TABLE a (b CONSTRAINT one CHECK (b))", "CREATE TABLE a (b CONSTRAINT two CHECK (b))"),
    ("CREATE TABLE a (b CONSTRAINT x NOT NULL CHECK (b))", "CREATE TABLE a (b CHECK (b) CONSTRAINT x NOT NULL)"),
    ("CREATE TABLE a (b CHECK (b > '1'))", "CREATE TABLE a (b CHECK (b > 1))"),
    ("CREATE TABLE a (b, c, CHECK (b - (c - 1)))", "CREATE TABLE a (b, c, CHECK (b - c - 1))"),
    ("CREATE TABLE a (b CHECK (+b > 1))", "CREATE TABLE a (b CHECK (b > 1))"),
    (
        P + "CREATE TABLE c (a REFERENCES p (x))",
        P + "CREATE TABLE c (a REFERENCES p (x) DEFERRABLE INITIALLY DEFERRED)",
    ),
    (
        P + "CREATE TABLE c (a, b, FOREIGN KEY (a, b) REFERENCES p (x, y))",
        P + "CREATE TABLE c (a, b, FOREIGN KEY (a, b) REFERENCES p (y, x))",
    ),
    (P + "CREATE TABLE c (a REFERENCES p (x))", P + "CREATE TABLE c (a REFERENCES p (x) REFERENCES p (y))"),
    (T + "CREATE VIEW v AS SELECT n AS Team FROM t", T + "CREATE VIEW v AS SELECT n AS team FROM t"),
    (T + "CREATE VIEW v AS SELECT kind AS Kind FROM t", T + "CREATE VIEW v AS SELECT kind FROM t"),
    (T + "CREATE VIEW v AS SELECT t.n FROM t, t AS u", T + "CREATE VIEW v AS SELECT u.n FROM t, t AS u"),
    (
        T + 'CREATE TRIGGER g AFTER INSERT ON t WHEN new.kind = "Free" BEGIN SELECT 1; END',
        T + 'CREATE TRIGGER g AFTER INSERT ON t WHEN new.kind = "free" BEGIN SELECT 1; END',
    ),
    (T + "CREATE VIEW v AS SELECT COUNT(*) FROM t", T + "CREATE VIEW v AS SELECT count(*) FROM t"),
    (T + "CREATE VIEW v (Team) AS SELECT n FROM t", T + "CREATE VIEW v (team) AS SELECT n FROM t"),
    (
        T + "CREATE VIEW v AS SELECT * FROM (SELECT n AS Team FROM t)",
        T + "CREATE VIEW v AS SELECT * FROM (SELECT n AS team FROM t)",
    ),
    (
        T + 'CREATE VIEW v AS SELECT n FROM t WHERE kind = "Free"',
        T + 'CREATE VIEW v AS SELECT n FROM t WHERE kind = "free"',
    ),
    (
        T + "CREATE VIEW v AS SELECT n FROM t, t AS u",
        T + "CREATE VIEW v AS SELECT t.n FROM t CROSS JOIN t AS u".replace("t.n", "n"),
    ),
    (T + "CREATE VIEW v AS SELECT n FROM t UNION SELECT 1", T + "CREATE VIEW v AS SELECT n FROM t UNION ALL SELECT 1"),
    (
        T + "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET kind = 'A'; END",
        T + "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET kind = 'a'; END",
    ),
    (
        T + "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT OR ABORT INTO t (n) VALUES (1); END",
        T + "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO t (n) VALUES (1); END",
    ),
    (
        "CREATE VIRTUAL TABLE f USING fts5(a, tokenize=\"unicode61 tokenchars 'X'\")",
        "CREATE VIRTUAL TABLE f USING fts5(a, tokenize=\"unicode61 tokenchars 'x'\")",
    ),
    ("CREATE VIRTUAL TABLE f USING fts5(a, b)", "CREATE VIRTUAL TABLE f USING fts5(b, a)"),
    ("CREATE VIRTUAL TABLE f USING fts5(a, b UNINDEXED)", "CREATE VIRTUAL TABLE f USING fts5(a, b)"),
    ("CREATE VIRTUAL TABLE f USING fts5(a, content='')", "CREATE VIRTUAL TABLE f USING fts5(a)"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_texts_that_are_read_alike(one: str, other: str) -> None:
    before, after = from_sql(one), from_sql(other)
    assert diff(before, after).meaning_lines() == []
    assert definitions(before) == definitions(after)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_texts_that_are_not(one: str, other: str) -> None:
    before, after = from_sql(one), from_sql(other)
    assert diff(before, after).meaning_lines() != []
    assert definitions(before) != definitions(after)


@pytest.mark.parametrize(
    ("one", "other", "lines"),
    [
        (
            "CREATE TABLE a (eMail)",
            "CREATE TABLE A (email)",
            ["~ table A: column eMail is spelled email", "~ table a is spelled A"],
        ),
        (T + "CREATE INDEX i ON t (n)", T + "CREATE INDEX I ON t (n)", ["~ index i is spelled I"]),
        ("CREATE TABLE größe (b)", "CREATE TABLE GRöße (b)", ["~ table größe is spelled GRöße"]),
    ],
)
def test_names_in_other_letters_are_shown(one: str, other: str, lines: list[str]) -> None:
    difference = diff(from_sql(one), from_sql(other))
    assert difference.lines() == lines
    assert difference.meaning_lines() == []


def test_names_beyond_ascii_are_told_apart() -> None:
    assert diff(from_sql("CREATE TABLE größe (b)"), from_sql("CREATE TABLE grÖße (b)")).lines() == [
        "- table größe",
        "+ table grÖße",
    ]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("((a)) == (1)", "a = 1"),
        ("NOT (a = b)", "not a = b"),
        ("(NOT a) = b", "(not a) = b"),
        ("- -1", "- -1"),
        ("a BETWEEN 1 AND (2 + 3) AND b", "a between 1 and 2 + 3 and b"),
        ("a NOT LIKE 'x' ESCAPE '!'", "a not like 'x' escape '!'"),
        ("CASE WHEN a THEN b ELSE NULL END", "case when a then b end"),
        ("CAST(a AS VARCHAR (10))", "cast(a as varchar(10))"),
        ("(a, b) = (1, 2)", "(a, b) = (1, 2)"),
        ("a IS DISTINCT FROM b", "a is not b"),
        ("a -> '$.x' ->> 'y'", "a -> '$.x' ->> 'y'"),
        ("-a COLLATE nocase", "-a collate nocase"),
        (
            "sum(DISTINCT a) FILTER (WHERE b) OVER (PARTITION BY a ROWS 1 PRECEDING)",
            "sum(distinct a) filter (where b) over (partition by a rows 1 preceding)",
        ),
        ("x'AB' || 1e2", "x'ab' || 100.0"),
    ],
)
def test_one_text_for_every_spelling(text: str, canonical: str) -> None:
    scope = scope_of_table("t", ["a", "b"])
    assert read_expression(text, scope) == canonical
    assert read_expression(canonical, scope) == canonical


@pytest.mark.parametrize("text", ["", "a b", "(a", "a +", "SELECT 1", "CASE a END x", "a NOT b"])
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(Unreadable):
        read_expression(text, scope_of_table("t", ["a", "b"]))


def test_a_table_that_cannot_be_read_is_compared_as_text() -> None:
    schema = from_sql("CREATE TABLE t (a CHECK (a > 0))")
    table = schema.tables["t"]
    strange = type(table)(table.name, table.kind, table.columns, (), "CREATE TABLE t (a CHECK (1) FUTURE (a > 'B'))")
    assert rules_of(strange).unread == "create table t(a check(1)future(a>'B'))"
    assert virtual_text("CREATE VIRTUAL TABLE x USING other(A = b, 'c')") == "using other(A=b, 'c')"


def test_a_name_in_double_quotes_from_an_unknown_source_keeps_its_letters() -> None:
    sql = "CREATE VIEW v AS SELECT 1 AS one FROM json_each('[]') WHERE {} = 1"
    one, two, three = (from_sql(sql.format(name)) for name in ('"Value"', '"value"', "'Value'"))
    assert diff(one, two).lines() == ["~ view v"]
    assert diff(one, three).lines() == ["~ view v"]
