"""Several databases in one repository: folders of environments, and the tasks that look at all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli import Project
from repositories import commit, git

from memsql import config

SETTINGS = (
    "[memsql]\n"
    "[memsql:app]\nmigrations = db/app\nsql = db/app/sql\ndatabase = app.db\n"
    "[memsql:app-production]\nmigrations = db/app/\nsql = db/app/sql\ndatabase = http://127.0.0.1:9\n"
    "[memsql:logs]\nmigrations = db/logs\nsql = db/logs/sql\ndatabase = logs.db\n"
    "[memsql:before]\nmigrations = db/app/sql/squashed/0002_x\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.migrations.rmdir()
    project.configure(SETTINGS)
    for env, table in (("app", "team"), ("logs", "line")):
        add(project, env, f"0001_{table}")
        project.run("migrate.sum", "--env", env).expect(0)
        project.run("schema.dump", "--write", "--env", env).expect(0)
    return project


def add(project: Project, env: str, name: str, depends: str = "") -> None:
    """A migration that makes a table of its name."""
    folder, table = project.root / "db" / env, name.partition("_")[2]
    folder.mkdir(parents=True, exist_ok=True)
    up = f"CREATE TABLE {table} (id INTEGER PRIMARY KEY);\n"
    (folder / f"{name}.sql").write_text(f"-- {name}\n-- depends: {depends}\n{up}")
    (folder / f"{name}.rollback.sql").write_text(f"-- Undo {name}\nDROP TABLE {table};\n")


def test_which_databases_there_are(project: Project) -> None:
    assert config.migration_folders(project.root) == ("app", "logs")
    project.migrations.mkdir()
    assert config.migration_folders(project.root) == ("", "app", "logs")
    project.configure("[memsql]\n[memsql:staging]\ndatabase = s.db\n")
    assert config.migration_folders(project.root) == ("",)


def test_all_of_them(project: Project) -> None:
    for env in ("app", "logs"):
        project.run("migrate.up", "--env", env).expect(0)
        project.run("verify", "--env", env).expect(0)
    project.run("migrate.sum", "--check", "--all").expect(0, "== app", "== logs", "2 databases: all well")
    project.run("lint", "--all").expect(0, "== logs")
    add(project, "logs", "0002_more", "0001_line")
    project.run("migrate.sum", "--check", "--all").expect(1, "0002_more.sql: not in memsql.sum", "not well: logs")
    project.run("migrate.sum", "--all").expect(0, "memsql.sum was up to date", "memsql.sum written")
    done = project.run("migrate.status", "--all", "--check").expect(1, "0001     team", "not well: logs")
    assert "next: memsql migrate.up --env logs" in done.out
    report = project.run("migrate.status", "--all", "--json").expect(0).json()
    assert [(d["name"], [m["state"] for m in d["migrations"]]) for d in report["databases"]] == [
        ("app", ["applied"]),
        ("logs", ["applied", "pending"]),
    ]
    # One that cannot be asked stops none of the others.
    (project.root / "app.db").write_bytes(b"no database" * 100)
    project.run("migrate.status", "--all").expect(3, "== logs", "0002     more")
    project.run("migrate.status", "--all", "--env", "app").expect(2, "leave one of them out")
    project.run("lint", "--all", "--path", "db").expect(2, "--all and --path do not go together")


def test_a_pull_request_of_several(project: Project) -> None:
    git(project.root, "init", "-q")
    (project.root / ".gitignore").write_text("*.db\n")
    commit(project)
    git(project.root, "checkout", "-q", "-b", "work")
    add(project, "logs", "0002_more", "0001_line")
    project.run("migrate.sum", "--all").expect(0)
    for env in ("app", "logs"):
        project.run("schema.dump", "--write", "--env", env).expect(0)
    done = project.run("review", "--all").expect(
        0, "== app", "safe: nothing changed", "0002_more (new): way back proven"
    )
    assert done.out.index("== app") < done.out.index("== logs") < done.out.index("0002_more")
    commit(project)
    git(project.root, "checkout", "-q", "main")
    add(project, "logs", "0002_other", "0001_line")
    commit(project)
    git(project.root, "checkout", "-q", "work")
    done = project.run("review", "--all", "--format", "markdown").expect(1, "# logs", "MR07")
    assert "memsql migrate.renumber --base main --env logs" in done.out
    project.run("review", "--all", "--output", "r.sarif", "--output", "r.json").expect(
        1, "wrote r.sarif", "logs: blocks"
    )
    sarif = json.loads((project.root / "r.sarif").read_text())
    assert [run["automationDetails"]["id"] for run in sarif["runs"]] == ["memsql/app/", "memsql/logs/"]
    assert [d["name"] for d in json.loads((project.root / "r.json").read_text())["databases"]] == ["app", "logs"]
    report = project.run("review", "--all", "--json").expect(1).json()
    assert [d["ok"] for d in report["databases"]] == [True, False]
    project.run("review", "--all", "--format", "html").expect(2, "html shows one database")
    # One alone, and what its hints say.
    project.run("review", "--env", "logs").expect(1, "memsql migrate.renumber --base main --env logs")
    project.run("migrate.renumber", "--env", "logs").expect(0, "0002_more is now 0003_more: main has 0002_other")
    (project.root / "db" / "logs" / "memsql.sum").write_text("memsql.sum 1\n")
    project.run("migrate.up", "--env", "logs").expect(2, "memsql migrate.sum --env logs")
    project.run("migrate.sum", "--env", "logs").expect(0)
    project.run("migrate.test", "--env", "logs").expect(0, "0003_more")
    project.run("migrate.squash", "--to", "3", "--env", "logs").expect(0, "db/logs/sql/squashed/0003_more")
