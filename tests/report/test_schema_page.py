"""The documentation of a schema as a page."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from acting import HOSTILE, acts
from pages import Page, is_closed_in_itself
from reference_project import succeed

from memsql.advise.contracts import Breach
from memsql.advise.queries import QueryPlan
from memsql.project.queries import Query
from memsql.report.schema_page import schema_page
from memsql.schema import from_sql
from memsql.sqltext import quote

# Those that SQLite takes for names.
NAMES = [name for name in HOSTILE if "\x00" not in name and "\udc80" not in name]
NAMES += ["</style><script>alert(1)</script>", "]]>", "{{ 7*7 }}{% x %}", "", " ", "é<"]
SCHEMA = """
CREATE TABLE authors (id INTEGER PRIMARY KEY AUTOINCREMENT, name varchar(20) COLLATE NOCASE NOT NULL UNIQUE,
    initial TEXT GENERATED ALWAYS AS (substr(name, 1, 1)) STORED);
CREATE TABLE books (isbn TEXT PRIMARY KEY, author_id INT NOT NULL DEFAULT 1 REFERENCES authors ON DELETE CASCADE,
    lost_id INT REFERENCES nowhere (id), CHECK (isbn <> '')) WITHOUT ROWID;
CREATE UNIQUE INDEX one_each ON books (author_id, isbn DESC) WHERE lost_id IS NULL;
CREATE VIEW shelf AS SELECT name, isbn FROM books JOIN authors ON authors.id = author_id;
CREATE TRIGGER watch AFTER DELETE ON books BEGIN SELECT 'gone'; END;
CREATE VIRTUAL TABLE titles USING fts5(title, content='books', content_rowid='rowid');
"""


def query(name: str = "a query", error: str | None = None) -> tuple[Query, QueryPlan]:
    path = f"sql/queries/{name}.sql"
    breaches = (Breach("no-scan", "reads all"),)
    plan = QueryPlan(name, path, () if error else (f"SCAN {name}",), ("no-scan",), breaches, error)
    return Query(name, path, f"SELECT 1 /* {name} */", (), why=f"because of {name}"), plan


def test_a_page_says_all_there_is() -> None:
    page = Page(schema_page(from_sql(SCHEMA), "library.db", [query(), query("broken", "no such table: x")]))
    assert page.problems == []
    assert is_closed_in_itself(page)
    for text in (
        "Schema of library.db",
        "3 tables, 1 view, 4 relations, 2 queries",
        "varchar(20)",
        "COLLATE NOCASE",
        "generated, stored",
        "PRIMARY KEY (id) AUTOINCREMENT",
        "UNIQUE (name)",
        "CHECK (isbn <> '')",
        "zero or many to one, ON DELETE CASCADE",
        "there is no such table",
        "WITHOUT ROWID",
        "author_id, isbn desc",
        "lost_id is null",
        "BEGIN SELECT 'gone'; END",
        "content_rowid='rowid'",
        "because of a query",
        "SCAN a query",
        "no such table: x",
    ):
        assert text in page.text, text
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href")} <= set(ids)
    assert {"table-authors", "table-books", "table-shelf", "table-titles"} <= set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_acts(name: str) -> None:
    n = quote(name)
    schema = from_sql(
        f"CREATE TABLE {n} ({n} {n} DEFAULT {n} CHECK ({n} <> '</script>') REFERENCES {n} ({n}) UNIQUE);"
        f"CREATE INDEX {quote('i' + name)} ON {n} ({n}); CREATE TABLE other (a REFERENCES {n});"
        f"CREATE VIEW {quote('v' + name)} AS SELECT * FROM {n};"
        f"CREATE TRIGGER {quote('t' + name)} AFTER INSERT ON {n} BEGIN SELECT '\n::error::x'; END;"
    )
    text = schema_page(schema, name, [query(name), query(name, name)])
    page = Page(text)
    assert page.problems == []
    assert is_closed_in_itself(page)
    assert not acts(text)
    assert len(page.values("id")) == len(set(page.values("id")))
    assert "49" not in page.text


def test_an_empty_schema_has_a_page() -> None:
    page = Page(schema_page(from_sql(""), "new.db", []))
    assert "There are no tables and no views." in page.text
    assert is_closed_in_itself(page)


def test_many_tables_are_drawn_by_their_keys() -> None:
    tables = "".join(f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, plain TEXT);" for n in range(60))
    text = schema_page(from_sql(tables), "big.db", [])
    assert "shows the columns of keys alone" in text
    assert 'y="42">plain</text>' not in text


def test_the_command_holds_no_rows(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    succeed(database, "migrate.up")
    with closing(sqlite3.connect(database)) as con, con:
        con.execute(
            "INSERT INTO users (id, email, created_at, updated_at) VALUES ('secret-id', 'who@example', 'x', 'x')"
        )
        con.execute(
            "INSERT INTO entities (user_id, name, entity_type, created_at, updated_at) "
            "VALUES ('secret-id', 'secret name', 'person', 'x', 'x')"
        )
    assert succeed(database, "schema.docs", "--output", "docs.html") == "wrote docs.html\n"
    text = (tmp_path / "docs.html").read_text(encoding="utf-8")
    assert "SEARCH entities USING INDEX idx_entities_user_type" in text
    assert "secret" not in text
    assert str(tmp_path) not in text
    assert succeed(database, "schema.docs") == f"{text}\n"
