"""Running a changed migration: up, down and up again, without rows, with rows, and with rows that break what it assumes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
from memsql.review.model import Row, WayBack
from memsql.review.rules import found
from memsql.review.statements import measure
from memsql.schema import Schema, diff, read
from memsql.scratch.database import Contents, contents_of, copy_of, project_of, result_code_of, try_run
from memsql.scratch.fitting import concerned, destination, populate

_ASSUMPTIONS = 12
_LINES = 6
_KEEP = (
    "keep in the migration what the rollback needs, or say with `-- allow: data-loss <reason>` that it cannot come back"
)
# A migration that concerns many tables gets fewer rows in each.
_ALL_ROWS, _FEWEST = 1600, 20
# What made-up values break without any constraint that says so.
_OF_VALUES = ("malformed JSON", "JSON path", "integer overflow", "invalid", "it did not end")


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of running one migration. ``rows`` are those that were made up, by table."""

    findings: tuple[Finding, ...]
    way_back: WayBack
    rows: tuple[tuple[str, int], ...] = ()
    statements: tuple[Row, ...] = ()
    left_out: int = 0
    applies: bool = True


@dataclass(frozen=True, slots=True)
class _Case:
    """A migration on trial, ``project`` ends with it; ``before`` and ``after`` are schemas."""

    project: Project
    migration: Migration
    rows: int
    allowed: tuple[bool, bool]

    @property
    def up(self) -> str:
        return self.migration.up.path

    @property
    def down(self) -> str:
        return (self.migration.down or self.migration.up).path


