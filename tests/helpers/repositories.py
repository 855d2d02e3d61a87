"""Git repositories with a memsql project in them, and one with a branch of mistakes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cli import Project

_DATE = "2026-01-02T03:04:05+00:00"
_WHO = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
    "GIT_AUTHOR_DATE": _DATE,
    "GIT_COMMITTER_DATE": _DATE,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}

LIBRARY = """-- Authors and their books
CREATE TABLE authors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT
);
CREATE TABLE books (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES authors (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    isbn TEXT
);
CREATE INDEX idx_books_author ON books (author_id, title);
"""
LIBRARY_BACK = "-- Undo 0001_library\nDROP TABLE books;\nDROP TABLE authors;\n"
SEARCH = """-- Search books by their titles
-- depends: 0001_library
CREATE VIRTUAL TABLE books_fts USING fts5(title, content = 'books', content_rowid = 'id');
CREATE TRIGGER books_fts_insert AFTER INSERT ON books BEGIN
    INSERT INTO books_fts (rowid, title) VALUES (new.id, new.title);
END;
CREATE TRIGGER books_fts_delete AFTER DELETE ON books BEGIN
    INSERT INTO books_fts (books_fts, rowid, title) VALUES ('delete', old.id, old.title);
END;
CREATE TRIGGER books_fts_update AFTER UPDATE ON books BEGIN
    INSERT INTO books_fts (books_fts, rowid, title) VALUES ('delete', old.id, old.title);
    INSERT INTO books_fts (rowid, title) VALUES (new.id, new.title);
END;
INSERT INTO books_fts (books_fts) VALUES ('rebuild');
"""
SEARCH_BACK = """-- Undo 0002_search
DROP TRIGGER books_fts_update;
DROP TRIGGER books_fts_delete;
DROP TRIGGER books_fts_insert;
DROP TABLE books_fts;
"""
QUERY = """-- name: books of an author by title
-- param: author = 1
-- plan: no-scan, no-sort
SELECT id, title FROM books WHERE author_id = :author ORDER BY title;
"""


def git(folder: Path, *words: str) -> str:
    """Run git in ``folder``, as nobody in particular, on a fixed date."""
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env={**os.environ, **_WHO},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def commit(project: Project, message: str = "Go on") -> None:
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "--allow-empty", "-m", message)


def stamp(project: Project) -> None:
    """Write memsql.sum and sql/schema.sql anew, as their tasks do."""
    project.run("migrate.sum").expect(0)
    project.run("schema.dump", "--write").expect(0)


def library(root: Path) -> Project:
    """A repository on branch ``main`` with two good migrations, and the branch ``work`` checked out."""
    project = Project(root)
    git(root, "init", "-q")
    (root / ".gitignore").write_text("memory.db\nbackups/\n")
    project.add("0001_library", LIBRARY, LIBRARY_BACK)
    project.add("0002_search", SEARCH, SEARCH_BACK)
    (root / "sql" / "queries").mkdir(parents=True, exist_ok=True)
    (root / "sql" / "queries" / "books_of_author.sql").write_text(QUERY)
    stamp(project)
    commit(project, "Begin")
    git(root, "checkout", "-q", "-b", "work")
    return project


AUTHORS = """-- An author always has an address
-- depends: 0002_search
CREATE TABLE authors_new (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL
);
INSERT INTO authors_new (id, name, email) SELECT id, name, email FROM authors;
DROP TABLE authors;
ALTER TABLE authors_new RENAME TO authors;
"""
AUTHORS_BACK = """-- Undo 0003_authors_email
-- foreign_keys: off
CREATE TABLE authors_old (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT
);
INSERT INTO authors_old (id, name, email) SELECT id, name, email FROM authors;
DROP TABLE authors;
ALTER TABLE authors_old RENAME TO authors;
"""
LANGUAGE = """-- Books have a language; the index by title is not needed any more
-- depends: 0003_authors_email
ALTER TABLE books ADD COLUMN language TEXT;
DROP INDEX idx_books_author;
"""
LANGUAGE_BACK = "-- Undo 0004_language\nALTER TABLE books DROP COLUMN language;\n"
NAMES = """-- Search authors by name
-- depends: 0004_language
CREATE VIRTUAL TABLE authors_fts USING fts5(name, content = 'authors', content_rowid = 'id');
CREATE TRIGGER authors_fts_insert AFTER INSERT ON authors BEGIN
    INSERT INTO authors_fts (rowid, name) VALUES (new.id, new.name);
END;
CREATE TRIGGER authors_fts_delete AFTER DELETE ON authors BEGIN
    DELETE FROM authors_fts WHERE rowid = old.id;
END;
CREATE TRIGGER authors_fts_update AFTER UPDATE ON authors BEGIN
    DELETE FROM authors_fts WHERE rowid = old.id;
    INSERT INTO authors_fts (rowid, name) VALUES (new.id, new.name);
END;
"""
NAMES_BACK = """-- Undo 0005_search_authors
DROP TRIGGER authors_fts_update;
DROP TRIGGER authors_fts_delete;
DROP TRIGGER authors_fts_insert;
DROP TABLE authors_fts;
"""
UNIQUE = """-- No two books have the same number
-- depends: 0005_search_authors
CREATE UNIQUE INDEX idx_books_isbn ON books (isbn) WHERE isbn <> '';
"""
UNIQUE_BACK = "-- Undo 0006_unique_isbn\nDROP INDEX idx_books_isbn;\n"
PUBLISHERS = (
    "-- Publishers\n-- depends: 0002_search\nCREATE TABLE publishers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
)


def mistakes(root: Path) -> Project:
    """The library with a branch of five bad migrations, and a base that went on meanwhile.

    A rebuild that deletes books by cascade; a rollback that forgets an index, which a query needed; triggers that
    leave a full-text index wrong; a unique index over rows that need not be unique; an edited migration that is
    applied; and two migrations of one version.
    """
    project = library(root)
    git(root, "checkout", "-q", "main")
    project.add("0003_publishers", PUBLISHERS, "-- Undo 0003_publishers\nDROP TABLE publishers;\n")
    stamp(project)
    commit(project, "Add publishers")
    git(root, "checkout", "-q", "work")
    project.add("0001_library", LIBRARY.replace("    isbn TEXT\n", "    isbn TEXT,\n    pages INTEGER\n"), None)
    project.add("0003_authors_email", AUTHORS, AUTHORS_BACK)
    project.add("0004_language", LANGUAGE, LANGUAGE_BACK)
    project.add("0005_search_authors", NAMES, NAMES_BACK)
    project.add("0006_unique_isbn", UNIQUE, UNIQUE_BACK)
    commit(project, "Go on with the library")
    return project
