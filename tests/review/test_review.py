"""``review`` on real repositories: what it finds in a change, and what it does not."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from cli import Project
from places import ROOT
from repositories import LIBRARY, LIBRARY_BACK, commit, git, library, mistakes, stamp

GOLDEN = Path(__file__).parent / "golden" / "review.md"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path / "project")


def add(project: Project, name: str, up: str, down: str | None, before: str = "0002_search") -> None:
    """A pair with a description and what it depends on, stamped, and the snapshot written where that works."""
    directives = [line for line in up.splitlines(keepends=True) if line.startswith("-- ")]
    rest = "".join(line for line in up.splitlines(keepends=True) if not line.startswith("-- "))
    project.add(
        name, f"-- Change {name}\n-- depends: {before}\n{''.join(directives)}{rest}", down and f"-- Undo {name}\n{down}"
    )
    project.run("migrate.sum").expect(0)
    project.run("schema.dump", "--write")


def review(project: Project, code: int, *words: str) -> dict[str, Any]:
    return project.run("review", "--json", *words).expect(code).json()


def rules(found: dict[str, Any], prefix: str = "MR") -> list[str]:
    return [f["rule"] for f in found["findings"] if f["rule"].startswith(prefix)]


def only(found: dict[str, Any], rule: str) -> dict[str, Any]:
    (finding,) = [f for f in found["findings"] if f["rule"] == rule]
    assert isinstance(finding, dict)
    return finding


def test_nothing_changed(project: Project) -> None:
    project.run("review").expect(0, "safe: nothing changed in migrations and sql against main")


def test_a_good_change_is_safe_and_its_way_back_is_proven(project: Project) -> None:
    add(
        project,
        "0003_notes",
        "CREATE TABLE notes (\n    id INTEGER PRIMARY KEY,\n    book_id INTEGER REFERENCES books (id),\n    note TEXT\n);\n"
        "CREATE INDEX idx_notes_book ON notes (book_id);\nALTER TABLE books ADD COLUMN pages INTEGER;\n",
        "ALTER TABLE books DROP COLUMN pages;\nDROP TABLE notes;\n",
    )
    found = review(project, 0)
    assert (found["verdict"], found["findings"]) == ("safe", [])
    (migration,) = found["migrations"]
    assert (migration["way_back"], migration["change"], migration["sample"]["books"]) == ("proven", "new", 200)
    assert [s["kind"] for s in migration["statements"]] == ["create table", "create index", "add column"]
    assert "+ table notes" in found["schema"]
    assert "books" in found["diagram"]
    assert "authors {" not in found["diagram"]


def test_what_is_committed_staged_changed_and_unknown_counts_alike(project: Project) -> None:
    add(project, "0003_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    commit(project)
    add(project, "0004_b", "CREATE TABLE b (id INTEGER PRIMARY KEY);\n", "DROP TABLE b;\n", "0003_a")
    git(project.root, "add", "-A")
    add(project, "0005_c", "CREATE TABLE c (id INTEGER PRIMARY KEY);\n", "DROP TABLE c;\n", "0004_b")
    assert [m["name"] for m in review(project, 0)["migrations"]] == ["0003_a", "0004_b", "0005_c"]


def test_a_rollback_that_forgets_something_blocks(project: Project) -> None:
    add(
        project,
        "0003_a",
        "CREATE TABLE a (id INTEGER PRIMARY KEY);\nCREATE INDEX idx_books_isbn ON books (isbn);\n",
        "DROP TABLE a;\n",
    )
    found = review(project, 1)
    assert rules(found) == ["MR04", "MR04"]
    assert "left over: index idx_books_isbn" in found["findings"][0]["message"]
    assert found["migrations"][0]["way_back"] == "does not restore"


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
        "-- allow: data-loss nobody needs the small letters\nUPDATE books SET title = upper(title) WHERE title <> '';\n",
        "UPDATE books SET title = lower(title) WHERE title <> '';\n",
    )
    assert review(project, 0)["migrations"][0]["way_back"] == "loses data as allowed"


def test_a_rollback_that_loses_rows_blocks(project: Project) -> None:
    add(
        project,
        "0003_a",
        "CREATE INDEX idx_books_isbn ON books (isbn);\n",
        "-- allow: data-loss a mistake\nDROP INDEX idx_books_isbn;\nDELETE FROM books WHERE isbn IS NULL;\n",
    )
    assert "books has" in only(review(project, 1), "MR04")["message"]


def test_a_rollback_that_needs_permission_needs_attention(project: Project) -> None:
    add(
        project,
        "0003_a",
        "ALTER TABLE books ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;\n",
        "ALTER TABLE books DROP COLUMN pages;\n",
    )
    found = review(project, 0)
    assert "refused" in only(found, "MR05")["message"]
    assert (found["verdict"], found["migrations"][0]["way_back"]) == ("needs attention", "needs permission")


def test_a_migration_without_a_way_back(project: Project) -> None:
    add(project, "0003_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", None)
    found = review(project, 0)
    assert found["migrations"][0]["way_back"] == "none"
    assert rules(found, "MS27")


REBUILD = """-- foreign_keys: off
CREATE TABLE books_new (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES authors (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    isbn TEXT{}
);
INSERT INTO books_new (id, author_id, title, isbn) SELECT id, author_id, title, isbn FROM books;
DROP TABLE books;
ALTER TABLE books_new RENAME TO books;
CREATE INDEX idx_books_author ON books (author_id, title);
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


@pytest.mark.parametrize(
    ("change", "said", "query"),
    [
        (" NOT NULL", "rows without isbn", '"isbn" IS NULL'),
        (" UNIQUE", 'rows that are alike in "isbn"', "HAVING count(*) > 1"),
        (" CHECK (length(isbn) < 99)", "rows that break CHECK (length(isbn) < 99)", "NOT (length(isbn) < 99)"),
        (" REFERENCES authors (id)", "rows whose isbn is not in authors", "NOT EXISTS"),
    ],
)
def test_what_a_rebuild_takes_for_granted_is_broken_once(project: Project, change: str, said: str, query: str) -> None:
    add(project, "0003_a", REBUILD.format(change), REBUILD.format(""))
    finding = next(f for f in review(project, 0)["findings"] if f["rule"] == "MR03")
    assert said in finding["message"]
    assert query in finding["fix"]
    assert finding["path"] == "migrations/0003_a.sql"
    # The query is one that people can run.
    project.up("--to", "2")
    assert project.one(finding["fix"].split("\n", 1)[1]) == 0


def test_a_migration_that_deals_with_the_rows_is_blamed_for_its_way_back_alone(project: Project) -> None:
    up = REBUILD.format(" NOT NULL").replace(
        "SELECT id, author_id, title, isbn FROM", "SELECT id, author_id, title, coalesce(isbn, '?') FROM"
    )
    add(project, "0003_a", up, REBUILD.format(""))
    found = review(project, 0)
    assert rules(found) == ["MR04"]
    assert only(found, "MR04")["message"].startswith("with rows without isbn of books, up and down leave other rows")


@pytest.mark.parametrize(
    "index", ["(isbn)", "(lower(isbn) DESC)", "(isbn) WHERE isbn > 'a'", "(author_id, isbn COLLATE NOCASE)"]
)
def test_a_unique_index_on_rows_there_are(project: Project, index: str) -> None:
    add(
        project,
        "0003_a",
        f"-- allow: MS07 the review looks\nCREATE UNIQUE INDEX idx_isbn ON books {index};\n",
        "DROP INDEX idx_isbn;\n",
    )
    finding = only(review(project, 0), "MR03")
    assert (finding["line"], finding["statement"].startswith("CREATE UNIQUE")) == (4, True)
    project.up("--to", "2")
    assert project.one(finding["fix"].split("\n", 1)[1]) == 0


def test_a_counter_that_begins_again(project: Project) -> None:
    add(project, "0003_a", "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);\n", "DROP TABLE a;\n")
    git(project.root, "checkout", "-q", "-B", "main")
    commit(project)
    rebuild = (
        "CREATE TABLE a_new (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);\nINSERT INTO a_new (id, v) SELECT id, v FROM a;\n"
        "DROP TABLE a;\nALTER TABLE a_new RENAME TO a;\n"
    )
    add(project, "0004_b", rebuild, rebuild, "0003_a")
    assert set(rules(review(project, 0))) == {"MR13"}


def test_a_migration_that_cannot_run(project: Project) -> None:
    add(
        project,
        "0003_a",
        "CREATE TABLE a (id INTEGER PRIMARY KEY);\nINSERT INTO a (missing) VALUES (1);\n",
        "DROP TABLE a;\n",
    )
    add(project, "0004_b", "CREATE INDEX idx_a ON a (id);\n", "DROP INDEX idx_a;\n", "0003_a")
    found = review(project, 1)
    first, second = (f for f in found["findings"] if f["rule"] == "MR01")
    assert (first["line"], "no column named missing" in first["message"]) == (4, True)
    assert "tried without 0003_a" in second["message"]


@pytest.mark.parametrize(
    "text",
    [
        b"-- depends: nothing\nSELECT 1;\n",
        b"-- x\n\xff;\n",
        b"-- unknown: x\nSELECT 1;\n",
        b"",
        b"BEGIN;\n",
        b"SELECT '",
    ],
)
def test_a_file_that_cannot_be_used_is_a_finding(project: Project, text: bytes) -> None:
    project.add("0003_a", text)
    found = review(project, 1)
    assert "error" in {f["severity"] for f in found["findings"] if f["path"].startswith("migrations/0003_a")}


def test_an_endless_statement_is_stopped(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from memsql import config
    from memsql.review import review as look
    from memsql.scratch import database

    monkeypatch.setattr(database, "TIME_LIMIT", 0.5)
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO a (id) SELECT max(i) FROM n;\n"
    )
    project.add(
        "0003_a",
        "-- Endless\n-- depends: 0002_search\nCREATE TABLE a (id INTEGER PRIMARY KEY);\n" + endless,
        "DROP TABLE a;\n",
    )
    found = look(config.load(project=str(project.root)))
    assert "did not end within" in next(f.message for f in found.findings if f.rule == "MR01")


def test_without_a_transaction(project: Project) -> None:
    add(project, "0003_a", "-- transactional: false\nVACUUM;\n", "-- transactional: false\nPRAGMA optimize;\n")
    assert rules(review(project, 0)) == []


def test_a_query_that_gets_slower_or_breaks(project: Project) -> None:
    add(
        project,
        "0003_a",
        "-- allow: MS19 for the test\nDROP INDEX idx_books_author;\n",
        "CREATE INDEX idx_books_author ON books (author_id, title);\n",
    )
    found = review(project, 0)
    assert "it now scans and sorts" in only(found, "MR11")["message"]
    assert [p["effect"] for p in found["plans"]] == ["slower"]
    (project.root / "sql" / "queries" / "mail.sql").write_text(
        "-- name: mail\nSELECT email FROM authors WHERE id = 1;\n"
    )
    add(
        project,
        "0003_a",
        "ALTER TABLE authors RENAME COLUMN email TO mail;\n",
        "ALTER TABLE authors RENAME COLUMN mail TO email;\n",
    )
    found = review(project, 1)
    assert "no such column: email" in only(found, "MR12")["message"]
    assert rules(found, "MS03")


def test_a_query_that_gets_faster_is_good_news(project: Project) -> None:
    (project.root / "sql" / "queries" / "isbn.sql").write_text(
        "-- name: by isbn\n-- param: isbn = '1'\nSELECT id FROM books WHERE isbn = :isbn;\n"
    )
    commit(project)
    git(project.root, "branch", "-f", "main")
    add(project, "0003_a", "CREATE INDEX idx_isbn ON books (isbn);\n", "DROP INDEX idx_isbn;\n")
    found = review(project, 0)
    assert (found["verdict"], [p["effect"] for p in found["plans"]]) == ("safe", ["faster"])


def test_an_edited_file_of_the_base_blocks_unless_that_is_allowed(project: Project) -> None:
    project.add("0001_library", LIBRARY + "-- One more word\n", None)
    project.run("migrate.sum").expect(0)
    finding = only(review(project, 1), "MR06")
    assert (
        f"git checkout {git(project.root, 'rev-parse', 'main')[:12]} -- migrations/0001_library.sql" in finding["fix"]
    )
    project.add("0001_library", "-- Authors\n-- allow: MR06 not released yet\n" + LIBRARY, None)
    project.run("migrate.sum").expect(0)
    finding = only(review(project, 0), "MR06")
    assert (finding["severity"], finding["message"].startswith("allowed: ")) == ("info", True)


def test_removed_and_renamed_files_block(project: Project) -> None:
    project.rename("0002_search", "0002_find")
    project.remove("0001_library")
    found = review(project, 1)
    assert {(m["name"], m["change"], m["was"]) for m in found["migrations"]} == {
        ("0002_find", "renamed", "0002_search"),
        ("0001_library", "removed", ""),
    }
    assert rules(found).count("MR06") == 2


def test_line_ends_are_no_change(project: Project) -> None:
    git(project.root, "config", "core.autocrlf", "false")
    for path in project.migrations.glob("*.sql"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    found = review(project, 0)
    assert (found["files"], found["migrations"], found["findings"]) == ([], [], [])


def test_stale_sum_and_snapshot_block(project: Project) -> None:
    project.add(
        "0003_a",
        "-- A\n-- depends: 0002_search\nCREATE TABLE a (id INTEGER PRIMARY KEY);\n",
        "-- Undo\nDROP TABLE a;\n",
    )
    found = review(project, 1)
    assert rules(found) == ["MR09", "MR10"]
    assert "missing: table a" in only(found, "MR10")["message"]
    (project.migrations / "memsql.sum").unlink()
    (project.root / "sql" / "schema.sql").unlink()
    assert [f["message"] for f in review(project, 1)["findings"]] == [
        "memsql.sum was removed",
        "sql/schema.sql was removed",
    ]


def test_a_version_that_the_base_took_meanwhile(project: Project) -> None:
    add(project, "0003_mine", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    project.check("0003_mine", "SELECT 'x' WHERE 0;")
    add(project, "0004_next", "CREATE TABLE b (id INTEGER PRIMARY KEY);\n", "DROP TABLE b;\n", "0003_mine")
    commit(project)
    git(project.root, "checkout", "-q", "main")
    add(project, "0003_theirs", "CREATE TABLE c (id INTEGER PRIMARY KEY);\n", "DROP TABLE c;\n")
    commit(project)
    git(project.root, "checkout", "-q", "work")
    found = review(project, 1)
    assert rules(found) == ["MR07"]
    assert found["renames"] == [
        "git mv migrations/0004_next.sql migrations/0005_next.sql",
        "git mv migrations/0004_next.rollback.sql migrations/0005_next.rollback.sql",
        "git mv migrations/0003_mine.sql migrations/0004_mine.sql",
        "git mv migrations/0003_mine.rollback.sql migrations/0004_mine.rollback.sql",
        "git mv sql/checks/0003_mine.sql sql/checks/0004_mine.sql",
        "# write the new name behind `-- depends:` in migrations/0004_next.sql",
        "invoke migrate.sum",
    ]
    # What it says can be done, and helps.
    for command in found["renames"]:
        if command.startswith("git mv"):
            git(project.root, *command.split()[1:])
    (project.migrations / "0005_next.sql").write_text(
        (project.migrations / "0005_next.sql").read_text().replace("0003_mine", "0004_mine")
    )
    project.run("migrate.sum").expect(0)
    assert rules(review(project, 0)) == []


def test_a_merge_with_two_of_one_version_is_tried_all_the_same(project: Project) -> None:
    add(project, "0003_mine", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "SELECT 1;\n")
    commit(project)
    git(project.root, "checkout", "-q", "main")
    project.add("0003_theirs", "-- Theirs\nCREATE TABLE c (id INTEGER PRIMARY KEY);\n", "DROP TABLE c;\n")
    commit(project)
    git(project.root, "checkout", "-q", "work")
    git(project.root, "merge", "-q", "-s", "ours", "main")
    git(project.root, "checkout", "main", "--", "migrations/0003_theirs.sql", "migrations/0003_theirs.rollback.sql")
    commit(project)
    found = review(project, 1)
    assert {"MR07", "MR04"} <= set(rules(found))
    assert [m["name"] for m in found["migrations"]] == ["0003_mine"]


def test_a_version_below_the_base(project: Project) -> None:
    git(project.root, "checkout", "-q", "main")
    add(project, "0009_far", "CREATE TABLE c (id INTEGER PRIMARY KEY);\n", "DROP TABLE c;\n")
    commit(project)
    git(project.root, "checkout", "-q", "work")
    add(project, "0003_mine", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    found = review(project, 1)
    assert "version 0003 is below 0009_far" in only(found, "MR08")["message"]
    assert found["renames"][0] == "mv migrations/0003_mine.rollback.sql migrations/0010_mine.rollback.sql" or found[
        "renames"
    ][0].startswith("mv ")


def test_a_project_in_a_folder_of_the_repository(template: Project, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    project = Project(tmp_path / "a b" / "db")
    git(tmp_path, "init", "-q")
    commit(project)
    git(tmp_path, "checkout", "-q", "-b", "work")
    project.add("0001_library", LIBRARY, LIBRARY_BACK)
    found = review(project, 0)
    assert (found["migrations"][0]["change"], found["files"]) == (
        "new",
        ["migrations/0001_library.rollback.sql", "migrations/0001_library.sql"],
    )
    out = project.run("review", "--format", "github").expect(0).out
    assert out == "" or "file=a b/db/migrations/" in out or out.startswith("safe")


def test_the_base_can_be_named(project: Project) -> None:
    add(project, "0003_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    commit(project)
    assert review(project, 0, "--base", "HEAD")["migrations"] == []
    assert len(review(project, 0, "--base", "HEAD~1")["migrations"]) == 1
    project.run("review", "--base", "nowhere").expect(
        2, "there is no commit nowhere in this clone", "git fetch origin nowhere"
    )
    project.run("review", "--base", "--upload-pack=x").expect(2)


def test_without_a_repository_or_git(project: Project, tmp_path: Path) -> None:
    bare = Project(tmp_path / "bare")
    bare.run("review", env={"GIT_CEILING_DIRECTORIES": str(tmp_path)}).expect(
        2, "is in no git repository", "memsql lint"
    )
    git(bare.root, "init", "-q")
    bare.run("review").expect(2, "no commit yet")
    project.run("review", env={"PATH": str(tmp_path)}).expect(2, "git is not installed")
    project.run("review", env={"GIT_DIR": "elsewhere", "GIT_INDEX_FILE": "nowhere"}).expect(0)


def test_a_shallow_clone_without_the_base(project: Project, tmp_path: Path) -> None:
    add(project, "0003_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    commit(project)
    git(project.root, "checkout", "-q", "main")
    commit(project)
    git(project.root, "checkout", "-q", "work")
    git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "work", f"file://{project.root}", "shallow")
    shallow = Project.at(tmp_path / "shallow")
    shallow.run("review").expect(2, "there is no commit any of origin/main", "git fetch --unshallow", "fetch-depth: 0")
    git(shallow.root, "fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main")
    shallow.run("review").expect(
        2, "does not hold the commit where the branch left origin/main", "git fetch --unshallow origin main"
    )
    git(shallow.root, "fetch", "-q", "--unshallow", "origin", "main", "work")
    assert [m["name"] for m in review(shallow, 0)["migrations"]] == ["0003_a"]


def test_nothing_is_written(project: Project) -> None:
    add(project, "0003_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    before = {k: v for k, v in project.files().items() if not k.startswith(".git/index")}
    review(project, 0)
    assert {k: v for k, v in project.files().items() if not k.startswith(".git/index")} == before


# What SQLite 3.53 adds to the report: where older versions say "database table is locked", it can drop a table whose cascade
# writes to a full-text index. So more is reached, and the way back is tried.
ABLE_TO_DROP = (
    ("(new): 3 errors, 1 warning; way back: needs permission", "(new): 3 errors, 1 warning; way back: not tried"),
    ("| `authors`, `books`, `books_fts` | 200, the whole table | yes |", "| `authors` |  | yes |"),
    ("| rename table | `authors_new` | 0 |", "| rename table | `authors_new` |  |"),
    ("    books_fts {\n        fulltext title\n    }\n", ""),
    ('    books ||..|| books_fts : "full text"\n', ""),
)


def test_the_branch_of_mistakes(tmp_path: Path) -> None:
    """The report to read: golden/review.md beside this file. Written anew with MEMSQL_GOLDEN=write."""
    project = mistakes(tmp_path / "library")
    found = project.run("review", "--format", "markdown").expect(1)
    # The commit depends on every byte of the snapshot.
    shown = re.sub(r"git checkout [0-9a-f]{12} ", "git checkout 0123456789ab ", found.out)
    for newer, older in ABLE_TO_DROP:
        shown = shown.replace(newer, older)
    if os.environ.get("MEMSQL_GOLDEN") == "write":
        GOLDEN.write_text(shown, encoding="utf-8")
    assert shown == GOLDEN.read_text(encoding="utf-8")
    again = project.run("review", "--format", "markdown").expect(1)
    assert again.out == found.out
    project.run("review", "--no-fail").expect(0, "blocks:")


def test_stamped_mistakes_are_fewer(tmp_path: Path) -> None:
    project = library(tmp_path)
    project.add("0001_library", LIBRARY, LIBRARY_BACK)
    stamp(project)
    assert review(project, 0)["verdict"] == "safe"


def test_every_rule_of_the_review_is_documented() -> None:
    from memsql.review import ABOUT

    page = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
    for about in ABOUT.values():
        assert f"| {about.code} | `{about.name}` | {about.severity} | {about.title}. {about.help} |" in page


def test_a_check_that_made_up_rows_fail_is_a_remark(project: Project) -> None:
    add(project, "0003_a", "CREATE INDEX idx_isbn ON books (isbn);\n", "DROP INDEX idx_isbn;\n")
    project.check("0003_a", "SELECT id\nFROM books\nWHERE isbn IS NULL OR isbn NOT LIKE '978-%';")
    found = review(project, 0)
    finding = only(found, "MR03")
    assert (finding["severity"], finding["path"]) == ("info", "sql/checks/0003_a.sql")
    assert found["migrations"][0]["way_back"] == "proven"
