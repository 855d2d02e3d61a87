"""SARIF 2.1.0, for code scanning: https://docs.oasis-open.org/sarif/sarif/v2.1.0/"""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

import memsql
from memsql.lint import RULES, Finding
from memsql.report.review_words import headline
from memsql.review import ABOUT, Review

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(found: Review) -> str:
    """One run with every rule that found something, and its findings at places relative to the repository."""
    used = {f.rule for f in found.findings}
    rules = [rule for rule in _rules() if rule["id"] in used]
    index = {rule["id"]: place for place, rule in enumerate(rules)}
    seen: dict[str, int] = {}
    run = {
        "tool": {"driver": {"name": "memsql", "version": memsql.__version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(f, found.prefix, index, seen) for f in found.findings],
        "properties": {"verdict": found.verdict, "summary": headline(found)},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _rules() -> list[dict[str, object]]:
    found = [
        _rule(
            r.code,
            r.name,
            r.severity,
            r.title,
            f"Anti-pattern: {r.anti_pattern}\n\nBest practice: {r.best_practice}",
            f"**Anti-pattern** {r.anti_pattern}\n\n**Best practice** {r.best_practice}",
        )
        for r in RULES
    ]
    found += [_rule(a.code, a.name, a.severity, a.title, a.help, a.help) for a in ABOUT.values()]
    return sorted(found, key=lambda rule: str(rule["id"]))


def _rule(code: str, name: str, severity: str, title: str, text: str, markdown: str) -> dict[str, object]:
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in name.split("_")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["sql", "migration"]},
    }


def _result(finding: Finding, prefix: str, index: dict[object, int], seen: dict[str, int]) -> dict[str, object]:
    message = finding.message + (f"\n\n{finding.fix}" if finding.fix else "")
    # Lines move; what is said of a file stays. A second finding of the same words gets a number.
    key = hashlib.sha256(
        "\0".join((finding.rule, finding.path, finding.message)).encode("utf-8", "replace")
    ).hexdigest()[:32]
    seen[key] = seen.get(key, 0) + 1
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(prefix + finding.path, errors="surrogateescape")},
                    "region": {"startLine": finding.line, "startColumn": finding.column, "endLine": finding.end_line},
                }
            }
        ],
        "partialFingerprints": {"memsqlFinding/v1": f"{key}:{seen[key]}"},
    }
