"""verify asks all its questions, whatever the answer to one of them is."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, "check_timeout = 200ms\n")
    project.add("0001_item", "CREATE TABLE item (id INTEGER PRIMARY KEY);\n")
    project.up()
    return project


def test_a_check_that_does_not_end_fails_and_is_named(project: Project) -> None:
    project.check("a_endless", ENDLESS)
    project.check("b_fine", "SELECT id FROM item")
    project.run("verify").expect(
        1, "error    a_endless", "did not end within 0.2 s", "ok       b_fine", "1 check failed"
    )


def test_in_a_migration_it_is_a_failure(project: Project) -> None:
    project.add("0002_tag", "CREATE TABLE tag (x);\n")
    project.check("0002_tag", ENDLESS)
    before = project.data()
    parts = ("0002_tag ran, but its check '0002_tag' failed", "did not end within 0.2 s")
    project.run("migrate.up", "--dry-run").expect(5, *parts)
    project.run("migrate.up").expect(5, *parts, "this migration was rolled back")
    assert project.data() == before
