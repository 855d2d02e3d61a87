"""What fts.* says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql import hints
from memsql.fts import CheckResult, FtsTable, Problem, guarded
from memsql.report.text import indented, table
from memsql.visible import page
from memsql.words import count

Diagnosed = Sequence[tuple[FtsTable, Sequence[Problem]]]
"""Every FTS5 table with what is wrong with it."""


def status_text(tables: Diagnosed, unfinished: Sequence[str] = ()) -> str:
    """A table of the indexes, then each finding with the trigger that would be right, then unfinished rebuilds.

    ``unfinished`` are the names of indexes whose online rebuild was begun and not ended.
    """
    begun = [
        f"an online rebuild of {name} was begun and not ended; go on with: {hints.command('fts.rebuild --online')}, "
        f"or give it up with: {hints.command('fts.rebuild --abort')}"
        for name in unfinished
    ]
    if not tables:
        return page(["there is no FTS5 table", *begun])
    rows = [
        (
            t.name,
            "partial" if guarded(t) else t.kind,
            t.content or "",
            ", ".join(t.columns),
            len(t.triggers),
            len(findings) or "",
        )
        for t, findings in tables
    ]
    lines = [*table(("table", "kind", "content", "columns", "triggers", "problems"), rows, frozenset({4, 5}))]
    for fts_table, findings in tables:
        partial = guarded(fts_table)
        if partial:
            lines += ["", f"{fts_table.name} is partial: its triggers put in {partial.shown}"]
        for finding in findings:
            lines += ["", f"{finding.severity} {finding.code}: {finding.message}"]
            if finding.fix:
                lines += ["  the right one:", *indented(finding.fix.split("\n"), 4)]
    problems = sum(len(findings) for _, findings in tables)
    lines += ["", f"{count(len(tables), 'index', 'indexes')}, {count(problems, 'problem')}"]
    if problems:
        names = " ".join(_directive_name(t.name) for t, findings in tables if findings)
        lines.append(
            f"next: put the right triggers into a migration with `-- fts_rebuild: {names}`; "
            "fts.check says whether it is broken now"
        )
    return page(lines + begun)


def status_data(tables: Diagnosed, unfinished: Sequence[str] = ()) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "unfinished": list(unfinished),
        "tables": [
            {
                "name": t.name,
                "kind": t.kind,
                "partial": partial is not None,
                "guard": partial.condition if partial else None,
                "content": t.content,
                "content_rowid": t.content_rowid,
                "columns": list(t.columns),
                "unindexed": list(t.unindexed),
                "options": dict(t.options),
                "triggers": [trigger.name for trigger in t.triggers],
                "findings": [
                    {"code": f.code, "severity": f.severity, "trigger": f.trigger, "message": f.message, "fix": f.fix}
                    for f in findings
                ],
            }
            for t, findings in tables
            for partial in [guarded(t)]
        ],
    }


def check_text(results: Sequence[CheckResult]) -> str:
    """A line for each index."""
    lines = [_check_line(result) for result in results]
    if not results:
        return "there is no FTS5 table"
    if not all(r.ok for r in results):
        lines.append(
            f"next: {hints.command('fts.rebuild')} (or --online); then see {hints.command('fts.status')} for the cause"
        )
    return page(lines)


def check_data(results: Sequence[CheckResult]) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "tables": [
            {"name": r.table.name, "ok": r.ok, "message": r.message, "note": r.note, "unproven": r.unproven}
            for r in results
        ]
    }


def _check_line(result: CheckResult) -> str:
    if not result.ok:
        return f"error    {result.message}"
    if result.unproven:
        return f"unproven {result.unproven}"
    return f"ok       {result.table.name}" + (f" ({result.note})" if result.note else "")


def _directive_name(name: str) -> str:
    """``name`` as the directive fts_rebuild takes it: in double quotes where it is no identifier."""
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'
