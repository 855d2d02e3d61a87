"""migrate.renumber: two branches that took the same number, and all that names what moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli import Project
from repositories import commit, git, library, stamp

from memsql import config
from memsql.author import journal, renumber, renumber_files
from memsql.author.renumber_choice import Sides, late_moves, named_moves
from memsql.errors import UsageError
from memsql.project.renaming import renamed_in_comments

NOTES = "-- notes, see 0003_notes\n-- depends: 0002_search\nCREATE TABLE notes (id INTEGER PRIMARY KEY, t TEXT);\n"
MARKS = "-- marks\n-- depends: 0003_notes\nALTER TABLE notes ADD COLUMN mark TEXT DEFAULT '0003_notes';\n"
TAGS = "-- tags\n-- depends: 0002_search\nCREATE TABLE tags (id INTEGER PRIMARY KEY);\n"
CHECK = "SELECT 'a note without text' FROM notes WHERE t = '';"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The branch ``work`` with 0003_notes and 0004_marks, and ``main`` with 0003_tags meanwhile."""
    project = library(tmp_path)
    project.add("0003_notes", NOTES, "-- Undo 0003_notes\nDROP TABLE notes;\n")
    project.add("0004_marks", MARKS, "-- Undo 0004_marks\nALTER TABLE notes DROP COLUMN mark;\n")
    project.check("0003_texts", CHECK)
    smoke = project.root / "sql" / "smoke"
    smoke.mkdir()
    (smoke / "01_note.sql").write_text(
        "-- name: a note\n-- needs: 0003\nINSERT INTO notes (t) VALUES ('x');\nSELECT 'none' WHERE NOT EXISTS "
        "(SELECT 1 FROM notes);\n"
    )
    stamp(project)
    commit(project, "Notes")
    git(project.root, "checkout", "-q", "main")
    project.add("0003_tags", TAGS, "-- Undo 0003_tags\nDROP TABLE tags;\n")
    project.check("0003_tags", "SELECT 'x' FROM tags WHERE 0;")
    stamp(project)
    commit(project, "Tags")
    git(project.root, "checkout", "-q", "work")
    return project


def merge(project: Project) -> None:
    """Merge main, and leave the conflicts in memsql.sum and sql/schema.sql as git makes them."""
    with pytest.raises(AssertionError, match="CONFLICT"):
        git(project.root, "merge", "main")


def test_two_branches_that_took_a_number(project: Project) -> None:
    project.up()
    when = project.query("SELECT applied_at, applied_by FROM schema_migrations WHERE version > 2 ORDER BY version")
    merge(project)
    project.run("migrate.up").expect(2, "two migrations have version 3", "memsql migrate.renumber")
    before = project.everything()
    planned = project.run("migrate.renumber", "--dry-run", "--json").expect(0).json()
    assert project.everything() == before
    report = project.run("migrate.renumber", "--json").expect(0).json()
    assert report == {**planned, "dry_run": False}
    assert [(m["from"], m["to"]) for m in report["renumbered"]] == [
        ("0003_notes", "0004_notes"),
        ("0004_marks", "0005_marks"),
    ]
    assert report["renumbered"][0]["why"] == "main has 0003_tags"
    assert report["applied"] == ["0003_notes", "0004_marks"]
    assert report["late"] == ["0003_tags"]
    assert {"from": "sql/checks/0003_texts.sql", "to": "sql/checks/0004_texts.sql"} in report["files"]
    assert sorted(path.name for path in project.checks.iterdir()) == ["0003_tags.sql", "0004_texts.sql"]
    assert project.up_file("0004_notes").read_text() == NOTES.replace("0003_notes", "0004_notes")
    assert project.up_file("0005_marks").read_text() == MARKS.replace("depends: 0003", "depends: 0004")
    assert project.down_file("0004_notes").read_text().startswith("-- Undo 0004_notes\n")
    assert "-- needs: 0004\n" in (project.root / "sql" / "smoke" / "01_note.sql").read_text()
    project.run("migrate.sum", "--check").expect(0)

    # The database had both under their former numbers.
    project.run("migrate.up").expect(2, "0003_tags would be applied out of order")
    project.run("migrate.up", "--out-of-order").expect(
        0, "0003_notes was renumbered: the ledger has it as 0004_notes now", "0004_marks was renumbered"
    )
    assert project.applied()[2:] == ["0003_tags", "0004_notes", "0005_marks"]
    moved = project.query("SELECT applied_at, applied_by FROM schema_migrations WHERE version > 3 ORDER BY version")
    assert moved == when
    project.run("schema.dump", "--write").expect(0)
    project.run("migrate.status", "--check").expect(0)
    project.run("verify").expect(0)
    project.run("smoke").expect(0)
    commit(project, "Merge main")
    project.run("review").expect(0)
    project.run("migrate.renumber").expect(0, "nothing to renumber")
    assert not list(project.migrations.glob(".*"))


