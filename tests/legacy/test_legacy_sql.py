"""The legacy track takes every era to the baseline, loses nothing, and each phase rolls back exactly."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from eras import DRIFTS, ERAS, SHAPES, build, content_hash, lost, row_counts
from places import ROOT
from reference import (
    CHECKS,
    LEGACY,
    connect,
    errors,
    header,
    migrate,
    phase_down,
    phase_up,
    run_check,
    schema,
)

pytestmark = pytest.mark.slow

CASES: list[tuple[str, dict[str, object]]] = [*((era, {}) for era in ERAS), *DRIFTS]
OLD = [case for case in CASES if header(SHAPES / f"{case[0]}.sql", "phases")]
FILLED = [("users", "api_key_hash")]


def phases(era: str) -> list[str]:
    return [phase for line in header(SHAPES / f"{era}.sql", "phases") for phase in line.split()]


def case_id(value: object) -> str:
    return "+".join(value) or "plain" if isinstance(value, dict) else str(value)


@pytest.mark.parametrize("size", ["empty", "small"])
@pytest.mark.parametrize(("era", "drift"), CASES, ids=case_id)
def test_every_era_reaches_the_newest_schema_and_keeps_every_row(
    tmp_path: Path, era: str, drift: dict[str, Any], size: str
) -> None:
    path = build(tmp_path / "a.db", era, size, **drift)
    before, rows = content_hash(path), row_counts(path)
    with closing(connect(path)) as con:
        for phase in phases(era):
            phase_up(con, phase)
            assert run_check(con, ROOT / "sql" / "checks" / f"{LEGACY[phase]}_done.sql") == []
        contains_baseline(con, tmp_path / "baseline.db")
        if era == "2.0_npm" and "index idx_entities_user_created" in schema(con):
            migrate(con, 3)
        else:
            migrate(con, 2)
        assert errors(con) == {}
        assert run_check(con, ROOT / "sql" / "checks" / "schema_14_index_count.sql") == []
        faults = {row[0] for row in con.execute("PRAGMA foreign_key_check")}
        assert bool(faults) == ("orphans" in drift)
    assert lost(before, content_hash(path), filled=FILLED if "both_api_keys" in drift else []) == []
    after = row_counts(path)
    renamed = {"learned_patterns_retired" if t == "learned_patterns" else t: n for t, n in rows.items()}
    if not rows.get("learned_patterns"):
        renamed.pop("learned_patterns_retired", None)
    assert after == {"api_usage_tracking": 0} | renamed


def contains_baseline(con: sqlite3.Connection, scratch: Path) -> None:
    with closing(connect(scratch)) as other:
        migrate(other, 1, 1)
        wanted = schema(other)
    read_back = schema(con)
    # Column order and extra columns differ in old tables; check 0001_columns_present proves the columns.
    same = {name for name in wanted if not re.match(r"table (users|entities|memories|interactions)$", name)}
    assert {name: read_back.get(name) for name in same} == {name: wanted[name] for name in same}
    own = [path for path in CHECKS if path.name.startswith("0001_")]
    assert [run_check(con, path) for path in own] == [[]] * len(own)


@pytest.mark.parametrize("size", ["empty", "small"])
@pytest.mark.parametrize(("era", "drift"), OLD, ids=case_id)
def test_every_phase_rolls_back_to_the_very_shape_and_rows(
    tmp_path: Path, era: str, drift: dict[str, Any], size: str
) -> None:
    path = build(tmp_path / "a.db", era, size, **drift)
    done = []
    with closing(connect(path)) as con:
        for phase in phases(era):
            done.append((phase, schema(con), content_hash(path)))
            phase_up(con, phase)
        for phase, shape, content in reversed(done):
            phase_down(con, phase)
            assert schema(con) == shape, phase
            assert content_hash(path) == content, phase
        assert con.execute("SELECT COUNT(*) FROM memsql_legacy_objects").fetchone() == (0,)


@pytest.mark.parametrize(("era", "drift"), OLD, ids=case_id)
def test_a_phase_twice_changes_nothing_more(tmp_path: Path, era: str, drift: dict[str, Any]) -> None:
    path = build(tmp_path / "a.db", era, **drift)
    with closing(connect(path)) as con:
        for phase in phases(era):
            phase_up(con, phase)
            shape, content = schema(con), content_hash(path)
            phase_up(con, phase)
            assert (schema(con), content_hash(path)) == (shape, content), phase


def test_phases_of_1_2_pass_through_the_known_shapes(tmp_path: Path) -> None:
    shapes = {}
    for era in ("1.2_phase1", "1.2_phase2"):
        with closing(connect(build(tmp_path / f"{era}.db", era, "empty"))) as con:
            shapes[era] = schema(con)
    with closing(connect(build(tmp_path / "a.db", "1.2", "empty"))) as con:
        start = schema(con)
        phase_up(con, "phase1", record=False)
        assert schema(con) == shapes["1.2_phase1"]
        phase_up(con, "phase2", record=False)
        assert schema(con) == shapes["1.2_phase2"]
        # Nothing is recorded, as after another tool: the known shape of 1.2 is what comes back.
        phase_down(con, "phase2")
        assert schema(con) == shapes["1.2_phase1"]
        phase_down(con, "phase1")
        assert schema(con) == start


@pytest.mark.parametrize("phase", LEGACY)
def test_rollback_without_a_record_leaves_a_baseline_alone(tmp_path: Path, phase: str) -> None:
    path = build(tmp_path / "a.db", "1.3")
    with closing(connect(path)) as con:
        shape, content = schema(con), content_hash(path)
        phase_down(con, phase)
        assert (schema(con), content_hash(path)) == (shape, content)


def test_rows_written_after_the_upgrade_survive_its_rollback(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "1.0")
    with closing(connect(path)) as con:
        for phase in LEGACY:
            phase_up(con, phase)
        con.execute(
            "INSERT INTO api_usage_tracking VALUES ('1', 'user-0001', 'openai', 'm', 1, 0.5, 'chat', 1, '2024', NULL)"
        )
        con.execute("UPDATE users SET api_key_hash = 'rotated' WHERE id = 'user-0001'")
        for phase in reversed(LEGACY):
            phase_down(con, phase)
        assert con.execute("SELECT COUNT(*) FROM api_usage_tracking").fetchone() == (1,)
        assert con.execute("SELECT api_key FROM users WHERE id = 'user-0001'").fetchone() == ("rotated",)


def test_both_api_keys_fill_gaps_and_keep_both(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "1.2", both_api_keys=True)
    with closing(connect(path)) as con:
        pairs = "SELECT api_key, api_key_hash FROM users ORDER BY id"
        before = con.execute(pairs).fetchall()
        phase_up(con, "phase1")
        phase_up(con, "phase2")
        assert con.execute(pairs).fetchall() == [(key, key if old is None else old) for key, old in before]
        con.execute("UPDATE users SET api_key_hash = 'new hash' WHERE id = 'user-0002'")
        phase_down(con, "phase2")
        wanted = [(key, "new hash" if number == 2 else old) for number, (key, old) in enumerate(before, 1)]
        assert before[1][0] == "key-0002"
        assert before[1][1] is None
        assert con.execute(pairs).fetchall() == wanted
