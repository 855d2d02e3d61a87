"""What the legacy tasks say of the database before and after them, and their maintenance window."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import cli
import eras
import extent
import pytest
import servers
from places import ROOT
from reference_project import memsql, succeed

from memsql.server import Running

pytestmark = pytest.mark.slow

PHASE_1 = "tables 9 → 8 (−11 %), indexes 23 → 13 (−43 %)"

ENDS = [
    ("1.0", (8, 10), (8, 13)),
    ("1.1", (8, 10), (8, 13)),
    ("1.2", (8, 12), (8, 15)),
    ("1.2_phase1", (8, 12), (8, 15)),
    ("1.2_phase2", (8, 12), (8, 15)),
    ("1.3", (8, 10), (8, 13)),
    ("2.0_npm", (8, 12), (8, 13)),
]
"""Each era with its tables and indexes after the adoption, and after all migrations; docs/cli.md says them too."""


def test_phase_1_says_what_the_guide_promises(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "small")
    rehearsed = succeed(database, "legacy.phase1", "--dry-run")
    assert PHASE_1 in rehearsed
    assert "learned_patterns: 0 -> no table" in rehearsed
    report = json.loads(succeed(database, "legacy.phase1", "--dry-run", "--json"))
    assert (report["before"]["tables"], report["before"]["indexes"]) == (9, 23)
    assert (report["after"]["tables"], report["after"]["indexes"]) == (8, 13)
    assert report["after"]["index_bytes"] < report["before"]["index_bytes"]
    assert report["after"]["rows"] == report["before"]["rows"]
    assert PHASE_1 in succeed(database, "legacy.phase1")
    assert "tables 8 → 8, indexes 13 → 13" in succeed(database, "legacy.phase2")
    adopted = json.loads(succeed(database, "legacy.adopt", "--json"))
    assert (adopted["before"]["indexes"], adopted["after"]["indexes"]) == (13, 12)


@pytest.mark.server
def test_phase_1_on_a_server(empty_server: Running, tmp_path: Path) -> None:
    servers.load(eras.build(tmp_path / "a.db", "1.2", "empty"), empty_server.url)
    place = ("--project", str(ROOT), "--database", empty_server.url)
    alone = cli.run("legacy.phase1", "--dry-run", *place, cwd=tmp_path)
    alone.expect(0, PHASE_1, "phase1 (proven without rows)", "no row was copied; --with-data copies all")
    assert "learned_patterns: " not in alone.out
    fields = cli.run("legacy.phase1", "--dry-run", "--json", *place, cwd=tmp_path).expect(0).json()
    assert fields["before"] == {"tables": 9, "indexes": 23, "rows": None, "bytes": None, "index_bytes": None}
    assert fields["rows"] == []
    cli.run("migrate.up", "--dry-run", *place, cwd=tmp_path).expect(0, "upgrade align (proven without rows)")
    cli.run("legacy.phase1", "--dry-run", "--with-data", *place, cwd=tmp_path).expect(0, PHASE_1, "rows 1 → 1")
    cli.run("legacy.phase1", "--maintenance-window", "5", *place, cwd=tmp_path).expect(0, PHASE_1, "(proven)")


@pytest.mark.parametrize("rows", [True, False])
def test_rows_that_are_kept_under_another_name_are_said(tmp_path: Path, rows: bool) -> None:
    database = eras.build(tmp_path / "a.db", "1.1", "small", learned_patterns_rows=rows)
    with closing(sqlite3.connect(database)) as conn:
        (number,) = conn.execute("SELECT count(*) FROM learned_patterns").fetchone()
    sentence = f"{number} rows of learned_patterns are kept in learned_patterns_retired"
    for words in (["legacy.adopt", "--dry-run"], ["legacy.phase1"]):
        assert (sentence in succeed(database, *words)) is rows


@pytest.mark.parametrize(("era", "adopted", "newest"), extent.some(ENDS, 2))
def test_what_each_era_ends_with(tmp_path: Path, era: str, adopted: tuple[int, int], newest: tuple[int, int]) -> None:
    database = eras.build(tmp_path / "a.db", era, "empty")
    after = json.loads(succeed(database, "legacy.adopt", "--json"))["after"]
    assert (after["tables"], after["indexes"]) == adopted
    succeed(database, "migrate.up")
    stats = json.loads(succeed(database, "schema.stats", "--json"))
    assert (stats["tables"], stats["indexes"]) == newest
    lines = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(f"| {era} |") and line.endswith(f"| {adopted[1]} | {newest[1]} |") for line in lines)


@pytest.mark.parametrize("task", ["phase1", "adopt"])
def test_a_maintenance_window(tmp_path: Path, task: str) -> None:
    database = eras.build(tmp_path / "a.db", "1.2", "small")
    before = database.read_bytes()
    refused = memsql(database, f"legacy.{task}", "--maintenance-window", "0.00001")
    assert refused.returncode == 6
    assert "would not end within the maintenance window" in refused.stderr
    both = memsql(database, f"legacy.{task}", "--maintenance-window", "5", "--dry-run")
    assert both.returncode == 2
    assert database.read_bytes() == before
    report = json.loads(succeed(database, f"legacy.{task}", "--maintenance-window", "5", "--json"))
    assert report["window"]["fits"] is True
    done = succeed(
        database, "legacy.rollback", "--phase", "1" if task == "phase1" else "3", "--maintenance-window", "5"
    )
    assert "estimated: " in done


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("legacy.phase1",), "nothing to do: the database is empty"),
        (("legacy.phase2",), "nothing to do: the database is empty"),
        (("legacy.align", "--dry-run"), "nothing to do: the database is empty"),
        (("legacy.adopt",), "nothing to do: the database is empty"),
        (("legacy.rollback",), "nothing to undo"),
        (("legacy.rollback", "--phase", "1"), "nothing to undo"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_empty_file_stays_empty(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    database = tmp_path / "empty.db"
    database.touch()
    assert said in succeed(database, *words)
    assert database.read_bytes() == b""


@pytest.mark.parametrize("task", ["legacy.phase1", "legacy.adopt"])
def test_the_figures_of_another_process_are_none_of_this_run(tmp_path: Path, task: str) -> None:
    """Two at once: the second one waits for the lock, and finds nothing to do."""
    database = eras.build(tmp_path / "a.db", "1.2", "tiny")
    with closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        words = (task, "--project", str(ROOT), "--database", str(database))
        both = [cli.Project.at(tmp_path).start(*words) for _ in range(2)]
        time.sleep(3)
        conn.execute("ROLLBACK")
    texts = sorted((process.communicate(timeout=60)[0] for process in both), key=lambda text: "nothing to do" in text)
    assert [process.returncode for process in both] == [0, 0]
    assert "indexes 23 → " in texts[0]
    assert "nothing to do" in texts[1]
    assert "%" not in texts[1], texts[1]
