"""A word in place of a database: the name of an environment, a host, or no file at all."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest
from cli import Done, Project

from memsql import config
from memsql.address import looks_like_a_file
from memsql.errors import UsageError
from memsql.report.text import error

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


def refusal(project: Project, way: str, text: str) -> str:
    """What every command says of ``text`` as the database, named in this ``way``; it must refuse it."""
    if way == "database":
        project.configure(ENVIRONMENTS.replace("[memsql]\n", f"[memsql]\ndatabase = {text}\n"))
    if way == ".env":
        (project.root / ".env").write_text(f"TURSO_URL={text}\n")
    environ = {"TURSO_URL": text} if way == "TURSO_URL" else {}
    with chdir(project.root), pytest.raises(UsageError) as caught:
        config.load(database=text if way == "--database" else None, environ=environ)
    assert caught.value.state == "nothing was changed"
    return error(caught.value)


def files(project: Project) -> set[str]:
    return {p.name for p in project.root.iterdir()} - {"migrations", "setup.cfg", ".env"}


@pytest.mark.parametrize("task", ["migrate.up", "migrate.status", "verify", "backup", "migrate.down"])
def test_the_name_of_an_environment_is_no_database(project: Project, task: str) -> None:
    for text in ("staging", "Staging"):
        project.run(task, "--database", text).expect(2, "MEMSQL_ENV=staging", "--env staging", f"./{text}")
    assert files(project) == set()


@pytest.mark.parametrize("text", ["staging", "Staging"])
def test_the_name_of_an_environment_is_refused_wherever_it_stands(project: Project, way: str, text: str) -> None:
    said = refusal(project, way, text)
    for part in ("MEMSQL_ENV=staging", "--env staging", "libsql://", f"./{text}"):
        assert part in said


def test_the_name_of_an_environment_may_look_like_a_file(project: Project, way: str) -> None:
    assert "MEMSQL_ENV=eu.prod" in refusal(project, way, "eu.prod")


@pytest.mark.parametrize("text", ["production", "localhost", "localhost:8080", "127.0.0.1:8080", "mydb-acme.turso.io"])
def test_a_word_that_is_no_file_is_no_database(project: Project, way: str, text: str) -> None:
    said = refusal(project, way, text)
    for part in (text, "libsql://", "http://", "there are: staging", f"./{text}"):
        assert part in said


def test_what_is_said_without_environments(project: Project) -> None:
    project.configure("[memsql]\n")
    done = run(project, "TURSO_URL", "production", "migrate.up", "--json").expect(2)
    error = done.json()["error"]
    assert "MEMSQL_ENV=production or --env production" in error["hint"]
    assert error["state"] == "nothing was changed"
    assert files(project) == set()


def test_a_token_behind_a_host_without_scheme_stays_secret(project: Project, way: str) -> None:
    said = refusal(project, way, "mydb-acme.turso.io?authToken=SECRET")
    assert "libsql://" in said
    assert "SECRET" not in said


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


@pytest.mark.parametrize("text", ["tenants/*.db", "tenants/?.db", "tenants/[ab].db", "file:tenants/*.db"])
def test_a_pattern_is_no_database(project: Project, way: str, text: str) -> None:
    tenants = project.root / "tenants"
    tenants.mkdir()
    for name in ("a.db", "b.db"):
        (tenants / name).touch()
    said = refusal(project, way, text)
    assert text.removeprefix("file:") in said
    assert "pattern" in said


def test_what_a_pattern_would_mean_may_be_a_name(project: Project) -> None:
    (project.root / "shop [1]#2?*.db").touch()
    for name in ("shop [1]#2?*.db", "new [1].db", "app.v1.2.db"):
        project.run("migrate.up", "--database", name).expect(0, f"database: {name}")
        assert (project.root / name).stat().st_size


def test_what_is_encoded_and_a_folder_that_is_there_are_names(project: Project) -> None:
    project.run("migrate.up", "--database", "what?.db").expect(2, "for a new file that is called so: file:what%3F.db")
    (project.root / "what?").mkdir()
    for text, name in (("file:what%3F.db", "what?.db"), ("what?/new.db", "what?/new.db")):
        project.run("migrate.up", "--database", text).expect(0)
        assert (project.root / name).is_file()


@pytest.mark.parametrize(
    "text", ["acme.turso.io/db", "//acme.turso.io", "10.0.0.5/x", "localhost:8080/x", "example.com", "db.internal"]
)
def test_a_host_without_a_scheme_is_no_file(project: Project, text: str) -> None:
    said = refusal(project, "--database", text)
    assert "libsql://" in said
    assert "http://" in said


READING = "verify smoke fts.status fts.check legacy.status monitor.health monitor.metrics monitor.slow monitor.review"
READING += (
    " analyze.queries analyze.indexes schema.info schema.stats schema.dump schema.diagram schema.docs schema.diff"
)
READING += " schema.types"
REHEARSING = "migrate.down legacy.adopt legacy.rollback maintain.reindex maintain.optimize maintain.vacuum"


@pytest.mark.parametrize("words", [*READING.split(), *(f"{task} --dry-run" for task in REHEARSING.split())])
def test_a_missing_file_is_not_an_empty_database(project: Project, words: str) -> None:
    project.run(*words.split(), "--database", "memry.db").expect(3, "memry.db does not exist")
    assert files(project) == set()


@pytest.mark.parametrize("words", ["migrate.status", "migrate.up --dry-run", "migrate.to 1 --dry-run"])
def test_a_new_project_has_no_database_yet(project: Project, words: str) -> None:
    project.run("migrate.sum").expect(0)
    project.run(*words.split()).expect(0, "database: memory.db")
    assert files(project) == set()


def test_which_database_a_run_changes_is_said(project: Project) -> None:
    project.run("migrate.up").expect(0, "database: memory.db\n")
    report = project.run("migrate.up", "--env", "staging", "--json").expect(0).json()
    assert (report["database"], report["env"]) == ("staging.db", "staging")
    project.run("migrate.down", "--env", "staging").expect(0, "database: staging.db of the environment staging\n")


def test_what_wins_over_the_setting_is_said(project: Project) -> None:
    project.configure("[memsql]\ndatabase = team.db\n[memsql:staging]\ndatabase = staging.db\n")
    url = {"TURSO_URL": "./other.db"}
    note = "note: TURSO_URL chooses ./other.db, and not team.db of the settings"
    assert note in project.run("migrate.up", env=url).expect(0).err
    assert "note" not in project.run("migrate.up", "--quiet", env=url).expect(0).err
    assert "note" not in project.run("migrate.up", env={"TURSO_URL": "team.db"}).expect(0).err
    for words in (["--database", "third.db"], ["--env", "staging"]):
        done = project.run("migrate.up", *words, env=url).expect(0)
        assert "note" not in done.err
    assert files(project) >= {"other.db", "team.db", "third.db", "staging.db"}


def test_the_snapshot_is_never_emptied_or_another_databases(project: Project) -> None:
    snapshot = project.root / "sql" / "schema.sql"
    project.run("migrate.up", "--database", "other.db").expect(0)
    project.run("schema.dump", "--write").expect(0)
    kept = snapshot.read_text()
    for words in (["--database", "other.db"], ["--env", "staging"]):
        project.run("schema.dump", "--write", *words).expect(2, "names a database", "sql/schema.sql is as it was")
    project.remove("0001_a")
    project.run("migrate.sum").expect(0)
    project.run("schema.dump", "--write").expect(2, "the migrations make nothing")
    assert snapshot.read_text() == kept
