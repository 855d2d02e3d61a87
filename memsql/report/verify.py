"""What verify says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.actions.verify import Finding, failed
from memsql.report.text import limited
from memsql.visible import page
from memsql.words import count

_SHOWN = 10


def text(findings: Sequence[Finding], target: str) -> str:
    """A line for each check of the database ``target``, with its problems below it, and the verdict last."""
    return page([f"database: {target}", "", *_lines(findings), "", verdict(findings)])


def text_of_tests(tests: Sequence[Finding], target: str) -> str:
    """The same for some checks alone, whose verdict says how many of them passed."""
    return page([f"database: {target}", "", *_lines(tests), "", verdict_of_tests(tests)])


def _lines(findings: Sequence[Finding]) -> list[str]:
    lines = []
    for finding in findings:
        state = "ok" if finding.ok else "later" if finding.waits_for else finding.severity
        lines.append(f"{state:<8} {finding.name}")
        lines += limited(finding.messages, _SHOWN, 11)
        if not finding.ok and finding.why:
            lines.append(f"           what it checks: {finding.why}")
    return lines


def verdict_of_tests(tests: Sequence[Finding]) -> str:
    """How many of ``tests`` passed, and which ones did not."""
    passed = sum(1 for t in tests if t.ok)
    if passed == len(tests):
        every = "The one verification test" if passed == 1 else f"All {passed} verification tests"
        return f"{every} passed"
    wrong = [t.name + (" (warning)" if t.severity == "warning" else "") for t in tests if not (t.ok or t.waits_for)]
    waiting = [f"{t.name} (not before {t.waits_for})" for t in tests if t.waits_for]
    parts = [f"{passed} of {count(len(tests), 'verification test')} passed"]
    parts += [f"{len(wrong)} did not: {', '.join(wrong)}"] if wrong else []
    parts += [f"later: {', '.join(waiting)}"] if waiting else []
    return "; ".join(parts)


def verdict(findings: Sequence[Finding]) -> str:
    """The result in one line."""
    errors = sum(1 for f in findings if not f.ok and f.severity == "error")
    warnings = sum(1 for f in findings if not f.ok and f.severity == "warning")
    unproven = sum(1 for f in findings if f.unproven)
    outcome = f"{count(errors, 'check')} failed" if failed(findings) else "proven"
    later = sum(1 for f in findings if f.waits_for)
    rest = (f", {unproven} not proven" if unproven else "") + (f", {later} for later" if later else "")
    return f"{outcome}: {count(len(findings), 'check')}, {errors} failed, {count(warnings, 'warning')}{rest}"


def data(findings: Sequence[Finding]) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "checks": [
            {
                "name": f.name,
                "severity": f.severity,
                "ok": f.ok,
                "messages": list(f.messages),
                "why": f.why,
                "waits_for": f.waits_for,
                "duration_ms": None if f.ms is None else round(f.ms, 3),
            }
            for f in findings
        ],
        "unproven": [f"{f.name}: {message}" for f in findings if f.unproven for message in f.messages],
    }


def data_of_tests(tests: Sequence[Finding], word: str) -> dict[str, object]:
    """The same for some checks alone, those that ``word`` chose."""
    passed = sum(1 for t in tests if t.ok)
    return {**data(tests), "only": word, "tests": len(tests), "passed": passed, "verdict": verdict_of_tests(tests)}
