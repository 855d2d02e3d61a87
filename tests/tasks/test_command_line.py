"""The words of a command line: bare numbers, words behind ``--``, and what was meant by a word that is unknown."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cli import Done, Project, run

pytestmark = pytest.mark.slow

TASKS = """
from invoke import Collection, task
from memsql.tasks import ns


@task
def own(c):
    print("behind the dashes:", c.remainder)


ns.add_task(own)
"""


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three migrations that are applied, and a tasks.py with a task of somebody else's."""
    project = Project(tmp_path_factory.mktemp("applied"))
    for number in (1, 2, 3):
        project.add(f"000{number}_t", f"CREATE TABLE t{number} (x);\n", f"DROP TABLE t{number};\n")
    (project.root / "tasks.py").write_text(TASKS)
    project.up()
    return project


@pytest.fixture
def project(applied: Project, tmp_path: Path) -> Project:
    """A copy of ``applied`` that a test may change."""
    return applied.copy(tmp_path)


@pytest.fixture(params=["memsql", "invoke"])
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def type_line(project: Project, program: str, line: str) -> Done:
    return run(*shlex.split(line), cwd=project.root, program=program)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("migrate.down -- --dry-run", "would roll back 0003_t"),
        ("migrate.down -- 2 --dry-run", "would roll back 0002_t"),
        ("migrate.down --dry-run -- --steps=2", "would roll back 0002_t"),
        ("migrate.up -- --dry-run", "nothing to apply"),
        ("migrate.to -- 3", "nothing to do"),
        ("verify -- --json", '"ok": true'),
        ("migrate.down -- --help", "--all-or-nothing"),
        ("migrate.status verify -- --deep", "3 migrations: 3 applied"),
        ("lint -- --json migrations", '"files": 6'),
    ],
)
def test_words_behind_the_dashes_are_those_of_the_task(project: Project, program: str, line: str, part: str) -> None:
    before = project.everything()
    type_line(project, program, line).expect(0, part)
    assert project.everything() == before


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("migrate.down -- --dryrun", "Did you mean --dry-run?"),
        ("migrate.down -- --nope", "No idea what '--nope' is!"),
        ("migrate.down -- --steps", "was not given one"),
        ("migrate.down -- -- --dry-run", "'--' stands twice"),
        ("migrate.down -- --dry", "write --dry-run"),
        ("migrate.down -- ''", "not a number"),
        ("migrate.down 1 -- 1", "No idea what '1' is!"),
        ("migrate.down -- verify", "--steps verify: not a number"),
        ("migrate.up -- verify", "No idea what 'verify' is!"),
        ("migrate.status -- migrate.down", "No idea what 'migrate.down' is!"),
        ("migrate.to 1 -- 2", "No idea what '2' is!"),
        ("-- migrate.down", "no task before it"),
        ("nope -- migrate.down", "No idea what 'nope' is!"),
        ("lint -- --nope", "there is no file or folder --nope"),
        ("backup.verify -- migrate.down", "migrate.down"),
    ],
)
def test_what_no_task_can_take_is_refused(project: Project, program: str, line: str, part: str) -> None:
    before = project.everything()
    type_line(project, program, line).expect(2, part)
    assert project.everything() == before


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("migrate.up -- verify", "migrate.up verify"),
        ("migrate.up -- --dry-run verfy", "migrate.up --dry-run verify"),
        ("migrate.up -- --dryrun", "migrate.up -- --dry-run"),
    ],
)
def test_what_was_meant_behind_the_dashes_can_be_typed(project: Project, program: str, line: str, typed: str) -> None:
    assert type_line(project, program, line).expect(2).err.rstrip().endswith(f"or type: {program} {typed}")


def test_an_unknown_word_behind_the_dashes_is_json_too(project: Project, program: str) -> None:
    error = type_line(project, program, "migrate.down -- --json --nope").expect(2).json()["error"]
    assert "--nope" in error["message"]
    assert error["state"] == "nothing was changed"


