"""Phrases that every report of a review shares: text, Markdown, GitHub and SARIF."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import takewhile

from memsql.lint import Finding
from memsql.review import Migrated, PlanChange, Review
from memsql.review.model import ORDER, severest
from memsql.words import count

TITLES = {"error": "Blocks", "warning": "Needs attention", "info": "Worth knowing"}
"""The title of the findings of each severity."""
PLURALS = {"error": "errors", "warning": "warnings", "info": "remarks"}
"""The findings of each severity in words."""
EFFECTS = {"broken": "no longer runs", "slower": "slower", "faster": "faster", "other": "changed"}
"""What a change of a query plan means, the worst first."""
_INDENT = "    "
"""What begins a line to paste, in advice that goes on behind it."""


def headline(review: Review) -> str:
    """``not proven: 2 things were not tried; 0 errors, 0 warnings in 3 migrations against main``."""
    if not review.files and not review.findings:
        return f"safe: nothing changed in migrations and sql against {review.base}"
    place = count(len(review.migrations), "migration") if review.migrations else count(len(review.files), "file")
    errors, warnings = count(review.count("error"), "error"), count(review.count("warning"), "warning")
    missing = len(review.not_tried)
    remark = f"{count(missing, 'thing')} {'was' if missing == 1 else 'were'} not tried; " if missing else ""
    return f"{review.verdict}: {remark}{errors}, {warnings} in {place} against {review.base}"


def plan_line(change: PlanChange) -> str:
    """How the plan of a query changed, in one line."""
    before, after = "; ".join(change.before), "; ".join(change.after)
    message = f"{change.message}: " if change.message else ""
    return f"{change.name}: {message}{f'{before} -> {after}' if change.before else after}"


def numbered(number: int, plural: str) -> str:
    """``2 errors``, ``1 error``."""
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}"


def state(findings: Sequence[Finding]) -> str:
    """``1 error, 2 remarks``: how many ``findings`` there are of each severity."""
    numbers = [(severity, sum(f.severity == severity for f in findings)) for severity in ORDER]
    return ", ".join(numbered(number, PLURALS[severity]) for severity, number in numbers if number) or "nothing found"


def ordered_migrations(review: Review) -> list[tuple[Migrated, tuple[Finding, ...]]]:
    """Each migration with its findings, the one with the most severe findings first."""
    by_path: dict[str, list[Finding]] = {}
    for finding in review.findings:
        by_path.setdefault(finding.path, []).append(finding)
    pairs = [(m, tuple(f for path in m.files for f in by_path.get(path, ()))) for m in review.migrations]
    return sorted(pairs, key=lambda pair: (severest(pair[1]), pair[0].version, pair[0].name))


def ordered_plans(review: Review) -> list[PlanChange]:
    """The changes of query plans, the worst first."""
    order = list(EFFECTS)
    return sorted(review.plans, key=lambda p: (order.index(p.effect), p.path))


def fix_parts(finding: Finding) -> tuple[str, str, str]:
    """What to do: a sentence, code, and what to do instead of that. A rule of lint advises a sentence or code; one of
    the review (MR) a sentence, then perhaps code; what follows code that is indented is a sentence again."""
    sentence, _, code = finding.fix.partition("\n")
    if finding.rule in ("MR07", "MR08"):
        return "the commands above give it a free version", "", ""
    if not finding.rule.startswith("MR") and code:
        return "", finding.fix, ""
    lines = code.splitlines(keepends=True)
    indented = [*takewhile(lambda line: line.startswith(_INDENT), lines)]
    if not indented:
        return sentence, code, ""
    return (
        sentence,
        textwrap.dedent("".join(indented)).rstrip(),
        " ".join(line.strip() for line in lines[len(indented) :]),
    )


def kind(migration: Migrated) -> str:
    """How a migration changed: new, edited, removed, or renamed from its former name."""
    return f"renamed from {migration.was}" if migration.was else migration.kind
