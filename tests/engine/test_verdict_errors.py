"""Every part of what a verdict tells: the message, the place, the details and what to do next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memsql.engine import verdict
from memsql.engine.analysis import Analysis
from memsql.engine.index_work import IndexWork
from memsql.engine.job import Job
from memsql.engine.loss.model import Loss
from memsql.engine.signals import Stop
from memsql.errors import Interrupted, Location, LockedError, MemsqlError, MigrationFailed, StatementError
from memsql.project.checks import Check, CheckResult
from memsql.project.files import Migration, SqlFile
from memsql.sqltext import parse_migration_header

FILE = SqlFile("migrations/0001_x.sql", "0001_x.sql", b"SELECT 1;")
UP = Job(Migration(1, "x", "0001_x", FILE, None), "up", FILE, parse_migration_header("", ""), Analysis(empty=False))
DOWN = replace(UP, direction="down")
HERE, LINE = Location(FILE.path), Location(FILE.path, 7)
CORRECT = "correct the file, then run the command again: memsql migrate.sum && memsql migrate."
SPACE = "free space (the journal needs as much as the change), then run it again"
REBUILD = "a table rebuild needs `-- foreign_keys: off` in the header; otherwise find the rows that refer to nothing"
VIEW = (
    "SQLite renames or drops nothing where a view or trigger would not compile: "
    "drop it before, and create it again after"
)


def error(
    message: str = "no", code: str | None = None, *, index: int | None = None, where: Location | None = None
) -> StatementError:
    of = StatementError(message, code=code, index=index, statement="DROP TABLE t")
    of.where = where
    return of


def failed(job: Job, of: StatementError, forbidden: str | None = None, *details: str) -> MigrationFailed:
    return verdict.statement_failed(job, of, of.code, forbidden, details)


LOSSES = [Loss("t", None, 3, "table t is dropped"), Loss("u", None, 1, "table u is dropped")]


@pytest.mark.parametrize(
    ("problem", "message", "where", "details", "hint"),
    [
        (failed(UP, error()), "0001_x failed: no", HERE, (), f"{CORRECT}up"),
        (failed(DOWN, error(), None, "row"), "0001_x failed: no", HERE, ("row",), f"{CORRECT}down"),
        (failed(UP, error(where=LINE, index=0)), "0001_x failed in statement 1: no", LINE, (), f"{CORRECT}up"),
        (
            failed(UP, error(code="SQLITE_FULL"), "VACUUM"),
            "0001_x failed: VACUUM is not allowed inside a migration",
            HERE,
            (),
            "remove it; memsql owns the transaction, and a migration reaches nothing outside of its database",
        ),
        (failed(UP, error("error in view v")), "0001_x failed: error in view v", HERE, (), VIEW),
        (failed(UP, error("error in trigger v")), "0001_x failed: error in trigger v", HERE, (), VIEW),
        (failed(UP, error(code="SQLITE_FULL")), "0001_x failed: the disk is full", HERE, (), SPACE),
        (
            failed(UP, error(code="SQLITE_CORRUPT_VTAB")),
            "0001_x failed: no",
            HERE,
            (),
            "a full-text index is damaged: memsql fts.status names it, memsql fts.rebuild mends it",
        ),
        (
            failed(UP, error(code="SQLITE_LOCKED")),
            "0001_x failed: no",
            HERE,
            (),
            "delete the rows of the table first, or rebuild it with `-- foreign_keys: off` in the header",
        ),
        (failed(UP, error(code="SQLITE_CONSTRAINT_FOREIGNKEY")), "0001_x failed: no", HERE, (), REBUILD),
        (
            verdict.not_committed(UP, error(code="SQLITE_FULL"), ()),
            "0001_x could not be committed: no",
            HERE,
            (),
            SPACE,
        ),
        (
            verdict.not_committed(UP, error(code="SQLITE_CONSTRAINT"), ("t.a",)),
            "0001_x could not be committed: no",
            HERE,
            ("t.a",),
            "correct the cause and run the command again",
        ),
        (
            verdict.broken_index(UP, ["t_fts is broken"]),
            "0001_x ran, but its proof failed: a full-text index disagrees with its content",
            HERE,
            ("t_fts is broken",),
            "if the index was broken before, mend it with: memsql fts.rebuild; otherwise let the migration "
            "rebuild it: `-- fts_rebuild: all` in its header",
        ),
        (verdict.unproven(UP, ["a", "b"], "mend it"), "0001_x ran, but its proof failed", HERE, ("a", "b"), "mend it"),
        (
            verdict.refused(UP, LOSSES),
            "0001_x would lose data",
            HERE,
            ("table t is dropped", "table u is dropped"),
            "if that is meant, paste into the header of migrations/0001_x.sql, with the reason:\n"
            "    -- allow: data-loss t <reason>\n    -- allow: data-loss u <reason>\n"
            "  or pass --allow-data-loss; a rebuild of a table to which others refer needs `-- foreign_keys: off`, or "
            "their rows are reached too",
        ),
        (
            verdict.no_such_index(UP, IndexWork(unknown="n", existing=("a", "b"))),
            "0001_x asks to rebuild n, which is no FTS5 table here",
            HERE,
            (),
            "FTS5 tables: a, b",
        ),
        (
            verdict.no_such_index(UP, IndexWork(unknown="n")),
            "0001_x asks to rebuild n, which is no FTS5 table here",
            HERE,
            (),
            "FTS5 tables: none",
        ),
        (
            verdict.not_kept(UP, error("disk full")),
            "rows that 0001_x reaches have to be kept on the server, to compare them afterwards, and that failed: disk "
            "full",
            HERE,
            (),
            "make room on the server, and run the command again",
        ),
        (
            verdict.interrupted(UP, Stop(name="SIGTERM")),
            "SIGTERM stopped 0001_x",
            HERE,
            (),
            "run the command again to go on",
        ),
        (verdict.interrupted(UP, Stop()), "Ctrl-C stopped 0001_x", HERE, (), "run the command again to go on"),
    ],
)
def test_what_a_problem_says(
    problem: MemsqlError, message: str, where: Location, details: tuple[str, ...], hint: str
) -> None:
    assert (problem.message, problem.where, problem.details, problem.hint) == (message, where, details, hint)


def test_the_statement_that_failed_is_shown() -> None:
    assert failed(UP, error()).statement == "DROP TABLE t"


def result(severity: str, *messages: str, problems: int | None = None, why: str = "it must") -> CheckResult:
    check = Check("holds", severity, why, "SELECT 1", "sql/checks/holds.sql", None)
    return CheckResult(check, messages, len(messages) if problems is None else problems)


def test_warnings_and_what_is_fine_come_before_an_error() -> None:
    fine, warned = result("error"), result("warning", "hm", "oh")
    assert verdict.judge_checks(UP, [fine, warned]) == ("holds: hm", "holds: oh")
    for failing, message, hint in [
        (result("error", "no"), "0001_x ran, but its check 'holds' failed", "it must"),
        (result("error", "no", why=""), "0001_x ran, but its check 'holds' failed", f"{CORRECT}up"),
        (
            result("error", "no", problems=1234),
            "0001_x ran, but its check 'holds' failed: 1,234 problems, of which these are some",
            "it must",
        ),
    ]:
        with pytest.raises(MigrationFailed) as caught:
            verdict.judge_checks(UP, [fine, warned, failing])
        told = caught.value
        assert (told.message, told.where, told.details, told.hint) == (
            message,
            Location("sql/checks/holds.sql"),
            ("no",),
            hint,
        )


def test_what_is_left_of_a_transaction_that_several_shared() -> None:
    one, two, three = (
        replace(UP, migration=replace(UP.migration, version=number, id=f"{number:04d}_x")) for number in (1, 2, 3)
    )
    stopped, locked, failure = Interrupted("stop"), LockedError("locked"), MigrationFailed("it failed")
    assert [
        verdict.undone(stopped, one, [one, two, three], whole=False),
        verdict.undone(stopped, one, [one], whole=False),
        verdict.undone(stopped, two, [one, two, three], whole=False),
        verdict.undone(failure, one, [one, two, three], whole=False),
        verdict.undone(locked, one, [one, two, three], whole=False),
    ] == [
        "0001_x to 0003_x, which shared a transaction, were rolled back",
        "this migration was rolled back",
        "it and 0001_x, in whose transaction it ran, were rolled back",
        "this migration was rolled back",
        "0001_x to 0003_x were not applied",
    ]
