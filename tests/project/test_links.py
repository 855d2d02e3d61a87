"""A link in a project shows nothing of what the machine holds elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli import Project
from repositories import commit, git

from memsql.errors import FileError
from memsql.project.files import read_file
from memsql.project.sums import sum_problems

TEAM = "-- Teams\nCREATE TABLE team (id INTEGER PRIMARY KEY);\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "0009_secret.sql").write_text("vault_code_4711 is the secret;\n")
    new = Project(tmp_path / "project")
    new.add("0001_team", TEAM, "-- Undo\nDROP TABLE team;\n")
    new.run("schema.dump", "--write").expect(0)
    return new


def test_no_reader_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret.sql").write_text("secret")
    (tmp_path / "memsql.sum").symlink_to("secret.sql")
    (tmp_path / "link.sql").symlink_to("secret.sql")
    with pytest.raises(FileError, match=r"link\.sql is a link"):
        read_file(tmp_path / "link.sql", "link.sql")
    (problem,) = sum_problems(tmp_path, [])
    assert "secret" not in problem


@pytest.mark.parametrize("name", ["migrations/0002_change.sql", "sql/checks/0001_x.sql", "sql/queries/x.sql"])
def test_a_linked_file_is_not_shown(project: Project, tmp_path: Path, name: str) -> None:
    git(project.root, "init", "-q", "-b", "main")
    commit(project)
    link = project.root / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "outside" / "0009_secret.sql")
    for words in (["lint"], ["review", "--base", "main", "--format", "markdown"], ["migrate.up"]):
        done = project.run(*words)
        assert done.code in (0, 1, 2)
        assert "4711" not in done.out + done.err
        if words != ["migrate.up"]:
            assert "link" in done.out + done.err


@pytest.mark.parametrize("name", ["sql", "sql/legacy", "sql/checks", "sql/queries", "migrations/legacy"])
def test_a_linked_folder_is_refused(project: Project, tmp_path: Path, name: str) -> None:
    folder = project.root / name
    if folder.is_dir():
        folder.rename(tmp_path / "aside")
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to(tmp_path / "outside")
    project.run("lint").expect(2, f"{name} is a link", "put the folder itself there")
    project.script("CREATE TABLE own (x)")
    project.run("legacy.status").expect(2, f"{name} is a link")


def test_a_configuration_of_sqlfluff_runs_no_program(project: Project) -> None:
    (project.root / ".sqlfluff").write_text(
        "[sqlfluff]\ndialect = sqlite\ntemplater = jinja\n[sqlfluff:templater:jinja]\nlibrary_path = evil\n"
    )
    (project.root / "evil").mkdir()
    (project.root / "evil" / "__init__.py").write_text("open('pwned', 'w').close()\n")
    project.run("lint").expect(0)
    assert not list(project.root.rglob("pwned"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
@pytest.mark.parametrize("name", ["migrations/0002_change.sql", "sql/queries/x.sql"])
def test_a_pipe_is_refused_and_nobody_waits(project: Project, name: str) -> None:
    pipe = project.root / name
    pipe.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(pipe)
    project.run("lint").expect(1, f"{name} is no regular file")
    if name.startswith("migrations"):
        project.run("migrate.status").expect(2, f"{name} is no regular file")
    with pytest.raises(FileError, match="is no regular file"):
        read_file(os.devnull, "null")
