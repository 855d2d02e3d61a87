"""What maintain.orphans says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql import hints
from memsql.report.text import indented, table
from memsql.upkeep.archive import Moved
from memsql.upkeep.archives import Kept
from memsql.upkeep.bring_back import Returned
from memsql.upkeep.orphans import Orphans
from memsql.upkeep.references import Reference
from memsql.visible import page
from memsql.words import count


def report_text(orphans: Sequence[Orphans], kept: Sequence[Kept], target: str) -> str:
    """The orphans with examples, what was moved aside before, and the verdict last."""
    lines = [f"database: {target}", ""]
    for one in orphans:
        if one.rows:
            lines.append(
                f"{count(one.rows, 'row')} of {one.reference.child}: {one.reference.shown} ({one.reference.origin})"
            )
            lines += indented(one.examples)
    problems = [f"not known: {one.reference.shown}: {one.problem}" for one in orphans if one.problem is not None]
    lines += [*problems, *([""] if problems or any(one.rows for one in orphans) else [])]
    if kept:
        rows = [(k.archive.table, k.rows, k.archive.name, k.moved_at[:19], k.why) for k in kept]
        lines += [
            "moved aside earlier:",
            *table(("table", "rows", "now in", "moved at", "why"), rows, frozenset({1})),
            "",
        ]
    return page([*lines, report_verdict(orphans)])


def report_verdict(orphans: Sequence[Orphans]) -> str:
    """The result in one line."""
    known = [one for one in orphans if one.problem is None]
    rows, unknown = sum(one.rows for one in known), len(orphans) - len(known)
    more = f"; {count(unknown, 'reference')} cannot be followed" if unknown else ""
    fixed = sum(one.rows for one in known if one.reference.is_unchecked)
    more += f"; {fixed:,} of them stay where they are until the foreign key leads to a unique key" if fixed else ""
    after = f"; move them aside: {hints.command('maintain.orphans --archive')}" if rows > fixed else ""
    return f"{count(rows, 'row')} refer to no row, by {count(len(known), 'reference')}{more}{after}"


def report_data(orphans: Sequence[Orphans], kept: Sequence[Kept], target: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "references": [
            {
                "table": one.reference.child,
                "columns": list(one.reference.columns),
                "parent": one.reference.parent,
                "parent_columns": list(one.reference.parent_columns),
                "declared_by": one.reference.origin,
                "orphans": None if one.problem is not None else one.rows,
                "examples": list(one.examples),
                "problem": one.problem,
            }
            for one in orphans
        ],
        "archives": [
            {"name": k.archive.name, "table": k.archive.table, "rows": k.rows, "moved_at": k.moved_at, "why": k.why}
            for k in kept
        ],
    }


def moved_text(moved: Sequence[Moved], unmovable: Sequence[Reference], target: str, *, dry_run: bool) -> str:
    """What was moved where, and how it comes back. ``unmovable`` are references by which nothing can be moved."""
    left = [
        f"left alone: {one.shown}: "
        + (one.problem or f"SQLite refuses to write {one.child}, whose foreign key leads to no unique key")
        for one in unmovable
    ]
    if not moved:
        return page([*left, f"{target}: there is no row to move; nothing was changed"])
    verb = "would move" if dry_run else "moved"
    lines = [
        f"{verb} {count(one.rows, 'row')} of {one.archive.table} into {one.archive.name}: "
        + (f"they refer to rows that are moved ({one.why})" if one.with_parents else f"{one.why} leads to no row")
        for one in moved
    ]
    total = count(sum(one.rows for one in moved), "row")
    back = "" if dry_run else f"; they come back with: {hints.command('maintain.orphans --restore')}"
    return page([*left, *lines, f"{verb} {total} in one transaction (proven){back}"])


def moved_data(moved: Sequence[Moved], target: str, *, dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "dry_run": dry_run,
        "moved": [
            {
                "table": one.archive.table,
                "rows": one.rows,
                "archive": one.archive.name,
                "why": one.why,
                "with_parents": one.with_parents,
            }
            for one in moved
        ],
    }


def returned_text(returned: Sequence[Returned], target: str, *, dry_run: bool) -> str:
    """What went back, and what stays aside."""
    if not returned:
        return page([f"{target}: nothing was moved aside"])
    verb = "would bring back" if dry_run else "brought back"
    lines = [
        f"{verb} {count(one.rows, 'row')} of {one.archive.table} from {one.archive.name}"
        + (f"; {one.left:,} stay: what they refer to is missing, or their key is taken" if one.left else "")
        for one in returned
    ]
    return page([*lines, f"{verb} {count(sum(one.rows for one in returned), 'row')} in one transaction (proven)"])


def returned_data(returned: Sequence[Returned], target: str, *, dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "dry_run": dry_run,
        "returned": [
            {"table": one.archive.table, "archive": one.archive.name, "rows": one.rows, "left": one.left}
            for one in returned
        ],
    }
