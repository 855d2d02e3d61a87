"""The sessions of docs/teams.md, typed with a real git, with the output that stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import shell
from cli import Project
from places import ROOT
from repositories import commit, git, stamp

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "teams.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"\$ (?P<words>.+?)(?:   # exit code (?P<code>\d+))?")


def session(title: str) -> list[tuple[str, int, list[str]]]:
    """The commands of the section ``title`` with their exit codes and the lines of their output."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    commands: list[tuple[str, int, list[str]]] = []
    for line in section.splitlines():
        if not line.startswith("    "):
            continue
        match = COMMAND.fullmatch(line[4:])
        if match:
            commands.append((match["words"], int(match["code"] or 0), []))
        else:
            commands[-1][2].append(line[4:])
    return commands


def type_all(root: Path, title: str) -> None:
    """Type the section, and compare: times may differ, and ``…`` stands for any lines."""
    for words, code, lines in session(title):
        done = shell.run(words, cwd=root, environment={})
        output = re.sub(r"\d+ ms", "N ms", done.out + done.err)
        pattern = re.sub(r"\d+ ms", "N ms", "\n".join(lines))
        expected = r"[\s\S]*".join(map(re.escape, pattern.split("…")))
        assert done.code == code, f"{words}\n{output}"
        assert re.fullmatch(expected, output.strip()), f"{words}\n{output}"


def table(project: Project, number: str, name: str) -> None:
    header = f"-- {name}\n-- depends: {'' if number == '0001' else '0001_team'}\n"
    project.add(
        f"{number}_{name}",
        f"{header}CREATE TABLE {name} (id INTEGER PRIMARY KEY, text TEXT);\n",
        f"-- Undo {number}_{name}\nDROP TABLE {name};\n",
    )
    stamp(project)
    commit(project, name)


def test_two_branches_took_one_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.invalid")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    project = Project(tmp_path)
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("memory.db*\n")
    table(project, "0001", "team")
    git(tmp_path, "switch", "-q", "-c", "notes")
    project.check("0002_notes", "SELECT 'no text' FROM notes WHERE text IS NULL;")
    table(project, "0002", "notes")
    project.up()
    git(tmp_path, "switch", "-q", "main")
    table(project, "0002", "tags")
    git(tmp_path, "switch", "-q", "notes")
    type_all(tmp_path, "Two branches took one number")
