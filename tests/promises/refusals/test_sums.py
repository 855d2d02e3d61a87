"""memsql.sum and files that do not agree: nothing runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bad_files import TAGS
from cli import Project


def _swapped(lines: list[str]) -> list[str]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (
            lambda p: p.add("0030_tags", TAGS + "SELECT 2;\n"),
            "0030_tags.sql: the file changed since memsql.sum was written",
        ),
        (lambda p: p.add("0040_new", "SELECT 1;\n"), "0040_new.sql: not in memsql.sum"),
        (lambda p: p.remove("0030_tags"), "0030_tags.sql: in memsql.sum, but there is no such file"),
        (
            lambda p: (p.migrations / "memsql.sum").write_text("memsql.sum 1\nrubbish\n"),
            "0010_users.sql: not in memsql.sum",
        ),
        (
            lambda p: (p.migrations / "memsql.sum").write_text(
                "\n".join(_swapped((p.migrations / "memsql.sum").read_text().splitlines())) + "\n"
            ),
            "memsql.sum itself was edited or merged",
        ),
    ],
    ids=["changed", "new", "gone", "rubbish", "shuffled"],
)
def test_a_stale_sum_stops_up_and_down(project: Project, change: Callable[[Project], object], part: str) -> None:
    project.run("migrate.sum").expect(0, "memsql.sum written")
    project.run("migrate.sum", "--check").expect(0, "fresh")
    change(project)
    before = project.files()
    project.run("migrate.up").expect(2, "memsql.sum does not match the migration files", part, "migrate.sum")
    project.run("migrate.down").expect(2, part)
    project.run("migrate.status").expect(0, f"problem: memsql.sum: {part}")
    project.run("migrate.status", "--check").expect(1)
    project.run("migrate.sum", "--check").expect(1, part)
    assert project.files() == before
    project.run("migrate.sum").expect(0)
    project.up()
