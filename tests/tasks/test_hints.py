"""Hints name the program that was typed."""

from __future__ import annotations

from pathlib import Path

from cli import Project, run

_TASKS = "from memsql.tasks import ns\n"


def test_a_hint_names_the_program_that_was_typed(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "tasks.py").write_text(_TASKS)
    project.run("migrate.status").expect(0, "write the first with: memsql migrate.create NAME")
    run("migrate.status", cwd=tmp_path, program="invoke").expect(0, "with: invoke migrate.create NAME")
