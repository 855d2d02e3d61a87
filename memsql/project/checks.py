"""Checks: files of one SELECT that returns one row for each problem.

A file named ``NNNN_name.sql`` belongs to migration NNNN and is part of its proof; the others are about the database
as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memsql.db import Connection, Value
from memsql.errors import FileError, Location, StatementError
from memsql.project.files import parse_file_name, read_file
from memsql.sqltext import effect, parse_check_header, split

_SHOWN = 100
TIMEOUT_MS = 30_000
"""For how long a check may run where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check as its file says. ``version`` is the migration it belongs to, None for the database as a whole;
    ``timeout`` is for how long it may run, in milliseconds; ``references`` are keys that the schema does not declare,
    as text with their lines."""

    name: str
    severity: str
    why: str
    sql: str
    path: str
    version: int | None
    timeout: int = TIMEOUT_MS
    references: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer of a check: ``messages``, one for each problem, at most a hundred; ``problems`` counts all. ``ms``:
    how many milliseconds it took, None where it ran together with others, or not to its end."""

    check: Check
    messages: tuple[str, ...]
    problems: int
    ms: float | None = None

    @property
    def ok(self) -> bool:
        return self.problems == 0


def read_checks(folder: Path, shown: str, timeout: int = TIMEOUT_MS) -> tuple[Check, ...]:
    """All checks of ``folder``, by file name; none where the folder does not exist. ``timeout``, in milliseconds, is
    for those that name none.

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
                header.timeout or timeout,
                header.references,
            )
        )
    return tuple(checks)


def result_of(check: Check, rows: Sequence[tuple[Value, ...]]) -> CheckResult:
    """What the ``rows`` of a check say."""
    return CheckResult(check, tuple(str(row[0]) for row in rows[:_SHOWN]), len(rows))


def could_not_run(check: Check, error: StatementError) -> CheckResult:
    """A problem like any other."""
    return CheckResult(check, (f"the check cannot run: {error.message}",), 1)


def did_not_end(check: Check) -> CheckResult:
    """A problem of severity error, because nobody knows what the check would have said."""
    message = (
        f"the check did not end within {check.timeout / 1000:g} s and was stopped; make it faster, or give it more "
        "time with `-- timeout: 2m` in its header"
    )
    return CheckResult(replace(check, severity="error"), (message,), 1)


def run_checks(
    conn: Connection, checks: Sequence[Check], interrupted: Callable[[], bool] = lambda: False
) -> list[CheckResult]:
    """Run ``checks``. One that cannot run, or does not end in its time, is a problem, never a pass.

    ``interrupted`` is asked often; after it said True, the checks that have not ended have no result. On a server, a
    check that is stopped in a transaction ends that too, and those behind it have no result either.
    """
    if conn.target.path is None and len(checks) > 1 and not conn.in_transaction:
        results = _run_together(conn, checks, interrupted)
        if results is not None:
            return results
    results = []
    inside = conn.in_transaction
    for check in checks:
        result = _run_one(conn, check, interrupted)
        if result is None:
            break
        results.append(result)
        if inside and not conn.in_transaction:
            break
    return results


def time_limit(milliseconds: int, interrupted: Callable[[], bool]) -> Callable[[], bool]:
    """A function that says whether ``milliseconds`` from now are over, or that ``interrupted`` says so."""
    end = time.monotonic() + milliseconds / 1000
    return lambda: interrupted() or time.monotonic() > end


def _run_one(conn: Connection, check: Check, interrupted: Callable[[], bool]) -> CheckResult | None:
    """The result of ``check``; None where it was interrupted."""
    messages: list[str] = []
    problems = 0
    started = time.perf_counter()
    try:
        with conn.observe(time_limit(check.timeout, interrupted)):
            # Not all at once: a SELECT that does not end may return rows without end.
            for row in conn.stream_rows(check.sql) if conn.target.path is not None else conn.execute(check.sql).rows:
                problems += 1
                if problems <= _SHOWN:
                    messages.append(str(row[0]))
    except StatementError as e:
        if not e.is_interrupt:
            return could_not_run(check, e)
        return None if interrupted() else did_not_end(check)
    return CheckResult(check, tuple(messages), problems, (time.perf_counter() - started) * 1000)


def _run_together(
    conn: Connection, checks: Sequence[Check], interrupted: Callable[[], bool]
) -> list[CheckResult] | None:
    """The results of ``checks``, which a server gets in one request; none of an interrupted one. None where they take
    longer all together than one of them may."""
    try:
        with conn.observe(time_limit(max(check.timeout for check in checks), interrupted)):
            answers = conn.read_each([(check.sql, ()) for check in checks])
    except StatementError as e:
        if not e.is_interrupt:
            raise
        return [] if interrupted() else None
    return [
        could_not_run(check, answer) if isinstance(answer, StatementError) else result_of(check, answer.rows)
        for check, answer in zip(checks, answers, strict=True)
    ]