def test_a_path_may_begin_with_a_dash_behind_the_dashes(project: Project, program: str) -> None:
    (project.root / "-odd.sql").write_text("-- What it does.\nSELECT 1;\n")
    assert type_line(project, program, "lint -- -odd.sql --json").expect(0).json()["files"] == 1


def test_a_task_of_somebody_else_gets_the_words_as_before(project: Project) -> None:
    type_line(project, "invoke", "own -- --dry-run verify").expect(0, "behind the dashes: --dry-run verify")


@pytest.mark.parametrize("line", ["--dry migrate.down", "migrate.down --dry", "-R migrate.down"])
def test_the_dry_option_of_invoke_is_no_rehearsal(project: Project, program: str, line: str) -> None:
    before = project.everything()
    type_line(project, program, line).expect(2, "write --dry-run behind the name of the task", "nothing was changed")
    assert project.everything() == before


@pytest.mark.parametrize(
    ("line", "rolled_back"),
    [
        ("migrate.down 2", ["0003_t", "0002_t"]),
        ("migrate.down 2 --dry-run", []),
        ("migrate.down --dry-run 2", []),
        ("migrate.down 9", ["0003_t", "0002_t", "0001_t"]),
        ("migrate.down migrate", []),
        ("migrate.down 2 migrate.up", []),
        ("migrate.down verify", ["0003_t"]),
    ],
)
def test_down_takes_a_number(project: Project, line: str, rolled_back: list[str]) -> None:
    project.run(*line.split()).expect(0)
    assert project.applied() == [name for name in ("0001_t", "0002_t", "0003_t") if name not in rolled_back]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("migrate.down 0", "--steps 0: give a number of migrations, 1 or more"),
        ("migrate.down -1", "--steps -1: not a number"),
        ("migrate.down abc", "--steps abc: not a number"),
        ("migrate.down 1.5", "--steps 1.5: not a number"),
        ("migrate.down 1 2", "No idea what '2' is!"),
        ("migrate.down 1 --steps 2", "No idea what '2' is!"),
        ("migrate.down 1 --to 2", "--to do not go together"),
    ],
)
def test_a_wrong_number_changes_nothing(project: Project, line: str, part: str) -> None:
    before = project.everything()
    project.run(*line.split()).expect(2, part)
    assert project.everything() == before


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("migrate:up", ["Did you mean migrate.up?"]),
        ("migrate:to 5", ["{program} migrate.to 5"]),
        ("migrate:up -- --dry-run", ["{program} migrate.up -- --dry-run"]),
        ("migrate:schema:phase1 --json", ["{program} legacy.phase1 --json"]),
        ("verify migrate:verify", ["{program} verify verify"]),
        ("migrate.schema.dry-run", ["{program} legacy.adopt --dry-run"]),
        ("MIGRATE:STATUS", ["{program} migrate.status"]),
        ("migrate:schma:phase2", ["{program} legacy.phase2"]),
        ("--help migrate:verify", ["{program} --help verify"]),
        ("migrate up", ["or type: {program} migrate.up\n"]),
        ("migrate.stauts", ["{program} migrate.status"]),
        ("status", ["migrate.status or"]),
        ("migrate.up --allow-dataloss", ["{program} migrate.up --allow-data-loss"]),
        ("migrate.up --too=3", ["{program} migrate.up --to=3"]),
        ("migrate.nope", ["No idea what 'migrate.nope' is!\n"]),
        ("frobnicate", ["see: {program} --list"]),
    ],
)
def test_what_was_meant_is_said(project: Project, program: str, line: str, parts: list[str]) -> None:
    done = type_line(project, program, line)
    report = done.json() if "--json" in line else None
    text = f"{report['error']['message']} {report['error']['hint']}" if report else done.err
    assert done.code == 2
    for part in parts:
        assert part.format(program=program) in text
    assert project.applied() == ["0001_t", "0002_t", "0003_t"]


def test_a_secret_of_the_command_line_is_not_repeated(project: Project) -> None:
    done = project.run("migrate:up", "--database", "libsql://x.example?authToken=SECRET").expect(2, "migrate.up")
    assert "SECRET" not in done.out + done.err
