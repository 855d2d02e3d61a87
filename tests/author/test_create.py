"""migrate.create, migrate.sum and migrate.repair."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    new = Project(tmp_path)
    new.add("0001_a", "-- First\nCREATE TABLE a (x);\n", "DROP TABLE a;\n")
    return new


def test_create_writes_a_pair_a_check_and_the_sum(project: Project) -> None:
    created = project.run("migrate.create", "Add some Notes", "--json").expect(0).json()["files"]
    assert created == [
        "migrations/0002_add_some_notes.sql",
        "migrations/0002_add_some_notes.rollback.sql",
        "sql/checks/0002_add_some_notes.sql",
        "migrations/memsql.sum",
    ]
    text = (project.root / created[0]).read_text()
    assert text.startswith("-- Add some notes\n-- depends: 0001_a\n")
    unwritten = "holds no statement, and is as migrate.create wrote it"
    for words in (("migrate.up",), ("lint", "migrations"), ("schema.diff",)):
        code = 0 if words[0] == "lint" else 2
        project.run(*words).expect(code, "migrations/0002_add_some_notes.sql", unwritten)
    project.run("migrate.to", "1").expect(0)
    (project.root / created[0]).write_text(text + "CREATE TABLE notes (x);\n")
    project.run("migrate.up").expect(2, "memsql.sum does not match", "memsql migrate.sum")
    project.run("migrate.sum", "--check").expect(1, "0002_add_some_notes.sql: the file changed")
    project.run("migrate.sum").expect(0)
    project.run("migrate.sum", "--check").expect(0)
    project.run("migrate.up").expect(0, "applied 0002_add_some_notes")
    project.run("migrate.down").expect(6, "holds no statement")


def test_create_in_an_empty_project_and_with_bad_names(tmp_path: Path) -> None:
    empty = Project(tmp_path)
    empty.run("migrate.create", "first", "--foreign-keys-off").expect(0, "migrations/0001_first.sql")
    assert "-- foreign_keys: off" in (tmp_path / "migrations" / "0001_first.sql").read_text()
    empty.run("migrate.create", "first").expect(0, "migrations/0002_first.sql")
    for bad in ("../x", "a/b", "a.sql", "'; DROP"):
        empty.run("migrate.create", bad).expect(2, "makes no migration name")


def test_create_keeps_the_width_of_versions(tmp_path: Path) -> None:
    wide = Project(tmp_path)
    wide.add("20260101120000_first", "CREATE TABLE a (x);\n")
    wide.run("migrate.create", "next").expect(0, "20260101120001_next.sql")


def test_the_sum_is_as_specified(project: Project) -> None:
    project.run("migrate.sum").expect(0)
    lines = (project.root / "migrations" / "memsql.sum").read_text().splitlines()
    assert lines[0] == "memsql.sum 1"
    chain = ""
    for line, name in zip(lines[1:], ("0001_a.sql", "0001_a.rollback.sql"), strict=True):
        digest = hashlib.sha256((project.root / "migrations" / name).read_bytes()).hexdigest()
        chain = hashlib.sha256(f"{chain}\n{name}\n{digest}".encode()).hexdigest()
        assert line == f"{digest} {chain[:32]} {name}"


def test_repair_restamps_layout_by_itself_and_the_rest_for_a_reason(project: Project) -> None:
    project.up()
    up = (project.root / "migrations" / "0001_a.sql").read_bytes()
    down = (project.root / "migrations" / "0001_a.rollback.sql").read_bytes()
    raw = hashlib.sha256(up.replace(b"\n", b"\r\n") + b"\0" + down.replace(b"\n", b"\r\n")).hexdigest()
    with closing(sqlite3.connect(project.db)) as conn:
        conn.execute("UPDATE schema_migrations SET checksum = ?", (raw,))
        conn.commit()
    project.run("migrate.up").expect(2, "then changed")
    project.run("migrate.repair").expect(0, "differ by line endings alone")
    project.run("migrate.status", "--check").expect(0)

    project.add("0001_a", "-- First\nCREATE TABLE a (x); -- changed\n", "DROP TABLE a;\n")
    project.run("migrate.repair").expect(0, "only comments or white space changed")
    project.run("migrate.repair").expect(0, "nothing to repair")
    project.add("0001_a", "-- First\nCREATE TABLE a (x INTEGER);\n", "DROP TABLE a;\n")
    project.run("migrate.repair").expect(0, "nothing to repair")
    project.run("migrate.status", "--check").expect(1)
    project.run("migrate.repair", "--version", "7").expect(2, "there is no migration 7")
    project.run("migrate.repair", "--version", "1").expect(2, "content differs")
    project.run("migrate.repair", "--version", "1", "--accept", "so it is").expect(0, "re-stamp 0001_a", "checksum")
    project.run("migrate.status", "--check").expect(0)
    assert project.query("SELECT operation, status FROM memsql_history ORDER BY id DESC LIMIT 1") == [("repair", "ok")]


def test_repair_accepts_a_rename_and_forgets_a_missing_file(project: Project) -> None:
    project.up()
    project.rename("0001_a", "0001_better")
    project.run("migrate.up").expect(2, "applied under the name 0001_a")
    project.run("migrate.repair", "--version", "1").expect(0)
    assert project.applied() == ["0001_better"]
    project.run("migrate.status", "--check").expect(0)
    project.add("0002_b", "CREATE TABLE b (x);\n")
    project.run("migrate.up").expect(0)
    project.remove("0002_b")
    project.run("migrate.repair", "--version", "2").expect(0, "forget 0002_b")
    project.run("migrate.status", "--check").expect(0)
    assert project.query("SELECT count(*) FROM b") == [(0,)]


def test_what_a_stopped_create_left_is_named_and_removed_by_the_next_one(project: Project) -> None:
    """The migration itself is written last: without it nobody can have worked on the rest."""
    created = project.run("migrate.create", "x", "--json").expect(0).json()["files"]
    up, down, check = (project.root / name for name in created[:3])
    written = up.read_bytes(), down.read_bytes(), check.read_bytes()
    up.unlink()
    project.run("migrate.status").expect(
        2, "0002_x.rollback.sql is a rollback without its migration", "delete it: rm migrations/0002_x.rollback.sql"
    )
    report = project.run("migrate.create", "y", "--json").expect(0).json()
    assert report["removed"] == ["migrations/0002_x.rollback.sql", "sql/checks/0002_x.sql"]
    assert not down.exists()
    assert not check.exists()
    assert (project.migrations / "0002_y.sql").exists()

    # What somebody has worked on stays, as does what has its migration.
    up.write_bytes(written[0])
    down.write_bytes(written[1])
    assert project.run("migrate.create", "z", "--json").code == 2
    assert down.exists()
    up.unlink()
    down.write_bytes(written[1] + b"DROP TABLE x;\n")
    project.run("migrate.create", "z").expect(2, "is a rollback without its migration", "or delete it")
    assert down.exists()
    down.write_bytes(written[1].replace(b"\n", b"\r\n"))
    project.run("migrate.create", "z").expect(
        0, "removed migrations/0002_x.rollback.sql, which a stopped migrate.create"
    )


def test_a_create_that_fails_leaves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from memsql.author import files
    from memsql.config import load
    from memsql.errors import FileError
    from memsql.storage import replacing

    before = sorted(project.root.rglob("*"))
    places: list[Path] = []

    def fail_the_last(temporary: Path, final: Path) -> None:
        places.append(final)
        if final.name == "0002_x.sql" and final.parent.name == "migrations":
            raise OSError(5, "Input/output error")
        temporary.rename(final)

    monkeypatch.setattr(replacing, "place", fail_the_last)
    with pytest.raises(FileError, match=r"0002_x\.sql cannot be written: Input/output error"):
        files.create_pair(load(project=str(project.root)), "x")
    assert len(places) == 3
    assert [path for path in sorted(project.root.rglob("*")) if path not in before] == [
        project.root / "sql",
        project.root / "sql" / "checks",
    ]


def test_a_pair_whose_sum_was_not_written_is_gone_on_with(project: Project) -> None:
    project.run("migrate.sum").expect(0)
    sums = project.migrations / "memsql.sum"
    before = sums.read_bytes()
    created = project.run("migrate.create", "x", "--json").expect(0).json()["files"]
    after = project.files()
    sums.write_bytes(before)
    assert project.run("migrate.create", "x", "--json").expect(0).json()["files"] == created
    assert project.files() == after
    assert "0003_x" in project.run("migrate.create", "x").expect(0).out
