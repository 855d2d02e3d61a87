"""What evidence means: no database is asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memsql.engine import verdict
from memsql.engine.analysis import Analysis
from memsql.engine.index_work import IndexWork, work_for
from memsql.engine.job import Job
from memsql.engine.loss.guard import Counts, TableCounts
from memsql.engine.verdict import Evidence
from memsql.errors import CommitUnknown, LockedError, MigrationFailed, Refused, StatementError
from memsql.project.checks import Check, CheckResult
from memsql.project.files import Migration, SqlFile
from memsql.sqltext import parse_migration_header

NO_INDEXES = IndexWork()
FULL = Counts({"t": TableCounts("t", 3, {"a": 3, "b": 2})})


def job(text: str = "SELECT 1;", number: int = 1) -> Job:
    file = SqlFile("migrations/0001_x.sql", "0001_x.sql", text.encode())
    migration = Migration(number, "x", f"{number:04d}_x", file, None)
    return Job(migration, "up", file, parse_migration_header(text, file.path), Analysis(empty=False))


def check(severity: str, *messages: str) -> CheckResult:
    return CheckResult(
        Check("holds", severity, "it must", "SELECT 1", "sql/checks/holds.sql", None), messages, len(messages)
    )


def evidence(after: Counts, *checks: CheckResult, indexes: IndexWork = NO_INDEXES) -> Evidence:
    """Of a job that began with FULL."""
    return Evidence(FULL, after, indexes, (), checks, datetime(2026, 1, 1, tzinfo=UTC), 7)


def test_nothing_lost_is_done() -> None:
    done = verdict.judge(job(), evidence(FULL), allows_loss=False)
    assert (done.id, done.duration_ms, done.lost, done.warnings) == ("0001_x", 7, (), ())


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (Counts(), "table t is dropped with 3 rows"),
        (Counts({"t": TableCounts("t", 1, {"a": 1, "b": 1})}), "table t loses 2 rows of 3 without a DELETE of its own"),
        (Counts({"t": TableCounts("t", 3, {"a": 3})}), "column t.b is dropped with a value in 2 rows"),
        (Counts({"t": TableCounts("t", 3, {"a": 3, "b": 1})}), "column t.b loses a value in 1 row: NULL afterwards"),
    ],
)
def test_a_loss_is_refused_or_told(after: Counts, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        verdict.judge(job(), evidence(after), allows_loss=False)
    assert sentence in caught.value.details
    assert sentence in verdict.judge(job(), evidence(after), allows_loss=True).lost


def test_a_loss_comes_before_a_failed_check() -> None:
    with pytest.raises(Refused):
        verdict.judge(job(), evidence(Counts(), check("error", "no")), allows_loss=False)


def test_a_check_fails_or_warns() -> None:
    with pytest.raises(MigrationFailed, match="its check 'holds' failed") as caught:
        verdict.judge(job(), evidence(FULL, check("error", "no")), allows_loss=False)
    assert (caught.value.details, caught.value.hint) == (("no",), "it must")
    done = verdict.judge(job(), evidence(FULL, check("warning", "hm")), allows_loss=False)
    assert done.warnings == ("holds: hm",)


@pytest.mark.parametrize(("header", "known"), [("nowhere", ("t_fts",)), ("all", ())])
def test_an_index_that_does_not_exist(header: str, known: tuple[str, ...]) -> None:
    asking = job(f"-- fts_rebuild: {header}\nSELECT 1;")
    with pytest.raises(MigrationFailed, match=f"asks to rebuild {header}, which is no FTS5 table"):
        verdict.judge(asking, evidence(FULL, indexes=work_for(asking, known, [])), allows_loss=False)


def test_which_indexes_are_rebuilt_and_checked() -> None:
    asking = job("-- fts_rebuild: B_FTS\nSELECT 1;")
    work = work_for(asking, ("a_fts", "b_fts", "c_fts"), ["a_fts"])
    assert (work.rebuild, work.check) == (("b_fts",), ("a_fts", "b_fts"))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("SQLITE_FULL", "the disk is full"),
        ("SQLITE_CONSTRAINT_FOREIGNKEY", "foreign_keys: off"),
        ("SQLITE_CORRUPT_VTAB", "fts.rebuild"),
        ("SQLITE_LOCKED", "delete the rows of the table first"),
    ],
)
def test_a_failed_statement_says_what_to_do(code: str, words: str) -> None:
    problem = verdict.statement_failed(job(), StatementError("no", code=code, index=4), code)
    assert "in statement 5" in problem.message
    assert words in f"{problem.message} {problem.hint}"


def test_what_is_left_of_a_transaction() -> None:
    one, two, three = job(number=1), job(number=2), job(number=3)
    failed = MigrationFailed("it failed")
    said = [
        verdict.undone(failed, one, [one], whole=False),
        verdict.undone(failed, three, [one, two, three], whole=False),
        verdict.undone(failed, two, [one, two], whole=True),
        verdict.undone(LockedError("locked"), one, [one], whole=False),
        verdict.undone(LockedError("locked"), one, [one], whole=True),
        verdict.undone(CommitUnknown("lost", state="it may be done"), one, [one, two], whole=False),
    ]
    assert said == [
        "this migration was rolled back",
        "it and 0001_x, 0002_x, in whose transaction it ran, were rolled back",
        "everything was rolled back",
        "0001_x was not applied",
        "everything was not applied",
        "it may be done; if not, 0001_x to 0002_x were not applied",
    ]
