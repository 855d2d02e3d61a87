"""legacy.rollback: one upgrade by any of its names, or the whole legacy track in one transaction."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import cli
import eras
import extent
import pytest
import servers
from cli import content
from places import ROOT
from reference_project import memsql, succeed

from memsql.server import Running

pytestmark = pytest.mark.slow

BOOKS = frozenset({"schema_migrations", "memsql_history", "_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock"})


def schema_and_rows(database: Path) -> tuple[object, ...]:
    """What the application sees, and nothing of the ledger."""
    return content(database, without=BOOKS)


def figures(database: Path) -> tuple[int, int]:
    """Tables and indexes, as the stats count them."""
    report = json.loads(succeed(database, "schema.stats", "--json"))
    return report["tables"], report["indexes"]


@pytest.mark.parametrize(
    ("era", "words"), extent.some([("1.0", []), ("1.1", ["--all"]), ("1.2", ["--", "--all"])], 3, first=1)
)
def test_the_whole_track_in_one_go_from_an_adopted_database(tmp_path: Path, era: str, words: list[str]) -> None:
    database = eras.build(tmp_path / "a.db", era, "tiny", seed=3, learned_patterns_rows=True)
    names, rows = eras.row_counts(database), eras.content_hash(database)
    before = figures(database)
    succeed(database, "legacy.adopt")

    adopted = schema_and_rows(database)
    rehearsed = json.loads(succeed(database, "legacy.rollback", "--json", "--dry-run", *words))
    assert rehearsed["dry_run"] is True
    assert schema_and_rows(database) == adopted

    out = succeed(database, "legacy.rollback", *words)
    order = [out.index(f"rolled back legacy upgrade {name} (proven)") for name in ("align", "phase2", "phase1")]
    assert order == sorted(order)
    assert "0001_baseline no longer counts as applied" in out
    assert figures(database) == before
    assert eras.row_counts(database) == names
    assert eras.content_hash(database) == rows
    assert json.loads(succeed(database, "legacy.status", "--json"))["era"] == era
    assert "nothing to undo" in succeed(database, "legacy.rollback", *words)


def test_what_came_after_the_track_is_named_with_the_command(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "small", seed=3)
    rows = eras.content_hash(database)
    succeed(database, "migrate.up")
    for words in (["legacy.rollback"], ["legacy.rollback", "--dry-run"], ["legacy.rollback", "--phase", "align"]):
        before = schema_and_rows(database)
        refused = memsql(database, *words)
        assert refused.returncode == 6
        assert "0002_add_missing_indices, 0003_fix_fts_triggers" in refused.stderr
        assert "nothing was changed" in refused.stderr
        assert "memsql migrate.down --to 1" in refused.stderr
        assert schema_and_rows(database) == before
    succeed(database, "migrate.down", "--to", "1")
    succeed(database, "legacy.rollback")
    assert eras.content_hash(database) == rows


def test_a_part_of_the_track_goes_back_too(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.1", "small")
    before = figures(database)
    succeed(database, "legacy.phase1")
    report = json.loads(succeed(database, "legacy.rollback", "--json"))
    assert report["steps"][0] == "rolled back legacy upgrade phase1 (proven)"
    assert figures(database) == before


@pytest.mark.parametrize("era", extent.some(["1.3", "2.0_npm"], 2))
def test_a_database_that_needed_no_upgrade_is_left_alone(tmp_path: Path, era: str) -> None:
    database = eras.build(tmp_path / "a.db", era, "small")
    succeed(database, "migrate.up")
    before = content(database)
    report = json.loads(succeed(database, "legacy.rollback", "--json"))
    assert report["steps"] == ["nothing to undo: memsql ran no legacy upgrade here"]
    assert content(database) == before


@pytest.mark.parametrize(
    ("era", "names"),
    [("1.3", ["1", "phase2", "align"]), ("2.0_npm", ["Phase 1", "phase2", "3"]), ("1.2", ["phase1", "2", "align"])],
)
def test_an_upgrade_that_did_not_run_is_not_undone(tmp_path: Path, era: str, names: list[str]) -> None:
    database = eras.build(tmp_path / "a.db", era, "tiny")
    if era != "1.2":
        succeed(database, "legacy.adopt")
    before = content(database)
    for name, called in zip(names, ("phase1", "phase2", "align"), strict=True):
        report = json.loads(succeed(database, "legacy.rollback", "--json", f"--phase={name}"))
        assert report["steps"] == [f"nothing to undo: {called} did not run in this database"]
        assert content(database) == before


def test_an_upgrade_that_another_tool_ran_is_undone(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2_phase2", "tiny")
    for phase, indexes in ((2, 13), (1, 23)):
        assert f"rolled back legacy upgrade phase{phase} (proven)" in succeed(
            database, "legacy.rollback", f"--phase={phase}"
        )
        assert figures(database)[1] == indexes
    assert json.loads(succeed(database, "legacy.status", "--json"))["era"] == "1.2"


def test_it_is_one_transaction(tmp_path: Path) -> None:
    """The last upgrade to be undone fails, and those before it are not undone either."""
    database = eras.build(tmp_path / "a.db", "1.2", "small")
    succeed(database, "legacy.adopt")
    with closing(sqlite3.connect(database)) as conn:
        conn.execute("CREATE VIEW idx_patterns_type AS SELECT 1")
        conn.commit()
    before = content(database)
    failed = memsql(database, "legacy.rollback")
    assert failed.returncode in (5, 6), failed.stdout + failed.stderr
    assert content(database) == before


@pytest.mark.parametrize(
    ("names", "number"),
    [
        (["align", "3", "Phase 3", "L3_align", "ALIGN"], 3),
        (["phase2", "2", "Phase 2", "phase-2"], 2),
        (["phase1", "1", "Phase 1", "PHASE 1", "01", " phase 1 "], 1),
    ],
)
def test_an_upgrade_has_several_names(tmp_path: Path, names: list[str], number: int) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "small")
    for task in ("phase1", "phase2", "align")[:number]:
        succeed(database, f"legacy.{task}")
    undone = f"rolled back legacy upgrade {('phase1', 'phase2', 'align')[number - 1]} (proven)"
    for name in names:
        assert undone in succeed(database, "legacy.rollback", "--dry-run", f"--phase={name}")
    assert undone in succeed(database, "legacy.rollback", "--dry-run", names[0])
    assert undone in succeed(database, "legacy.rollback", "--", f"--phase={names[-1]}")


@pytest.mark.parametrize("name", ["4", "0", "-1", "1.5", "beta", "", "Phase", "Phase 9"])
def test_an_unknown_upgrade_is_usage(tmp_path: Path, name: str) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "empty")
    refused = memsql(database, "legacy.rollback", f"--phase={name}")
    assert refused.returncode == 2
    assert "known: 1 (phase1), 2 (phase2), 3 (align)" in refused.stderr


def test_one_or_all(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "empty")
    refused = memsql(database, "legacy.rollback", "--phase", "1", "--all")
    assert refused.returncode == 2
    assert "--phase and --all do not go together" in refused.stderr


def test_the_order_is_said_with_the_command(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "empty")
    succeed(database, "legacy.adopt")
    refused = memsql(database, "legacy.rollback", "--phase", "Phase 1")
    assert refused.returncode == 2
    assert "memsql legacy.rollback --phase align" in refused.stderr


@pytest.mark.server
def test_the_whole_track_on_a_server(tmp_path: Path, empty_server: Running) -> None:
    servers.load(eras.build(tmp_path / "a.db", "1.2", "tiny", seed=3, learned_patterns_rows=True), empty_server.url)

    def steps(*words: str) -> str:
        done = cli.run(*words, "--json", "--project", str(ROOT), "--database", empty_server.url, cwd=tmp_path).expect(0)
        return " ".join(done.json().get("steps", [str(done.json().get("era"))]))

    undone = "rolled back legacy upgrade phase1 (proven)"
    steps("legacy.adopt")
    assert undone.replace("proven", "proven without rows") in steps("legacy.rollback", "--dry-run")
    assert undone in steps("legacy.rollback", "--dry-run", "--with-data")
    assert undone in steps("legacy.rollback", "--all")
    assert steps("legacy.status") == "1.2"
