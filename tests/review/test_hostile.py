"""A pull request of somebody who means harm: the review ends, says what it found, and reaches nothing outside."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from acting import acts, annotations_act
from cli import Project
from repositories import commit, library

from memsql import config, deadline
from memsql.lint import Finding
from memsql.report.review import rendered
from memsql.review import Review
from memsql.review import review as look
from memsql.sandbox import process

ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT {} FROM c"
# Nothing interrupts one call of a function.
LONG_CALL = "instr(zeroblob(40000000), zeroblob(20000000) || x'01')"
EVIL = "x\n::error::pwned\x1b[2J\u202e</summary><img src=x>|`~ ##[error]y @somebody"
MIGRATIONS = {
    "0003_attach": ("ATTACH '{outside}/pwned.db' AS x; CREATE TABLE x.y (a);", "DETACH x;"),
    "0004_vacuum": ("-- transactional: false\nVACUUM INTO '{outside}/pwned.db';", "SELECT 1;"),
    "0005_endless": (
        f"CREATE TABLE e (id INTEGER PRIMARY KEY); INSERT INTO e {ENDLESS.format('max(x)')};",
        "DROP TABLE e;",
    ),
    "0006_memory": (f"CREATE TABLE m AS {ENDLESS.format('group_concat(x)')};", "DROP TABLE m;"),
    "0007_disk": (f"CREATE TEMP TABLE d AS {ENDLESS.format('randomblob(100000)')};", "SELECT 1;"),
    "0008_deaf": (f"CREATE TABLE f (a CHECK ({LONG_CALL} = 0)); INSERT INTO f VALUES (1);", "DROP TABLE f;"),
    "0009_address": ("SELECT fts3_tokenizer('simple', x'4141414141414141');", "SELECT 1;"),
    "0010_trigger": (
        f"CREATE TABLE g (a); CREATE TRIGGER t AFTER INSERT ON g BEGIN SELECT max(x) FROM ({ENDLESS.format('x')}); END;"
        "INSERT INTO g VALUES (1);",
        "DROP TABLE g;",
    ),
    "0011_program": ("SELECT load_extension('{outside}/evil.so');", "SELECT 1;"),
    "0012_schema": ("PRAGMA writable_schema = on; DELETE FROM sqlite_schema;", "SELECT 1;"),
    "0013_folder": ("PRAGMA temp_store_directory = '{outside}';", "SELECT 1;"),
    "0014_rollback": ("CREATE TABLE r (a);", "-- transactional: false\nVACUUM INTO '{outside}/pwned.db';"),
    "0015_name": (f'CREATE TABLE "{EVIL}" (id INTEGER PRIMARY KEY, "c{EVIL}" TEXT);', "SELECT 1;"),
}


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    outside, temporary = tmp_path / "outside", tmp_path / "temporary"
    outside.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(temporary))
    project = library(tmp_path / "project")
    before = "0002_search"
    for name, (up, down) in MIGRATIONS.items():
        up, down = (text.replace("{outside}", str(outside)) for text in (up, down))
        project.add(name, f"-- Change\n-- depends: {before}\n{up}\n", f"-- Undo\n{down}\n")
        before = name
    (project.root / "sql" / "checks").mkdir(parents=True, exist_ok=True)
    (project.root / "sql" / "checks" / "0015_name.sql").write_text(
        f"-- name: endless\n{ENDLESS.format('x')} WHERE x < 0\n"
    )
    (project.root / "sql" / "queries" / "evil.sql").write_text(
        "-- name: evil\n-- param: a = SELECT load_extension('x')\nSELECT :a\n"
    )
    (project.root / "migrations" / "0016_\x1b[2J\n::error::pwned.sql").write_text("SELECT 1;\n")
    commit(project)
    return project


def about(review: Review, name: str) -> list[Finding]:
    return [f for f in review.findings if f"/{name}." in f.path and f.severity == "error"]


@pytest.mark.slow
def test_a_hostile_pull_request(hostile: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "PART_SECONDS", 0.4)
    monkeypatch.setattr(process, "_GRACE", 0.2)
    files = sorted(tmp_path.rglob("*"))
    began = time.monotonic()
    report = look(config.load(project=str(hostile.root)), "main")
    assert time.monotonic() - began < 200
    assert sorted(tmp_path.rglob("*")) == files
    assert report.verdict == "blocks"
    silent = [name for name in MIGRATIONS if not about(report, name) and name != "0015_name"]
    assert silent == []
    for name in ("0005_endless", "0006_memory", "0007_disk", "0008_deaf", "0010_trigger"):
        assert any("did not end" in f.message for f in about(report, name)), name
    for form in ("text", "markdown", "sarif", "json"):
        assert not acts(rendered(report, form)), form
    assert not annotations_act(rendered(report, "github"))
    markdown = rendered(report, "markdown")
    spans_gone = re.sub(r"(`+).*?\1", "", markdown.replace("\\<", ""), flags=re.DOTALL)
    assert "<img" not in spans_gone
    assert "@somebody" not in spans_gone
