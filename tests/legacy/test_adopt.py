"""legacy.*: recognise, adopt, upgrade by upgrade, and back."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import eras
import extent
import pytest
from eras import CASES, NAMES
from places import ROOT
from reference_project import memsql, succeed

pytestmark = pytest.mark.slow


def status(database: Path) -> dict[str, object]:
    return dict(json.loads(memsql(database, "legacy.status", "--json").stdout))


def schema_text(database: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(database)) as conn:
        return conn.execute(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema "
            "WHERE name NOT LIKE 'memsql\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1, 2"
        ).fetchall()


def names(database: Path) -> set[str]:
    return {row[1] for row in schema_text(database)}


@pytest.mark.parametrize(("era", "drift"), extent.some(CASES, 5), ids=extent.some(NAMES, 5))
def test_status_recognises_the_era_and_reads_only(tmp_path: Path, era: str, drift: dict[str, Any]) -> None:
    database = eras.build(tmp_path / "a.db", era, "empty", **drift)
    digest = hashlib.sha256(database.read_bytes()).hexdigest()

    report = status(database)

    assert report["ok"] is True
    assert report["managed"] is False
    expected = {era}
    if era == "1.3" or "npm_statuses" in drift:
        expected = {"1.3", "2.0_npm", "migration 0001_baseline", "migration 0002_add_missing_indices"}
    if era == "2.0_npm":
        expected |= {"migration 0002_add_missing_indices"}
    if era in ("1.2_phase1", "1.2_phase2"):
        expected |= {"1.2"}
    assert report["era"] in expected
    assert hashlib.sha256(database.read_bytes()).hexdigest() == digest
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.db"]


@pytest.mark.parametrize("era", extent.some(["1.0", "1.1", "1.2"], 3))
def test_each_upgrade_alone_and_back(tmp_path: Path, era: str) -> None:
    database = eras.build(tmp_path / "a.db", era, "tiny", seed=3, learned_patterns_rows=True)
    start, content = names(database), eras.content_hash(database)

    for task in ("phase1", "phase2", "align"):
        before = database.read_bytes()
        assert "rehearsal" in succeed(database, f"legacy.{task}", "--dry-run")
        assert database.read_bytes() == before
        succeed(database, f"legacy.{task}")
        assert "nothing to do" in succeed(database, f"legacy.{task}")
    assert eras.lost(content, eras.content_hash(database)) == []

    for number in ("3", "2", "1"):
        succeed(database, "legacy.rollback", "--phase", number)
    assert names(database) == start
    assert eras.content_hash(database) == content
    assert status(database)["era"] == era


def test_upgrades_run_in_order(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.1", "empty")
    refused = memsql(database, "legacy.phase2")
    assert refused.returncode == 2
    assert "phase1 comes before phase2" in refused.stderr
    succeed(database, "legacy.phase1")
    succeed(database, "legacy.phase2")
    early = memsql(database, "legacy.rollback", "--phase", "1")
    assert early.returncode == 2
    assert "phase2" in early.stderr


def test_migrate_up_goes_on_after_a_single_upgrade(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.0", "small")
    content = eras.content_hash(database)
    succeed(database, "legacy.phase1")
    succeed(database, "migrate.up")
    succeed(database, "verify")
    assert eras.lost(content, eras.content_hash(database)) == []


def test_adopt_stops_before_the_next_migration_and_can_be_taken_back(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "small")
    shutil.copy(database, tmp_path / "copy.db")
    assert "counts as applied" in succeed(database, "legacy.adopt")
    states = [m["state"] for m in json.loads(succeed(database, "migrate.status", "--json"))["migrations"]]
    assert states == ["applied", "pending", "pending", "pending"]
    assert "nothing to do" in succeed(database, "legacy.adopt")

    succeed(database, "migrate.up", "--to", "2")
    refused = memsql(database, "legacy.rollback", "--phase", "3")
    assert refused.returncode == 6
    assert "0002_add_missing_indices" in refused.stderr
    succeed(database, "migrate.down")
    for number in ("3", "2", "1"):
        succeed(database, "legacy.rollback", "--phase", number)
    assert status(database)["managed"] is False
    assert eras.content_hash(database) == eras.content_hash(tmp_path / "copy.db")


@pytest.mark.parametrize("era", ["1.2", "1.3"])
def test_what_an_adoption_kept_is_no_drift_afterwards(tmp_path: Path, era: str) -> None:
    """The check of every month would fail for ever otherwise."""
    patterns = {"learned_patterns_rows": True} if era == "1.2" else {}
    database = eras.build(tmp_path / "a.db", era, "tiny", extra_columns=True, **patterns)
    succeed(database, "migrate.up")
    assert "all of it was kept by the adoption" in succeed(database, "schema.diff", "--check")
    kept = json.loads(succeed(database, "schema.diff", "--json"))["kept"]
    assert "extra: column users.phone_verified" in kept
    assert ("extra: table learned_patterns_retired" in kept) is (era == "1.2")

    with closing(sqlite3.connect(database)) as conn:
        conn.executescript("CREATE TABLE by_hand (x)")
    done = memsql(database, "schema.diff", "--check")
    assert done.returncode == 1
    assert "+ table by_hand" in done.stdout
    assert "of that the adoption of this database kept: extra: column" in done.stdout


def test_adoption_keeps_the_dates_of_the_legacy_ledger(tmp_path: Path) -> None:
    plain = eras.build(tmp_path / "plain.db", "1.2", "empty")
    succeed(plain, "migrate.up")
    rows = json.loads(succeed(plain, "migrate.status", "--json"))["migrations"]
    assert rows[0]["applied_at"].startswith("2023-04-05T06:07:08")
    with closing(sqlite3.connect(plain)) as conn:
        assert conn.execute("SELECT version, applied_at FROM schema_version").fetchall() == [
            (1, "2023-04-05T06:07:08Z")
        ]

    npm = eras.build(tmp_path / "npm.db", "2.0_npm", "empty")
    with closing(sqlite3.connect(npm)) as conn:
        before = conn.execute("SELECT version, applied_at, applied_by FROM schema_migrations").fetchall()
    succeed(npm, "migrate.up")
    with closing(sqlite3.connect(npm)) as conn:
        after = conn.execute("SELECT version, applied_at, applied_by, checksum FROM schema_migrations").fetchall()
    for old, new in zip(before, after, strict=False):
        assert new[0] == old[0]
        assert new[1][:19] == old[1][:19]
        assert new[2] == old[2]
        assert len(new[3]) == 64
    states = [m["state"] for m in json.loads(succeed(npm, "migrate.status", "--json"))["migrations"]]
    assert states == ["applied"] * 4


def test_a_database_of_nobody_is_refused_and_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "other.db"
    with closing(sqlite3.connect(database)) as conn:
        conn.executescript("CREATE TABLE users (id INTEGER PRIMARY KEY); INSERT INTO users VALUES (1);")
    before = database.read_bytes()
    for task in ("migrate.up", "legacy.adopt"):
        refused = memsql(database, task)
        assert refused.returncode == 6, refused.stderr
        assert "nearest:" in refused.stderr
        assert "missing:" in refused.stderr
        assert "nothing was changed" in refused.stderr
    assert memsql(database, "legacy.status").returncode == 1
    assert memsql(database, "verify").returncode == 1
    assert database.read_bytes() == before


def test_the_schema_migrations_of_a_stranger_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "rails.db"
    with closing(sqlite3.connect(database)) as conn:
        conn.executescript("CREATE TABLE schema_migrations (version VARCHAR PRIMARY KEY);")
    before = database.read_bytes()
    refused = memsql(database, "migrate.up")
    assert refused.returncode == 6
    assert "a table of dbmate with that name" in refused.stderr
    assert "--take-over" in refused.stderr
    assert database.read_bytes() == before


def test_rows_of_a_retired_table_are_kept_and_reported(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.1", "small", learned_patterns_rows=True)
    count = eras.row_counts(database)["learned_patterns"]
    assert count > 0
    succeed(database, "migrate.up")
    assert eras.row_counts(database)["learned_patterns_retired"] == count
    assert "learned_patterns_retired" in succeed(database, "verify")


def test_vanilla_yoyo_sees_an_adopted_database_as_applied(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.1", "empty")
    succeed(database, "migrate.up")
    script = Path(subprocess.sys.executable).with_name("yoyo")  # type: ignore[attr-defined]
    listed = subprocess.run(
        [str(script), "list", "-b", "-d", f"sqlite:///{database}", str(ROOT / "migrations")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    ).stdout
    assert [line.split()[0] for line in listed.splitlines()[2:]] == ["A"] * 4
