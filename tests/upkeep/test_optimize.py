"""maintain.optimize: which statistics and which plans change."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

ROWS = """
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER, kind TEXT, body TEXT);
CREATE INDEX notes_user ON notes (user_id);
CREATE INDEX notes_kind ON notes (kind);
CREATE TABLE tags (note INTEGER, tag TEXT);
CREATE INDEX tags_note ON tags (note);
CREATE VIRTUAL TABLE notes_fts USING fts5 (body, content = 'notes', content_rowid = 'id');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO notes SELECT i, i, 'note', 'text' FROM n;
INSERT INTO tags SELECT id, 'a' FROM notes;
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.script(ROWS)
    folder = project.root / "sql" / "queries"
    folder.mkdir(parents=True)
    (folder / "notes.sql").write_text(
        "-- name: notes of a user\nSELECT body FROM notes WHERE kind = 'note' AND user_id > 2990;\n"
    )
    return project


def test_statistics_and_plans_that_change(project: Project) -> None:
    before = project.files()
    report = project.run("maintain.optimize", "--dry-run", "--json").expect(0).json()
    assert project.files() == before
    changed = {(s["table"], s["index"]): s for s in report["changed"]}
    assert changed["notes", "notes_user"]["before"] is None
    assert {table for table, _ in changed} == {"notes", "tags"}
    assert len(report["plans"]) == 1
    assert report["plans"][0].startswith("notes of a user: SEARCH notes USING INDEX notes_kind (kind=?) -> ")
    assert report["worse"] == []
    assert report["full_text"] == ["notes_fts"]
    project.run("maintain.optimize").expect(0, "1 of 1 plan of hot queries changed", "memsql fts.optimize")
    assert project.one("SELECT count(*) FROM sqlite_stat1") == report["statistics"]
    project.run("maintain.optimize").expect(0, "0 statistics changed", "0 of 1 plan of hot queries changed")


def test_all_anew(project: Project) -> None:
    project.run("maintain.optimize", "--full").expect(0)
    assert ("notes", "notes_kind", "3000 3000") in project.query("SELECT * FROM sqlite_stat1")
    project.script("DELETE FROM notes WHERE id > 10")
    report = project.run("maintain.optimize", "--full", "--limit", "100", "--json").expect(0).json()
    assert ["3000 3000", "10 10"] in [[s["before"], s["after"]] for s in report["changed"]]
    project.run("maintain.optimize", "--limit", "x").expect(2, "--limit x: give a number of entries")