def prove(
    settings: Settings, base: SQLiteConnection, earlier: Sequence[Migration], migration: Migration, rows: int
) -> Proof:
    """Try ``migration`` on copies of ``base``, which has the ``earlier`` ones, with up to ``rows`` made-up rows a table."""
    case = _Case(project_of(settings, (*earlier, migration)), migration, rows, _allowed(migration))
    with copy_of(base) as conn:
        before = contents_of(conn)
        refusal, problems, way_back = _round(case, conn, before)
        if refusal is not None:
            listed, left = measure(base, migration)
            return Proof((_does_not_apply(refusal, case, empty=True),), "not tried", (), listed, left, applies=False)
    after = _schema_after(case, base)
    if not rows:
        listed, left = measure(base, migration)
        return Proof(tuple(dict.fromkeys(problems)), way_back, (), listed, left)
    with copy_of(base) as filled:
        text = "\n".join(_texts(migration))
        try:
            part = concerned(before.schema, text)
            each = min(rows, max(_FEWEST, _ALL_ROWS // max(len(part.tables), 1)))
            seed = crc32(migration.id.encode())
            counts = populate(filled, part, destination(part, after), rows=each, seed=seed)
        except (StatementError, CheckFailed) as e:
            counts = {}
            problems.append(found("MR15", case.up, f"no rows could be made up: {e.message}"))
        made = {name: n for name, n in sorted(counts.items()) if n}
        problems += [
            found(
                "MR15", case.up, f"nothing was tried on rows of {name}: none that were made up satisfy its constraints"
            )
            for name in sorted(counts)
            if not counts[name]
        ]
        listed, left = measure(filled, migration)
        if made:
            more, second = _with_rows(case, filled, before.schema, after)
            problems += more
            way_back = second if way_back in ("proven", "loses data as allowed", "needs permission") else way_back
    return Proof(tuple(dict.fromkeys(problems)), way_back, tuple(made.items()), listed, left)


def _with_rows(case: _Case, filled: SQLiteConnection, before: Schema, after: Schema) -> tuple[list[Finding], WayBack]:
    with copy_of(filled) as conn:
        refusal, problems, way_back = _round(case, conn, contents_of(conn))
    if refusal is not None and _is_check(refusal, case):
        problems.append(
            found(
                "MR03",
                refusal.where.path if refusal.where else case.up,
                f"{refusal.message}, on made-up rows",
                severity="info",
                fix="made-up rows know nothing of what a check wants; try it on real ones: invoke migrate.up --dry-run",
            )
        )
        case = replace(case, project=_without_checks(case.project))
        with copy_of(filled) as conn:
            refusal, more, way_back = _round(case, conn, contents_of(conn))
            problems += more
    if refusal is not None:
        return [*problems, _does_not_apply(refusal, case, empty=False)], "not tried"
    with copy_of(filled) as conn:
        had = unique_keys(conn, before)
        try_run(conn, case.project, "up", allow=True)
        has = unique_keys(conn, after)
    for wanted in assumptions(before, after, had, has)[:_ASSUMPTIONS]:
        problems += _broken(case, filled, before, wanted)
    return problems, way_back


def _broken(case: _Case, filled: SQLiteConnection, before: Schema, wanted: Assumption) -> Iterable[Finding]:
    """What becomes of the migration on rows that break an assumption."""
    with copy_of(filled) as conn:
        if not break_one(conn, before, wanted):
            return
        seen = contents_of(conn)
        refusal = try_run(conn, case.project, "up", allow=any(case.allowed))
        if refusal is None:
            if (
                not any(case.allowed)
                and try_run(conn, case.project, "down", allow=True) is None
                and (rows := _rows(seen, contents_of(conn, seen)))
            ):
                yield found(
                    "MR04",
                    case.down,
                    f"with {wanted.broken_by} of {wanted.table}, up and down leave other rows: {'; '.join(rows[:_LINES])}",
                    severity="warning",
                    fix=_KEEP,
                )
            return
        path, line = _place(refusal, case.up)
        what = "would lose" if isinstance(refusal, Refused) else "fails on"
        yield found(
            "MR03",
            path,
            f"it {what} {wanted.broken_by} of {wanted.table}, which were permitted until now: {_reason(refusal)}",
            line=line,
            statement=refusal.statement or "",
            fix=f"count them in production first, and let the migration deal with them:\n{wanted.count};",
        )


def _round(case: _Case, conn: SQLiteConnection, before: Contents) -> tuple[MemsqlError | None, list[Finding], WayBack]:
    """Up, down, up. Returns what refused the first up for good, what else was found, and what became of the way back."""
    problems: list[Finding] = []
    refusal = try_run(conn, case.project, "up")
    lossy = case.allowed[0]
    asked = False
    if isinstance(refusal, Refused):
        problems.append(_loses(refusal, case))
        lossy = asked = True
        refusal = try_run(conn, case.project, "up", allow=True)
        if isinstance(refusal, Refused):
            # By no permission: a cascade goes through a full-text index.
            return None, problems, "not tried"
    if refusal is not None:
        return refusal, problems, "not tried"
    after = contents_of(conn)
    problems += [found("MR14", case.up, f"after it {line}") for line in after.broken]
    problems += _sequences(before, after, case.up, "it")
    back = try_run(conn, case.project, "down")
    if isinstance(back, Refused):
        if not back.details:
            # No file, or one without a statement: MS27 says so.
            return None, problems, "none"
        problems.append(
            found(
                "MR05",
                case.down,
                f"on a database with rows the rollback is refused: {_reason(back)}",
                fix="if that is meant, write `-- allow: data-loss <reason>` into the header of the rollback",
            )
        )
        lossy = asked = True
        back = try_run(conn, case.project, "down", allow=True)
    if back is not None:
        path, line = _place(back, case.down)
        problems.append(
            found(
                "MR04",
                path,
                f"the rollback fails: {_reason(back)}",
                line=line,
                statement=back.statement or "",
                fix=back.hint or "",
            )
        )
        return None, problems, "does not restore"
    lost = _not_restored(case, conn, before, lossy=lossy, problems=problems)
    once_more = try_run(conn, case.project, "up", allow=True)
    if once_more is not None:
        path, line = _place(once_more, case.up)
        problems.append(
            found(
                "MR04",
                path,
                f"after the rollback it does not run again: {_reason(once_more)}",
                line=line,
                statement=once_more.statement or "",
                fix="undo in the rollback everything that the migration makes",
            )
        )
        lost = True
    else:
        lines = _changes(diff(after.schema, read(conn)).lines())
        if lines:
            problems.append(found("MR04", case.down, f"up, down and up again make another schema than up: {lines}"))
            lost = True
    return (
        None,
        problems,
        "does not restore" if lost else "needs permission" if asked else "loses data as allowed" if lossy else "proven",
    )


def _not_restored(
    case: _Case, conn: SQLiteConnection, before: Contents, *, lossy: bool, problems: list[Finding]
) -> bool:
    now = contents_of(conn, before)
    lines = _changes(diff(before.schema, now.schema).lines())
    if lines:
        problems.append(
            found(
                "MR04",
                case.down,
                f"up and down leave another schema: {lines}",
                fix="undo in the rollback everything that the migration does",
            )
        )
    rows = _rows(before, now)
    if rows and not lossy:
        problems.append(
            found("MR04", case.down, f"up and down leave other rows: {'; '.join(rows[:_LINES])}", fix=_KEEP)
        )
    problems += [
        found("MR14", case.down, f"after the rollback {line}") for line in now.broken if line not in before.broken
    ]
    problems += _sequences(before, now, case.down, "the rollback")
    return bool(lines or (rows and not lossy) or now.broken)


def _rows(before: Contents, now: Contents) -> list[str]:
    """Differences of tables that are there before and now, in the columns of both."""
    there = {r.name: r.columns for r in now.selects}
    alike = {r.name for r in before.selects if set(there.get(r.name, ())) == set(r.columns)}
    return differences(
        [d for n, d in before.digests.items() if n in alike], [d for n, d in now.digests.items() if n in alike]
    )


def _sequences(before: Contents, now: Contents, path: str, who: str) -> Iterable[Finding]:
    for table, seq in sorted(before.sequences.items()):
        if table in now.digests and now.sequences.get(table, 0) < seq:
            yield found(
                "MR13",
                path,
                f"after {who} AUTOINCREMENT of {table} gives ids again that rows had which were deleted",
                fix="UPDATE sqlite_sequence SET seq = (the old one) WHERE name = the table, before the old table is dropped",
            )


def _schema_after(case: _Case, base: SQLiteConnection) -> Schema:
    with copy_of(base) as conn:
        try_run(conn, case.project, "up", allow=True)
        return read(conn)


def _loses(refusal: Refused, case: _Case) -> Finding:
    path, line = _place(refusal, case.up)
    return found(
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
    return found(
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


def _allowed(migration: Migration) -> tuple[bool, bool]:
    """Whether up and down may lose data."""
    try:
        headers = (migration.header, migration.down_header)
    except MemsqlError:
        return False, False
    up, down = (h is not None and any(a.rule == "data-loss" for a in h.allows) for h in headers)
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
