"""What lint says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from memsql.lint.model import Finding
from memsql.report.text import count

_FIX_LINES = 12


def text(findings: Sequence[Finding], files: int, fixed: Sequence[str], notes: Sequence[str]) -> str:
    """A line a finding, what to do below it, and the sums last."""
    lines = []
    for finding in findings:
        lines.append(
            f"{finding.path}:{finding.line}:{finding.column}: {finding.severity} {finding.rule} {finding.message}"
        )
        if finding.fix:
            fix = finding.fix.splitlines()
            lines += ["    " + line for line in fix[:_FIX_LINES]] + (["    …"] if len(fix) > _FIX_LINES else [])
    if lines:
        lines.append("")
    lines += [f"repaired {path}" for path in fixed]
    lines += [f"note: {note}" for note in notes]
    sums = {severity: sum(1 for f in findings if f.severity == severity) for severity in ("error", "warning", "info")}
    lines.append(
        f"{count(files, 'file')}: {count(sums['error'], 'error')}, {count(sums['warning'], 'warning')}"
        + (f", {sums['info']} not checked by sqlfluff" if sums["info"] else "")
    )
    return "\n".join(lines)


def data(findings: Sequence[Finding], files: int, fixed: Sequence[str], notes: Sequence[str]) -> dict[str, object]:
    """The same as fields."""
    return {"files": files, "findings": [asdict(f) for f in findings], "fixed": list(fixed), "notes": list(notes)}
