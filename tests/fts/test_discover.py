"""Finding FTS5 tables and their triggers: what SQLite accepts is read as SQLite reads it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from indexed import make, open_

from memsql.db.copying import Stored
from memsql.fts import FtsTable, discover, rows_for
from memsql.fts.discover import arguments_of
from memsql.fts.triggers import split_list
from memsql.sqltext.names import unquote


def tables_of(path: Path) -> dict[str, FtsTable]:
    conn = open_(path)
    try:
        return {table.name: table for table in discover(conn)}
    finally:
        conn.close()


@pytest.mark.parametrize(
    "create",
    [
        "CREATE VIRTUAL TABLE f USING fts5(a)",
        "create virtual table if not exists f using FTS5 (a)",
        "CREATE VIRTUAL TABLE main.f USING fts5(a)",
        'CREATE VIRTUAL TABLE f USING "fts5"(a)',
        "CREATE VIRTUAL TABLE f USING [fts5](a)",
        "CREATE VIRTUAL TABLE 'f' USING\n\tfts5\n(a)",
        "CREATE VIRTUAL TABLE f /* USING fts4( */ USING /* ( */ fts5 -- it's (\n(a)",
    ],
)
def test_every_spelling_of_the_statement(tmp_path: Path, create: str) -> None:
    table = tables_of(make(tmp_path / "a.db", create))["f"]
    assert (table.kind, table.columns, table.content) == ("own", ("a",), None)


@pytest.mark.parametrize(
    ("value", "kind", "content"),
    [
        ("docs", "external", "docs"),
        ("'docs'", "external", "docs"),
        ('"docs"', "external", "docs"),
        ("[docs]", "external", "docs"),
        ("`docs`", "external", "docs"),
        ("'my \"docs\"'", "external", 'my "docs"'),
        ("'it''s'", "external", "it's"),
        ("'a, b'", "external", "a, b"),
        ("')('", "external", ")("),
        ("''", "contentless", None),
        ('""', "contentless", None),
        ("``", "contentless", None),
        ("[]", "contentless", None),
    ],
)
@pytest.mark.parametrize("form", ["content={}", "CONTENT = {}", "content   =  {}"])
def test_content_in_all_quotes(tmp_path: Path, *, form: str, value: str, kind: str, content: str | None) -> None:
    create = f"CREATE VIRTUAL TABLE f USING fts5(a, {form.format(value)}, prefix='2 3')"
    table = tables_of(make(tmp_path / "a.db", create))["f"]
    assert (table.kind, table.content, table.columns) == (kind, content, ("a",))
    assert dict(table.options)["prefix"] == "2 3"


def test_the_content_that_is_read_is_the_one_sqlite_reads(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        """
        CREATE TABLE [My "Docs"] ("The Id" INTEGER PRIMARY KEY, "a b" TEXT, C TEXT);
        INSERT INTO [My "Docs"] VALUES (7, 'seven', 'x');
        CREATE VIRTUAL TABLE "Find, Me" USING fts5("a b", [C] UNINDEXED, content='My "Docs"', content_rowid="The Id");
        INSERT INTO "Find, Me"("Find, Me") VALUES ('rebuild');
    """,
    )
    table = tables_of(path)["Find, Me"]
    assert (table.content, table.content_rowid, table.columns, table.unindexed) == (
        'My "Docs"',
        "The Id",
        ("a b",),
        ("C",),
    )
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT rowid, C FROM \"Find, Me\"('seven')").fetchall() == [(7, "x")]


def test_unindexed_columns_and_options_with_commas_quotes_and_comments(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        """CREATE VIRTUAL TABLE f USING fts5( -- first, (it's) commented
        a, /* no, column */ b  unindexed, "c=d", 'e f' UNINDEXED,
        tokenize = "unicode61 remove_diacritics 2 tokenchars '-_,'", -- content=''
        prefix = '2, 3', columnsize=0, detail=none)""",
    )
    table = tables_of(path)["f"]
    conn = open_(path)
    names = [row[0] for row in conn.execute("SELECT name FROM pragma_table_info('f')").rows]
    conn.close()
    assert names == ["a", "b", "c=d", "e f"]
    assert (table.kind, table.columns, table.unindexed) == ("own", ("a", "c=d"), ("b", "e f"))
    assert dict(table.options) == {
        "tokenize": "unicode61 remove_diacritics 2 tokenchars '-_,'",
        "prefix": "2, 3",
        "columnsize": "0",
        "detail": "none",
    }


def test_only_fts5_tables_of_the_user_are_found(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        """
        CREATE TABLE fts5 (a); CREATE TABLE "using fts5(" (a);
        CREATE VIRTUAL TABLE four_fts5 USING fts4(a);
        CREATE VIRTUAL TABLE f USING fts5(a);
        CREATE VIRTUAL TABLE words USING fts5vocab(f, row);
        CREATE VIRTUAL TABLE memsql_fts_new_f USING fts5(a);
    """,
    )
    assert list(tables_of(path)) == ["f"]


def test_triggers_are_those_whose_body_names_the_index(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        """
        CREATE TABLE docs (id INTEGER PRIMARY KEY, a);
        CREATE TABLE log (a);
        CREATE VIRTUAL TABLE "my ""f" USING fts5(a, content='docs', content_rowid='id');
        CREATE VIRTUAL TABLE docs_fts USING fts5(a, content='docs', content_rowid='id');
        CREATE TRIGGER z_quoted AFTER INSERT ON docs BEGIN INSERT INTO "my ""f"(rowid, a) VALUES (new.id, new.a); END;
        CREATE TRIGGER a_brackets AFTER INSERT ON docs WHEN new.a <> 'begin' BEGIN
            INSERT INTO [DOCS_FTS](rowid, a) VALUES (new.id, new.a); END;
        CREATE TRIGGER docs_fts AFTER INSERT ON log BEGIN SELECT 1; /* docs_fts */ END;
        CREATE TRIGGER other AFTER INSERT ON docs BEGIN INSERT INTO log VALUES ('x'); END;
        CREATE TRIGGER longer AFTER INSERT ON docs BEGIN SELECT 1 AS docs_fts_too; END;
    """,
    )
    tables = tables_of(path)
    assert [t.name for t in tables['my "f'].triggers] == ["z_quoted"]
    assert [t.name for t in tables["docs_fts"].triggers] == ["a_brackets"]


def test_triggers_come_in_the_order_of_their_creation(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE docs (a); CREATE VIRTUAL TABLE f USING fts5(a, content='docs');"
        + "".join(
            f"CREATE TRIGGER {name} AFTER INSERT ON docs BEGIN INSERT INTO f(rowid, a) VALUES (new.rowid, new.a); END;"
            for name in "cab"
        ),
    )
    assert [t.name for t in tables_of(path)["f"].triggers] == ["c", "a", "b"]


def test_a_body_begins_behind_names_called_begin(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        """
        CREATE TABLE begin (begin, a);
        CREATE VIRTUAL TABLE f USING fts5(a, content='begin');
        CREATE TRIGGER begin AFTER UPDATE OF begin, a ON begin WHEN new.begin IS NOT 'BEGIN DELETE' /* BEGIN
            SELECT */ BEGIN
            INSERT INTO f(f, rowid, a) VALUES ('delete', old.rowid, old.a); -- END;
            INSERT INTO f(rowid, a) VALUES (new.rowid, CASE WHEN 1 THEN new.a END); END;
    """,
    )
    head, body = tables_of(path)["f"].triggers[0].parts()
    assert (
        " ".join(head.split())
        == "CREATE TRIGGER begin AFTER UPDATE OF begin, a ON begin WHEN new.begin IS NOT 'BEGIN DELETE'"
    )
    assert body.split()[:2] == ["INSERT", "INTO"]
    assert body.rstrip().endswith("END);")


@pytest.mark.parametrize(
    ("text", "items", "rest"),
    [
        ("a, b) tail", ["a", "b"], " tail"),
        ("coalesce(nullif(new.a, ''), 'x, y'), (b, c))", ["coalesce(nullif(new.a, ''), 'x, y')", "(b, c)"], ""),
        ('a -- , b\n, "c, )" /* ) */', ["a", '"c, )"'], ""),
        ("1 - 2, 4 / 2", ["1 - 2", "4 / 2"], ""),
        (")", [], ""),
    ],
)
def test_lists_are_split_at_their_own_commas(text: str, items: list[str], rest: str) -> None:
    found_items, end = split_list(text)
    assert (found_items, text[end:]) == (items, rest)


def test_what_cannot_be_read_is_no_error() -> None:
    assert arguments_of("CREATE VIRTUAL TABLE f USING fts4(a)") == ""
    assert split_list("'unterminated, a") == (["'unterminated, a"], 16)
    assert unquote("'") == "'"


def test_a_check_reads_the_table_behind_a_view_whatever_its_name() -> None:
    objects = [
        Stored("table", "ÄRZTE", "ÄRZTE", 'CREATE TABLE "ÄRZTE" (id INTEGER PRIMARY KEY, body TEXT)'),
        Stored("table", "other", "other", "CREATE TABLE other (body TEXT)"),
        Stored("view", "V", "V", 'CREATE VIEW "V" AS SELECT id, body FROM "ÄRZTE"'),
        Stored("view", "w", "w", "CREATE VIEW w AS SELECT id, body FROM v"),
        Stored("table", "f", "f", "CREATE VIRTUAL TABLE f USING fts5(body, content='w', content_rowid='id')"),
    ]
    assert rows_for()(objects) == {"f", "ärzte"}
    assert rows_for(["other"])(objects) == set()
