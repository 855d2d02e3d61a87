"""What lint says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from memsql.lint.model import NOT_CHECKED, Finding
from memsql.report.text import fix
from memsql.visible import page
from memsql.words import count


def text(findings: Sequence[Finding], files: int, fixed: Sequence[str], notes: Sequence[str]) -> str:
    """A line for each finding, what to do below it, and how many there are of each severity in ``files`` files.

    ``fixed`` are the paths of repaired files, ``notes`` sentences about what was not checked.
    """
    lines = []
    for finding in findings:
        lines.append(
            f"{finding.path}:{finding.line}:{finding.column}: {finding.severity} {finding.rule} {finding.message}"
        )
        lines += fix(finding.fix)
    if lines:
        lines.append("")
    lines += [f"repaired {path}" for path in fixed]
    lines += [f"note: {note}" for note in notes]
    numbers = {severity: sum(1 for f in findings if f.severity == severity) for severity in ("error", "warning")}
    remarks = [f.name for f in findings if f.severity == "info"]
    unchecked = remarks.count(NOT_CHECKED)
    lines.append(
        f"{count(files, 'file')}: {count(numbers['error'], 'error')}, {count(numbers['warning'], 'warning')}"
        + (f", {count(len(remarks) - unchecked, 'remark')}" if len(remarks) > unchecked else "")
        + (f", {unchecked} not checked by sqlfluff" if unchecked else "")
    )
    return page(lines)


def data(findings: Sequence[Finding], files: int, fixed: Sequence[str], notes: Sequence[str]) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {"files": files, "findings": [asdict(f) for f in findings], "fixed": list(fixed), "notes": list(notes)}
