"""Checks that fail, that cannot run and that only warn."""

from __future__ import annotations

import pytest
from cli import Project


def test_a_migration_whose_check_fails_is_rolled_back(project: Project) -> None:
    project.check(
        "0030_tags_there",
        "SELECT 'user ' || id || ' has no tag' FROM users WHERE id NOT IN (SELECT name FROM tags)",
        name="everybody has a tag",
    )
    before = project.data()
    project.run("migrate.up").expect(
        5,
        "0030_tags ran, but its check 'everybody has a tag' failed",
        "sql/checks/0030_tags_there.sql",
        "user 1 has no tag",
        "user 2 has no tag",
        "this migration was rolled back",
    )
    assert project.data() == before
    assert project.states()[30] == "failed"


def test_a_check_that_cannot_run_is_no_pass(project: Project) -> None:
    project.check("0030_wrong", "SELECT nonsense FROM tags")
    before = project.data()
    project.run("migrate.up").expect(5, "the check cannot run: no such column: nonsense")
    assert project.data() == before


def test_a_warning_is_said_and_the_migration_stays(project: Project) -> None:
    project.check("0030_soft", "SELECT 'no tags yet'", severity="warning")
    project.check("0099_later", "SELECT 'belongs to another migration'")
    project.check("whole", "SELECT 'belongs to verify'")
    project.up().expect(0, "warning: 0030_soft: no tags yet")
    assert project.states()[30] == "applied"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("SELECT 1\n", ("has no name", "sql/checks/0030_x.sql:1")),
        ("-- name: two\nSELECT 1;\nSELECT 2;\n", ("must hold one SELECT, and holds 2 statements",)),
        ("-- name: none\n", ("must hold one SELECT, and holds 0 statements",)),
        ("-- name: bad\n-- severity: fatal\nSELECT 1\n", ("sql/checks/0030_x.sql:2", "fatal")),
        ("-- name: writes\nDELETE FROM users RETURNING id\n", ("must hold one SELECT", "sql/checks/0030_x.sql")),
    ],
    ids=["no name", "two", "none", "severity", "writes"],
)
def test_a_bad_check_is_refused_before_anything_runs(project: Project, text: str, parts: tuple[str, ...]) -> None:
    project.checks.mkdir(parents=True)
    (project.checks / "0030_x.sql").write_text(text)
    before = project.files()
    project.run("migrate.up").expect(2, *parts)
    assert project.files() == before
