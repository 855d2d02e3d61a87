"""Definitions that were changed by hand are drift to verify, adoption and the check of the snapshot; other spellings of
them are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

BASE = """CREATE TABLE team (id INTEGER PRIMARY KEY);
CREATE TABLE member (
    id INTEGER PRIMARY KEY,
    mail TEXT UNIQUE ON CONFLICT IGNORE,
    nick TEXT COLLATE NOCASE,
    team_id INTEGER REFERENCES team (id) DEFERRABLE INITIALLY DEFERRED,
    w INTEGER CHECK (w > 0),
    double INTEGER AS (w * 2) STORED
);
"""
CHANGES = {
    "UNIQUE": (" UNIQUE ON CONFLICT IGNORE", ""),
    "ON CONFLICT": (" ON CONFLICT IGNORE", ""),
    "COLLATE": (" COLLATE NOCASE", ""),
    "DEFERRABLE": (" DEFERRABLE INITIALLY DEFERRED", ""),
    "CHECK": ("w > 0", "w >= 0"),
    "generated expression": ("w * 2", "w * 3"),
    "STORED": (" STORED", ""),
    "foreign key": (" REFERENCES team (id) DEFERRABLE INITIALLY DEFERRED", ""),
}
SPELLED = """create table "team" ('id' integer, primary key (ID asc));
create table member (
    id integer primary key, mail text, nick text collate "nocase" null, team_id integer, w integer, double integer
    generated always as ((W*2)) stored, constraint one unique ("mail") on conflict ignore, check ((w) > 0)
    foreign key (team_id) references team on delete no action deferrable initially deferred
);
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_base", BASE, "DROP TABLE member;\nDROP TABLE team;\n")
    return project


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_definition_changed_by_hand(project: Project, change: tuple[str, str]) -> None:
    assert BASE.count(change[0]) == 1
    changed = BASE.replace(*change)
    project.script(changed)
    project.run("migrate.up").expect(6, "member")
    (project.root / "sql").mkdir(exist_ok=True)
    (project.root / "sql" / "schema.sql").write_text(changed)
    project.run("schema.dump", "--check").expect(1, "table member")
    project.db.unlink()
    project.run("migrate.up").expect(0)
    project.script(f"DROP TABLE member; DROP TABLE team; {changed}")
    project.run("verify").expect(1, "schema", "member")


def test_another_spelling_is_no_drift(project: Project) -> None:
    project.script(SPELLED)
    project.run("migrate.up").expect(0, "0001_base counts as applied")
    project.run("verify").expect(0, "proven")
    (project.root / "sql").mkdir(exist_ok=True)
    (project.root / "sql" / "schema.sql").write_text(SPELLED)
    project.run("schema.dump", "--check").expect(0, "fresh")


def test_a_name_in_other_letters_is_a_warning(project: Project) -> None:
    project.script(BASE.replace("nick", "Nick"))
    project.run("migrate.up").expect(0, "0001_base counts as applied")
    project.run("verify").expect(0, "column nick is spelled Nick")
