"""What goes with migrations: versions that are free, files that stay as they were applied, sums and snapshot."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from memsql.errors import MemsqlError
from memsql.lint import Finding
from memsql.project.files import SUM_NAME, Migration, read_file, sum_problems
from memsql.review.changes import Change, Files, Version, renamed, version_of
from memsql.review.rules import found
from memsql.schema import Schema, diff, from_sql

_SHOWN = 8


def name_findings(names: Iterable[str], folder: str) -> list[Finding]:
    """Files of the folder of migrations that memsql does not take for migrations."""
    return [
        found(
            "MR01",
            f"{folder}/{name}",
            "it is not named like a migration, so that memsql refuses the folder",
            fix="name it NNNN_name.sql, in UTF-8, with NNNN_name.rollback.sql beside it",
        )
        for name in sorted(names)
        if version_of(name) is None
    ]


def applied_findings(changes: Sequence[Change], folder: str, base: str, commit: str) -> list[Finding]:
    """Files of the base that are no longer as it has them."""
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
        files = " ".join(shlex.quote(f"./{p}" if p.startswith("-") else p) for p in paths)
        problems.append(
            found(
                "MR06",
                f"{folder}/{change.name}.sql" if change.kind == "renamed" else paths[0],
                f"{name} {what}, and {base} has it: databases that applied it would no longer match",
                fix=f"put the change into a new migration, and bring the file back:\ngit checkout {commit[:12]} -- {files}",
            )
        )
    return problems


def version_findings(
    wanted: Sequence[Version],
    moved: Mapping[str, int],
    files: Files,
    checks: Iterable[str],
    untracked: Iterable[str],
    *,
    folder: str,
    checks_folder: str,
    base: str,
) -> tuple[list[Finding], list[str]]:
    """Findings for versions that are taken or late, and the commands that give free ones."""
    commands: list[str] = []
    unknown = set(untracked)
    checks = list(checks)
    for stem in sorted(moved, key=lambda s: moved[s], reverse=True):
        target = renamed(stem, moved[stem])
        pairs = [
            (f"{folder}/{stem}{end}", f"{folder}/{target}{end}")
            for end in (".sql", ".rollback.sql")
            if f"{stem}{end}" in files
        ]
        digits = stem.partition("_")[0]
        pairs += [
            (f"{checks_folder}/{c}", f"{checks_folder}/{renamed(c, moved[stem])}")
            for c in checks
            if c.partition("_")[0] == digits
        ]
        commands += [f"{'mv' if old in unknown else 'git mv'} {_word(old)} {_word(new)}" for old, new in pairs]
    if commands:
        followers = sorted(
            name
            for name, file in files.items()
            if any(s in file.head() and not name.startswith(f"{s}.") for s in moved) and b"depends" in file.data[:65536]
        )
        commands += [f"# write the new name behind `-- depends:` in {_word(f'{folder}/{name}')}" for name in followers]
        commands.append("invoke migrate.sum")
    problems = []
    for version in wanted:
        number = version.name.partition("_")[0]
        say = (
            f"version {number} is below {version.taken_by}, which {base} has: databases that have that one refuse to go back"
            if version.late
            else f"version {number} is taken: {base} has {version.taken_by}"
        )
        problems.append(
            found(
                "MR08" if version.late else "MR07",
                f"{folder}/{version.name}.sql",
                say,
                fix="\n".join(["give it a free version:", *commands]),
            )
        )
    return problems, commands


def sum_findings(folder: Path, shown: str, now: Sequence[Migration], had_sum: bool) -> list[Finding]:
    """What memsql.sum says of the files."""
    path = f"{shown}/{SUM_NAME}"
    if not (folder / SUM_NAME).is_file():
        return [found("MR09", path, "memsql.sum was removed", fix="invoke migrate.sum")] if had_sum else []
    problems = sum_problems(folder, now)
    if not problems:
        return []
    return [found("MR09", path, _several(problems), fix="look at the change; if it is meant: invoke migrate.sum")]


def snapshot_findings(path: Path, shown: str, head: Schema, had_snapshot: bool) -> list[Finding]:
    """What sql/schema.sql lacks or has too much."""
    if not path.is_file():
        return [found("MR10", shown, f"{shown} was removed", fix="invoke schema.dump --write")] if had_snapshot else []
    try:
        lines = diff(from_sql(read_file(path, shown).text(), shown), head).lines()
    except MemsqlError as e:
        return [
            found(
                "MR10",
                shown,
                e.message,
                line=(e.where.line if e.where else None) or 1,
                fix="invoke schema.dump --write",
            )
        ]
    if not lines:
        return []
    words = {"-": "too much", "+": "missing", "~": "different"}
    return [
        found(
            "MR10",
            shown,
            _several([f"{words[line[0]]}: {line[2:]}" for line in lines]),
            fix="invoke schema.dump --write",
        )
    ]


def _several(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "; ".join([*lines[:_SHOWN], *more])


def _word(path: str) -> str:
    return shlex.quote(f"./{path}" if path.startswith("-") else path)
