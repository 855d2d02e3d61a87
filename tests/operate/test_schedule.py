"""maintain.schedule: what it prints is what cron, systemd and GitHub read, and every duty's command exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli import Project, clean_environment
from places import ROOT

from memsql.operate.duties import DUTIES, PERIODS, Duty
from memsql.report import schedule
from memsql.report.schedule import Place
from memsql.tasks.command_line import all_names
from memsql.tasks.loading import namespace

ODD = 'a "b" %d $HOME \\x it\'s'
FILE = Place(f"/srv/{ODD}", ("/opt/my app/memsql",), "production", "memory.db", is_server=False, token_variable="TOKEN")
SERVER = replace(FILE, database="libsql://x.turso.io", is_server=True, subfolder='db "x"')
ACTIONLINT = shutil.which("actionlint", path=str(Path(sys.executable).parent))


def cron_lines(place: Place) -> list[tuple[list[str], str]]:
    """The five fields of each line, and its command as cron hands it to the shell."""
    lines = [line for line in schedule.cron(place).splitlines() if line and not line.startswith("#")]
    assert all(not re.search(r"(?<!\\)%", line) for line in lines)
    return [(line.split()[:5], line.split(None, 5)[5].replace(r"\%", "%")) for line in lines]


def test_every_command_of_a_duty_is_one_of_ours() -> None:
    names = all_names(namespace())
    for duty in DUTIES:
        tasks = [word for word in duty.command if not word.startswith("-") and not word.isdigit()]
        assert tasks
        assert set(tasks) <= names, duty


def test_names_are_unique_and_every_period_has_duties() -> None:
    assert len({(d.every, d.name) for d in DUTIES}) == len(DUTIES)
    assert {d.every for d in DUTIES} == set(PERIODS)


@pytest.mark.parametrize("duty", DUTIES, ids=lambda d: f"{d.every}-{d.name}")
def test_every_command_runs(tmp_path: Path, duty: Duty) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    project.up()
    project.run("backup").expect(0)
    project.run(*duty.command).expect(0)


def test_lines_of_cron(tmp_path: Path) -> None:
    lines = cron_lines(FILE)
    assert len(lines) == len(DUTIES)
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    for fields, _ in lines:
        for field, (least, most) in zip(fields, limits, strict=True):
            assert field == "*" or all(least <= int(number) <= most for number in field.split(","))
    assert len({tuple(fields) for fields, _ in lines}) == len(lines)


def test_the_shell_of_cron_understands_its_line(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    program = folder / "memsql"
    program.write_text('#!/bin/sh\necho "$PWD|$MEMSQL_ENV|$*"\nexit ${CODE:-0}\n')
    program.chmod(0o755)
    place = replace(FILE, folder=str(folder), program=(str(program),), environment="it's %1")
    for code in (0, 1):
        for (_, command), duty in zip(cron_lines(place), DUTIES, strict=True):
            environment = {**clean_environment(), "CODE": str(code)}
            done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
            said = f"{folder}|it's %1|{' '.join(duty.command)}\n"
            assert done.stdout == (said if code or duty.is_report else "")
            assert done.stderr == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_units_of_systemd(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    program = folder / "memsql"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = schedule.systemd(replace(FILE, folder=str(folder), program=(str(program),)))
    assert len(units) == 2 * len(DUTIES)
    for name, text in units.items():
        (tmp_path / name).write_text(text + "\n")
    paths = [str(tmp_path / name) for name in units]
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name, text in units.items():
        if name.endswith(".timer"):
            (when,) = re.findall(r"^OnCalendar=(.*)$", text, re.MULTILINE)
            subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, check=True)


def workflow(place: Place) -> dict[Any, Any]:
    parsed = yaml.safe_load(schedule.github(place))
    assert isinstance(parsed, dict)
    return parsed


def test_workflow_of_github_for_a_server() -> None:
    parsed = workflow(SERVER)
    # YAML 1.1 reads the key "on" as true.
    crons = [entry["cron"] for entry in parsed[True]["schedule"]]
    assert set(parsed["jobs"]) == set(PERIODS)
    for every, cron in zip(PERIODS, crons, strict=True):
        job = parsed["jobs"][every]
        assert cron in job["if"]
        assert job["runs-on"] == "ubuntu-latest"
        assert job["env"] == {"MEMSQL_ENV": "production", "TOKEN": "${{ secrets.TOKEN }}"}
        assert job["defaults"]["run"]["working-directory"] == 'db "x"'
        commands = [step["run"] for step in job["steps"] if step.get("run", "").startswith("memsql ")]
        on_server = [d for d in DUTIES if d.every == every and not d.reads_backups and not d.files_only]
        assert commands == [f"memsql {' '.join(d.command)}" for d in on_server]


def test_workflow_of_github_for_a_file() -> None:
    for every, job in workflow(FILE)["jobs"].items():
        assert job["runs-on"] == "self-hosted"
        assert job["env"] == {"MEMSQL_ENV": "production"}
        words = [shlex.split(step["run"]) for step in job["steps"]]
        assert words == [["cd", FILE.folder, "&&", *FILE.program, *d.command] for d in DUTIES if d.every == every]


@pytest.mark.skipif(ACTIONLINT is None, reason="actionlint is not installed")
@pytest.mark.parametrize("place", [FILE, SERVER], ids=["file", "server"])
def test_actionlint_has_nothing_to_say(tmp_path: Path, place: Place) -> None:
    path = tmp_path / "memsql.yml"
    path.write_text(schedule.github(place) + "\n")
    done = subprocess.run([str(ACTIONLINT), str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "pro ject")
    project.configure(
        "[memsql]\n[memsql:production]\ndatabase = libsql://x.turso.io\ntoken_variable = PRODUCTION_TOKEN\n"
    )
    return project


def test_what_is_printed(project: Project) -> None:
    before = project.files()
    everything = project.run("maintain.schedule", "--env", "production").expect(0).out
    for format, part in (
        ("cron", "0 2 * * *  cd '"),
        ("systemd", "OnCalendar="),
        ("github", "secrets.PRODUCTION_TOKEN"),
    ):
        done = project.run("maintain.schedule", "--env", "production", "--format", format).expect(0, part)
        assert done.out.rstrip("\n") in everything
    weekly = project.run("maintain.schedule", "--every", "weekly", "--json").expect(0).json()
    assert {d["every"] for d in weekly["duties"]} == {"weekly"}
    assert all(name.startswith("memsql-weekly-") for name in weekly["systemd"])
    assert set(yaml.safe_load(weekly["github"])["jobs"]) == {"weekly"}
    assert str(project.root) in weekly["cron"]
    assert project.files() == before


def test_files_are_written_once(project: Project) -> None:
    for _ in range(2):
        done = project.run("maintain.schedule", "--format", "systemd", "--output", "units", "--json").expect(0)
        assert len(done.json()["files"]) == len(os.listdir(project.root / "units")) == 2 * len(DUTIES)
    project.run("maintain.schedule", "--output", "all").expect(0, "all/memsql.crontab", "all/memsql.yml")
    (project.root / "units" / "memsql-daily-verify.timer").write_text("mine")
    before = project.files()
    project.run("maintain.schedule", "--output", "units").expect(2, "memsql-daily-verify.timer is there already")
    project.run("maintain.schedule", "--output", "setup.cfg").expect(2, "cannot be written")
    assert project.files() == before


@pytest.mark.parametrize("words", [("--format", "at"), ("--every", "hourly")], ids=" ".join)
def test_wrong_options(project: Project, words: tuple[str, ...]) -> None:
    project.run("maintain.schedule", *words).expect(2)


def test_the_commands_of_the_runbook_are_the_duties_of_their_period() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    for every in PERIODS:
        part = page.partition(f"### {every.capitalize()}\n")[2].partition("\n##")[0]
        commands = set(re.findall(r"^    \$ invoke (.+?)(?:   # exit code \d)?$", part, re.MULTILINE))
        duties = {" ".join(duty.command) for duty in DUTIES if duty.every == every}
        # One command that stands for others, and a text for Prometheus.
        assert commands - duties <= {"monitor.health", "monitor.metrics --format prometheus > memsql.prom"}
        assert duties <= commands


def test_what_the_founding_documents_ask_for_regularly_is_a_duty() -> None:
    page = (ROOT / "docs" / "founding-duties.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (daily|weekly|monthly|quarterly)\b:? ([^|]+) \| ([^|]+) \|", page, re.MULTILINE)
    assert len(rows) > 10
    for every, item, command in rows:
        words = command.strip("`").removeprefix("invoke ").split()[0]
        # A shorter period serves a longer one.
        serving = PERIODS[: PERIODS.index(every) + 1]
        assert words in {word for duty in DUTIES if duty.every in serving for word in duty.command}, item


def test_json_is_one_object(project: Project) -> None:
    assert json.loads(project.run("maintain.schedule", "--json").out)["command"] == "maintain.schedule"
