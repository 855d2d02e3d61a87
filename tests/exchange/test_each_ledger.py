"""The ledger of every tool, over files with the same numbers or names: what comes after it is applied."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cli import Project
from other_ledgers import TABLES

from memsql import config
from memsql.actions import up
from memsql.engine.state import RunOptions

TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
TEXTS = {"20240101120000_base": TEAM, "20240201120000_rows": "INSERT INTO team VALUES (1, 'red');\n"}
FIRST, SECOND = TEXTS
NUMBERS = "('20240101120000'), ('20240201120000')"
SHA256 = [hashlib.sha256(text.encode()).hexdigest() for text in TEXTS.values()]
ROWS = {
    "d1": f"d1_migrations (name) VALUES ('{FIRST}.sql'), ('{SECOND}.sql')",
    "goose": "goose_db_version (version_id, is_applied) VALUES (20240101120000, 1), (20240201120000, 1)",
    "drizzle": f"__drizzle_migrations (hash, created_at) VALUES ('{SHA256[0]}', 1), ('{SHA256[1]}', 2)",
    "prisma": "_prisma_migrations (id, checksum, finished_at, migration_name) VALUES "
    f"('a', 'x', 1704110400000, '{FIRST}'), ('b', 'y', 1706788800000, '{SECOND}')",
    "alembic": "alembic_version VALUES ('20240201120000')",
    "knex": f"knex_migrations (name) VALUES ('{FIRST}.ts'), ('{SECOND}.mjs')",
    "sql-migrate": f"gorp_migrations (id) VALUES ('{FIRST}.sql'), ('{SECOND}.sql')",
    "flyway": "flyway_schema_history (installed_rank, version, description, type, script, installed_by, "
    "execution_time, success) VALUES (1, '20240101120000', 'base', 'SQL', 'V20240101120000__base.sql', 'ann', 3, 1), "
    "(2, '20240201120000', 'rows', 'SQL', 'V20240201120000__rows.sql', 'ann', 4, 1)",
    "diesel": f"__diesel_schema_migrations (version) VALUES {NUMBERS}",
    "sqlx": "_sqlx_migrations (version, description, success, checksum, execution_time) VALUES "
    "(20240101120000, 'base', 1, x'00', 5000000), (20240201120000, 'rows', 1, x'00', 6000000)",
    "golang-migrate": "schema_migrations VALUES (20240201120000, 0)",
    "rails": f"schema_migrations VALUES {NUMBERS}",
    "dbmate": f"schema_migrations VALUES {NUMBERS}",
    "ecto": "schema_migrations VALUES (20240101120000, '2024-01-31T12:00:00'), (20240201120000, '2024-01-31T12:00:00')",
}


@pytest.mark.parametrize("tool", TABLES)
def test_the_third_of_three_is_applied(tmp_path: Path, tool: str) -> None:
    project = Project(tmp_path)
    for name, text in TEXTS.items():
        project.add(name, text)
    project.add("20240301120000_more", "INSERT INTO team VALUES (2, 'blue');\n")
    project.script(";\n".join([*TABLES[tool], f"INSERT INTO {ROWS[tool]}", *TEXTS.values()]))
    report = up.up(config.load(project=str(tmp_path), environ={}), RunOptions(take_over=True))
    assert [done.id for done in report.done] == ["20240301120000_more"]
    assert project.applied() == [FIRST, SECOND, "20240301120000_more"]
    assert project.query("SELECT id FROM team ORDER BY id") == [(1,), (2,)]
    renamed = f"schema_migrations_of_{tool.replace('-', '_')}"
    assert (renamed in dict(project.query("SELECT name, type FROM sqlite_schema"))) == ROWS[tool].startswith(
        "schema_migrations"
    )
