"""Checks pass on the newest schema and fail on damage; the hot queries keep the plans they promise."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from eras import build
from places import ROOT
from reference import (
    CHECKS,
    MIGRATIONS,
    QUERIES,
    connect,
    header,
    migrate,
    rollback_text,
    run_check,
    statements,
)

DAMAGE: dict[str, list[str]] = {
    "0001_columns_present": ["ALTER TABLE entities DROP COLUMN phone", "DROP TABLE schema_version"],
    "0001_indexes_present": ["DROP INDEX idx_users_email"],
    "0001_triggers_present": ["DROP TRIGGER entities_fts_insert"],
    "0001_user_references_cascade": [
        "DROP TABLE interactions; CREATE TABLE interactions (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users)",
    ],
    "0002_listing_indexes": [
        "DROP INDEX idx_entities_user_created",
        "DROP INDEX idx_memories_user_updated; "
        "CREATE INDEX idx_memories_user_updated ON memories (user_id, updated_at)",
    ],
    "0003_fts_triggers": [
        rollback_text(MIGRATIONS[2]),
        "DROP TRIGGER memories_fts_delete",
        "DROP TRIGGER entities_fts_update; CREATE TRIGGER entities_fts_update AFTER UPDATE ON entities BEGIN "
        "INSERT INTO entities_fts (entities_fts, rowid, name, description, notes, tags) "
        "VALUES ('delete', old.id, new.name, new.description, new.notes, new.tags); END",
    ],
    "0004_active_memories_index": [
        "DROP INDEX idx_memories_active",
        "DROP INDEX idx_memories_active; CREATE INDEX idx_memories_active ON memories (user_id, created_at DESC)",
        "DROP INDEX idx_memories_active; "
        "CREATE INDEX idx_memories_active ON memories (user_id, updated_at DESC) WHERE is_archived = 0",
    ],
    "L1_phase1_done": [
        "CREATE INDEX idx_usage_date ON api_usage_tracking (date)",
        "CREATE TABLE learned_patterns (id)",
        "DROP INDEX idx_memories_user_archived",
    ],
    "L2_phase2_done": [
        "DROP INDEX idx_users_api_key_hash",
        "ALTER TABLE users RENAME COLUMN api_key_hash TO api_key",
        "CREATE INDEX idx_users_api_key ON users (api_key_hash)",
    ],
    "L3_align_done": [
        "CREATE INDEX idx_usage_user_date ON api_usage_tracking (user_id, date)",
        "DROP INDEX idx_memories_created; CREATE INDEX idx_memories_created ON memories (created_at)",
    ],
    "duplicate_emails": [
        "INSERT INTO users (id, email, created_at, updated_at) "
        "VALUES ('d1', 'A@x.org', '', ''), ('d2', 'a@X.org', '', '')"
    ],
    "embeddings_alike": [
        "UPDATE memories SET embedding = '[1, 2]' WHERE id = 10",
        "UPDATE memories SET embedding = '{\"a\": 1}' WHERE id = 11",
        "UPDATE memories SET embedding = 'not json'",
    ],
    "malformed_json": [
        "UPDATE memories SET metadata = '{\"a\":' WHERE id = 10",
        "UPDATE memories SET embedding = '[1, 2' WHERE id = 11",
        "UPDATE memories SET entity_ids = '1, 2' WHERE id = 12",
    ],
    "null_primary_keys": [
        "INSERT INTO users (id, email, created_at, updated_at) VALUES (NULL, 'null@example.com', '', '')",
        "UPDATE api_usage_tracking SET id = NULL WHERE id = 'call-0000001'",
    ],
    "orphans": [
        f"PRAGMA foreign_keys = OFF; UPDATE {table} SET user_id = 'ghost' "
        f"WHERE rowid IN (SELECT MAX(rowid) FROM {table})"
        for table in ("entities", "memories", "interactions", "api_usage_tracking")
    ],
    "schema_01_learned_patterns_gone": ["CREATE TABLE learned_patterns (id INTEGER PRIMARY KEY)"],
    "schema_02_pattern_indexes_gone": [
        "CREATE TABLE learned_patterns (user_id); CREATE INDEX idx_patterns_user_id ON learned_patterns (user_id)"
    ],
    "schema_03_entities_redundant_gone": [
        f"CREATE INDEX idx_entities_{name} ON entities ({column})"
        for name, column in (
            ("user_id", "user_id"),
            ("type", "entity_type"),
            ("name", "name"),
            ("importance", "importance"),
        )
    ],
    "schema_04_entities_composite_present": [
        "DROP INDEX idx_entities_user_type",
        "DROP INDEX idx_entities_user_importance",
    ],
    "schema_05_memories_redundant_gone": [
        f"CREATE INDEX idx_memories_{name} ON memories (user_id)"
        for name in ("user_id", "type", "archived", "importance")
    ],
    "schema_06_memories_composite_present": [
        f"DROP INDEX idx_memories_user_{name}" for name in ("type", "importance", "archived")
    ],
    "schema_07_interactions_redundant_gone": [
        "CREATE INDEX idx_interactions_user_id ON interactions (user_id)",
        "CREATE INDEX idx_interactions_created ON interactions (created_at)",
    ],
    "schema_08_interactions_user_date_present": ["DROP INDEX idx_interactions_user_date"],
    "schema_09_usage_redundant_gone": [
        f"CREATE INDEX idx_usage_{name} ON api_usage_tracking (date)" for name in ("date", "provider_date", "user_date")
    ],
    "schema_10_usage_user_provider_date_present": ["DROP INDEX idx_usage_user_provider_date"],
    "schema_11_api_key_hash_present": ["ALTER TABLE users RENAME COLUMN api_key_hash TO api_key"],
    "schema_12_api_key_hash_index_present": ["DROP INDEX idx_users_api_key_hash"],
    "schema_13_api_key_index_gone": ["CREATE INDEX idx_users_api_key ON users (name)"],
    "schema_14_index_count": [
        "CREATE INDEX a ON users (name); CREATE INDEX b ON users (name); CREATE INDEX c ON users (name)",
        "DROP INDEX idx_users_email; DROP INDEX idx_memories_active; DROP INDEX idx_memories_created; "
        "DROP INDEX idx_users_api_key_hash",
    ],
    "schema_15_core_tables_present": ["DROP TABLE interactions"],
    "schema_16_fts_tables_present": [
        "DROP TABLE memories_fts",
        "DROP TABLE entities_fts; CREATE TABLE entities_fts (a)",
    ],
    "schema_17_fts_triggers_present": [f"DROP TRIGGER memories_fts_{e}" for e in ("insert", "delete", "update")],
}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "fresh.db")) as con:
        yield con


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    """A 1.3 database with the small rows, migrated to the newest version, in memory to copy from."""
    path = build(tmp_path_factory.mktemp("migrated") / "a.db", "1.3")
    copy = sqlite3.connect(":memory:", isolation_level=None)
    with closing(connect(path)) as con:
        # Most are short ones, which take less room; in real life all have one length.
        con.execute("UPDATE memories SET embedding = NULL WHERE json_array_length(embedding) > 8")
        migrate(con, 2)
        con.backup(copy)
    return copy


@pytest.fixture
def damaged(migrated: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    # No statement cache: a prepared EXPLAIN never reads the schema again and would show the old plan.
    with closing(sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)) as con:
        migrated.backup(con)
        con.execute("PRAGMA foreign_keys = ON")
        yield con


def test_every_check_has_a_header_and_a_damage() -> None:
    assert {path.stem for path in CHECKS} == set(DAMAGE)
    assert sum(path.name.startswith("schema_") for path in CHECKS) == 17
    names = [header(path, "name") for path in CHECKS]
    assert len({name[0] for name in names}) == len(CHECKS)
    for path in CHECKS:
        assert header(path, "severity") in (["error"], ["warning"]), path.name
        assert header(path, "why"), path.name
        assert len(list(statements(path.read_text(encoding="utf-8")))) == 1, path.name


@pytest.mark.parametrize("check", CHECKS, ids=lambda p: p.stem)
def test_check_passes_on_the_newest_schema(
    migrated: sqlite3.Connection, fresh: sqlite3.Connection, check: Path
) -> None:
    assert run_check(migrated, check) == []
    migrate(fresh)
    assert run_check(fresh, check) == []


@pytest.mark.parametrize(("name", "damage"), [(n, d) for n, ds in DAMAGE.items() for d in ds])
def test_check_fails_when_its_subject_is_damaged(damaged: sqlite3.Connection, name: str, damage: str) -> None:
    damaged.executescript(damage)
    messages = run_check(damaged, ROOT / "sql" / "checks" / f"{name}.sql")
    assert messages
    assert all(isinstance(message, str) and message for message in messages)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_migrations_checks_fail_before_it_and_pass_from_it_on(fresh: sqlite3.Connection, version: int) -> None:
    own = [path for path in CHECKS if path.name.startswith(f"{version:04}_")]
    migrate(fresh, 1, version - 1)
    assert own
    assert all(run_check(fresh, path) for path in own)
    for number in range(version, len(MIGRATIONS) + 1):
        migrate(fresh, number, number)
        assert [run_check(fresh, path) for path in own] == [[]] * len(own)


def test_orphan_messages_name_table_count_and_user(tmp_path: Path) -> None:
    with closing(connect(build(tmp_path / "a.db", "1.3", orphans=True))) as con:
        messages = run_check(con, ROOT / "sql" / "checks" / "orphans.sql")
    assert sorted(messages)[2] == "interactions has 4 row(s) of user user-gone, who does not exist"
    assert len(messages) == 4


# ---- hot queries


def expectations(path: Path) -> list[str]:
    return [part.strip() for line in header(path, "plan") for part in line.split(",")]


def parameters(con: sqlite3.Connection, path: Path) -> dict[str, object]:
    values: dict[str, object] = {}
    for line in header(path, "param"):
        name, value = line.split(" = ", 1)
        # A SELECT may name the params above it.
        values[name] = con.execute(f"SELECT ({value})", values).fetchone()[0]
    return values


def broken_promises(con: sqlite3.Connection, path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    plan = [row[3] for row in con.execute(f"EXPLAIN QUERY PLAN {text}", parameters(con, path))]
    scans = [p for p in plan if p.startswith("SCAN ") and not re.search(r"VIRTUAL TABLE INDEX \d+:\S", p)]
    broken = []
    for promise in expectations(path):
        if promise == "no-scan":
            kept = not scans
        elif promise == "no-sort":
            kept = not any("TEMP B-TREE" in p for p in plan)
        else:
            uses, index = promise.split()
            assert uses == "uses"
            kept = any(f"INDEX {index} " in f"{p} " for p in plan)
        if not kept:
            broken.append(f"{promise}: {plan}")
    return broken


@pytest.mark.parametrize("query", QUERIES, ids=lambda p: p.stem)
def test_query_keeps_its_promises_and_finds_rows(
    migrated: sqlite3.Connection, fresh: sqlite3.Connection, query: Path
) -> None:
    assert header(query, "name")
    assert header(query, "why")
    migrate(fresh)
    assert broken_promises(fresh, query) == []
    assert broken_promises(migrated, query) == []
    rows = migrated.execute(query.read_text(encoding="utf-8"), parameters(migrated, query)).fetchall()
    assert rows
    assert rows[0][0]


@pytest.mark.slow
def test_queries_keep_their_promises_on_an_analyzed_large_database(tmp_path: Path) -> None:
    with closing(connect(build(tmp_path / "a.db", "1.3", "large", clean_fts=True))) as con:
        migrate(con, 2)
        con.execute("ANALYZE")
        assert {q.stem: broken for q in QUERIES if (broken := broken_promises(con, q))} == {}


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("entities_newest", "idx_entities_user_created"),
        ("memories_active_search", "idx_memories_user_updated"),
        ("memories_active_newest", "idx_memories_active"),
        ("users_by_api_key_hash", "idx_users_api_key_hash"),
        ("usage_by_provider", "idx_usage_user_provider_date"),
    ],
)
def test_a_promise_is_broken_without_its_index(damaged: sqlite3.Connection, query: str, index: str) -> None:
    path = ROOT / "sql" / "queries" / f"{query}.sql"
    assert broken_promises(damaged, path) == []
    damaged.execute(f"DROP INDEX {index}")
    assert f"uses {index}" in broken_promises(damaged, path)[-1]
