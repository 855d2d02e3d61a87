"""schema.diff between migrations, databases, files and commits."""

from __future__ import annotations

import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from cli import Project, clean_environment


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in a folder of a repository, with one commit; the second migration is not committed."""
    root = tmp_path / "deep er" / "project"
    new = Project(root)
    new.add("0001_a", "CREATE TABLE a (x INTEGER);\n", "DROP TABLE a;\n")
    new.run("schema.dump", "--write").expect(0)
    git(tmp_path, "init", "-q", "-b", "trunk")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "One")
    new.add(
        "0002_b",
        "ALTER TABLE a ADD COLUMN y TEXT;\nCREATE INDEX i ON a (y);\n",
        "DROP INDEX i;\nALTER TABLE a DROP COLUMN y;\n",
    )
    return new


def git(folder: Path, *words: str) -> None:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", *words],
        cwd=folder,
        env=env,
        check=True,
        capture_output=True,
    )


def test_every_source_against_every_other(project: Project) -> None:
    project.run("migrate.up", "--to", "1").expect(0)
    (project.root / "wish.sql").write_text("CREATE TABLE a (x INTEGER, y TEXT); CREATE INDEX i ON a (y);")
    old = ("database", "schema.sql", "git:HEAD", "git:trunk:migrations", "sql/schema.sql")
    new = ("migrations", "wish.sql")
    for one, two in [*pairwise(old), new]:
        project.run("schema.diff", "--from", one, "--to", two, "--check").expect(0, "no difference")
    for one, two in zip(old, (*new, *new, "migrations"), strict=True):
        project.run("schema.diff", "--from", one, "--to", two, "--check").expect(
            1, "+ index i", "~ table a: column y TEXT added"
        )


def test_without_options_it_says_what_the_database_has_otherwise(project: Project) -> None:
    project.up()
    project.run("schema.diff").expect(0, "no difference between migrations and memory.db")
    project.script("DROP INDEX i; CREATE TABLE own (x)")
    report = project.run("schema.diff", "--json").expect(0).json()
    assert (report["from"], report["to"], report["differ"]) == ("migrations", "memory.db", True)
    assert (report["added"], report["removed"], report["changed"]) == (["table own"], ["index i"], [])
    project.run("schema.diff", "--check", "--json").expect(1)


def test_sources_that_are_not_there(project: Project, tmp_path: Path) -> None:
    for source, said in (
        ("nonsense", "a schema comes from"),
        ("missing.sql", "there is no file missing.sql"),
        ("git:", "not git:REF"),
        ("git:nowhere", "git knows no commit nowhere"),
        ("git:--all", "git knows no commit --all"),
        ("git:HEAD:etc", "not git:REF"),
        ("git:HEAD:migrations", ""),
    ):
        project.run("schema.diff", "--from", source, "--to", "git:HEAD").expect(2 if said else 0, said)
    git(tmp_path, "rm", "-q", "-r", "--cached", ".")
    git(tmp_path, "commit", "-q", "-m", "Empty", "--allow-empty")
    project.run("schema.diff", "--from", "git:HEAD").expect(
        2, "there is no sql/schema.sql at HEAD", "git:HEAD:migrations"
    )
    project.run("schema.diff", "--from", "git:HEAD:migrations").expect(
        2, "there are no migrations in migrations at HEAD"
    )
    project.run("schema.diff", "--from", "git:HEAD~1", "--to", "git:HEAD~1:migrations", "--check").expect(0)


def test_inside_a_hook_of_another_repository(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    hook = {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": "nowhere",
        "GIT_PREFIX": "x/",
    }
    for source in ("git:HEAD", "git:HEAD:migrations"):
        project.run("schema.diff", "--from", source, "--to", "schema.sql", "--check", env=hook).expect(0)


def test_without_a_repository_or_without_git(tmp_path: Path) -> None:
    project = Project(tmp_path)
    env = {**clean_environment(), "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    project.run("schema.diff", "--from", "git:HEAD", env=env).expect(2, "is in no git repository")
    project.run("schema.diff", "--from", "git:HEAD", env={**env, "PATH": "/nowhere"}).expect(2, "git is not installed")


def test_a_snapshot_that_does_not_load_names_its_line(project: Project, tmp_path: Path) -> None:
    (project.root / "sql" / "schema.sql").write_text("CREATE TABLE a (x);\nCREATE TABLE a (x);\n")
    project.run("schema.diff", "--from", "schema.sql").expect(2, "sql/schema.sql:2")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "Broken")
    project.run("schema.diff", "--from", "git:HEAD").expect(2, "HEAD:deep er/project/sql/schema.sql:2")
