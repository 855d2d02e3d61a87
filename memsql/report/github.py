"""A review as annotations: the workflow commands that GitHub Actions shows at lines of a pull request
(https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions)."""

from __future__ import annotations

from memsql import visible
from memsql.report.review_words import headline
from memsql.review import Review

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def commands(review: Review) -> str:
    """One command for each finding, the most severe first, and the headline.

    GitHub shows the first ten annotations of each level for a step, so the order matters.
    """
    lines = []
    for finding in review.findings:
        properties = {
            "file": review.prefix + finding.path,
            "line": finding.line,
            "endLine": finding.end_line,
            "title": f"{finding.rule} {finding.name}",
        }
        listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
        message = _inert(finding.message) + (f"\n{visible.text(finding.fix)}" if finding.fix else "")
        lines.append(f"::{_COMMANDS[finding.severity]} {listed}::{_data(message)}")
    return "\n".join([*lines, _inert(headline(review))]) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(_inert(text)).replace(":", "%3A").replace(",", "%2C")


def _inert(text: str) -> str:
    """``text`` as a line that GitHub does not take for a command."""
    return visible.text(visible.line(text))
