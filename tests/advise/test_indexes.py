"""analyze.indexes on databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import eras
import pytest
import reference_project
from cli import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    queries = tmp_path / "sql" / "queries"
    queries.mkdir(parents=True)
    (queries / "by_a.sql").write_text("SELECT b FROM t INDEXED BY i WHERE a = 1;\n", encoding="utf-8")
    (queries / "gone.sql").write_text("SELECT x FROM gone;\n", encoding="utf-8")
    project.script(
        "CREATE TABLE t (a, b, c); INSERT INTO t VALUES (1, 2, 3), (1, 3, 4); CREATE TABLE unread (u REFERENCES p (k));"
        "CREATE TABLE p (k PRIMARY KEY); CREATE INDEX i ON t (a); CREATE INDEX j ON t (a, b);"
        "CREATE INDEX c1 ON t (c); CREATE INDEX c2 ON t (c); CREATE INDEX d ON t (c, b);"
    )
    project.check("c2_is_there", "SELECT 'no c2' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'c2');")
    return project


def test_what_there_is_to_say(project: Project) -> None:
    before = project.files()
    done = project.run("analyze.indexes").expect(
        0,
        "i (a) on t: j (a, b) begins with the same terms",
        "stays, for sql/queries/by_a.sql then does not run: no such index: i",
        "c1 (c) on t: d (c, b) begins with the same terms",
        "stays, for the check sql/checks/c2_is_there.sql expects it",
        "unread (u) refers to p",
        "sql/queries/gone.sql: no such table: gone",
        "6 indexes, 2 queries: 3 superfluous, 2 unused, 1 missing on a foreign key",
    )
    assert project.files() == before
    report = project.run("analyze.indexes", "--json").expect(0).json()
    assert {i["name"]: (i["entries"], i["queries"]) for i in report["indexes"] if i["name"] in "ij"} == {
        "i": (2, ["by_a"]),
        "j": (2, []),
    }
    assert (report["unused"], report["unread_tables"]) == (["d", "j"], ["p", "unread"])
    assert "d (c, b) on t" in done.out


def test_a_file_that_only_may_be_read_will_do(project: Project) -> None:
    project.db.chmod(0o400)
    project.run("analyze.indexes").expect(0, "3 superfluous")
    project.db.unlink()
    project.run("analyze.indexes").expect(3, "does not exist")


def test_the_list_of_the_first_legacy_upgrade(tmp_path: Path) -> None:
    """What the founding list of phase 1 calls redundant, and where the tool differs; docs/performance.md says why."""
    database = eras.build(tmp_path / "memory.db", "1.2", "tiny")
    report: dict[str, Any] = reference_project.memsql_json(database, "analyze.indexes")
    said = {one["name"] for one in report["redundant"]} | set(report["unused"]) | set(report["for_deletes"])
    phase1 = {
        *("idx_patterns_user_id", "idx_patterns_type", "idx_entities_user_id", "idx_entities_type"),
        *("idx_entities_name", "idx_entities_importance", "idx_memories_user_id", "idx_memories_type"),
        *("idx_memories_archived", "idx_interactions_user_id", "idx_interactions_created", "idx_usage_date"),
        "idx_usage_provider_date",
    }
    assert phase1 - said == {"idx_memories_archived"}
    assert said - phase1 == {
        *("idx_users_email", "idx_users_api_key", "idx_memories_uuid", "idx_memories_created"),
        *("idx_memories_importance", "idx_memories_user_importance"),
    }