def test_before_the_merge_and_by_the_hand_of_a_review(project: Project) -> None:
    report = project.run("review", "--json").expect(1).json()
    assert report["renames"] == ["memsql migrate.renumber --base main"]
    project.run("migrate.renumber", "--base", "main").expect(
        0, "0003_notes is now 0004_notes: main has 0003_tags", "0004_marks is now 0005_marks: it comes after"
    )
    assert [path.name for path in sorted(project.migrations.glob("*s.sql"))] == ["0004_notes.sql", "0005_marks.sql"]
    stamp(project)
    commit(project)
    assert "MR07" not in project.run("review").out


def test_what_is_not_clear_is_not_moved(project: Project) -> None:
    git(project.root, "checkout", "-q", "main")
    with pytest.raises(AssertionError, match="CONFLICT"):
        git(project.root, "merge", "work")
    (project.migrations / "memsql.sum").unlink()
    commit(project, "Merged")
    before = project.files()
    project.run("migrate.renumber").expect(2, "0003_notes and 0003_tags have one version, and both are on main")
    project.run("migrate.renumber", "3").expect(2, "are on main", "memsql migrate.renumber 0003_notes")
    project.run("migrate.renumber", "0003_tags", "--to", "4").expect(2, "0004_marks has that version")
    project.run("migrate.renumber", "9").expect(2, "there is no migration 9")
    project.run("migrate.renumber", "x").expect(2, "'x' is neither a version")
    assert project.files() == before
    project.run("migrate.renumber", "0003_notes").expect(2, "nothing tells whose check sql/checks/0003_texts.sql is")
    (project.checks / "0003_texts.sql").rename(project.checks / "0003_notes.sql")
    # What depends on it goes with it.
    project.run("migrate.renumber", "0003_notes").expect(0, "0004_marks is now 0005_marks")


def test_a_database_that_could_not_follow(project: Project) -> None:
    project.up()
    project.up_file("0003_notes").write_text(NOTES.replace("t TEXT", "t TEXT NOT NULL"))
    project.run("migrate.sum").expect(0)
    before = project.files()
    project.run("migrate.renumber").expect(6, "0003_notes is applied to memory.db, whose ledger could not follow")
    assert project.files() == before


def test_an_edited_file_is_not_hidden(project: Project) -> None:
    project.up_file("0004_marks").write_text(MARKS + "SELECT 1;\n")
    project.run("migrate.renumber").expect(2, "0004_marks.sql changed since memsql.sum was written")


