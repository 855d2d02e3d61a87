"""A review as one HTML page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from memsql.lint import Finding
from memsql.report.drawing import svg
from memsql.report.review_words import fix_parts, headline, kind
from memsql.report.templates import markup, page
from memsql.review import Migrated, Review
from memsql.review.model import ORDER, severest

_TITLES = {"error": "Blocks", "warning": "Needs attention", "info": "Worth knowing"}
_TONES = {"safe": "safe", "needs attention": "attention", "blocks": "blocks"}
_MARKS = {"+": "added", "-": "removed", "~": "changed"}
_EFFECTS = {"broken": "no longer runs", "slower": "slower", "faster": "faster", "other": "changed"}
_EFFECT_TONES = {"broken": "error", "slower": "warning", "faster": "good", "other": ""}


@dataclass(frozen=True, slots=True)
class _Finding:
    """A finding with its advice in two parts: a sentence, and code."""

    finding: Finding
    advice: str
    code: str


def review_page(review: Review) -> str:
    """The whole of ``review``: verdict, findings by severity, migrations with their statements, plans, schema."""
    by_severity = [
        (title, severity, [_finding(f) for f in review.findings if f.severity == severity])
        for severity, title in _TITLES.items()
    ]
    order = list(_EFFECTS)
    return page(
        "review.html.jinja",
        review=review,
        headline=headline(review).removeprefix(f"{review.verdict}: "),
        tone=_TONES.get(review.verdict, "attention"),
        groups=[group for group in by_severity if group[2]],
        migrations=_ordered(review),
        plans=sorted(review.plans, key=lambda p: (order.index(p.effect), p.path)),
        effects=_EFFECTS,
        effect_tones=_EFFECT_TONES,
        schema=[(_MARKS.get(line[:1], ""), line) for line in review.schema],
        picture=markup(svg(review.erd, inline=True)) if review.erd.nodes else "",
    )


def _finding(finding: Finding) -> _Finding:
    sentence, code = fix_parts(finding)
    return _Finding(finding, sentence, textwrap.dedent(code))


def _ordered(review: Review) -> list[tuple[Migrated, str, str, str]]:
    """Each migration with how it changed, the severity of its findings, and their number; the most severe first."""
    rows = []
    for migration in review.migrations:
        findings = tuple(f for f in review.findings if f.path in migration.files)
        rows.append((severest(findings), migration, _state(findings)))
    rows.sort(key=lambda row: (row[0], row[1].version, row[1].name))
    names = {rank: severity for severity, rank in ORDER.items()}
    return [(migration, kind(migration), names.get(rank, "good"), state) for rank, migration, state in rows]


def _state(findings: Sequence[Finding]) -> str:
    numbers = [(severity, sum(f.severity == severity for f in findings)) for severity in ORDER]
    plurals = {"error": "errors", "warning": "warnings", "info": "remarks"}
    words = [f"{n} {plurals[s].removesuffix('s') if n == 1 else plurals[s]}" for s, n in numbers if n]
    return ", ".join(words) or "nothing found"
