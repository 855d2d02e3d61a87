"""Check files: what is read from them, what is refused, and what their rows mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from memsql.db.sqlite import memory
from memsql.errors import FileError, StatementError
from memsql.project import checks
from memsql.project.checks import Check

HEADER = "-- name: {0}\n-- severity: error\n-- why: it must hold\n"
CHECK = Check("holds", "warning", "it must hold", "SELECT 1", "sql/checks/holds.sql", None)


def write(folder: Path, name: str, select: str) -> None:
    (folder / name).write_text(HEADER.format(name.removesuffix(".sql")) + select, encoding="utf-8")


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert checks.read_checks(tmp_path / "nowhere", "sql/checks") == ()


def test_a_number_binds_a_check_to_its_migration(tmp_path: Path) -> None:
    write(tmp_path, "b_any.sql", "SELECT a FROM t;\n")
    write(tmp_path, "0002_notes.sql", "SELECT a\nFROM t\n")
    first, second = checks.read_checks(tmp_path, "sql/checks")
    assert first == Check("0002_notes", "error", "it must hold", first.sql, "sql/checks/0002_notes.sql", 2)
    assert first.sql.split() == ["SELECT", "a", "FROM", "t"]
    assert (second.name, second.version) == ("b_any", None)


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("", "must hold one SELECT, and holds 0 statements"),
        ("SELECT 1; SELECT 2;\n", "must hold one SELECT, and holds 2 statements"),
        ("DELETE FROM t;\n", "must hold one SELECT, and holds another statement"),
        ("PRAGMA foreign_key_check;\n", "must hold one SELECT, and holds another statement"),
    ],
)
def test_what_is_no_check_is_refused(tmp_path: Path, select: str, message: str) -> None:
    write(tmp_path, "0001_a.sql", select)
    with pytest.raises(FileError, match=message) as caught:
        checks.read_checks(tmp_path, "sql/checks")
    assert caught.value.where is not None
    assert caught.value.where.path == "sql/checks/0001_a.sql"


def test_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1;\n")
    with pytest.raises(FileError, match="the check has no name") as caught:
        checks.read_checks(tmp_path, "sql/checks")
    assert caught.value.where is not None
    assert caught.value.where.path == "sql/checks/0001_a.sql"


def test_no_row_is_a_pass() -> None:
    result = checks.result_of(CHECK, [])
    assert (result.ok, result.messages, result.problems) == (True, (), 0)


def test_a_row_is_a_problem_and_its_first_column_the_message() -> None:
    result = checks.result_of(CHECK, [("no name", 1), (7, 2), (None, 3)])
    assert (result.ok, result.messages, result.problems) == (False, ("no name", "7", "None"), 3)


def test_a_hundred_messages_are_enough_and_all_problems_are_counted() -> None:
    result = checks.result_of(CHECK, [(n,) for n in range(250)])
    assert (len(result.messages), result.messages[-1], result.problems) == (100, "99", 250)


def test_a_check_that_cannot_run_is_a_problem() -> None:
    result = checks.could_not_run(CHECK, StatementError("no such table: t"))
    assert (result.ok, result.messages) == (False, ("the check cannot run: no such table: t",))


def test_one_that_cannot_run_does_not_keep_the_others_from_running() -> None:
    conn = memory()
    selects = ["SELECT 'seen'", "SELECT a FROM nowhere", "SELECT 1 WHERE 0"]
    results = checks.run_checks(conn, [Check(s, "error", "", s, "c.sql", None) for s in selects])
    conn.close()
    assert [r.ok for r in results] == [False, False, True]
    assert results[0].messages == ("seen",)
    assert "no such table: nowhere" in results[1].messages[0]


ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


@pytest.mark.parametrize("where", ["", " WHERE i < 0"], ids=["rows without end", "no row ever"])
def test_a_check_that_does_not_end_is_stopped_and_is_an_error(where: str) -> None:
    conn = memory()
    conn.begin()
    results = checks.run_checks(conn, [Check("e", "warning", "", ENDLESS + where, "e.sql", None, 50), CHECK])
    assert conn.in_transaction
    conn.close()
    assert [(r.check.severity, r.ok) for r in results] == [("error", False), ("warning", False)]
    assert "did not end within 0.05 s" in results[0].messages[0]
    assert "-- timeout: 2m" in results[0].messages[0]
    assert results[1].messages == ("1",)


def test_one_that_is_interrupted_has_no_result() -> None:
    conn = memory()
    answers = iter([False, False])
    results = checks.run_checks(
        conn, [CHECK, Check("e", "error", "", ENDLESS, "e.sql", None)], lambda: next(answers, True)
    )
    conn.close()
    assert [r.check for r in results] == [CHECK]


def test_a_check_may_ask_for_more_time(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("-- name: a\n-- timeout: 2m\nSELECT 1;\n")
    (tmp_path / "b.sql").write_text("-- name: b\n-- timeout: 45\nSELECT 1;\n")
    (tmp_path / "c.sql").write_text("-- name: c\nSELECT 1;\n")
    assert [c.timeout for c in checks.read_checks(tmp_path, "sql/checks", 3000)] == [120_000, 45_000, 3000]


@pytest.mark.parametrize("value", ["soon", "0", "-1s", "", "1.5s"])
def test_a_timeout_that_is_no_time_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.sql").write_text(f"-- name: a\n-- timeout: {value}\nSELECT 1;\n")
    with pytest.raises(FileError) as caught:
        checks.read_checks(tmp_path, "sql/checks")
    assert caught.value.where is not None
    assert caught.value.where.line == 2
    assert "-- timeout: 2m" in (caught.value.hint or "")
