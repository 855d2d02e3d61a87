"""Help wherever it is asked for, what the list shows, and options that mean nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli import Project, run
from places import ROOT

from memsql.report import text
from memsql.tasks import help as helping
from memsql.tasks import ns, spelling
from memsql.tasks.command_line import all_names


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        ("help", True),
        ("help migrate.up", "migrate.up"),
        ("help --help", True),
        ("migrate.up --help", "migrate.up"),
        ("migrate.create --help", "migrate.create"),
        ("migrate.create -h", "migrate.create"),
        ("migrate.create verify --help", "migrate.create"),
        ("migrate.up --to -h", "migrate.up"),
        ("migrate.up verify --deep --help", "verify"),
        ("migrate.create x", None),
        ("migrate.create help", None),
        ("nope --help", None),
        ("", None),
    ],
)
def test_which_task_help_is_wanted_of(words: str, topic: object) -> None:
    assert helping.topic(words.split(), ns) == topic


@pytest.mark.parametrize("words", ["migrate.create --help", "migrate.create x -- -h", "-h migrate.create"])
@pytest.mark.parametrize("program", ["memsql", "invoke"])
def test_help_writes_nothing(words: str, program: str, tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "tasks.py").write_text("from memsql.tasks import ns\n")
    before = project.files()
    run(*words.split(), cwd=tmp_path, program=program).expect(0, "--from", "Usage: ")
    assert {name for name in project.files() if "pycache" not in name} == set(before)


def test_a_group_is_listed_and_a_task_that_is_unknown_is_not(tmp_path: Path) -> None:
    Project(tmp_path).run("help", "schema").expect(0, ".diff", ".dump")
    Project(tmp_path).run("help", "migrate.stauts").expect(2, "migrate.status")


@pytest.mark.parametrize(
    ("word", "before", "after", "commands"),
    [
        ("up", "migrate", "", ("migrate.up",)),
        ("status", "fts", "", ("fts.status",)),
        ("stauts", "migrate", "", ("migrate.status",)),
        ("schema", "", "info", ("schema.info",)),
        ("schema", "", "inof", ("schema.info",)),
        ("migrate_up", "", "", ("migrate.up",)),
        ("migrateup", "", "", ("migrate.up",)),
        ("Migrate/Up", "", "", ("migrate.up",)),
        ("fts", "", "", ("fts.check", "fts.optimize", "fts.rebuild", "fts.status")),
        ("migrate.apply", "", "", ("migrate.up",)),
        ("new", "", "", ("migrate.create",)),
        ("help", "verify", "", ("--help",)),
        ("qqqq", "", "", ()),
    ],
)
def test_what_an_unknown_word_means(word: str, before: str, after: str, commands: tuple[str, ...]) -> None:
    assert spelling.meant(word, all_names(ns), before=before, after=after) == commands


@pytest.mark.parametrize(
    ("words", "unknown", "command", "line"),
    [
        ("migrate up --to 3", "up", "migrate.up", "migrate.up --to 3"),
        ("schema info users", "schema", "schema.info", "schema.info users"),
        ("migrate stauts", "stauts", "migrate.status", "migrate.status"),
        ("verify status", "status", "migrate.status", "verify migrate.status"),
        ("-q fts chekc", "fts", "fts.check", "-q fts.check"),
    ],
)
def test_the_corrected_line_has_one_word_for_both_halves(words: str, unknown: str, command: str, line: str) -> None:
    assert spelling.corrected(words.split(), unknown, command) == line.split()


def test_a_short_option_means_the_long_one() -> None:
    assert spelling.meant_option("-y", ["--yes", "--json"]) == ("--yes",)
    assert spelling.meant_option("-x", ["--yes", "--json"]) == ()


def test_the_list_shows_what_means_something_here(tmp_path: Path) -> None:
    project = Project(tmp_path)
    names = set(helping.useful(ns, tmp_path).task_names)
    assert {"migrate.up", "legacy.status", "legacy.adopt", "verify"} <= names
    assert not {"test", "benchmark", "server.start", "legacy.phase1", "legacy.rollback"} & names
    (project.root / "sql" / "legacy").mkdir(parents=True)
    (project.root / "sql" / "legacy" / "1.sql").write_text("-- era: 1\n")
    assert {"legacy.phase1", "legacy.rollback"} <= set(helping.useful(ns, tmp_path).task_names)
    assert {"test", "benchmark", "server.start"} <= set(helping.useful(ns, ROOT).task_names)


def test_options_of_invoke_are_refused_and_run_dry_too(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);")
    (tmp_path / "tasks.py").write_text("from memsql.tasks import ns\n")
    project.run("--dry", "migrate.up").expect(2, "--dry-run")
    project.run("migrate.up", "--echo").expect(2, "--echo is an option of Invoke's", "nothing was changed")
    for program in ("memsql", "invoke"):
        done = run("migrate.up", cwd=tmp_path, program=program, env={"INVOKE_RUN_DRY": "1"})
        done.expect(2, "run.dry is set", "--dry-run")
        assert not project.db.exists()
    run("migrate.up", "--dry-run", cwd=tmp_path, env={"INVOKE_RUN_DRY": "1"}).expect(0)


def test_quiet_says_nothing_and_verbose_names_what_is_used(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);")
    project.run("migrate.sum").expect(0)
    done = project.run("-q", "migrate.up", "verify").expect(0)
    assert done.out + done.err == ""
    project.run("schema.dump", "--quiet").expect(0, "CREATE TABLE a")
    project.run("migrate.status", "--json", "--quiet").expect(0, '"ok": true')
    project.run("migrate.status", "--quiet", "--verbose").expect(2, "do not go together")
    done = project.run("-v", "migrate.status", "--database", "memory.db").expect(0)
    assert done.err.splitlines()[:2] == [f"settings: {tmp_path / 'setup.cfg'}", "database: memory.db"]


def test_help_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs: list[tuple[str, str | None]] = [("--allow-data-loss", "word " * 40), ("-q", None)]
    for columns in ("45", "80"):
        monkeypatch.setenv("COLUMNS", columns)
        lines = helping.columns(pairs, 2) + helping.paragraphs("word " * 40 + "\n\nExamples:  a\n           b", 2)
        assert max(map(len, lines)) < int(columns)
        assert lines[-2:] == ["  Examples:  a", "             b"]


def test_lists_are_cut_and_tables_fit_for_a_reader_who_does_not_want_all() -> None:
    lines = [f"line {n}" for n in range(42)]
    assert text.shown(lines)[9:] == ["line 9", "… and 32 more (--verbose shows all)"]
    wide = [("a" * 50, "b" * 50, 1234567)]
    with text.reader(wants_all=False, width=60):
        narrow = text.table(("first", "second", "n"), wide, frozenset({2}))
        assert {len(line) for line in narrow[1:]} == {60}
        assert narrow[2].endswith("…  1234567")
    with text.reader(wants_all=True, width=60):
        assert text.shown(lines) == lines
        assert len(text.table(("first", "second", "n"), wide)[1]) == 111


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--list-format", "xx", "--list"), ("--list-format xx", "flat, nested, json")),
        (("--list", "migrat"), ("no group of tasks migrat", "Did you mean migrate?")),
        (("--list-depth", "x", "--list"), ("no number",)),
    ],
)
def test_a_wrong_list_is_a_wrong_command_line(tmp_path: Path, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    run(*words, cwd=tmp_path).expect(2, *parts)


@pytest.mark.parametrize("words", [("--list",), ("--help", "migrate.up"), ("--list", "migrate")])
def test_a_reader_may_stop_early(tmp_path: Path, words: tuple[str, ...]) -> None:
    project = Project(tmp_path)
    program = Path(sys.executable).with_name("invoke")
    reader, writer = os.pipe()
    os.close(reader)
    (tmp_path / "tasks.py").write_text("from memsql.tasks import ns\n")
    try:
        done = subprocess.run(
            [program, *words], cwd=project.root, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
