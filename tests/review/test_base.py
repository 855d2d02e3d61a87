"""What a review compares with: files that the base has, versions that it took, and where there is no base."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from repositories import LIBRARY, LIBRARY_BACK, commit, git
from reviews import add, only, review, rules


def test_an_edited_file_of_the_base_blocks_unless_that_is_allowed(project: Project) -> None:
    project.add("0001_library", LIBRARY + "CREATE TABLE shelves (id INTEGER PRIMARY KEY);\n", None)
    project.run("migrate.sum").expect(0)
    finding = only(review(project, 1), "MR06")
    assert (
        f"git checkout {git(project.root, 'rev-parse', 'main')[:12]} -- migrations/0001_library.sql" in finding["fix"]
    )
    project.add("0001_library", "-- Authors\n-- allow: MR06 not released yet\n" + LIBRARY, None)
    project.run("migrate.sum").expect(0)
    finding = only(review(project, 0), "MR06")
    assert (finding["severity"], finding["message"].startswith("allowed: ")) == ("info", True)


@pytest.mark.parametrize(
    ("up", "down", "path", "words"),
    [
        ("-- One more word\n" + LIBRARY, LIBRARY_BACK, "0001_library.sql", "only comments or white space changed"),
        (
            LIBRARY.replace("TEXT NOT NULL,", "TEXT  NOT\n NULL,"),
            LIBRARY_BACK,
            "0001_library.sql",
            "only comments or white space changed",
        ),
        (LIBRARY, LIBRARY_BACK + "-- That is all\n", "0001_library.rollback.sql", "its rollback changed"),
        (LIBRARY + "-- More\n", LIBRARY_BACK + "-- And more\n", "0001_library.sql", "its rollback changed"),
        (LIBRARY, None, "0001_library.rollback.sql", "its rollback was removed"),
    ],
)
def test_an_edit_that_changes_nothing_of_what_was_applied_is_a_remark(
    project: Project, up: str, down: str | None, path: str, words: str
) -> None:
    (project.migrations / "0001_library.rollback.sql").unlink()
    project.add("0001_library", up, down)
    project.run("migrate.sum").expect(0)
    finding = only(project.run("review", "--json").json(), "MR06")
    assert (finding["severity"], finding["path"]) == ("info", f"migrations/{path}")
    assert words in finding["message"], finding["message"]


@pytest.mark.parametrize("line", ["-- foreign_keys: off\n", "-- allow: data-loss books they are old\n"])
def test_an_edited_directive_blocks(project: Project, line: str) -> None:
    project.add("0001_library", line + LIBRARY, LIBRARY_BACK)
    project.run("migrate.sum").expect(0)
    assert only(review(project, 1), "MR06")["severity"] == "error"


def test_removed_and_renamed_files_block(project: Project) -> None:
    project.rename("0002_search", "0002_find")
    project.remove("0001_library")
    report = review(project, 1)
    assert {(m["name"], m["change"], m["was"]) for m in report["migrations"]} == {
        ("0002_find", "renamed", "0002_search"),
        ("0001_library", "removed", ""),
    }
    assert rules(report).count("MR06") == 2


def test_line_ends_are_no_change(project: Project) -> None:
    git(project.root, "config", "core.autocrlf", "false")
    for path in project.migrations.glob("*.sql"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    report = review(project, 0)
    assert (report["files"], report["migrations"], report["findings"]) == ([], [], [])


def test_stale_sum_and_snapshot_block(project: Project) -> None:
    project.add(
        "0003_a",
        "-- A\n-- depends: 0002_search\nCREATE TABLE a (id INTEGER PRIMARY KEY);\n",
        "-- Undo\nDROP TABLE a;\n",
    )
    report = review(project, 1)
    assert rules(report) == ["MR09", "MR10"]
    assert "missing: table a" in only(report, "MR10")["message"]
    (project.migrations / "memsql.sum").unlink()
    (project.root / "sql" / "schema.sql").unlink()
    assert [f["message"] for f in review(project, 1)["findings"]] == [
        "memsql.sum was removed",
        "sql/schema.sql was removed",
    ]


def test_a_version_that_the_base_took_meanwhile(project: Project) -> None:
    add(project, "0003_mine", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    project.check("0003_mine", "SELECT 'x' WHERE 0;")
    add(project, "0004_next", "CREATE TABLE b (id INTEGER PRIMARY KEY);\n", "DROP TABLE b;\n", before="0003_mine")
    commit(project)
    git(project.root, "checkout", "-q", "main")
    add(project, "0003_theirs", "CREATE TABLE c (id INTEGER PRIMARY KEY);\n", "DROP TABLE c;\n")
    commit(project)
    git(project.root, "checkout", "-q", "work")
    report = review(project, 1)
    assert rules(report) == ["MR07"]
    assert report["renames"] == ["memsql migrate.renumber --base main"]
    # What it says can be done, and helps.
    project.run(*report["renames"][0].split()[1:]).expect(0, "0004_mine")
    assert (project.checks / "0004_mine.sql").is_file()
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
    report = review(project, 1)
    assert {"MR07", "MR04"} <= set(rules(report))
    assert [m["name"] for m in report["migrations"]] == ["0003_mine"]


def test_a_version_below_the_base(project: Project) -> None:
    git(project.root, "checkout", "-q", "main")
    add(project, "0009_far", "CREATE TABLE c (id INTEGER PRIMARY KEY);\n", "DROP TABLE c;\n")
    commit(project)
    git(project.root, "checkout", "-q", "work")
    add(project, "0003_mine", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    report = review(project, 1)
    assert "version 0003 is below 0009_far" in only(report, "MR08")["message"]
    assert report["renames"] == ["memsql migrate.renumber --base main"]


def test_a_project_in_a_folder_of_the_repository(template: Project, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    project = Project(tmp_path / "a b" / "db")
    git(tmp_path, "init", "-q")
    commit(project)
    git(tmp_path, "checkout", "-q", "-b", "work")
    project.add("0001_library", LIBRARY, LIBRARY_BACK)
    report = review(project, 0)
    assert (report["migrations"][0]["change"], report["files"]) == (
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
