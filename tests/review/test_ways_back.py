"""Rollbacks under review: whether they lead back, and what they lose on the way."""

from __future__ import annotations

from cli import Project
from reviews import add, only, review, rules


def test_a_rollback_that_forgets_something_blocks(project: Project) -> None:
    add(
        project,
        "0003_a",
        "CREATE TABLE a (id INTEGER PRIMARY KEY);\nCREATE INDEX idx_books_isbn ON books (isbn);\n",
        "DROP TABLE a;\n",
    )
    report = review(project, 1)
    assert rules(report) == ["MR04", "MR04"]
    assert "left over: index idx_books_isbn" in report["findings"][0]["message"]
    assert report["migrations"][0]["way_back"] == "does not restore"


def test_a_rollback_that_changes_rows_blocks_unless_that_is_allowed(project: Project) -> None:
    add(
        project,
        "0003_a",
        "UPDATE books SET title = upper(title) WHERE title <> '';\n",
        "UPDATE books SET title = lower(title) WHERE title <> '';\n",
    )
    finding = only(review(project, 1), "MR04")
    assert finding["path"] == "migrations/0003_a.rollback.sql"
    assert "books has 200 rows, but not the same ones" in finding["message"]
    add(
        project,
        "0003_a",
        "-- allow: data-loss books.title nobody needs the small letters\n"
        "UPDATE books SET title = upper(title) WHERE title <> '';\n",
        "UPDATE books SET title = lower(title) WHERE title <> '';\n",
    )
    assert review(project, 0)["migrations"][0]["way_back"] == "loses data as allowed"


def test_a_rollback_that_loses_rows_blocks(project: Project) -> None:
    add(
        project,
        "0003_a",
        "CREATE INDEX idx_books_isbn ON books (isbn);\n",
        "-- allow: data-loss books a mistake\nDROP INDEX idx_books_isbn;\nDELETE FROM books WHERE isbn IS NULL;\n",
    )
    assert "books has" in only(review(project, 1), "MR04")["message"]


def test_a_rollback_that_needs_permission_needs_attention(project: Project) -> None:
    add(
        project,
        "0003_a",
        "ALTER TABLE books ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;\n",
        "ALTER TABLE books DROP COLUMN pages;\n",
    )
    report = review(project, 0)
    assert "refused" in only(report, "MR05")["message"]
    assert (report["verdict"], report["migrations"][0]["way_back"]) == ("needs attention", "needs permission")


def test_a_migration_without_a_way_back(project: Project) -> None:
    add(project, "0003_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", None)
    report = review(project, 0)
    assert report["migrations"][0]["way_back"] == "none"
    assert rules(report, "MS27")
