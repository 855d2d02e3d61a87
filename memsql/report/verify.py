"""What verify says."""

from __future__ import annotations

from memsql.actions.verify import Finding, failed
from memsql.report.text import count

_SHOWN = 10


def text(found: list[Finding], target: str) -> str:
    """A line a check, problems indented below it, and the verdict last."""
    lines = [f"database: {target}", ""]
    for finding in found:
        state = "ok" if finding.ok else finding.severity
        lines.append(f"{state:<8} {finding.name}")
        lines += [f"           {message}" for message in finding.messages[:_SHOWN]]
        if len(finding.messages) > _SHOWN:
            lines.append(f"           and {len(finding.messages) - _SHOWN} more")
        if not finding.ok and finding.why:
            lines.append(f"           ({finding.why})")
    return "\n".join([*lines, "", verdict(found)])


def verdict(found: list[Finding]) -> str:
    """What came of it, in one line."""
    bad = sum(1 for f in found if not f.ok and f.severity == "error")
    warned = sum(1 for f in found if not f.ok and f.severity == "warning")
    outcome = f"{count(bad, 'check')} failed" if failed(found) else "proven"
    return f"{outcome}: {count(len(found), 'check')}, {bad} failed, {count(warned, 'warning')}"


def data(found: list[Finding]) -> dict[str, object]:
    """The same as fields."""
    return {
        "checks": [
            {"name": f.name, "severity": f.severity, "ok": f.ok, "messages": list(f.messages), "why": f.why}
            for f in found
        ]
    }
