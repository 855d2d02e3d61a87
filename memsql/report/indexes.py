"""What analyze.indexes says."""

from __future__ import annotations

from memsql.advise.indexes import Findings, IndexUse, Redundant
from memsql.advise.proposals import Proposal
from memsql.report.text import indented, table
from memsql.visible import page
from memsql.words import count, size

_WHY = {
    "rowid": "it is on the key of the table itself",
    "same": "{by} has the same terms",
    "prefix": "{by} begins with the same terms",
    "partial": "{by} holds the same rows and more",
    "unique": "{by} finds at most one row by the first of its terms",
}


def text(findings: Findings, target: str) -> str:
    """The indexes by table, what is wrong with them, and the verdict last."""
    lines = [f"database: {target}", ""]
    if findings.indexes:
        rows = [
            (
                use.index.table,
                use.index.label,
                "" if use.index.constraint else use.index.shown,
                "?" if use.entries is None else f"{use.entries:,}",
                "?" if use.bytes is None else size(use.bytes),
                len(use.queries) or "",
                ", ".join(use.purposes),
            )
            for use in findings.indexes
        ]
        headers = ("table", "index", "key", "entries", "size", "queries", "also for")
        lines += [*table(headers, rows, frozenset({3, 4, 5})), ""]
    lines += _section("superfluous", [line for one in findings.redundant for line in _superfluous(one)])
    lines += _section(
        "used by no query, constraint, foreign key or trigger (an application may have queries that are in no file)",
        [_shown(findings, use) for use in findings.indexes if use.index.name in findings.unused],
    )
    lines += _section(
        "used by no query of the project, only where a row is deleted that others may refer to",
        [_shown(findings, use) for use in findings.indexes if use.index.name in findings.for_deletes],
    )
    lines += _section("missing", [line for one in findings.proposals.needed for line in _missing(one)])
    lines += _section(
        "not needed, for the plans are what the files of the queries expect, but these would read far less",
        [line for one in findings.proposals.beyond for line in _missing(one)],
    )
    lines += _section(
        "foreign keys without an index: a DELETE in the parent reads the whole table",
        [f"{key.table} ({', '.join(key.columns)}) refers to {key.parent}" for key in findings.unindexed],
    )
    lines += _section("queries that do not run here", [f"{path}: {error}" for path, error in findings.broken])
    return page([*lines, *[f"note: {note}" for note in findings.notes], verdict(findings)])


def verdict(findings: Findings) -> str:
    """The result on one line."""
    return (
        f"{count(len(findings.indexes), 'index', 'indexes')}, {count(findings.queries, 'query', 'queries')}: "
        f"{len(findings.redundant)} superfluous, {len(findings.unused)} unused, {len(findings.unindexed)} missing on a "
        "foreign key"
    )


def data(findings: Findings, target: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "queries": findings.queries,
        "indexes": [
            {
                "table": use.index.table,
                "name": use.index.name,
                "key": use.index.shown,
                "constraint": use.index.constraint or None,
                "unique": use.index.unique,
                "entries": use.entries,
                "bytes": use.bytes,
                "queries": list(use.queries),
                "purposes": list(use.purposes),
            }
            for use in findings.indexes
        ],
        "redundant": [
            {
                "name": one.index.name,
                "table": one.index.table,
                "key": one.index.shown,
                "kind": one.kind,
                "by": one.by.label if one.by is not None else None,
                "reason": _reason(one),
                "kept": list(one.kept),
            }
            for one in findings.redundant
        ],
        "unused": list(findings.unused),
        "for_deletes": list(findings.for_deletes),
        "unread_tables": sorted(findings.unread),
        "unindexed": [
            {"table": key.table, "columns": list(key.columns), "parent": key.parent} for key in findings.unindexed
        ],
        "broken": [{"path": path, "error": error} for path, error in findings.broken],
        "notes": list(findings.notes),
    }


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *indented(lines), ""] if lines else []


def _missing(one: Proposal) -> list[str]:
    lines = [f"{one.statement};"]
    if one.reference:
        lines.append(f"  {one.reference}, and no index begins with that")
    for benefit in one.benefits:
        sort = f", no longer sorts {count(benefit.unsorted, 'row')}" if benefit.unsorted else ""
        expected = f" ({', '.join(benefit.fulfilled)}: as its file expects)" if benefit.fulfilled else ""
        lines.append(f"  {benefit.path}: {benefit.before:,} rows read a call, then {benefit.after:,}{sort}{expected}")
    lines.append(
        f"  costs about {size(one.bytes)} ({count(one.entries, 'entry', 'entries')}), and an entry for each row written"
    )
    lines += [f"  makes {name} superfluous" for name in one.replaces]
    return [*lines, *(f"  {note}" for note in one.notes)]


def _superfluous(one: Redundant) -> list[str]:
    lines = [f"{one.index.name} {one.index.shown} on {one.index.table}: {_reason(one)}"]
    return [*lines, *indented(f"stays, for {sentence}" for sentence in one.kept)]


def _reason(one: Redundant) -> str:
    by = "" if one.by is None else one.by.label if one.by.constraint else f"{one.by.name} {one.by.shown}"
    return _WHY[one.kind].format(by=by)


def _shown(findings: Findings, use: IndexUse) -> str:
    index = use.index
    unread = f"; no query reads {index.table} at all" if index.table in findings.unread else ""
    return f"{index.label} {index.shown} on {index.table}{unread}"
