"""The sqlfluff plugin: what plain ``sqlfluff lint`` shows of the safety rules."""

from __future__ import annotations

import configparser
import json
from pathlib import Path
from typing import Any

import cli
import pytest
from cli import Done, Project
from places import ROOT

from memsql.lint import RULES

pytestmark = pytest.mark.slow

NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\n"


def sqlfluff(folder: Path, *words: str) -> Done:
    return cli.run(*words, cwd=folder, program="sqlfluff")


def violations(folder: Path, *words: str) -> list[dict[str, Any]]:
    """The violations of safety rules that ``sqlfluff lint`` reports, with the file's name."""
    return safety(sqlfluff(folder, "lint", "--format", "json", *words))


def safety(done: Done) -> list[dict[str, Any]]:
    assert "Traceback" not in done.err, done.err
    return [
        {**v, "file": Path(file["filepath"]).name}
        for file in json.loads(done.out)
        for v in file["violations"]
        if v["code"].startswith("MS")
    ]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    new = Project(tmp_path)
    new.configure("[memsql]\n" + (ROOT / "memsql" / "lint" / "sqlfluff.cfg").read_text())
    new.add("0001_notes", f"-- Notes.\n{NOTES}", "-- Undo.\nDROP TABLE notes;\n")
    new.add(
        "0002_more",
        "-- depends: 0001_notes\n-- More.\n\nALTER TABLE notes\nALTER COLUMN body TO body TEXT;\n"
        "DROP TABLE notes;\nCREATE TABLE IF NOT EXISTS tags (name TEXT PRIMARY KEY);\n",
        "-- Undo.\nDROP TABLE tags;\n",
    )
    for version in ("0001", "0002"):
        new.check(f"{version}_any", "SELECT 'none' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema)")
    return new


def test_the_findings_are_those_of_lint_in_the_same_places(project: Project) -> None:
    ours = [
        (Path(f["path"]).name, f["line"], f["column"], f["rule"])
        for f in project.run("lint", "--json").expect(1).json()["findings"]
        if f["rule"].startswith("MS")
    ]
    theirs = [
        (v["file"], v["start_line_no"], v["start_line_pos"], v["code"]) for v in violations(project.root, "migrations")
    ]
    assert sorted(theirs) == sorted(ours)
    assert {code for *_, code in ours} == {"MS01", "MS18", "MS22", "MS25"}


def test_each_is_reported_once_by_the_task(project: Project) -> None:
    findings = project.run("lint", "--json").expect(1).json()["findings"]
    places = [(f["path"], f["line"], f["column"], f["rule"], f["message"]) for f in findings]
    assert len(places) == len(set(places))


def test_two_processes_find_the_same(project: Project) -> None:
    # It forks others, and so must have been started itself; two of them would write the data of coverage at once.
    words = ("lint", "--format", "json", "--processes", "2", "migrations")
    two = cli.run(
        *words,
        cwd=project.root,
        program="sqlfluff",
        prefix=("env", "-u", "COVERAGE_PROCESS_CONFIG", "-u", "COVERAGE_PROCESS_START"),
    )
    assert safety(two) == violations(project.root, "migrations")


def test_warnings_do_not_fail_and_errors_do(project: Project) -> None:
    assert sqlfluff(project.root, "lint", "migrations/0001_notes.sql").code == 0
    assert sqlfluff(project.root, "lint", "migrations/0002_more.sql").code == 1
    project.up_file("0002_more").write_text(
        "-- More.\n-- depends: 0001_notes\nCREATE TABLE IF NOT EXISTS tags (id INTEGER PRIMARY KEY);\n"
    )
    assert [v["code"] for v in violations(project.root, "migrations/0002_more.sql")] == ["MS25"]
    assert sqlfluff(project.root, "lint", "migrations/0002_more.sql").code == 0


def test_an_allow_counts_and_a_noqa_of_the_rule_does_not(project: Project) -> None:
    project.up_file("0002_more").write_text(
        "-- More.\n-- depends: 0001_notes\n-- allow: MS01 it is empty\nDROP TABLE notes;\n"
    )
    assert violations(project.root, "migrations/0002_more.sql") == []
    project.up_file("0002_more").write_text("-- More.\n-- depends: 0001_notes\nDROP TABLE notes; -- noqa: MS01\n")
    assert [v["code"] for v in violations(project.root, "migrations/0002_more.sql")] == ["MS01"]


def test_outside_a_project_and_from_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_text("DELETE FROM notes;\n")
    assert [(v["code"], v["start_line_no"]) for v in violations(tmp_path, "--dialect", "sqlite", "x.sql")] == [
        ("MS06", 1)
    ]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"-- nothing\n", b"\xef\xbb\xbf-- x\r\nDELETE FROM notes;\r\n", b"-- x\n'open", b"((((", b";\n"],
)
def test_awkward_files(project: Project, data: bytes) -> None:
    project.up_file("0002_more").write_bytes(data)
    done = sqlfluff(project.root, "lint", "--format", "json", "migrations/0002_more.sql")
    assert "Unexpected exception" not in done.out
    assert "Traceback" not in done.err
    lines = {v["start_line_no"] for file in json.loads(done.out) for v in file["violations"] if v["code"] == "MS06"}
    assert lines == ({2} if b"DELETE" in data else set())


def test_every_rule_is_listed_by_its_name(tmp_path: Path) -> None:
    done = sqlfluff(tmp_path, "rules", "--format", "json")
    listed = (
        {r["code"]: r["name"] for r in json.loads(done.out) if r["code"].startswith("MS")} if done.code == 0 else None
    )
    if listed is None:  # older versions know no --format
        text = sqlfluff(tmp_path, "rules").out
        assert all(f"memsql.{rule.name}" in " ".join(text.split()) for rule in RULES)
        return
    assert listed == {rule.code: f"memsql.{rule.name}" for rule in RULES}


def test_the_configuration_tells_warnings_from_errors() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    assert parser["sqlfluff"]["warnings"].split(", ") == [rule.code for rule in RULES if rule.severity == "warning"]
