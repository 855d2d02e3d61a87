"""memsql check --for: on which engines the SQL of a project, or the schema of a database, runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add(
        "0001_base",
        "-- Base\nCREATE TABLE t (\n  a INTEGER,\n  b INTEGER AS (a + 1)\n) STRICT;\nALTER TABLE t DROP COLUMN b;\n",
        "DROP TABLE t;",
    )
    return project


def test_the_files_of_a_project(project: Project) -> None:
    done = project.run("check", "--for", "sqlite3.30,libsql,d1").expect(1)
    for words in (
        "migrations/0001_base.sql:4: generated columns: SQLite 3.30 has it from SQLite 3.31 on",
        "migrations/0001_base.sql:5: STRICT tables: SQLite 3.30 has it from SQLite 3.37 on",
        "migrations/0001_base.sql:6: DROP COLUMN",
        "SQLite 3.30: 3 obstacles (2 files, 3 statements)",
        "libSQL: nothing stands in the way",
        "Cloudflare D1: nothing stands in the way",
    ):
        assert words in done.out
    report = project.run("check", "--for", "sqlite 3.35 | d1", "--json").expect(1).json()
    assert report["targets"] == [{"target": "SQLite 3.35", "obstacles": 1}, {"target": "Cloudflare D1", "obstacles": 0}]
    assert report["obstacles"][0]["place"] == "migrations/0001_base.sql:5"
    project.run("check", "migrations/0001_base.rollback.sql", "--for", "sqlite3.8").expect(0, "1 file")


def test_the_schema_of_a_database(project: Project) -> None:
    project.run("migrate.up").expect(0)
    project.run("check", "--for", "sqlite3.30", "--of", "database").expect(1, "table t: STRICT tables")


def test_the_setting_target(project: Project) -> None:
    project.run("check").expect(2, "no engine is named")
    project.run("check", "--for", "oracle").expect(2, "'oracle' is no target", "sqlite 3.40")
    project.run("check", "--for", "d1", "--of", "sky").expect(2, "--of")
    config = project.root / "setup.cfg"
    config.write_text(config.read_text() + "target = sqlite 3.30, libsql\n")
    project.run("check").expect(1, "SQLite 3.30: 3 obstacles")
    project.run("lint").expect(1, "MS43 DROP COLUMN: SQLite 3.30 has it from SQLite 3.35 on")
    config.write_text(config.read_text().replace("sqlite 3.30", "sqlite 3.0.z"))
    project.run("lint").expect(2, "'sqlite 3.0.z' is no target")
