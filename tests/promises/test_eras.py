"""The era fixtures are what DOMAIN section 3 says, and their comparison notices every loss."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import extent
import pytest
from eras import COUNTS, DRIFTS, ERAS, build, content_hash, counted, draw, lost, row_counts

pytestmark = pytest.mark.slow


def one(con: sqlite3.Connection, sql: str) -> object:
    return con.execute(sql).fetchone()[0]


def fts_faults(con: sqlite3.Connection) -> set[str]:
    """FTS5 tables whose index disagrees with their content; only rank 1 compares the two."""
    faults = set()
    for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'").fetchall():
        try:
            con.execute(f"INSERT INTO {name}({name}, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError:
            faults.add(name)
    return faults


@pytest.mark.parametrize("size", ["empty", "small"])
@pytest.mark.parametrize("era", ERAS)
def test_era_has_the_tables_and_indexes_of_domain(tmp_path: Path, era: str, size: str) -> None:
    with closing(sqlite3.connect(build(tmp_path / "a.db", era, size))) as con:
        assert counted(con) == COUNTS[era]
        assert con.execute("SELECT version FROM schema_version").fetchall() == [(1,)]
        assert con.execute("PRAGMA foreign_key_check").fetchall() == []
        assert one(con, "PRAGMA integrity_check") == "ok"


def test_stated_counts() -> None:
    assert COUNTS["1.0"][1] == 15
    assert COUNTS["1.1"] == (9, 18)
    assert COUNTS["1.2"] == (9, 23)
    assert COUNTS["1.2_phase1"] == COUNTS["1.2_phase2"] == (8, 13)


def test_production_without_entities_fts_has_no_trace_of_it(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "1.2", no_entities_fts=True)
    with closing(sqlite3.connect(path)) as con:
        assert con.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'entities_fts%'").fetchall() == []
        assert counted(con) == (8, 23)


def test_small_has_the_promised_rows_and_hard_values(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "1.3", "small", clean_fts=True)
    counts = row_counts(path)
    assert (counts["entities"], counts["memories"]) == (100, 1000)
    with closing(sqlite3.connect(path)) as con:
        assert one(con, "SELECT MAX(LENGTH(content)) FROM memories") == 1_048_576
        assert one(con, "SELECT MAX(LENGTH(notes)) FROM entities") == 1_048_576
        assert one(con, "SELECT MAX(LENGTH(assistant_response)) FROM interactions") == 1_048_576
        assert one(con, "SELECT MAX(JSON_ARRAY_LENGTH(embedding)) FROM memories") == 1536
        for condition in ("user_id IS NULL", "content LIKE '%🦊%'", "content LIKE '%it''s `done`; --%'"):
            assert one(con, f"SELECT COUNT(*) FROM memories WHERE {condition}"), condition
        assert one(con, "SELECT COUNT(*) FROM memories WHERE TYPEOF(importance) = 'text'")
        assert one(con, "SELECT COUNT(*) FROM memories WHERE NOT JSON_VALID(COALESCE(metadata, '1'))") == 0


@pytest.mark.skipif(not extent.THOROUGH, reason="they are drawn for: invoke test --thorough")
def test_large_is_fifty_thousand_memories(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "1.3", "large", clean_fts=True)
    assert row_counts(path)["memories"] == 50_000
    assert path.stat().st_size < 150_000_000
    with closing(sqlite3.connect(path)) as con:
        assert one(con, "SELECT COUNT(*) FROM memories WHERE JSON_ARRAY_LENGTH(embedding) = 1536") == 300
        assert one(con, "SELECT COUNT(*) FROM memories WHERE embedding IS NOT NULL")


@pytest.mark.parametrize("era", ERAS)
def test_the_shipped_triggers_leave_a_broken_index(tmp_path: Path, era: str) -> None:
    with closing(sqlite3.connect(build(tmp_path / "worn.db", era))) as con:
        assert fts_faults(con) == {"memories_fts", "entities_fts"}
    with closing(sqlite3.connect(build(tmp_path / "clean.db", era, clean_fts=True))) as con:
        assert fts_faults(con) == set()


def test_same_seed_same_content(tmp_path: Path) -> None:
    first = content_hash(draw(tmp_path / "a.db", "1.2", seed=7))
    assert content_hash(draw(tmp_path / "b.db", "1.2", seed=7)) == first
    assert content_hash(draw(tmp_path / "c.db", "1.2", seed=8)) != first
    assert content_hash(build(tmp_path / "d.db", "1.2", seed=7)) == first
    assert content_hash(build(tmp_path / "e.db", "1.2", seed=7)) == first


@pytest.mark.parametrize("size", ["empty", "small"])
@pytest.mark.parametrize(("era", "drift"), DRIFTS)
def test_drift_is_there(tmp_path: Path, era: str, drift: dict[str, Any], size: str) -> None:
    path = build(tmp_path / "a.db", era, size, **drift)
    counts = row_counts(path)
    hashes = content_hash(path)
    with closing(sqlite3.connect(path)) as con:
        broken = {row[0] for row in con.execute("PRAGMA foreign_key_check")}
    owned = {"entities", "memories", "interactions", "api_usage_tracking"} & set(counts)
    assert broken == (owned if "orphans" in drift else set())
    assert counts.get("learned_patterns", 0) == (7 if "learned_patterns_rows" in drift else 0)
    assert ("phone_verified" in hashes["users"]) == ("extra_columns" in drift)
    assert {"api_key", "api_key_hash"} <= set(hashes["users"]) or "both_api_keys" not in drift


def test_both_api_keys_come_in_every_combination(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "1.2", both_api_keys=True)
    with closing(sqlite3.connect(path)) as con:
        kinds = con.execute(
            "SELECT DISTINCT api_key IS NULL, api_key_hash IS NULL, api_key = api_key_hash FROM users"
        ).fetchall()
    assert set(kinds) == {(1, 1, None), (0, 0, 1), (0, 1, None), (1, 0, None), (0, 0, 0)}


def test_npm_ledger(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "2.0_npm", npm_statuses={2: "rolled_back"})
    with closing(sqlite3.connect(path)) as con:
        rows = con.execute("SELECT version, name, description, checksum, status FROM schema_migrations").fetchall()
        assert [row[4] for row in rows] == ["applied", "rolled_back"]
        for version, name, description, checksum, _ in rows:
            assert checksum == hashlib.sha256(f"{version}:{name}:{description}".encode()).hexdigest()
        assert counted(con) == (8, 10)


@pytest.mark.parametrize(
    ("era", "drift"),
    [
        ("1.3", {"learned_patterns_rows": True}),
        ("1.2_phase1", {"learned_patterns_rows": True}),
        ("1.3", {"both_api_keys": True}),
        ("1.2", {"npm_statuses": {2: "failed"}}),
    ],
)
def test_impossible_drift_is_refused(tmp_path: Path, era: str, drift: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="era"):
        build(tmp_path / "a.db", era, **drift)
    assert not (tmp_path / "a.db").exists()


@pytest.mark.parametrize(
    ("damage", "column"),
    [
        ("DELETE FROM memories WHERE id = 900", "memories.content"),
        ("UPDATE memories SET title = title || ' ' WHERE id = 900", "memories.title"),
        ("UPDATE memories SET importance = CAST('2' AS BLOB) WHERE importance = 2", "memories.importance"),
        ("UPDATE entities SET notes = '' WHERE notes IS NULL", "entities.notes"),
        ("ALTER TABLE users DROP COLUMN name", "users.name"),
        ("DROP TABLE interactions", "interactions"),
        ("DROP TABLE learned_patterns", "learned_patterns"),
        ("UPDATE schema_version SET applied_at = '2099'", "schema_version.applied_at"),
    ],
)
def test_lost_notices(tmp_path: Path, damage: str, column: str) -> None:
    path = build(tmp_path / "a.db", "1.1", learned_patterns_rows=True)
    before = content_hash(path)
    assert lost(before, content_hash(path)) == []
    with closing(sqlite3.connect(path)) as con:
        con.execute(damage)
        con.commit()
    assert column in lost(before, content_hash(path))


def test_lost_follows_renames_and_forgives_only_them(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "1.1", learned_patterns_rows=True)
    before = content_hash(path)
    with closing(sqlite3.connect(path)) as con:
        con.execute("ALTER TABLE users RENAME COLUMN api_key TO api_key_hash")
        con.execute("ALTER TABLE learned_patterns RENAME TO learned_patterns_retired")
        assert lost(before, content_hash(path)) == []
        con.execute("UPDATE users SET api_key_hash = 'x' WHERE id = 'user-0001'")
        con.commit()
    assert lost(before, content_hash(path)) == ["users.api_key"]
