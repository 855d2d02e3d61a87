"""Runs a changed migration up, down and up again: on empty tables, on made-up rows, and on rows that break what the
migration assumes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from zlib import crc32

from memsql.backups.digest import differences
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, MemsqlError, Refused, StatementError
from memsql.lint import Finding
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.review.assumptions import Assumption, assumptions, break_one, unique_keys
from memsql.review.findings import finding_of
from memsql.review.model import StatementResult, WayBack
from memsql.review.statements import measure
from memsql.schema import Schema, diff, read
from memsql.scratch.database import Contents, contents_of, copy_of, project_of, result_code_of, try_run
from memsql.scratch.fitting import concerned, destination, populate

_ASSUMPTIONS = 12
_LINES = 6
_KEEP = (
    "keep in the migration what the rollback needs, or say with `-- allow: data-loss TABLE <reason>` that it cannot "
    "come back"
)
# A migration that concerns many tables gets fewer rows in each.
_ALL_ROWS, _FEWEST = 1600, 20
# Words of errors that made-up values can cause although they satisfy every constraint.
_OF_VALUES = ("malformed JSON", "JSON path", "integer overflow", "invalid", "it did not end")


@dataclass(frozen=True, slots=True)
class MigrationProof:
    """What the trial of one migration gave. ``rows`` is the number of made-up rows by table, ``left_out`` the number of
    statements that ``statements`` does not list. ``applies``: it runs on an empty database."""

    findings: tuple[Finding, ...]
    way_back: WayBack
    rows: tuple[tuple[str, int], ...] = ()
    statements: tuple[StatementResult, ...] = ()
    left_out: int = 0
    applies: bool = True


@dataclass(frozen=True, slots=True)
class _Case:
    """A migration on trial, the last one of ``project``. The flags say which direction permits a loss of data."""

    project: Project
    migration: Migration
    _: KW_ONLY
    up_may_lose: bool
    down_may_lose: bool

    @property
    def up(self) -> str:
        return self.migration.up.path

    @property
    def down(self) -> str:
        return (self.migration.down or self.migration.up).path

    @property
    def may_lose(self) -> bool:
        """Whether one of the directions may lose data."""
        return self.up_may_lose or self.down_may_lose


@dataclass(frozen=True, slots=True)
class _RoundTrip:
    """Up, down and up again. ``error`` is what stopped the first up; None where it ran, and where the guard refuses it
    with permission too."""

    error: MemsqlError | None
    findings: tuple[Finding, ...]
    way_back: WayBack


@dataclass(frozen=True, slots=True)
class _Sample:
    """Made-up rows: their number by table, and findings about tables that have none."""

    rows: tuple[tuple[str, int], ...]
    findings: tuple[Finding, ...]


def prove(
    settings: Settings, base: SQLiteConnection, earlier: Sequence[Migration], migration: Migration, *, rows: int
) -> MigrationProof:
    """Try ``migration`` on copies of ``base``, which has the ``earlier`` ones, with up to ``rows`` made-up rows in each
    table; 0 tries it on empty tables alone."""
    up, down = _may_lose(migration)
    case = _Case(project_of(settings, (*earlier, migration)), migration, up_may_lose=up, down_may_lose=down)
    with copy_of(base) as conn:
        before = contents_of(conn)
        trip = _round_trip(case, conn, before)
    if trip.error is not None:
        statements, left_out = measure(base, migration)
        refusal = _does_not_apply(trip.error, case, empty=True)
        return MigrationProof((refusal,), "not tried", (), statements, left_out, applies=False)
    after = _schema_after(case, base)
    findings, way_back = [*trip.findings], trip.way_back
    if not rows:
        statements, left_out = measure(base, migration)
        return MigrationProof(tuple(dict.fromkeys(findings)), way_back, (), statements, left_out)
    with copy_of(base) as filled:
        sample = _fill(case, filled, before.schema, after, rows=rows)
        findings += sample.findings
        statements, left_out = measure(filled, migration)
        if sample.rows:
            problems, way_back_of_rows = _with_rows(case, filled, before.schema, after)
            findings += problems
            if way_back in ("proven", "loses data as allowed", "needs permission"):
                way_back = way_back_of_rows
    return MigrationProof(tuple(dict.fromkeys(findings)), way_back, sample.rows, statements, left_out)


def _fill(case: _Case, conn: SQLiteConnection, before: Schema, after: Schema, *, rows: int) -> _Sample:
    """Make up rows on ``conn`` that satisfy the schemas before and after the migration."""
    try:
        part = concerned(before, "\n".join(_texts(case.migration)))
        each = min(rows, max(_FEWEST, _ALL_ROWS // max(len(part.tables), 1)))
        seed = crc32(case.migration.id.encode())
        counts = populate(conn, part, destination(part, after), rows=each, seed=seed)
    except (StatementError, CheckFailed) as e:
        return _Sample((), (finding_of("MR15", case.up, f"no rows could be made up: {e.message}"),))
    return _Sample(
        tuple((table, count) for table, count in sorted(counts.items()) if count),
        tuple(
            finding_of(
                "MR15", case.up, f"nothing was tried on rows of {table}: none that were made up satisfy its constraints"
            )
            for table in sorted(counts)
            if not counts[table]
        ),
    )


def _with_rows(case: _Case, filled: SQLiteConnection, before: Schema, after: Schema) -> tuple[list[Finding], WayBack]:
    """Try the migration on the made-up rows of ``filled``, and on rows that break what it assumes."""
    with copy_of(filled) as conn:
        trip = _round_trip(case, conn, contents_of(conn))
    findings = [*trip.findings]
    if trip.error is not None and _is_check(trip.error, case):
        findings.append(
            finding_of(
                "MR03",
                trip.error.where.path if trip.error.where else case.up,
                f"{trip.error.message}, on made-up rows",
                severity="info",
                fix="made-up rows know nothing of what a check wants; try it on real ones: invoke migrate.up --dry-run",
            )
        )
        case = replace(case, project=_without_checks(case.project))
        with copy_of(filled) as conn:
            trip = _round_trip(case, conn, contents_of(conn))
        findings += trip.findings
    if trip.error is not None:
        return [*findings, _does_not_apply(trip.error, case, empty=False)], "not tried"
    with copy_of(filled) as conn:
        keys_before = unique_keys(conn, before)
        try_run(conn, case.project, "up", allow=True)
        keys_after = unique_keys(conn, after)
    for assumption in assumptions(before, after, keys_before, keys_after)[:_ASSUMPTIONS]:
        findings += _broken(case, filled, before, assumption)
    return findings, trip.way_back


def _broken(case: _Case, filled: SQLiteConnection, before: Schema, assumption: Assumption) -> Iterable[Finding]:
    """Try the migration on rows that break ``assumption``."""
    with copy_of(filled) as conn:
        if not break_one(conn, before, assumption):
            return
        contents = contents_of(conn)
        error = try_run(conn, case.project, "up", allow=case.may_lose)
        if error is None:
            if (
                not case.may_lose
                and try_run(conn, case.project, "down", allow=True) is None
                and (rows := _rows(contents, contents_of(conn, contents)))
            ):
                yield finding_of(
                    "MR04",
                    case.down,
                    f"with {assumption.broken_by} of {assumption.table}, up and down leave other rows: "
                    f"{'; '.join(rows[:_LINES])}",
                    severity="warning",
                    fix=_KEEP,
                )
            return
        path, line = _place(error, case.up)
        what = "would lose" if isinstance(error, Refused) else "fails on"
        yield finding_of(
            "MR03",
            path,
            f"it {what} {assumption.broken_by} of {assumption.table}, which were permitted until now: {_reason(error)}",
            line=line,
            statement=error.statement or "",
            fix=f"count them in production first, and let the migration deal with them:\n{assumption.count};",
        )


def _round_trip(case: _Case, conn: SQLiteConnection, before: Contents) -> _RoundTrip:
    """Run up, down and up again on ``conn``, which holds ``before``."""
    findings: list[Finding] = []
    error = try_run(conn, case.project, "up")
    needs_permission = isinstance(error, Refused)
    if isinstance(error, Refused):
        findings.append(_loses(error, case))
        error = try_run(conn, case.project, "up", allow=True)
        if isinstance(error, Refused):
            # No permission lets it run: a cascade goes through a full-text index.
            return _RoundTrip(None, tuple(findings), "not tried")
    if error is not None:
        return _RoundTrip(error, tuple(findings), "not tried")
    after = contents_of(conn)
    findings += [finding_of("MR14", case.up, f"after it {line}") for line in after.broken]
    findings += _sequences(before, after, case.up, "it")
    problems, way_back = _back(case, conn, before, after, needs_permission=needs_permission)
    return _RoundTrip(None, (*findings, *problems), way_back)


def _back(
    case: _Case, conn: SQLiteConnection, before: Contents, after: Contents, *, needs_permission: bool
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
                f"on a database with rows the rollback is refused: {_reason(error)}",
                fix="if that is meant, write `-- allow: data-loss TABLE <reason>` into the header of the rollback",
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


def _not_restored(case: _Case, conn: SQLiteConnection, before: Contents, *, lossy: bool) -> tuple[list[Finding], bool]:
    """What up and down left different, and whether they restored what counts. ``lossy``: rows may differ."""
    now = contents_of(conn, before)
    lines = _changes(diff(before.schema, now.schema).lines())
    rows = [] if lossy else _rows(before, now)
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
            finding_of("MR04", case.down, f"up and down leave other rows: {'; '.join(rows[:_LINES])}", fix=_KEEP)
        )
    findings += [
        finding_of("MR14", case.down, f"after the rollback {line}") for line in now.broken if line not in before.broken
    ]
    findings += _sequences(before, now, case.down, "the rollback")
    return findings, not (lines or rows or now.broken)


def _up_again(case: _Case, conn: SQLiteConnection, after: Contents) -> list[Finding]:
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
    path, line = _place(error, path)
    return finding_of("MR04", path, f"{what}: {_reason(error)}", line=line, statement=error.statement or "", fix=fix)


def _rows(before: Contents, now: Contents) -> list[str]:
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


def _schema_after(case: _Case, base: SQLiteConnection) -> Schema:
    with copy_of(base) as conn:
        try_run(conn, case.project, "up", allow=True)
        return read(conn)


def _loses(refusal: Refused, case: _Case) -> Finding:
    path, line = _place(refusal, case.up)
    return finding_of(
        "MR02", path, f"it would lose data: {'; '.join(refusal.details[:_LINES])}", line=line, fix=refusal.hint or ""
    )


def _does_not_apply(refusal: MemsqlError, case: _Case, *, empty: bool) -> Finding:
    path, line = _place(refusal, case.up)
    where = "on an empty database" if empty else "on made-up rows that satisfy every constraint"
    maybe = (
        not empty
        and not result_code_of(refusal).startswith("SQLITE_CONSTRAINT")
        and any(w in refusal.message for w in _OF_VALUES)
    )
    return finding_of(
        "MR03" if maybe else "MR01",
        path,
        f"it does not run {where}: {_reason(refusal)}",
        line=line,
        statement=refusal.statement or "",
        fix=refusal.hint or "",
    )


def _place(error: MemsqlError, path: str) -> tuple[str, int]:
    where = error.where
    return (where.path, where.line or 1) if where is not None else (path, 1)


def _reason(error: MemsqlError) -> str:
    return "; ".join((error.message, *error.details[:_LINES]))


def _is_check(error: MemsqlError, case: _Case) -> bool:
    return error.where is not None and error.where.path not in (case.up, case.down) and not isinstance(error, Refused)


def _may_lose(migration: Migration) -> tuple[bool, bool]:
    """Whether up and down may lose data."""
    try:
        headers = (migration.header, migration.down_header)
    except MemsqlError:
        return False, False
    up, down = (h is not None and h.allows_loss for h in headers)
    return up, down


def _texts(migration: Migration) -> Iterable[str]:
    for file in (migration.up, migration.down):
        if file is not None:
            yield file.data.decode("utf-8", "replace")


def _without_checks(project: Project) -> Project:
    return replace(project, settings=replace(project.settings, sql=Path(os.devnull)))


def _changes(lines: Sequence[str]) -> str:
    """The lines of a schema diff in a sentence."""
    words = {"-": "missing", "+": "left over", "~": "changed"}
    shown = [f"{words[line[0]]}: {line[2:]}" for line in lines[:_LINES]]
    return "; ".join([*shown, *([f"and {len(lines) - _LINES} more"] if len(lines) > _LINES else [])])
