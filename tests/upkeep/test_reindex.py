"""maintain.reindex: which index disagrees, what is built anew, and what is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project
from either import Place

from memsql.server import Running
from memsql.upkeep.reindex import by_index

TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, shown TEXT AS (email || '!'));
CREATE TABLE notes (id TEXT PRIMARY KEY, user_id INTEGER REFERENCES users (id), body TEXT);
CREATE INDEX "notes of users" ON notes (user_id);
CREATE INDEX notes_body ON notes (lower(body));
CREATE INDEX notes_open ON notes (user_id) WHERE body IS NOT NULL;
CREATE INDEX users_shown ON users (shown);
INSERT INTO users (id, email) VALUES (1, 'a'), (2, 'b');
INSERT INTO notes VALUES ('x', 1, 'One'), ('y', 2, 'Two');
"""
DEPENDENT = ["notes_body", "notes_open", "users_shown"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.script(TABLES)
    return project


def stale(project: Project, name: str, sql: str) -> None:
    """The index ``name`` says another thing than when its entries were written, as where a function has changed."""
    with closing(sqlite3.connect(project.db)) as conn:
        conn.execute("PRAGMA writable_schema = on")
        conn.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, name))
        conn.commit()


def test_what_disagrees_is_named_and_built_anew(project: Project) -> None:
    stale(project, "notes_body", "CREATE INDEX notes_body ON notes (upper(body))")
    before = project.files()
    project.run("maintain.reindex", "--dry-run").expect(
        0, "would build 6 indexes anew; 1 index disagreed", "notes_body:"
    )
    project.run("maintain.reindex", "--check").expect(1, "notes_body:")
    project.run("maintain.reindex", "--check", "--table", "users").expect(0, "0 indexes disagreed")
    assert project.files() == before
    report = project.run("maintain.reindex", "--expressions", "--json").expect(0).json()
    assert [i["name"] for i in report["indexes"]] == DEPENDENT
    wrong = [i for i in report["indexes"] if i["before"]]
    assert [i["name"] for i in wrong] == ["notes_body"]
    assert wrong[0]["after"] == []
    assert all(i["locked_ms"] is not None and i["depends_on"] for i in report["indexes"])
    assert project.query("PRAGMA integrity_check") == [("ok",)]
    project.run("maintain.reindex").expect(0, "6 indexes built anew", "0 indexes disagreed", "all agree now")


def test_one_or_those_of_a_table(project: Project) -> None:
    for words, names in (
        (("--index", "NOTES OF users"), ["notes of users"]),
        (("--table", "users"), ["sqlite_autoindex_users_1", "users_shown"]),
        (("--table", "users", "--expressions"), ["users_shown"]),
    ):
        report = project.run("maintain.reindex", "--dry-run", "--json", *words).expect(0).json()
        assert [i["name"] for i in report["indexes"]] == names
    project.run("maintain.reindex", "--index", "nope").expect(2, "there is no index nope", "there are: ")
    project.run("maintain.reindex", "--table", "nope").expect(2, "there is no index of a table nope")
    project.run("maintain.reindex", "--table", "notes", "--index", "notes_body").expect(2)


def test_an_index_that_cannot_be_built_is_left(project: Project) -> None:
    project.script("CREATE INDEX one_body ON notes (length(body))")
    stale(project, "one_body", "CREATE UNIQUE INDEX one_body ON notes (length(body))")
    done = project.run("maintain.reindex", "--table", "notes").expect(
        1, "not built: UNIQUE constraint failed", "failed: "
    )
    assert "4 indexes built anew" in done.out


def test_a_damaged_database_is_refused(project: Project) -> None:
    project.script("CREATE TABLE big (x); INSERT INTO big SELECT zeroblob(3000) FROM notes, notes, notes;")
    project.script("CREATE INDEX big_x ON big (x)")
    root = project.one("SELECT rootpage FROM sqlite_schema WHERE name = 'big'")
    size = project.one("PRAGMA page_size")
    with project.db.open("r+b") as file:
        # The content of the table begins where no cell is.
        file.seek((root - 1) * size + 1)
        file.write(b"\x00\x01")
    before = project.db.read_bytes()
    project.run("maintain.reindex", "--table", "big").expect(
        6, "new indexes would not mend that", "nothing was changed"
    )
    assert project.db.read_bytes() == before


def test_a_protected_environment_asks(project: Project) -> None:
    project.configure("[memsql]\ndatabase = memory.db\nprotected = yes\n")
    project.run("maintain.reindex", "--yes").expect(6, "no proven backup")
    project.run("backup").expect(0)
    project.run("maintain.reindex").expect(6, "add --yes", "build 6 indexes anew")
    project.run("maintain.reindex", "--yes").expect(0)


def test_somebody_else_writes(project: Project) -> None:
    project.configure("[memsql]\ndatabase = memory.db\nbusy_timeout = 50\n")
    with closing(sqlite3.connect(project.db, isolation_level=None)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        project.run("maintain.reindex").expect(4, "is locked", "nothing was changed")


@pytest.mark.server
def test_on_a_server(project: Project, empty_server: Running) -> None:
    place = Place(project, empty_server.url)
    place.script(TABLES)
    place.run("maintain.reindex").expect(0, "6 indexes built anew", "0 indexes disagreed")
    done = place.run("maintain.optimize").expect(2, "refuses ANALYZE", "nothing was changed")
    assert "memsql fts.optimize" in done.err


def test_lines_are_told_apart_by_whole_names() -> None:
    about, others = by_index(
        ["row 1 missing from index a", "wrong # of entries in index a b", "NULL value in t.x"], ["a", "a b"]
    )
    assert about == {"a": ["row 1 missing from index a"], "a b": ["wrong # of entries in index a b"]}
    assert others == ["NULL value in t.x"]
