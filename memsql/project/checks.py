"""Checks: files of one SELECT that returns one row for each problem.

A file named ``NNNN_name.sql`` belongs to migration NNNN and is part of its proof; the others are about the database
as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memsql.db import Connection, Value
from memsql.errors import FileError, Location, StatementError
from memsql.project.files import parse_file_name, read_file
from memsql.sqltext import effect, parse_check_header, split

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Check:
    """A check as its file says. ``version`` is the migration it belongs to, None for the database as a whole."""

    name: str
    severity: str
    why: str
    sql: str
    path: str
    version: int | None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer of a check: ``messages``, one for each problem, at most a hundred; ``problems`` counts all."""

    check: Check
    messages: tuple[str, ...]
    problems: int

    @property
    def ok(self) -> bool:
        return self.problems == 0


def read_checks(folder: Path, shown: str) -> tuple[Check, ...]:
    """All checks of ``folder``, by file name; none where the folder does not exist.

    Raises FileError for a file without a name, with more than one statement or with none.
    """
    if not folder.is_dir():
        return ()
    checks = []
    for path in sorted(folder.glob("*.sql")):
        label = f"{shown}/{path.name}"
        text = read_file(path, label).text()
        header = parse_check_header(text, label)
        statements = split(text)
        if len(statements) != 1:
            raise FileError(
                f"{label} must hold one SELECT, and holds {len(statements)} statements",
                where=Location(label),
                hint="one check a file",
            )
        if effect(statements[0].text).kind != "select":
            raise FileError(
                f"{label} must hold one SELECT, and holds another statement",
                where=Location(label, statements[0].line),
                statement=statements[0].text,
                hint="a check only looks; it runs inside the transaction that it judges",
            )
        file_name = parse_file_name(path.name)
        checks.append(
            Check(
                header.name,
                header.severity,
                header.why,
                statements[0].text,
                label,
                file_name.version if file_name else None,
            )
        )
    return tuple(checks)


def result_of(check: Check, rows: Sequence[tuple[Value, ...]]) -> CheckResult:
    """What the ``rows`` of a check say."""
    return CheckResult(check, tuple(str(row[0]) for row in rows[:_SHOWN]), len(rows))


def could_not_run(check: Check, error: StatementError) -> CheckResult:
    """A problem like any other."""
    return CheckResult(check, (f"the check cannot run: {error.message}",), 1)


def run_checks(conn: Connection, checks: Sequence[Check]) -> list[CheckResult]:
    """Run ``checks``, on a server in one request. A check that cannot run is a problem, never a pass."""
    return [
        could_not_run(check, answer) if isinstance(answer, StatementError) else result_of(check, answer.rows)
        for check, answer in zip(checks, conn.read_each([(check.sql, ()) for check in checks]), strict=True)
    ]
