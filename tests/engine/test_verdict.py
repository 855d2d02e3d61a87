"""What evidence means: no database is asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memsql.engine import verdict
from memsql.engine.analysis import Analysis
from memsql.engine.index_work import IndexWork, work_for
from memsql.engine.job import Job
from memsql.engine.loss.guard import Counts
from memsql.engine.loss.model import Account, Change, Loss
from memsql.engine.verdict import Evidence
from memsql.errors import CommitUnknown, LockedError, MigrationFailed, Refused, StatementError
from memsql.project.checks import Check, CheckResult
from memsql.project.files import Migration, SqlFile
from memsql.sqltext import parse_migration_header

NO_INDEXES = IndexWork()
NOTHING = Account()
ROWS = Loss("t", None, 3, "table t is dropped with 3 rows")
VALUES = Loss("Old t", "b", 2, "column Old t.b is dropped with a value in 2 rows", "id 1: 'x'", frozenset({("t", "b")}))


def job(text: str = "SELECT 1;", number: int = 1) -> Job:
    file = SqlFile("migrations/0001_x.sql", "0001_x.sql", text.encode())
    migration = Migration(number, "x", f"{number:04d}_x", file, None)
    return Job(migration, "up", file, parse_migration_header(text, file.path), Analysis(empty=False))


def check(severity: str, *messages: str) -> CheckResult:
    return CheckResult(
        Check("holds", severity, "it must", "SELECT 1", "sql/checks/holds.sql", None), messages, len(messages)
    )


def evidence(account: Account, *checks: CheckResult, indexes: IndexWork = NO_INDEXES) -> Evidence:
    return Evidence(account, Counts(), Counts(), indexes, (), checks, datetime(2026, 1, 1, tzinfo=UTC), 7)


def test_nothing_lost_is_done() -> None:
    changed = Account(changes=(Change("UPDATE", "t", None, 3),))
    done = verdict.judge(job(), evidence(changed), allows_all=False)
    assert (done.id, done.duration_ms, done.account, done.warnings) == ("0001_x", 7, changed, ())


@pytest.mark.parametrize(
    ("loss", "line"),
    [(ROWS, "-- allow: data-loss t <reason>"), (VALUES, '-- allow: data-loss "Old t".b <reason>')],
)
def test_a_loss_is_refused_or_reported(loss: Loss, line: str) -> None:
    with pytest.raises(Refused) as caught:
        verdict.judge(job(), evidence(Account((loss,))), allows_all=False)
    assert caught.value.details == (loss.message,)
    assert line in (caught.value.hint or "")
    assert verdict.judge(job(), evidence(Account((loss,))), allows_all=True).account.losses == (loss,)


@pytest.mark.parametrize(
    ("permit", "rows", "values"),
    [
        ("T", True, False),
        ("t.b", False, True),
        ('"Old t"."B"', False, True),
        ('"Old t"', False, False),
        ("t.c", False, False),
    ],
)
def test_a_permit_names_rows_or_values(permit: str, rows: bool, values: bool) -> None:
    permits = job(f"-- allow: data-loss {permit} meant\nSELECT 1;").header.permits
    assert (ROWS.is_permitted(permits), VALUES.is_permitted(permits)) == (rows, values)


def test_a_loss_comes_before_a_failed_check() -> None:
    with pytest.raises(Refused):
        verdict.judge(job(), evidence(Account((ROWS,)), check("error", "no")), allows_all=False)


def test_a_check_fails_or_warns() -> None:
    with pytest.raises(MigrationFailed, match="its check 'holds' failed") as caught:
        verdict.judge(job(), evidence(NOTHING, check("error", "no")), allows_all=False)
    assert (caught.value.details, caught.value.hint) == (("no",), "it must")
    done = verdict.judge(job(), evidence(NOTHING, check("warning", "hm")), allows_all=False)
    assert done.warnings == ("holds: hm",)


@pytest.mark.parametrize(("header", "known"), [("nowhere", ("t_fts",)), ("all", ())])
def test_an_index_that_does_not_exist(header: str, known: tuple[str, ...]) -> None:
    asking = job(f"-- fts_rebuild: {header}\nSELECT 1;")
    with pytest.raises(MigrationFailed, match=f"asks to rebuild {header}, which is no FTS5 table"):
        verdict.judge(asking, evidence(NOTHING, indexes=work_for(asking, known, [])), allows_all=False)


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
        "every migration of this run was rolled back",
        "0001_x was not applied",
        "no migration was applied",
        "it may be done; if not, 0001_x to 0002_x were not applied",
    ]
