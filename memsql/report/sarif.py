"""A review as SARIF 2.1.0, for code scanning (https://docs.oasis-open.org/sarif/sarif/v2.1.0/)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote

import memsql
from memsql import visible
from memsql.lint import RULES, Finding
from memsql.lint.model import Rule
from memsql.report.review_words import headline
from memsql.review import ABOUT, Review
from memsql.review.findings import About

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
# Where a message embeds a link, [text](target); behind a backslash it is text (SARIF 2.1.0, 3.11.6).
_LINK = re.compile(r"\[(?=[^\]]*\]\()")
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(review: Review) -> str:
    """One run with every rule that has a finding, and the findings at places relative to the repository."""
    used = {finding.rule for finding in review.findings}
    rules = [rule for rule in _rules() if rule["id"] in used]
    run = {
        "tool": {"driver": {"name": "memsql", "version": memsql.__version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": _results(review, {rule["id"]: place for place, rule in enumerate(rules)}),
        "properties": {"verdict": review.verdict, "summary": visible.line(headline(review))},
    }
    return visible.json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _rules() -> list[dict[str, object]]:
    """The rules of lint and of the review, by code."""
    rules = [
        _rule(
            rule,
            f"Anti-pattern: {rule.anti_pattern}\n\nBest practice: {rule.best_practice}",
            f"**Anti-pattern** {rule.anti_pattern}\n\n**Best practice** {rule.best_practice}",
        )
        for rule in RULES
    ]
    rules += [_rule(about, about.help, about.help) for about in ABOUT.values()]
    return sorted(rules, key=lambda rule: str(rule["id"]))


def _rule(rule: Rule | About, text: str, markdown: str) -> dict[str, object]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("_")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.title},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["sql", "migration"]},
    }


def _results(review: Review, positions: Mapping[object, int]) -> list[dict[str, object]]:
    """The findings. ``positions`` are the places of the rules in the list of rules, by code."""
    numbers: Counter[str] = Counter()
    results = []
    for finding in review.findings:
        # Lines move, and the words about a file do not. Of several findings with the same words each gets a number.
        key = _key(finding)
        numbers[key] += 1
        results.append(
            {
                "ruleId": finding.rule,
                "ruleIndex": positions[finding.rule],
                "level": _LEVELS[finding.severity],
                "message": {"text": _message(finding)},
                "locations": [_location(finding, review.prefix)],
                "partialFingerprints": {"memsqlFinding/v1": f"{key}:{numbers[key]}"},
            }
        )
    return results


def _message(finding: Finding) -> str:
    """What is wrong, and what to do. Links that SARIF reads in a message are escaped too."""
    message = visible.line(finding.message)
    text = f"{message}\n\n{visible.text(finding.fix)}" if finding.fix else message
    return _LINK.sub(r"\\\g<0>", text)


def _location(finding: Finding, prefix: str) -> dict[str, object]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(prefix + finding.path, errors="surrogateescape")},
            "region": {"startLine": finding.line, "startColumn": finding.column, "endLine": finding.end_line},
        }
    }


def _key(finding: Finding) -> str:
    """A hash of what is said, and of which file."""
    words = "\0".join((finding.rule, finding.path, finding.message))
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:32]
