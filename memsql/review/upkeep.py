"""Checks what belongs to migrations: names, free versions, files that the base has, memsql.sum and sql/schema.sql."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from memsql import deadline, hints
from memsql.errors import MemsqlError
from memsql.lint import Finding
from memsql.project.files import SUM_NAME, Migration, read_file
from memsql.project.sums import sum_problems
from memsql.project.versions import VersionConflict, version_of
from memsql.review.changes import MigrationChange
from memsql.review.findings import finding_of
from memsql.schema import Schema, diff, from_sql

_SHOWN = 8


def name_findings(names: Iterable[str], folder: str) -> list[Finding]:
    """Files of the folder of migrations that memsql does not take for migrations."""
    return [
        finding_of(
            "MR01",
            f"{folder}/{name}",
            "it is not named like a migration, so that memsql refuses the folder",
            fix="name it NNNN_name.sql, in UTF-8, with NNNN_name.rollback.sql beside it",
        )
        for name in sorted(names)
        if version_of(name) is None
    ]


def applied_findings(changes: Sequence[MigrationChange], folder: str, base: str, commit: str) -> list[Finding]:
    """Files of the base that were edited, removed or renamed. ``commit`` is where the branch left ``base``."""
    problems = []
    for change in changes:
        if change.kind == "new":
            continue
        name = change.was or change.name
        ups, downs = f"{folder}/{name}.sql", f"{folder}/{name}.rollback.sql"
        paths = (
            [p for p, differs in ((ups, change.up), (downs, change.down)) if differs]
            if change.kind == "edited"
            else [ups, downs]
        )
        what = {"edited": "was edited", "removed": "was removed", "renamed": f"was renamed to {change.name}"}[
            change.kind
        ]
        if change.harmless:
            problems.append(
                finding_of(
                    "MR06",
                    paths[0],
                    f"{name} {what}, and {base} has it: {change.harmless}; `verify` says so on databases that applied "
                    "it, until `migrate.repair` takes it over",
                    severity="info",
                )
            )
            continue
        files = " ".join(shlex.quote(f"./{p}" if p.startswith("-") else p) for p in paths)
        problems.append(
            finding_of(
                "MR06",
                f"{folder}/{change.name}.sql" if change.kind == "renamed" else paths[0],
                f"{name} {what}, and {base} has it: databases that applied it would no longer match",
                fix=(
                    "put the change into a new migration, and bring the file back:\n"
                    f"git checkout {commit[:12]} -- {files}"
                ),
            )
        )
    return problems


def version_findings(
    conflicts: Sequence[VersionConflict], commands: Sequence[str], folder: str, base: str
) -> list[Finding]:
    """Findings for versions that are taken or too low; ``commands`` give free ones."""
    findings = []
    for conflict in conflicts:
        number, path = conflict.name.partition("_")[0], f"{folder}/{conflict.name}.sql"
        fix = "\n".join(["give it a free version:", *commands])
        if conflict.late:
            message = (
                f"version {number} is below {conflict.taken_by}, which {base} has: "
                "databases that have that one refuse to go back"
            )
            findings.append(finding_of("MR08", path, message, fix=fix))
        else:
            message = f"version {number} is taken: {base} has {conflict.taken_by}"
            findings.append(finding_of("MR07", path, message, fix=fix))
    return findings


def sum_findings(folder: Path, shown: str, now: Sequence[Migration], had_sum: bool) -> list[Finding]:
    """Where memsql.sum does not match the files of ``folder``, or was removed."""
    path = f"{shown}/{SUM_NAME}"
    if not (folder / SUM_NAME).is_file():
        return [finding_of("MR09", path, "memsql.sum was removed", fix=hints.command("migrate.sum"))] if had_sum else []
    problems = sum_problems(folder, now)
    if not problems:
        return []
    return [
        finding_of(
            "MR09", path, _several(problems), fix=f"look at the change; if it is meant: {hints.command('migrate.sum')}"
        )
    ]


def snapshot_findings(path: Path, shown: str, head: Schema, had_snapshot: bool) -> list[Finding]:
    """Where the snapshot in ``path`` differs from the schema ``head``, or was removed."""
    if not path.is_file():
        return (
            [finding_of("MR10", shown, f"{shown} was removed", fix=hints.command("schema.dump --write"))]
            if had_snapshot
            else []
        )
    try:
        with deadline.part(shown):
            lines = diff(from_sql(read_file(path, shown).text(), shown), head).lines()
    except deadline.Stopped as e:
        return [
            finding_of("MR10", shown, f"to run it was stopped: {e.reason}", fix=hints.command("schema.dump --write"))
        ]
    except MemsqlError as e:
        return [
            finding_of(
                "MR10",
                shown,
                e.message,
                line=(e.where.line if e.where else None) or 1,
                fix=hints.command("schema.dump --write"),
            )
        ]
    if not lines:
        return []
    words = {"-": "too much", "+": "missing", "~": "different"}
    return [
        finding_of(
            "MR10",
            shown,
            _several([f"{words[line[0]]}: {line[2:]}" for line in lines]),
            fix=hints.command("schema.dump --write"),
        )
    ]


def _several(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "; ".join([*lines[:_SHOWN], *more])
