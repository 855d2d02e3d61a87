"""The smoke test of the reference database: it passes from every era on, and each step sees what is broken."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import extent
import pytest
import servers
from cli import Project, content
from eras import ERAS, build
from places import ROOT
from reference import MIGRATIONS, rollback_text

from memsql.server import Running

pytestmark = pytest.mark.slow

STEPS = sorted((ROOT / "sql" / "smoke").glob("*.sql"))
DAMAGE = {
    "01_authentication": [
        "UPDATE users SET api_key_hash = 'memsql-smoke-hash-of-another-key'",
        "CREATE TABLE u AS SELECT * FROM users; DROP TABLE users; ALTER TABLE u RENAME TO users",
    ],
    "02_memories": [
        "DROP TRIGGER memories_fts_insert",
        "DROP TRIGGER memories_fts_update",
        "DROP TRIGGER memories_fts_delete",
        rollback_text(MIGRATIONS[2]),
        "ALTER TABLE memories DROP COLUMN metadata",
    ],
    "03_entities": ["DROP TRIGGER entities_fts_insert", "DROP TRIGGER entities_fts_update"],
    "04_vector_search": [
        "CREATE TRIGGER short AFTER INSERT ON memories WHEN new.embedding IS NOT NULL BEGIN "
        "UPDATE memories SET embedding = substr(embedding, 1, 4001) || '0]' WHERE id = new.id; END",
        "CREATE TRIGGER flat AFTER INSERT ON memories WHEN new.title = 'Angle 1' BEGIN "
        "UPDATE memories SET embedding = replace(embedding, '0.75', '-0.75') WHERE id = new.id; END",
    ],
    "05_usage": [
        "CREATE TABLE u AS SELECT * FROM api_usage_tracking; DROP TABLE api_usage_tracking; "
        "ALTER TABLE u RENAME TO api_usage_tracking",
    ],
    "06_account_removal": [
        "CREATE TABLE i AS SELECT * FROM interactions; DROP TABLE interactions; ALTER TABLE i RENAME TO interactions",
        "DROP TRIGGER entities_fts_delete",
    ],
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for folder in ("migrations", "sql"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return Project(tmp_path)


@pytest.fixture
def newest(project: Project) -> Project:
    build(project.db, "1.3", "small", seed=3)
    project.up()
    return project


@pytest.mark.parametrize("era", extent.some(ERAS, 3))
def test_every_era_passes_after_its_migrations(project: Project, era: str) -> None:
    build(project.db, era, "small", seed=11)
    project.run("smoke").expect(2, "not at the version that the steps need", "memsql migrate.up")
    project.up()
    before = content(project.db)
    project.run("smoke").expect(0, f"{len(STEPS)} steps passed; rolled back, nothing was left behind")
    assert content(project.db) == before


def test_a_fresh_database_passes(project: Project) -> None:
    project.up()
    project.run("smoke").expect(0, "nothing was left behind")


@pytest.mark.server
def test_a_server_passes(newest: Project, empty_server: Running) -> None:
    servers.load(newest.db, empty_server.url)
    report = newest.run("smoke", "--json", "--database", empty_server.url).expect(0).json()
    assert report["nothing_left"]
    assert len(report["steps"]) == len(STEPS)


@pytest.mark.parametrize(
    ("name", "damage"),
    [(name, damage) for name, damages in DAMAGE.items() for damage in damages],
    ids=[f"{name}-{n}" for name, damages in DAMAGE.items() for n in range(len(damages))],
)
def test_a_step_sees_what_is_broken(newest: Project, name: str, damage: str) -> None:
    newest.script(damage)
    before = content(newest.db)
    steps = newest.run("smoke", "--json").expect(1).json()["steps"]
    assert not next(step["ok"] for step in steps if step["path"] == f"sql/smoke/{name}.sql")
    assert content(newest.db) == before


def test_every_step_has_its_damage() -> None:
    assert [path.stem for path in STEPS] == sorted(DAMAGE)


def test_it_can_be_run_by_hand(newest: Project) -> None:
    """What formats.md tells a person to type prints nothing, and changes nothing."""
    if shutil.which("sqlite3") is None:
        pytest.skip("there is no sqlite3 program")
    before = content(newest.db)
    lines = ["PRAGMA foreign_keys = ON;", "BEGIN;", *(f".read {path}" for path in STEPS), "ROLLBACK;"]
    done = subprocess.run(
        ["sqlite3", str(newest.db)], input="\n".join(lines), capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert content(newest.db) == before
