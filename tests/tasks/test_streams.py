"""Standard streams that are closed or full, a working directory that is gone, settings of Invoke that are broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli import Project

MEMSQL = str(Path(sys.executable).with_name("memsql"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "my project")
    made.add("0001_base", "CREATE TABLE item (x);\n", "DROP TABLE item;\n")
    return made


def shell(project: Project, line: str) -> tuple[int, str]:
    """The exit code of ``line`` and what it writes on stderr, or on stdout where stderr is somewhere else."""
    done = subprocess.run(
        line.replace("memsql", f"'{MEMSQL}'", 1),
        shell=True,
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_runs_where_a_stream_is_closed(project: Project, closed: str) -> None:
    code, said = shell(project, f"memsql migrate.up {closed}")
    assert code == 0, said
    assert project.one("SELECT count(*) FROM item") == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("words", ["migrate.up", "migrate.up --json", "--list", "--help migrate.up"])
def test_a_full_standard_output_is_told(project: Project, words: str) -> None:
    code, said = shell(project, f"memsql {words} 2>&1 >/dev/full")
    assert code == 3
    assert said.startswith("error: cannot write to standard output: ")
    assert "Traceback" not in said
    if words.startswith("migrate"):
        assert "migrate.up itself ended with exit code 0, and what it did stays done" in said
        assert project.one("SELECT count(*) FROM item") == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_failure_keeps_its_exit_code_where_nobody_can_read_it(project: Project) -> None:
    project.add("0002_bad", "INSERT INTO nothing VALUES (1);\n", "SELECT 1;\n")
    assert shell(project, "memsql migrate.up --json >/dev/full 2>&1")[0] == 5


def test_a_working_directory_that_is_gone(project: Project) -> None:
    code, said = shell(project, "mkdir gone; cd gone; rmdir ../gone; memsql migrate.up")
    assert code == 2
    assert "working directory" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "text"),
    [(".invoke.yaml", "- list\n"), (".invoke.yaml", "a: [1, "), (".invoke.json", "{"), (".invoke.py", "(")],
)
def test_settings_of_invoke_that_are_broken(project: Project, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    code, said = shell(project, f"HOME='{tmp_path}' INVOKE_RUN_WATCHERS=maybe memsql migrate.up")
    assert code == 0, said
