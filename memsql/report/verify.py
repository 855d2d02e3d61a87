"""What verify says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.actions.verify import Finding, failed
from memsql.report.text import limited
from memsql.words import count

_SHOWN = 10


def text(findings: Sequence[Finding], target: str) -> str:
    """A line for each check of the database ``target``, with its problems below it, and the verdict last."""
    lines = [f"database: {target}", ""]
    for finding in findings:
        state = "ok" if finding.ok else finding.severity
        lines.append(f"{state:<8} {finding.name}")
        lines += limited(finding.messages, _SHOWN, 11)
        if not finding.ok and finding.why:
            lines.append(f"           ({finding.why})")
    return "\n".join([*lines, "", verdict(findings)])


def verdict(findings: Sequence[Finding]) -> str:
    """The result in one line."""
    errors = sum(1 for f in findings if not f.ok and f.severity == "error")
    warnings = sum(1 for f in findings if not f.ok and f.severity == "warning")
    unproven = sum(1 for f in findings if f.unproven)
    outcome = f"{count(errors, 'check')} failed" if failed(findings) else "proven"
    rest = f", {unproven} not proven" if unproven else ""
    return f"{outcome}: {count(len(findings), 'check')}, {errors} failed, {count(warnings, 'warning')}{rest}"


def data(findings: Sequence[Finding]) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "checks": [
            {"name": f.name, "severity": f.severity, "ok": f.ok, "messages": list(f.messages), "why": f.why}
            for f in findings
        ],
        "unproven": [f"{f.name}: {message}" for f in findings if f.unproven for message in f.messages],
    }
