"""backup.drill: a backup is restored beside, verified, and its last migration rolled back and applied again."""

from __future__ import annotations

from pathlib import Path

import eras
import pytest
from cli import Project

NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    new = Project(tmp_path / "my project's")
    new.add("0001_notes", NOTES, "DROP TABLE notes;\n")
    new.add("0002_index", "CREATE INDEX notes_by_body ON notes (body);\n", "DROP INDEX notes_by_body;\n")
    new.up()
    new.script("INSERT INTO notes (body) VALUES ('one'), ('two')")
    return new


def outcomes(project: Project, code: int = 0) -> dict[str, str]:
    done = project.run("backup.drill", "--json").expect(code).json()
    assert done["ok"] == (code == 0)
    return {step["name"]: step["outcome"] for step in done["steps"]}


def test_a_good_backup_passes_and_nothing_is_changed(project: Project) -> None:
    project.run("backup").expect(0)
    before = project.files()
    assert outcomes(project) == {"restore": "ok", "verify": "ok", "back and forth": "ok"}
    project.run("backup.drill").expect(0, "this backup restores", "2 index rolled back and applied", "every hash equal")
    assert project.files() == before


def test_the_database_itself_is_not_needed(project: Project) -> None:
    project.run("backup").expect(0)
    project.db.unlink()
    assert set(outcomes(project).values()) == {"ok"}


def test_a_rollback_that_would_lose_rows_is_a_warning(project: Project) -> None:
    project.run("migrate.down").expect(0)
    project.remove("0002_index")
    project.run("backup").expect(0)
    assert outcomes(project) == {"restore": "ok", "verify": "ok", "back and forth": "warning"}
    project.run("backup.drill").expect(0, "1 notes cannot be rolled back without loss", "notes")


def test_a_rollback_that_does_not_restore_the_schema_fails(project: Project) -> None:
    project.add(
        "0003_view",
        "CREATE VIEW recent AS SELECT * FROM notes;\nCREATE INDEX stays ON notes (id, body);\n",
        "DROP VIEW recent;\n",
    )
    project.up()
    project.run("backup").expect(0)
    assert outcomes(project, 1)["back and forth"] == "failed"
    project.run("backup.drill").expect(1, "3 view", "already exists")


def test_a_changed_byte_ends_the_drill_at_once(project: Project) -> None:
    project.run("backup").expect(0)
    backup = next((project.root / "backups").glob("*.db"))
    backup.chmod(0o600)
    data = bytearray(backup.read_bytes())
    data[len(data) // 2] ^= 1
    backup.write_bytes(data)
    assert outcomes(project, 1) == {"restore": "failed"}


def test_a_database_that_was_never_migrated(tmp_path: Path) -> None:
    project = Project(tmp_path)
    eras.build(project.db, "1.2", "empty")
    project.run("backup").expect(0)
    assert outcomes(project) == {"restore": "ok", "verify": "skipped", "back and forth": "skipped"}


def test_without_a_backup_there_is_nothing_to_drill(project: Project) -> None:
    project.run("backup.drill").expect(2, "there is no proven backup", "memsql backup")
