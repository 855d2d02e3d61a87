"""What fts.* says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.fts import CheckResult, Finding, FtsTable
from memsql.report.text import count, table

Found = Sequence[tuple[FtsTable, Sequence[Finding]]]


def status_text(found: Found, unfinished: Sequence[str] = ()) -> str:
    """A table of indexes, then each finding with the trigger that would be right, then online rebuilds that were
    begun and not ended."""
    begun = [
        f"an online rebuild of {name} was begun and not ended; go on with: invoke fts.rebuild --online, "
        "or give it up with: invoke fts.rebuild --abort"
        for name in unfinished
    ]
    if not found:
        return "\n".join(["there is no FTS5 table", *begun])
    rows = [(t.name, t.kind, t.content or "", ", ".join(t.columns), len(t.triggers), len(fs) or "") for t, fs in found]
    lines = [table(("table", "kind", "content", "columns", "triggers", "problems"), rows, frozenset({4, 5}))]
    for _, problems in found:
        for problem in problems:
            lines += ["", f"{problem.severity} {problem.code}: {problem.message}"]
            if problem.fix:
                lines += ["  the right one:", *("    " + line for line in problem.fix.splitlines())]
    total = sum(len(fs) for _, fs in found)
    lines += ["", f"{count(len(found), 'index', 'indexes')}, {count(total, 'problem')}"]
    if total:
        names = " ".join(_directive(t.name) for t, fs in found if fs)
        lines.append(
            f"next: put the right triggers into a migration with `-- fts_rebuild: {names}`; "
            "fts.check says whether it is broken now"
        )
    return "\n".join(lines + begun)


def _directive(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def status_data(found: Found, unfinished: Sequence[str] = ()) -> dict[str, object]:
    """The same as fields."""
    return {
        "unfinished": list(unfinished),
        "tables": [
            {
                "name": t.name,
                "kind": t.kind,
                "content": t.content,
                "content_rowid": t.content_rowid,
                "columns": list(t.columns),
                "unindexed": list(t.unindexed),
                "options": dict(t.options),
                "triggers": [x.name for x in t.triggers],
                "findings": [
                    {"code": f.code, "severity": f.severity, "trigger": f.trigger, "message": f.message, "fix": f.fix}
                    for f in fs
                ],
            }
            for t, fs in found
        ],
    }


def check_text(results: Sequence[CheckResult]) -> str:
    """A line an index."""
    lines = [f"ok       {r.table.name}" if r.ok else f"error    {r.message}" for r in results]
    if not results:
        return "there is no FTS5 table"
    if not all(r.ok for r in results):
        lines.append("next: invoke fts.rebuild (or --online); then see invoke fts.status for the cause")
    return "\n".join(lines)


def check_data(results: Sequence[CheckResult]) -> dict[str, object]:
    """The same as fields."""
    return {"tables": [{"name": r.table.name, "ok": r.ok, "message": r.message} for r in results]}
