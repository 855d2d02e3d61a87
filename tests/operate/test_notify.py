"""The command ``notify``: what it hears of a change, when, and that nothing it does stops the change."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cli import Done, Project
from eras import build
from places import ROOT
from proven import save_backup

LISTENER = "import sys; open('heard', 'a').write(sys.stdin.read() + chr(0)); print('noise')"
SLEEP = "import time; time.sleep(60)"
HANGING = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{SLEEP}']); {SLEEP}"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    listen(project)
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    return project


def listen(project: Project, program: str = LISTENER, more: str = "") -> None:
    (project.root / "listener.py").write_text(program)
    project.configure(f"[memsql]\nnotify = '{sys.executable}' listener.py \"two words\"\n{more}")


def heard(project: Project) -> list[dict[str, Any]]:
    """What the command has heard since the last call."""
    path = project.root / "heard"
    reports = [json.loads(text) for text in path.read_text().split("\0")[:-1]] if path.exists() else []
    path.unlink(missing_ok=True)
    return reports


def events(project: Project) -> list[tuple[str, str, str, int | None]]:
    return [(r["event"], r["steps"][0]["command"], r["status"], r["exit_code"]) for r in heard(project)]


def test_begin_and_end_of_a_run(project: Project) -> None:
    done = project.up("--maintenance-window", "10", "--json")
    assert done.err == ""
    assert done.json()["applied"] == 1
    begin, end = heard(project)
    assert (begin["event"], begin["status"], begin["exit_code"], begin["finished"]) == ("begin", "running", None, None)
    assert begin["database"] == "memory.db"
    assert begin["command_line"][-4:] == ["migrate.up", "--maintenance-window", "10", "--json"]
    assert begin["steps"][0]["summary"] == "memsql will apply 1 migration: 0001_a"
    assert "of 10 min" in begin["window"]
    assert "@" in begin["by"]
    assert (end["event"], end["status"], end["exit_code"], end["started"]) == ("end", "ok", 0, begin["started"])
    assert end["steps"][0]["data"]["done"][0]["id"] == "0001_a"
    assert end["window"] == begin["window"]


def test_down_to_and_chains(project: Project) -> None:
    project.up()
    heard(project)
    project.run("migrate.down").expect(0)
    project.run("migrate.to", "1").expect(0)
    project.run("migrate.down", "migrate", "verify").expect(0)
    assert [(event, command) for event, command, _, _ in events(project)] == [
        (event, command)
        for command in ("migrate.down", "migrate.to", "migrate.down", "migrate.up")
        for event in ("begin", "end")
    ]


def test_nothing_is_said_where_nothing_changes(project: Project) -> None:
    project.run("migrate.up", "--dry-run").expect(0)
    project.up()
    heard(project)
    project.up()
    project.run("verify")
    project.run("backup").expect(0)
    project.run("migrate.down", "--steps", "x").expect(2)
    assert heard(project) == []


def test_a_failure_is_said(project: Project) -> None:
    project.up()
    heard(project)
    project.add("0002_b", "CREATE TABLE a (x);\n")
    project.run("migrate.up").expect(5)
    begin, end = heard(project)
    assert (begin["event"], end["event"], end["status"], end["exit_code"]) == ("begin", "end", "failed", 5)
    assert end["steps"][0]["error"]["kind"] == "MigrationFailed"


def test_who_was_not_let_in_begins_nothing(project: Project) -> None:
    project.up()
    heard(project)
    listen(project, more="protected = yes\n")
    project.add("0002_b", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    project.run("migrate.up", "--yes").expect(6)
    save_backup(project.root / "backups", project.db)
    project.run("migrate.up").expect(6)
    assert heard(project) == []
    project.run("migrate.up", "--yes").expect(0)
    assert events(project) == [("begin", "migrate.up", "running", None), ("end", "migrate.up", "ok", 0)]


def test_legacy_tasks_and_a_restore(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for folder in ("migrations", "sql"):
        shutil.copytree(ROOT / folder, project.root / folder, dirs_exist_ok=True)
    listen(project)
    build(project.db, "1.1")
    project.run("legacy.phase1").expect(0)
    project.run("legacy.phase1").expect(0)
    project.run("legacy.rollback", "--phase", "1").expect(0)
    project.run("legacy.adopt").expect(0)
    project.run("backup").expect(0)
    project.run("backup.restore").expect(0)
    assert [(event, command, code) for event, command, _, code in events(project)] == [
        (event, command, code)
        for command in ("legacy.phase1", "legacy.rollback", "legacy.adopt", "backup.restore")
        for event, code in (("begin", None), ("end", 0))
    ]


def warned(done: Done) -> list[str]:
    return [line for line in done.err.splitlines() if line.startswith("warning: notify: ")]


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import sys; sys.exit('the chat is away')", "ended with exit code 1: the chat is away"),
        ("raise SystemExit(7)", "ended with exit code 7"),
    ],
)
def test_a_command_that_fails_stops_nothing(project: Project, program: str, problem: str) -> None:
    listen(project, program)
    done = project.up("--json")
    assert done.json()["applied"] == 1
    first, second = warned(done)
    assert first == f"warning: notify: {sys.executable} {problem}; the run goes on"
    assert second == f"warning: notify: {sys.executable} {problem}"


def test_a_command_that_is_not_there_stops_nothing(project: Project) -> None:
    project.configure("[memsql]\nnotify = ./nowhere at all\n")
    assert len(warned(project.up())) == 2
    assert project.applied() == ["0001_a"]


def test_a_command_that_hangs_is_stopped_with_its_children(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from memsql import config
    from memsql.operate import notify

    listen(project, HANGING)
    monkeypatch.setattr(notify, "TIME_LIMIT", 1.0)
    began = time.monotonic()
    problem = notify.send(config.load(project=str(project.root), environ={}), "{}" * 500_000)
    assert time.monotonic() - began < 20
    assert problem == f"{sys.executable} did not end within 1 s and was stopped"


def test_no_shell_and_no_secret(project: Project) -> None:
    project.configure(f"[memsql]\nnotify = '{sys.executable}' -c \"{LISTENER}\" $(touch made) ; touch made\n")
    project.add("0002_$(touch made)", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    project.up()
    project.add("0003_b", "CREATE TABLE `$(touch made)` (x);\nCREATE TABLE a (`; touch made`);\n")
    project.run("migrate.up").expect(5)
    assert not (project.root / "made").exists()
    assert len(heard(project)) == 4


def test_the_token_is_in_no_report_and_not_in_its_environment(project: Project) -> None:
    listen(project, "import os; open('environment', 'a').write(repr(dict(os.environ))); " + LISTENER)
    secret = "s3cret-token"
    environment = {"TURSO_AUTH_TOKEN": secret, "OTHER": f"x{secret}", "CHAT": "kept"}
    project.up("--database", f"sqlite:///memory.db?authToken={secret}", env=environment)
    text = (project.root / "heard").read_text()
    assert secret not in text
    assert [event for event, *_ in events(project)] == ["begin", "end"]


def test_on_a_server_the_command_does_not_get_the_token(project: Project) -> None:
    from memsql import config
    from memsql.operate import notify

    listen(project, "import os; open('environment', 'w').write(repr(dict(os.environ)))")
    settings = config.load(project=str(project.root), database="libsql://example.org?authToken=s3cret", environ={})
    assert (
        notify.send(settings, "{}", {"TURSO_URL": "libsql://x?authToken=s3cret", "T": "s3cret", "CHAT": "kept"}) is None
    )
    environment = (project.root / "environment").read_text()
    assert "s3cret" not in environment
    assert "kept" in environment


def test_a_command_line_that_does_not_end(project: Project) -> None:
    project.configure("[memsql]\nnotify = tell 'the team\n")
    done = project.run("migrate.up").expect(2, "notify is no command line: no closing quotation")
    assert "the team" not in done.err