def test_a_kill_leaves_a_folder_that_is_refused_until_it_is_put_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config.load(project=str(project.root), environ={})
    before = project.files()
    planned = renumber.renumber(settings, None, to=None, base_name=None)
    assert planned is not None
    put, undo = renumber_files._put, renumber_files._undo

    class Killed(BaseException):
        pass

    def gone(files: object) -> None:
        # The process is gone: nothing undoes, and nothing takes the journal away.
        raise OSError("gone")

    for at in range(len(planned.after)):
        steps = iter(range(100))

        def killed(path: Path, data: bytes | None, at: int = at, steps: Iterator[int] = steps) -> None:
            if next(steps) >= at:
                raise Killed
            put(path, data)

        monkeypatch.setattr(renumber_files, "_put", killed)
        monkeypatch.setattr(renumber_files, "_undo", gone)
        with pytest.raises(journal.NotUndoneError):
            renumber_files.exchange(settings, planned.before, planned.after)
        monkeypatch.setattr(renumber_files, "_put", put)
        monkeypatch.setattr(renumber_files, "_undo", undo)
        if at == 4:
            project.run("migrate.status").expect(2, "a renumbering in migrations was interrupted", "migrate.renumber")
            assert project.files() != before
        assert renumber_files.put_back(settings)
        assert project.files() == before
        assert not renumber_files.put_back(settings)


def test_a_damaged_journal_leads_nowhere_else(project: Project) -> None:
    settings = config.load(project=str(project.root), environ={})
    journal = project.migrations / ".renumber"
    for name in ("../x", "/etc/passwd", ""):
        journal.write_text(json.dumps({"files": [["sql", name, None, None]]}) + "\n")
        with pytest.raises(UsageError, match="damaged"):
            renumber_files.put_back(settings)
    journal.write_text('{"files": [["s')
    assert renumber_files.put_back(settings)


def test_an_error_puts_everything_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load(project=str(project.root), environ={})
    before = project.files()
    planned = renumber.renumber(settings, None, to=None, base_name=None)
    assert planned is not None
    put, calls = renumber_files._put, iter(range(100))

    def failing(path: Path, data: bytes | None) -> None:
        if next(calls) == 3:
            raise PermissionError(13, "no", str(path))
        put(path, data)

    monkeypatch.setattr(renumber_files, "_put", failing)
    with pytest.raises(UsageError, match="cannot be changed: no"):
        renumber_files.exchange(settings, planned.before, planned.after)
    assert project.files() == before


def test_names_in_comments_alone() -> None:
    text = "-- 0007_b, 10007_b, 0007_bc\nINSERT INTO t VALUES ('0007_b'); /* 0007_b.sql */\n"
    assert renamed_in_comments(text, {"0007_b": "0008_b"}) == (
        "-- 0008_b, 10007_b, 0007_bc\nINSERT INTO t VALUES ('0007_b'); /* 0008_b.sql */\n"
    )


def test_what_moves_where() -> None:
    sides = Sides(("0001_a", "0002_b", "0002_c", "0003_d"), ("0002_c", "0003_d"), ("0001_a", "0002_b"), "main")
    assert [(m.former, m.id) for m in late_moves(sides)] == [("0002_c", "0003_c"), ("0003_d", "0004_d")]
    none = dict.fromkeys(sides.there, ())
    assert [(m.former, m.id) for m in named_moves(sides, "2", None, none)] == [("0002_c", "0004_c")]
    assert [(m.former, m.id) for m in named_moves(sides, "0002_b", 9, none)] == [("0002_b", "0009_b")]
    assert [m.id for m in named_moves(sides, "2..3", 7, none)] == ["0007_c", "0008_d"]
    depends = {**none, "0003_d": ("0002_c",)}
    assert [m.id for m in named_moves(sides, "2", None, depends)] == ["0003_c", "0004_d"]
    with pytest.raises(UsageError, match="0001_a is on main"):
        named_moves(sides, "1", None, none)
    with pytest.raises(UsageError, match="nothing comes behind it"):
        named_moves(Sides(("0001_a", "0002_b")), "2", None, {"0001_a": (), "0002_b": ()})
    with pytest.raises(UsageError, match="0002_b and 0002_c have one version"):
        named_moves(Sides(sides.there), "2", None, none)
