"""Migrations 0001 to 0004 make DOMAIN's schema, go back step by step, and work under vanilla yoyo."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from eras import build
from places import ROOT
from reference import MIGRATIONS, connect, header, migrate, rollback_text, schema


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "fresh.db")) as con:
        yield con


_TYPES = {"T": "TEXT", "I": "INTEGER", "R": "REAL", "B": "BOOLEAN"}
_CASCADE = "user_id T ref"
# DOMAIN section 1, column by column: name, type letter, "!" NOT NULL, "=" default, "pk" primary key.
DOMAIN_COLUMNS = {
    "users": "id T pk; email T !; name T; organization T; api_key_hash T; oauth_provider T; oauth_id T; "
    "is_active B =1; metadata T; created_at T !; updated_at T !",
    "entities": f"id I pk; {_CASCADE}; name T !; entity_type T !; person_type T; description T; company T; "
    "title T; email T; phone T; address T; website T; social_media T; notes T; importance I =2; tags T; "
    "relationships T; last_interaction T; interaction_count I =0; metadata T; created_at T !; updated_at T !",
    "memories": f"id I pk; {_CASCADE}; title T !; content T !; memory_type T !; importance I =2; tags T; "
    "entity_ids T; embedding T; metadata T; is_archived B =0; created_at T !; updated_at T !",
    "interactions": f"id I pk; {_CASCADE}; user_prompt T !; assistant_response T !; context T; feedback T; "
    "sentiment T; metadata T; created_at T !; updated_at T !",
    "api_usage_tracking": f"id T pk; {_CASCADE} !; api_provider T !; model T !; tokens_used I ! =0; "
    "cost_usd R !; operation_type T !; timestamp I !; date T !; metadata T",
    "schema_version": "version I pk; applied_at T !",
}
DOMAIN_INDEXES = """
users idx_users_email(email) idx_users_api_key_hash(api_key_hash)
entities idx_entities_user_type(user_id,entity_type) idx_entities_user_importance(user_id,importance-)
memories idx_memories_user_type(user_id,memory_type) idx_memories_user_importance(user_id,importance-)
memories idx_memories_user_archived(user_id,is_archived) idx_memories_created(created_at-)
interactions idx_interactions_user_date(user_id,None)
api_usage_tracking idx_usage_user_provider_date(user_id,api_provider,date)
"""
LATER_INDEXES = """
entities idx_entities_user_created(user_id,created_at-)
memories idx_memories_user_updated(user_id,updated_at-)
memories idx_memories_active(user_id,created_at-)
"""


def parsed_indexes(text: str) -> set[tuple[str, str]]:
    return {(line.split()[0], index) for line in text.strip().splitlines() for index in line.split()[1:]}


def actual_indexes(con: sqlite3.Connection) -> set[tuple[str, str]]:
    indexes = set()
    sql = "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    for name, table in con.execute(sql).fetchall():
        columns = con.execute('SELECT name, "desc" FROM pragma_index_xinfo(?) WHERE key = 1', (name,)).fetchall()
        indexes.add((table, f"{name}({','.join(str(c) + ('-' if d else '') for c, d in columns)})"))
    return indexes


@pytest.mark.parametrize("table", DOMAIN_COLUMNS)
def test_baseline_columns_are_those_of_domain(fresh: sqlite3.Connection, table: str) -> None:
    migrate(fresh, 1, 1)
    wanted, references = [], []
    for column in DOMAIN_COLUMNS[table].split("; "):
        name, kind, *flags = column.split()
        default = next((flag[1:] for flag in flags if flag.startswith("=")), None)
        wanted.append((name, _TYPES[kind], int("!" in flags), default, int("pk" in flags)))
        references += [("users", "user_id", "id", "CASCADE")] if "ref" in flags else []
    info = 'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)'
    keys = 'SELECT "table", "from", "to", on_delete FROM pragma_foreign_key_list(?)'
    assert fresh.execute(info, (table,)).fetchall() == wanted
    assert fresh.execute(keys, (table,)).fetchall() == references


def test_baseline_objects_are_those_of_domain(fresh: sqlite3.Connection) -> None:
    migrate(fresh, 1, 1)
    names = schema(fresh)
    shadows = {f"table {t}_fts_{s}" for t in ("memories", "entities") for s in ("data", "idx", "docsize", "config")}
    tables = {f"table {t}" for t in (*DOMAIN_COLUMNS, "memories_fts", "entities_fts")}
    triggers = {f"trigger {t}_fts_{e}" for t in ("memories", "entities") for e in ("insert", "delete", "update")}
    assert {n for n in names if not n.startswith("index ")} == tables | shadows | triggers
    assert actual_indexes(fresh) == parsed_indexes(DOMAIN_INDEXES)
    assert "DATE(created_at)" in names["index idx_interactions_user_date"]
    for table in ("entities", "memories", "interactions"):
        assert "AUTOINCREMENT" in names[f"table {table}"]
    assert "fts5( title, content, tags, content='memories', content_rowid='id' )" in names["table memories_fts"]
    assert "name, description, notes, tags, content='entities'" in names["table entities_fts"]
    assert fresh.execute("SELECT version FROM schema_version").fetchall() == [(1,)]


def test_baseline_constraints(fresh: sqlite3.Connection) -> None:
    migrate(fresh, 1, 1)
    user = "INSERT INTO users (id, email, created_at, updated_at) VALUES (?, 'a@example.com', '', '')"
    call = "INSERT INTO api_usage_tracking VALUES ('1', 'u', ?, 'm', 1, 0.5, 'chat', 1, '2024-01-01', NULL)"
    fresh.execute(user, ("u",))
    fresh.execute(call, ("openai",))
    for sql, value in ((user, "v"), (call.replace("'1'", "'2'"), "other")):
        with pytest.raises(sqlite3.IntegrityError):
            fresh.execute(sql, (value,))


def test_newest_indexes(fresh: sqlite3.Connection) -> None:
    migrate(fresh)
    assert actual_indexes(fresh) == parsed_indexes(DOMAIN_INDEXES) | parsed_indexes(LATER_INDEXES)
    assert schema(fresh)["index idx_memories_active"].endswith("WHERE is_archived = 0")


def test_every_migration_goes_up_and_back(fresh: sqlite3.Connection) -> None:
    stages = [schema(fresh)]
    for version in range(1, len(MIGRATIONS) + 1):
        migrate(fresh, version, version)
        stages.append(schema(fresh))
    assert all(before != after for before, after in pairwise(stages))
    for path, before in zip(reversed(MIGRATIONS), reversed(stages[:-1]), strict=True):
        fresh.executescript(rollback_text(path))
        assert schema(fresh) == before, path.name


def test_fixed_triggers_and_rebuild_heal_search(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "1.3")
    with closing(connect(path)) as con:
        for table in ("memories_fts", "entities_fts"):
            with pytest.raises(sqlite3.DatabaseError, match="malformed"):
                con.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
        migrate(con, 2)
        con.execute("UPDATE memories SET content = 'zebra ' || content WHERE id % 7 = 0")
        con.execute("DELETE FROM memories WHERE id % 11 = 0")
        con.execute("UPDATE entities SET notes = NULL WHERE id % 3 = 0")
        con.execute("DELETE FROM users WHERE id = 'user-0002'")
        for table in ("memories_fts", "entities_fts"):
            con.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
        rows = con.execute("SELECT COUNT(*) FROM memories_fts WHERE memories_fts MATCH 'zebra'").fetchone()
        wanted = con.execute("SELECT COUNT(*) FROM memories WHERE content LIKE 'zebra %'").fetchone()
        assert rows == wanted != (0,)
        con.executescript(rollback_text(MIGRATIONS[3]) + rollback_text(MIGRATIONS[2]))
        for table in ("memories_fts", "entities_fts"):
            con.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")


def test_headers_depend_on_the_migration_before() -> None:
    stems = [path.stem for path in MIGRATIONS]
    assert [header(path, "depends") for path in MIGRATIONS] == [[], *([stem] for stem in stems[:-1])]
    for path in (ROOT / "migrations").rglob("*.sql"):
        assert re.match(r"-- \w.*\.\n", path.read_text(encoding="utf-8")), path.name
    assert not any("IF NOT EXISTS" in p.read_text(encoding="utf-8") for p in MIGRATIONS)


def test_vanilla_yoyo_applies_and_rolls_back_everything(tmp_path: Path, fresh: sqlite3.Connection) -> None:
    from yoyo import get_backend, read_migrations

    logging.getLogger("yoyo").setLevel(logging.WARNING)
    migrate(fresh)
    path = tmp_path / "yoyo.db"
    with get_backend(f"sqlite:///{path}") as backend:
        migrations = read_migrations(str(ROOT / "migrations"))
        assert [m.id for m in migrations] == [p.stem for p in MIGRATIONS]
        backend.apply_migrations(backend.to_apply(migrations))
        with closing(connect(path)) as con:
            assert schema(con) == schema(fresh)
        backend.rollback_migrations(backend.to_rollback(migrations))
        with closing(connect(path)) as con:
            assert schema(con) == {}
