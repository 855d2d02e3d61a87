"""Annotations: the workflow commands that GitHub Actions shows at lines of a pull request."""

from __future__ import annotations

from memsql.report.review_words import headline
from memsql.review import Review

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def commands(found: Review) -> str:
    """A command a finding, the most severe first (GitHub shows ten of a kind for a step), and the summary."""
    lines = []
    for finding in found.findings:
        properties = {
            "file": found.prefix + finding.path,
            "line": finding.line,
            "endLine": finding.end_line,
            "title": f"{finding.rule} {finding.name}",
        }
        listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
        message = finding.message + (f"\n{finding.fix}" if finding.fix else "")
        lines.append(f"::{_COMMANDS[finding.severity]} {listed}::{_data(message)}")
    return "\n".join([*lines, _inert(headline(found))]) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _inert(text: str) -> str:
    """A line that is no command, whatever it says."""
    return " ".join(text.split()).replace("::", ": :")
