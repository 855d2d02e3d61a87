"""Lint as a whole: awkward files, what a header allows, the reference project, the command, its documentation."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import extent
import pytest
from cli import Project
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT

from memsql import config
from memsql.errors import FileError
from memsql.lint import Finding, lint_files, lint_text, sql_files
from memsql.lint.files import kind_of
from memsql.tasks import lint

KINDS = ("migration", "rollback", "check", "query", "snapshot", "legacy", "other")
NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\n"


def codes(findings: list[Finding]) -> list[str]:
    return [f"{f.rule} {f.line}:{f.column}" for f in findings]


def project(tmp_path: Path, *, sql: bool = False) -> Project:
    new = Project(tmp_path)
    new.add("0001_notes", f"-- Notes.\n{NOTES}", "-- Undo.\nDROP TABLE notes;\n")
    return new


def test_the_project_s_own_files_are_clean() -> None:
    settings = config.load(project=str(ROOT), environ={})
    assert lint_files(settings, sql_files(settings)) == []


def test_the_shipped_triggers_are_reported_where_they_delete() -> None:
    path = ROOT / "migrations" / "0001_baseline.sql"
    text = "".join(line for line in path.read_text().splitlines(keepends=True) if not line.startswith("-- allow:"))
    findings = [f for f in lint_text(text, "migrations/0001_baseline.sql") if f.severity == "error"]
    lines = text.splitlines()
    assert [lines[f.line - 1][f.column - 1 :] for f in findings] == [
        "DELETE FROM memories_fts WHERE rowid = old.id;",
        "DELETE FROM memories_fts WHERE rowid = old.id;",
        "DELETE FROM entities_fts WHERE rowid = old.id;",
        "DELETE FROM entities_fts WHERE rowid = old.id;",
    ]
    assert {f.rule for f in findings} == {"MS15"}
    for finding in findings:
        assert lines[finding.end_line - 1] == "END;"
        assert finding.statement.startswith("CREATE TRIGGER")


def test_the_shipped_triggers_can_be_repaired_with_the_fix() -> None:
    text = (ROOT / "migrations" / "0001_baseline.sql").read_text()
    bare = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("-- allow:"))
    fixes = "\n".join(f.fix for f in lint_text(bare, "migrations/0001_baseline.sql") if f.rule == "MS15")
    db = sqlite3.connect(":memory:")
    db.executescript(text + fixes)
    assert [
        f.rule for f in lint_text(f"{bare}\n{fixes}\n", "migrations/0001_baseline.sql") if f.severity == "error"
    ] == []


@pytest.mark.parametrize(
    "text", ["", "\n", "\ufeff", "-- only a comment", "/* open", ";;;", " \t\r\n", "-- a\n;\n-- b\n"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_files_without_a_statement(text: str, kind: str) -> None:
    findings = lint_text(text, "migrations/0001_x.sql", kind=kind)
    assert {f.rule for f in findings} <= {"MS27", "MS29"}


def test_crlf_and_bom_move_no_position() -> None:
    text = "-- Drops.\n\n  DROP TABLE notes;\n"
    plain = lint_text(text, "migrations/0001_x.sql")
    assert codes(plain) == ["MS01 3:3"]
    assert lint_text("\ufeff" + text.replace("\n", "\r\n"), "migrations/0001_x.sql") == plain


def test_columns_count_characters() -> None:
    assert codes(lint_text("-- é\n/* 𝄞é */ DELETE FROM notes;", "migrations/0001_x.sql")) == ["MS06 2:10"]


def test_names_of_every_kind() -> None:
    text = (
        '-- Names.\nDROP TABLE "a ""b""\n c";\nDROP TABLE [d e];\nDROP TABLE `f`;\n'
        'DROP TABLE naïve;\nDROP TABLE main."x";\n'
    )
    findings = lint_text(text, "migrations/0001_x.sql")
    assert codes(findings) == ["MS01 2:1", "MS01 4:1", "MS01 5:1", "MS01 6:1", "MS01 7:1"]
    assert all("\n" not in f.message for f in findings)


@pytest.mark.slow
def test_fifty_megabytes_of_rows() -> None:
    row = f"INSERT INTO notes (id, body) VALUES (1, '{'x' * 4960}');\n"
    text = "-- Rows.\n" + row * 10_000 + "DELETE FROM notes;\n"
    assert len(text) > 50_000_000
    findings = lint_text(text, "migrations/0002_x.sql")
    assert [f.rule for f in findings] == ["MS06"]
    assert findings[0].line == text.count("\n")


def test_a_thousand_mistakes_are_not_a_thousand_lines() -> None:
    findings = lint_text("-- x\n" + "DELETE FROM t;\n" * 1000, "migrations/0001_x.sql")
    assert 100 <= len(findings) < 110
    assert "and so on" in findings[-1].message


def test_a_statement_without_end_is_interrupted() -> None:
    text = (
        "-- x\nCREATE TABLE t AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i FROM n;\nDROP TABLE zz;\n"
    )
    assert "MS01 3:1" in codes(lint_text(text, "migrations/0001_x.sql"))


SQL = st.lists(
    st.sampled_from(
        [
            "CREATE TABLE",
            "ALTER TABLE",
            "t",
            '"a b"',
            "[x]",
            "(",
            ")",
            ",",
            ";",
            "ADD COLUMN",
            "NOT NULL",
            "DEFAULT",
            "DROP",
            "TRIGGER",
            "BEGIN",
            "END",
            "INSERT INTO",
            "SELECT",
            "*",
            "FROM",
            "USING fts5",
            "content='t'",
            "RENAME TO",
            "WITH",
            "AS",
            "'x'",
            '"',
            "'",
            "--",
            "/*",
            "\n",
            "PRIMARY KEY",
            "REFERENCES",
            "UPDATE",
            "SET",
            "=",
            "WHERE",
            "PRAGMA",
            "VACUUM",
            "-- allow: MS01 x\n",
            "-- transactional: false\n",
            "\0",
            "İ",
            "\ud800",
            "CREATE UNIQUE INDEX",
            "ON",
            "IF EXISTS",
            "CREATE VIRTUAL TABLE",
        ]
    )
).map(" ".join)


@pytest.mark.slow
@settings(max_examples=extent.number(50, 300), deadline=None)
@given(text=st.one_of(st.text(), SQL), kind=st.sampled_from(KINDS))
def test_no_text_breaks_it(text: str, kind: str) -> None:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    for finding in lint_text(text, "migrations/0001_x.sql", kind=kind, siblings=["0001_x.sql"]):
        assert 1 <= finding.line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1
        assert finding.end_line >= finding.line


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("migrations/0001_x.sql", "migration"),
        ("migrations/0001_x.rollback.sql", "rollback"),
        ("migrations/legacy/L1_x.sql", "legacy"),
        ("sql/checks/a.sql", "check"),
        ("sql/queries/a.sql", "query"),
        ("sql/schema.sql", "snapshot"),
        ("sql/legacy/1.0.sql", "snapshot"),
        ("x.sql", "other"),
        ("", "other"),
        ("a/b/migrations/c/x.sql", "other"),
    ],
)
def test_kinds_by_path(path: str, kind: str) -> None:
    assert kind_of(path) == kind


@pytest.mark.slow
def test_earlier_migrations_and_queries_are_known(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.add(
        "0002_rename",
        "-- Renames.\n-- depends: 0001_notes\nALTER TABLE notes RENAME COLUMN body TO text;\n",
        "-- Undo.\nALTER TABLE notes RENAME COLUMN text TO body;\n",
    )
    new.add(
        "0003_again",
        "-- Again.\n-- depends: 0002_rename\nALTER TABLE notes ADD COLUMN text TEXT;\n",
        "-- Undo.\nALTER TABLE notes DROP COLUMN text;\n",
    )
    queries = tmp_path / "sql" / "queries"
    queries.mkdir(parents=True)
    (queries / "bodies.sql").write_text("-- name: bodies\nSELECT body FROM notes WHERE id = :id;\n")
    (queries / "texts.sql").write_text("-- name: texts\nSELECT text FROM notes;\n")
    new.check("0001_bodies", "SELECT body FROM notes WHERE body = '';")
    done = new.run("lint", "--json").expect(1).json()
    assert [(f["path"], f["line"], f["rule"]) for f in done["findings"] if f["severity"] == "error"] == [
        ("migrations/0002_rename.sql", 3, "MS03"),
        ("migrations/0002_rename.sql", 3, "MS03"),
        ("migrations/0003_again.sql", 3, "MS30"),
    ]
    messages = " ".join(f["message"] for f in done["findings"])
    assert "sql/queries/bodies.sql" in messages
    assert "sql/checks/0001_bodies.sql" in messages


def test_a_query_that_a_later_migration_serves_again_is_not_broken(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.add(
        "0002_a",
        "-- A.\n-- depends: 0001_notes\nALTER TABLE notes RENAME COLUMN body TO text;\n",
        "-- Undo.\nSELECT 1;\n",
    )
    new.add(
        "0003_b", "-- B.\n-- depends: 0002_a\nALTER TABLE notes RENAME COLUMN text TO body;\n", "-- Undo.\nSELECT 1;\n"
    )
    (tmp_path / "sql" / "queries").mkdir(parents=True)
    (tmp_path / "sql" / "queries" / "q.sql").write_text("-- name: q\nSELECT body FROM notes;\n")
    new.run("lint").expect(0)


def test_only_the_files_that_are_named(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.add("0002_drop", "-- Drops.\n-- depends: 0001_notes\nDROP TABLE notes;\n", f"-- Undo.\n{NOTES}")
    odd = tmp_path / "with space é.sql"
    odd.write_text("DELETE FROM notes;\n")
    assert new.run("lint", "migrations/0001_notes.sql", "--json").expect(0).json()["files"] == 1
    done = new.run("lint", "migrations", "with space é.sql", "--json").expect(1).json()
    assert done["files"] == 5
    assert [f["rule"] for f in done["findings"] if f["severity"] == "error"] == ["MS01", "MS06"]
    assert new.run("lint", "--path", "with space é.sql").expect(1, "MS06").code == 1
    new.run("lint", "missing.sql").expect(2, "there is no file or folder missing.sql")


def test_a_file_is_known_by_whichever_way_it_is_reached(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    new = project(tmp_path / "p")
    new.add("0002_it's", "-- Drops.\n-- depends: 0001_notes\nDROP TABLE notes;\n", f"-- Undo.\n{NOTES}")
    (tmp_path / "link").symlink_to(new.root)
    for words in (
        ["migrations/../migrations/0002_it's.sql"],
        [str(tmp_path / "link" / "migrations" / "0002_it's.sql")],
    ):
        findings = new.run("lint", "--json", *words).expect(1).json()["findings"]
        assert [(f["path"], f["rule"]) for f in findings if f["severity"] == "error"] == [
            ("migrations/0002_it's.sql", "MS01")
        ]
    new.run("lint", "--json", "--project", "../link", "migrations").expect(1, "migrations/0002_it's.sql")


def test_a_chain_of_tasks(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.up()
    new.run("lint", "--strict", "verify").expect(0, "2 files", "proven")


def test_a_new_pair_has_no_mistake(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.run("migrate.create", "add_tags").expect(0)
    new.run("lint").expect(0, "0 errors")


def test_warnings_count_only_where_they_should(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.add(
        "0002_x",
        "-- X.\n-- depends: 0001_notes\nCREATE TABLE IF NOT EXISTS x (id INTEGER PRIMARY KEY);\n",
        "-- Undo.\nDROP TABLE x;\n",
    )
    new.run("lint").expect(0, "warning MS25")
    new.run("lint", "--strict").expect(1, "warning MS25")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.add("0002_latin", "-- é\nSELECT 1;\n".encode("latin-1"))
    new.add("0003_nul", b"-- x\n\nSELECT '\0';\n")
    done = new.run("lint", "--json").expect(1).json()
    assert [(f["path"], f["line"], f["rule"]) for f in done["findings"] if f["severity"] == "error"] == [
        ("migrations/0002_latin.sql", 1, "MS30"),
        ("migrations/0003_nul.sql", 3, "MS30"),
    ]


def test_sqlfluff_s_failure_hides_nothing(tmp_path: Path) -> None:
    new = project(tmp_path)
    valid = (
        "INSERT INTO notes AS n (id) VALUES (1) ON CONFLICT DO UPDATE SET body = 'x' WHERE "
        "n.body IS NOT DISTINCT FROM 'y'"
    )
    new.add(
        "0002_x",
        f"-- X.\n-- depends: 0001_notes\n{valid} RETURNING id, body ->> '$.a' COLLATE NOCASE;\n"
        "ALTER TABLE notes ALTER COLUMN body TO body TEXT NOT NULL;\nDROP TABLE notes;\n",
    )
    done = new.run("lint", "migrations/0002_x.sql", "--json").expect(1).json()
    assert [(f["line"], f["severity"]) for f in done["findings"] if f["rule"] == "MS01"] == [(5, "error")]
    assert {f["severity"] for f in done["findings"] if f["rule"] == "PRS"} == {"info"}


def test_fix_repairs_the_style_and_keeps_line_ends(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.run("migrate.sum").expect(0)
    new.up_file("0001_notes").write_bytes(
        b"\xef\xbb\xbf-- Notes.\r\ncreate table notes (id integer primary key,body TEXT);\r\n"
    )
    new.run("lint").expect(0, "warning CP01")
    new.run("lint", "--fix").expect(0, "repaired migrations/0001_notes.sql", "memsql migrate.sum", "0 warnings")
    assert new.up_file("0001_notes").read_bytes() == (
        b"\xef\xbb\xbf-- Notes.\r\nCREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\r\n"
    )
    new.run("lint", "--fix").expect(0, "0 warnings")


def test_fix_leaves_alone_what_it_cannot_parse(tmp_path: Path) -> None:
    new = project(tmp_path)
    text = "-- X.\nselect 1;\nALTER TABLE notes ALTER COLUMN body TO body TEXT;\n"
    new.add("0002_x", text)
    new.run("lint", "--fix", "migrations/0002_x.sql").expect(0, "cannot parse")
    assert new.up_file("0002_x").read_text() == text


def test_a_large_file_is_left_to_the_safety_rules(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.add(
        "0002_x",
        "-- X.\n-- depends: 0001_notes\n"
        + "INSERT INTO notes (body) VALUES ('some words');\n" * 600
        + "DELETE FROM notes;\n",
    )
    new.run("lint", "migrations/0002_x.sql").expect(1, "error MS06", "sqlfluff skips files")


def test_without_sqlfluff_the_safety_rules_run(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.add("0002_drop", "-- Drops.\ndrop table notes;\n", f"-- Undo.\n{NOTES}")
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    # What is None there counts as missing.
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['sqlfluff'] = None\n")
    new.run("lint", env={"PYTHONPATH": str(hidden)}).expect(
        1, "error MS01", "sqlfluff is not installed", "pip install 'memsql-migrate[lint]'"
    )


def test_a_bare_noqa_silences_no_safety_rule(tmp_path: Path) -> None:
    new = project(tmp_path)
    new.add("0002_drop", "-- Drops.\n-- depends: 0001_notes\nDROP TABLE notes; -- noqa\n", f"-- Undo.\n{NOTES}")
    new.run("lint").expect(1, "error MS01")


def test_a_migration_without_a_check_is_a_remark(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "-- A.\nCREATE TABLE a (id INTEGER PRIMARY KEY);\n", "-- Undo.\nDROP TABLE a;\n")
    project.add("0002_b", "-- B.\n-- depends: 0001_a\n-- Nothing yet.\n", "-- Undo.\n")
    done = project.run("lint", "--strict", "migrations").expect(0, "0001_a.sql:1:1: info MS34", "0 warnings, 1 remark")
    assert "0002_b" not in done.out
    project.check("0001_a", "SELECT 'gone' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'a')")
    assert "MS34" not in project.run("lint", "migrations").expect(0).out


def test_a_file_that_is_read_once_and_not_again_is_told() -> None:
    """A disk may give it to the safety rules, and not to sqlfluff: then its style was not looked at."""
    problem = FileError("migrations/0001_a.sql cannot be read: Input/output error")
    unread = {"migrations/0001_a.sql": problem}
    with pytest.raises(FileError, match="cannot be read") as caught:
        lint._refuse_unread(unread, [], ["migrations/0002_b.sql"])
    assert caught.value.state == "repaired: migrations/0002_b.sql"
    said = Finding("MS30", "does_not_run", "error", "migrations/0001_a.sql", 1, 1, 1, problem.message, "")
    lint._refuse_unread(unread, [said], [])
