"""verify on a database that is on its way: what the upgrades so far promise is judged, what later ones do is not."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import cli
import eras
import extent
import pytest
import servers
from cli import Project
from eras import CASES, NAMES
from places import ROOT
from reference_project import memsql, succeed

from memsql.server import Running

pytestmark = pytest.mark.slow

PASSED = "All 17 verification tests passed"


@pytest.mark.parametrize(("era", "drift"), extent.some(CASES, 16, first=2), ids=extent.some(NAMES, 16, first=2))
def test_phases_with_a_verification_after_each(tmp_path: Path, era: str, drift: dict[str, Any]) -> None:
    database = eras.build(tmp_path / "a.db", era, "tiny", **drift)
    for phase in ("phase1", "phase2", "align"):
        succeed(database, f"legacy.{phase}")
        succeed(database, "verify")
    succeed(database, "migrate.up")
    assert PASSED in succeed(database, "verify", "--only", "schema")


@pytest.mark.server
@pytest.mark.parametrize("era", extent.some(eras.ERAS, 7, first=1))
def test_phases_with_a_verification_after_each_on_a_server(empty_server: Running, tmp_path: Path, era: str) -> None:
    drift = {"no_entities_fts": True} if era.startswith("1.2") else {}
    servers.load(eras.build(tmp_path / "a.db", era, "empty", **drift), empty_server.url)
    for words in (["legacy.phase1"], ["verify"], ["legacy.phase2"], ["verify"], ["migrate.up"]):
        cli.run(*words, "--project", str(ROOT), "--database", empty_server.url, cwd=tmp_path).expect(0)
    only = ("verify", "--only", "schema")
    cli.run(*only, "--project", str(ROOT), "--database", empty_server.url, cwd=tmp_path).expect(0, PASSED)


def test_what_waits_is_said_with_its_upgrade(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "empty")
    succeed(database, "legacy.phase1")
    report = json.loads(succeed(database, "verify", "--only", "schema", "--json"))
    waiting = {check["name"]: check["waits_for"] for check in report["checks"] if not check["ok"]}
    assert report["tests"] == 17
    assert report["passed"] == 17 - len(waiting)
    assert waiting["users.api_key_hash present"] == "legacy upgrade phase2"
    assert waiting["composite entities indexes present"] == "legacy upgrade align"
    assert "later: " in report["verdict"]
    assert "not adopted yet: it is 1.2_phase1 and waits for phase2, align" in succeed(database, "verify")


def test_what_phase_1_promised_and_somebody_broke_fails(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "empty")
    succeed(database, "legacy.phase1")
    with closing(sqlite3.connect(database)) as conn:
        conn.execute("CREATE INDEX idx_entities_type ON entities (entity_type)")
    failed = memsql(database, "verify")
    assert failed.returncode == 1
    assert "index idx_entities_type is still there" in failed.stdout


def test_a_database_before_the_first_upgrade_fails(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "empty")
    failed = memsql(database, "verify")
    assert failed.returncode == 1
    assert "was never adopted" in failed.stdout
    failed = memsql(database, "verify", "--only", "schema")
    assert failed.returncode == 1
    assert "of 17 verification tests passed" in failed.stdout
    assert "learned_patterns gone" in failed.stdout.splitlines()[-1]


def test_only_runs_the_checks_of_a_name(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", "DROP TABLE a;\n")
    project.add("0002_b", "CREATE TABLE b (id INTEGER PRIMARY KEY);\n", "DROP TABLE b;\n")
    project.check("rows_01_a", "SELECT 'a row' FROM a", name="no rows in a")
    project.check("rows_02_b", "SELECT 'a row' FROM a", severity="warning")
    project.check("0002_b", "SELECT 'gone' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'b')")
    project.up("--to", "1")
    project.run("verify", "--only", "rows").expect(0, "All 2 verification tests passed")
    project.run("verify", "--only", "rows_01_a").expect(0, "The one verification test passed")
    project.run("verify", "--only", "0002").expect(
        0, "0 of 1 verification test passed; later: 0002_b (not before migration 0002)"
    )
    project.script("INSERT INTO a VALUES (1)")
    project.run("verify", "--only", "rows").expect(
        1, "0 of 2 verification tests passed; 2 did not: no rows in a, rows_02_b (warning)"
    )
    project.run("verify", "--only", "row").expect(2, "they begin with: 0002, rows")
    project.run("verify", "--only", "rows", "--record").expect(2, "--only and --record do not go together")
