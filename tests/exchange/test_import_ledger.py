"""An import that takes the ledger of the tool over: files that were rewritten are found again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cli import Project
from other_ledgers import TABLES

TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT)"
FILES: dict[str, dict[str, str]] = {
    "flyway": {
        "V1__team.sql": f"{TEAM};\n",
        "V1_1__red.sql": "INSERT INTO team VALUES (1, 'red');\n",
        "V2__blue.sql": "INSERT INTO team VALUES (2, 'blue');\n",
    },
    "diesel": {
        "2024-01-01-120000_team/up.sql": f"{TEAM};\n",
        "2024-02-01-120000_red/up.sql": "INSERT INTO team VALUES (1, 'red');\n",
        "2024-03-01-120000_blue/up.sql": "INSERT INTO team VALUES (2, 'blue');\n",
    },
    "prisma": {
        "20240101120000_team/migration.sql": f"{TEAM};\n",
        "20240201120000_red/migration.sql": "INSERT INTO team VALUES (1, 'red');\n",
        "20240301120000_blue/migration.sql": "INSERT INTO team VALUES (2, 'blue');\n",
    },
    "sql-migrate": {
        "1-team.sql": f"-- +migrate Up\n{TEAM};\n",
        "2-red.sql": "-- +migrate Up\nINSERT INTO team VALUES (1, 'red');\n",
        "3-blue.sql": "-- +migrate Up\nINSERT INTO team VALUES (2, 'blue');\n",
    },
    "alembic": {
        "all.sql": f"-- Running upgrade  -> ae1027a6acf\n\n{TEAM};\n\n"
        "-- Running upgrade ae1027a6acf -> 123456\n\nINSERT INTO team VALUES (1, 'red');\n\n"
        "-- Running upgrade 123456 -> 0001\n\nINSERT INTO team VALUES (2, 'blue');\n"
    },
    "drizzle": {
        "meta/_journal.json": '{"version": "7", "dialect": "sqlite", "entries": ['
        '{"idx": 0, "version": "6", "when": 1704110400000, "tag": "0000_team", "breakpoints": true},'
        '{"idx": 1, "version": "6", "when": 1706788800000, "tag": "0001_red", "breakpoints": true},'
        '{"idx": 2, "version": "6", "when": 1706788900000, "tag": "0002_blue", "breakpoints": true}]}',
        "0000_team.sql": f"{TEAM};\n--> statement-breakpoint\nCREATE INDEX team_name ON team (name);",
        "0001_red.sql": "INSERT INTO team VALUES (1, 'red');",
        "0002_blue.sql": "INSERT INTO team VALUES (2, 'blue');",
    },
}
DRIZZLE = hashlib.sha256(FILES["drizzle"]["0000_team.sql"].encode()).hexdigest()
ROWS = {
    "flyway": "INSERT INTO flyway_schema_history VALUES (1, '1', 'team', 'SQL', 'V1__team.sql', 1, 'ann', "
    "'2024-01-31 12:00:00', 1, 1), (2, '1.1', 'red', 'SQL', 'V1_1__red.sql', 1, 'ann', '2024-01-31 12:00:00', 1, 1)",
    "diesel": "INSERT INTO __diesel_schema_migrations (version) VALUES ('20240101120000'), ('20240201120000')",
    "prisma": "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES "
    "('a', 'x', 1704110400000, '20240101120000_team'), ('b', 'x', 1704110400000, '20240201120000_red')",
    "sql-migrate": "INSERT INTO gorp_migrations VALUES ('1-team.sql', '2024-01-31'), ('2-red.sql', '2024-01-31')",
    "alembic": "INSERT INTO alembic_version VALUES ('123456')",
    # The second file was edited after it ran.
    "drizzle": "INSERT INTO __drizzle_migrations (hash, created_at) VALUES "
    f"('{DRIZZLE}', 1704110400000), ('{'a' * 64}', 1706788800000)",
}


def project_of(root: Path, tool: str) -> Project:
    """A project without migrations, the files of ``tool``, and a database where the first two of three ran."""
    project = Project(root)
    for path, text in FILES[tool].items():
        file = root / "theirs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    index = "CREATE INDEX team_name ON team (name);\n" if tool == "drizzle" else ""
    project.script(";\n".join([*TABLES[tool], ROWS[tool], TEAM, index, "INSERT INTO team VALUES (1, 'red')"]))
    return project


@pytest.mark.parametrize("tool", ROWS)
def test_what_was_rewritten_is_found_again(tmp_path: Path, tool: str) -> None:
    project = project_of(tmp_path, tool)
    name = "all.sql" if tool == "alembic" else ""
    words = ("import", tool, f"theirs/{name}", "--database", "memory.db")
    before = project.everything()
    project.run(*words, "--dry-run").expect(0, "and the schema proves it")
    assert project.everything() == before
    project.run(*words).expect(0, "took over the ledger", "count as applied")
    assert len(project.applied()) == 2
    project.run(*words).expect(0, "knows this database already")
    project.up()
    assert project.query("SELECT id FROM team ORDER BY id") == [(1,), (2,)]
    project.run("verify").expect(0)


def test_what_is_refused_leaves_the_files(tmp_path: Path) -> None:
    project = project_of(tmp_path, "diesel")
    project.script("DROP TABLE team")
    words = ("import", "diesel", "theirs", "--database", "memory.db")
    project.run(*words, "--dry-run").expect(6, "missing: table team", "nothing was changed")
    assert not list(project.migrations.iterdir())
    project.run(*words).expect(6, "missing: table team", "the files are written; nothing was changed")
    assert len(list(project.migrations.glob("*_team.sql"))) == 1
    project.run("import", "diesel", "theirs", "--database", "none.db").expect(3)
    project.script("DROP TABLE __diesel_schema_migrations")
    project.run(*words).expect(0, "no ledger of Diesel")


def test_an_import_alone_opens_no_database(tmp_path: Path) -> None:
    project = project_of(tmp_path, "flyway")
    before = project.everything()
    project.run("import", "flyway", "theirs").expect(0)
    assert project.everything() == before
    project.up()
    assert project.query("SELECT applied_by, applied_at FROM schema_migrations WHERE version = 2") == [
        ("ann", "2024-01-31T12:00:00.000Z")
    ]
    assert project.query("SELECT id FROM team ORDER BY id") == [(1,), (2,)]
