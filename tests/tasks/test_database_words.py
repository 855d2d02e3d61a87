"""A word in place of a database: the name of an environment, a host, or no file at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Done, Project

from memsql.address import looks_like_a_file

ENVIRONMENTS = "[memsql]\n[memsql:staging]\ndatabase = staging.db\n[memsql:eu.prod]\ndatabase = prod.db\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    project.configure(ENVIRONMENTS)
    return project


@pytest.fixture(params=["TURSO_URL", "--database", "database", ".env"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(project: Project, way: str, text: str, *words: str) -> Done:
    """Run ``words`` with ``text`` as the database, named in this ``way``."""
    if way == "TURSO_URL":
        return project.run(*words, env={"TURSO_URL": text})
    if way == "--database":
        return project.run(*words, "--database", text)
    if way == "database":
        project.configure(ENVIRONMENTS.replace("[memsql]\n", f"[memsql]\ndatabase = {text}\n"))
    else:
        (project.root / ".env").write_text(f"TURSO_URL={text}\n")
    return project.run(*words)


def files(project: Project) -> set[str]:
    return {p.name for p in project.root.iterdir()} - {"migrations", "setup.cfg", ".env"}


@pytest.mark.parametrize("task", ["migrate.up", "migrate.status", "verify", "backup", "migrate.down"])
def test_the_name_of_an_environment_is_no_database(project: Project, way: str, task: str) -> None:
    for text in ("staging", "Staging"):
        run(project, way, text, task).expect(2, "MEMSQL_ENV=staging", "--env staging", "libsql://", f"./{text}")
        assert files(project) == set()


def test_the_name_of_an_environment_may_look_like_a_file(project: Project, way: str) -> None:
    run(project, way, "eu.prod", "migrate.up").expect(2, "MEMSQL_ENV=eu.prod")
    assert files(project) == set()


@pytest.mark.parametrize("text", ["production", "localhost", "localhost:8080", "127.0.0.1:8080", "mydb-acme.turso.io"])
def test_a_word_that_is_no_file_is_no_database(project: Project, way: str, text: str) -> None:
    run(project, way, text, "migrate.up").expect(2, text, "libsql://", "http://", "there are: staging", f"./{text}")
    assert files(project) == set()


def test_what_is_said_without_environments(project: Project) -> None:
    project.configure("[memsql]\n")
    done = run(project, "TURSO_URL", "production", "migrate.up", "--json").expect(2)
    error = done.json()["error"]
    assert "MEMSQL_ENV=production or --env production" in error["hint"]
    assert error["state"] == "nothing was changed"
    assert files(project) == set()


def test_a_token_behind_a_host_without_scheme_stays_secret(project: Project, way: str) -> None:
    done = run(project, way, "mydb-acme.turso.io?authToken=SECRET", "migrate.up").expect(2, "libsql://")
    assert "SECRET" not in done.out + done.err


def test_the_folder_in_front_makes_it_a_file(project: Project, way: str) -> None:
    run(project, way, "./staging", "migrate.up").expect(0)
    assert files(project) == {"staging"}


def test_a_file_that_is_there_needs_no_suffix(project: Project, way: str) -> None:
    (project.root / "production").touch()
    run(project, way, "production", "migrate.up").expect(0)
    assert files(project) == {"production"}


def test_a_file_called_like_an_environment(project: Project, way: str) -> None:
    (project.root / "staging").touch()
    run(project, way, "staging", "migrate.up").expect(0 if way == "database" else 2)
    assert ((project.root / "staging").stat().st_size > 0) is (way == "database")


def test_the_environment_is_chosen_as_the_message_says(project: Project) -> None:
    project.up(env={"MEMSQL_ENV": "staging", "TURSO_URL": "staging"})
    project.up("--env", "eu.prod")
    assert files(project) == {"staging.db", "prod.db"}


@pytest.mark.parametrize(
    "text",
    [
        "memory.db", "x.sqlite3", "app.v1.2.db", "backup.2024.01", "memory.v2", ".hidden", "./x", "../x", "/srv/x",
        "data/app", "C:\\data\\app", "shop [1]#2?.db", "mydb.turso.db", "a b.db",
    ],
)  # fmt: skip
def test_names_of_files(text: str) -> None:
    assert looks_like_a_file(text)


@pytest.mark.parametrize(
    "text",
    [
        "staging", "STAGING", "db", "localhost", "localhost:8080", "db.example.com:443", "127.0.0.1", "10.0.0.7:80",
        "mydb.turso.io", "mydb-acme.aws-eu-west-1.turso.io", "a.b.turso.io?authToken=x", " ", "prod ",
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_file(text: str) -> None:
    assert not looks_like_a_file(text)


@pytest.mark.parametrize("text", ["staging", "Staging", "eu.prod", "production"])
def test_a_backup_is_not_restored_into_a_file_called_like_an_environment(project: Project, text: str) -> None:
    project.up()
    project.run("backup").expect(0)
    before = files(project)
    project.run("backup.restore", "--to", text).expect(2, f"--to {text}: this is ", "--env NAME", f"--to ./{text}")
    assert files(project) == before
    name = next(project.root.glob("backups/*.db")).name
    project.run("backup.restore", name, "--env", "staging").expect(0, "restored staging.db")
    project.run("backup.restore", "--to", f"./{text}").expect(0)
    assert files(project) == {*before, "staging.db", text}
