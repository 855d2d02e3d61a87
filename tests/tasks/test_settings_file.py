"""The settings in setup.cfg or in pyproject.toml: the same keys, one of the two, and messages that name it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

from memsql import config, hints, settings_file
from memsql.errors import ConfigError


@pytest.fixture(autouse=True)
def file_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "_settings_file", "setup.cfg")


def write(root: Path, text: str, name: str = "pyproject.toml") -> Path:
    (root / name).write_text(text, encoding="utf-8")
    return root


def load(root: Path, env: str | None = None) -> config.Settings:
    return config.load(project=str(root), env=env, environ={})


EVERY_KEY = """
[project]
name = "shop"
[tool.memsql]
database = "app.db"
migrations = "db/migrations"
busy_timeout = 250
backup_max_age = "2d"
check_timeout = 5
rehearsal_timeout = "2m"
protected = true
price_rows_read = 1.5
server_copy_rows = 500
models = ["models/a.ts", "models/b.py"]
queries = ["src/*.sql"]
notify = ["./tell team", "now"]
target = ["sqlite 3.40", "libsql"]
[tool.memsql.staging]
database = "staging.db"
protected = false
[tool.memsql."eu-1"]
busy_timeout = "1s"
"""


def test_every_key_may_stand_in_toml(tmp_path: Path) -> None:
    settings = load(write(tmp_path, EVERY_KEY))
    assert (str(settings.target), settings.migrations) == ("app.db", tmp_path / "db" / "migrations")
    assert (settings.busy_timeout, settings.backup_max_age, settings.check_timeout) == (250, 2 * 86_400_000, 5000)
    assert (settings.rehearsal_timeout, settings.protected, settings.price_rows_read) == (120_000, True, 1.5)
    assert (settings.server_copy_rows, settings.models) == (500, ("models/a.ts", "models/b.py"))
    assert (settings.queries, settings.notify) == (("src/*.sql",), ("./tell team", "now"))
    assert (settings.engines, settings.environments) == ("sqlite 3.40, libsql", ("staging", "eu-1"))
    staging = load(tmp_path, "staging")
    assert (str(staging.target), staging.protected, staging.busy_timeout) == ("staging.db", False, 250)
    assert load(tmp_path, "eu-1").busy_timeout == 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.memsql]\ndatabase = true", "database in [tool.memsql] is true or false, and has to be a text"),
        ("[tool.memsql]\ndatabase = 3", "database in [tool.memsql] is a number, and has to be a text"),
        ("[tool.memsql]\nprotected = 1", "protected in [tool.memsql] is a number, and has to be true or false"),
        ("[tool.memsql]\nbusy_timeout = 1.5", "is a number with a fraction, and has to be a whole number or a text"),
        (
            "[tool.memsql.x]\nmodels = [1]",
            "models in [tool.memsql.x] is a list, and has to be a text or a list of",
        ),
        ("[tool.memsql]\nmodels = ['a b']", "'a b' holds a blank or a comma"),
        ("[tool.memsql]\ndatabase = 2024-01-01", "is a date or a time"),
        ("[tool.memsql]\ndatabas = 'x'", "unknown setting 'databas' in [tool.memsql]"),
        ("[tool.memsql.x]\nnope = 'x'\n", "there is no environment 'y': pyproject.toml has no [tool.memsql.y] section"),
        ("[tool.memsql.y]\nnope = 'x'\n", "unknown setting 'nope' in [tool.memsql.y]"),
        ("[tool.memsql.y.z]\nnope = 'x'\n", "z in [tool.memsql.y] is a table"),
        ("[tool]\nmemsql = 3", "tool.memsql in pyproject.toml is a number, and has to be a table"),
        ("[tool.memsql]\ndatabase = x.db", "pyproject.toml cannot be read"),
        ("[tool.memsql]\nbusy_timeout = 'soon'", "busy_timeout = soon: not a time"),
        ("[tool.memsql]\nrehearsal_timeout = 0", "rehearsal_timeout = 0: not a time"),
    ],
)
def test_what_is_wrong_is_said_with_its_section(text: str, message: str, tmp_path: Path) -> None:
    env = "y" if ".x]\nnope" in text or ".y" in text else "x" if ".x]" in text else None
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text), env)
    assert message in str(caught.value)


def test_both_files_in_one_folder_are_refused_and_both_named(tmp_path: Path) -> None:
    project = Project(tmp_path)
    write(tmp_path, "[tool.memsql]\ndatabase = 'b.db'\n")
    project.run("migrate.up").expect(2, "setup.cfg", "pyproject.toml", "nothing was changed")
    assert not (tmp_path / "memory.db").exists()
    assert not (tmp_path / "b.db").exists()


@pytest.mark.parametrize(
    "text", ["[project]\nname = 'x'\n", "[tool.black]\nx = 'memsql'\n", "not toml: memsql of tool\n", ""]
)
def test_another_pyproject_is_no_project_and_does_no_harm(text: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    write(tmp_path, "[memsql]\n", "setup.cfg")
    write(inner, text)
    assert settings_file.find(inner) == tmp_path
    with pytest.raises(ConfigError, match=r"pyproject.toml with \[tool.memsql\]"):
        settings_file.find(tmp_path.parent)


def test_messages_name_the_file_that_is_used(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "setup.cfg").unlink()
    write(tmp_path, "[tool.memsql]\n[tool.memsql.staging]\ndatabase = 'staging.db'\n")
    project.add("0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);")
    project.run("migrate.up").expect(0, "database: memory.db")
    project.run("migrate.up", "--env", "staging").expect(0, "database: staging.db")
    done = project.run("migrate.up", "--database", "production").expect(2, "[tool.memsql.NAME] of pyproject.toml")
    assert "setup.cfg" not in done.err
    project.run("migrate.status", "-v").expect(0, f"settings: {tmp_path / 'pyproject.toml'}")


def test_a_dry_run_ends_when_its_time_is_over(tmp_path: Path) -> None:
    project = Project(tmp_path, "rehearsal_timeout = 300ms\n")
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0"
    project.add("0001_a", "CREATE TABLE a (x);")
    project.add("0002_b", f"INSERT INTO a {endless};")
    done = project.run("migrate.up", "--dry-run").expect(4, "did not end within 300 ms", "0002_b", "rehearsal_timeout")
    assert "setup.cfg" in done.out + done.err
    assert not project.db.exists()
    project.remove("0002_b")
    project.run("migrate.up", "--dry-run").expect(0)
