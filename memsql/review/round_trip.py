"""Runs a migration up, down and up again on a scratch database, and compares what it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memsql.backups.digest import differences
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError, Refused
from memsql.lint import Finding
from memsql.review.case import LINES, Case, place, reason
from memsql.review.findings import finding_of
from memsql.review.keys import Unique, unique_keys
from memsql.review.model import WayBack
from memsql.schema import Schema, diff, read
from memsql.scratch.database import Contents, contents_of, try_run

KEEP = (
    "keep in the migration what the rollback needs, or say with `-- allow: data-loss TABLE <reason>` that it cannot "
    "come back"
)
"""What to do where rows do not come back."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Up, down and up again. ``error`` is what stopped the first up; None where it ran, and where the guard refuses it
    with permission too. ``after`` and ``keys`` are the schema and the unique keys behind the first up, None where it
    did not run."""

    error: MemsqlError | None
    findings: tuple[Finding, ...]
    way_back: WayBack
    after: Schema | None = None
    keys: tuple[Unique, ...] = ()


def round_trip(case: Case, conn: SQLiteConnection, before: Contents) -> RoundTrip:
    """Run up, down and up again on ``conn``, which holds ``before``."""
    findings: list[Finding] = []
    error = try_run(conn, case.project, "up")
    needs_permission = isinstance(error, Refused)
    if isinstance(error, Refused):
        findings.append(_loses(error, case))
        error = try_run(conn, case.project, "up", allow=True)
        if isinstance(error, Refused):
            # No permission lets it run: a cascade goes through a full-text index.
            return RoundTrip(None, tuple(findings), "not tried", before.schema)
    if error is not None:
        return RoundTrip(error, tuple(findings), "not tried")
    after = contents_of(conn)
    findings += [finding_of("MR14", case.up, f"after it {line}") for line in after.broken]
    findings += _sequences(before, after, case.up, "it")
    keys = tuple(unique_keys(conn, after.schema))
    problems, way_back = _back(case, conn, before, after, needs_permission=needs_permission)
    return RoundTrip(None, (*findings, *problems), way_back, after.schema, keys)


def _back(
    case: Case, conn: SQLiteConnection, before: Contents, after: Contents, *, needs_permission: bool
) -> tuple[list[Finding], WayBack]:
    """Run down and up again. ``needs_permission``: the first up ran only with a permission that its file does not
    give."""
    findings: list[Finding] = []
    error = try_run(conn, case.project, "down")
    if isinstance(error, Refused):
        if not error.details:
            # There is no rollback file, or it has no statement: MS27 of lint reports that.
            return [], "none"
        findings.append(
            finding_of(
                "MR05",
                case.down,
                f"on a database with rows the rollback is refused: {reason(error)}",
                fix=error.hint or "",
            )
        )
        needs_permission = True
        error = try_run(conn, case.project, "down", allow=True)
    if error is not None:
        return [*findings, _fails(error, case.down, "the rollback fails", error.hint or "")], "does not restore"
    lossy = needs_permission or case.up_may_lose
    not_restored, restored = _not_restored(case, conn, before, lossy=lossy)
    differs = _up_again(case, conn, after)
    findings += [*not_restored, *differs]
    if not restored or differs:
        return findings, "does not restore"
    if needs_permission:
        return findings, "needs permission"
    return findings, "loses data as allowed" if lossy else "proven"


def _not_restored(case: Case, conn: SQLiteConnection, before: Contents, *, lossy: bool) -> tuple[list[Finding], bool]:
    """What up and down left different, and whether they restored what counts. ``lossy``: rows may differ."""
    now = contents_of(conn, before)
    lines = _changes(diff(before.schema, now.schema).lines())
    rows = [] if lossy else changed_rows(before, now)
    findings = []
    if lines:
        findings.append(
            finding_of(
                "MR04",
                case.down,
                f"up and down leave another schema: {lines}",
                fix="undo in the rollback everything that the migration does",
            )
        )
    if rows:
        findings.append(
            finding_of("MR04", case.down, f"up and down leave other rows: {'; '.join(rows[:LINES])}", fix=KEEP)
        )
    findings += [
        finding_of("MR14", case.down, f"after the rollback {line}") for line in now.broken if line not in before.broken
    ]
    findings += _sequences(before, now, case.down, "the rollback")
    return findings, not (lines or rows or now.broken)


def _up_again(case: Case, conn: SQLiteConnection, after: Contents) -> list[Finding]:
    """Run up once more after the rollback, and compare the schema with ``after``, the one after the first up."""
    error = try_run(conn, case.project, "up", allow=True)
    if error is not None:
        fix = "undo in the rollback everything that the migration makes"
        return [_fails(error, case.up, "after the rollback it does not run again", fix)]
    lines = _changes(diff(after.schema, read(conn)).lines())
    if not lines:
        return []
    return [finding_of("MR04", case.down, f"up, down and up again make another schema than up: {lines}")]


def _fails(error: MemsqlError, path: str, what: str, fix: str) -> Finding:
    path, line = place(error, path)
    return finding_of("MR04", path, f"{what}: {reason(error)}", line=line, statement=error.statement or "", fix=fix)


def changed_rows(before: Contents, now: Contents) -> list[str]:
    """Differences between the rows of those tables that have the same columns before and now."""
    columns = {select.name: select.columns for select in now.selects}
    alike = {select.name for select in before.selects if set(columns.get(select.name, ())) == set(select.columns)}
    return differences(
        [d for n, d in before.digests.items() if n in alike], [d for n, d in now.digests.items() if n in alike]
    )


def _sequences(before: Contents, now: Contents, path: str, who: str) -> Iterable[Finding]:
    for table, seq in sorted(before.sequences.items()):
        if table in now.digests and now.sequences.get(table, 0) < seq:
            yield finding_of(
                "MR13",
                path,
                f"after {who} AUTOINCREMENT of {table} gives ids again that rows had which were deleted",
                fix=(
                    "UPDATE sqlite_sequence SET seq = (the old one) WHERE name = the table, "
                    "before the old table is dropped"
                ),
            )


def _loses(refusal: Refused, case: Case) -> Finding:
    path, line = place(refusal, case.up)
    return finding_of(
        "MR02", path, f"it would lose data: {'; '.join(refusal.details[:LINES])}", line=line, fix=refusal.hint or ""
    )


def _changes(lines: Sequence[str]) -> str:
    """The lines of a schema diff in a sentence."""
    words = {"-": "missing", "+": "left over", "~": "changed"}
    shown = [f"{words[line[0]]}: {line[2:]}" for line in lines[:LINES]]
    return "; ".join([*shown, *([f"and {len(lines) - LINES} more"] if len(lines) > LINES else [])])
