"""A review as one HTML page."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from memsql.lint import Finding
from memsql.report.drawing import svg
from memsql.report.review_words import (
    EFFECTS,
    TITLES,
    fix_parts,
    headline,
    kind,
    ordered_migrations,
    ordered_plans,
    state,
)
from memsql.report.templates import markup, page
from memsql.review import Migrated, Review
from memsql.review.model import ORDER, severest

_TONES = {"safe": "safe", "needs attention": "attention", "blocks": "blocks"}
_MARKS = {"+": "added", "-": "removed", "~": "changed"}
_EFFECT_TONES = {"broken": "error", "slower": "warning", "faster": "good", "other": ""}


@dataclass(frozen=True, slots=True)
class _Finding:
    """A finding with its advice in three parts: a sentence, code, and another sentence."""

    finding: Finding
    advice: str
    code: str
    instead: str


def review_page(review: Review) -> str:
    """The whole of ``review``: verdict, findings by severity, migrations with their statements, plans, schema."""
    by_severity = [
        (title, severity, [_finding(f) for f in review.findings if f.severity == severity])
        for severity, title in TITLES.items()
    ]
    return page(
        "review.html.jinja",
        review=review,
        headline=headline(review).removeprefix(f"{review.verdict}: "),
        tone=_TONES.get(review.verdict, "attention"),
        groups=[group for group in by_severity if group[2]],
        migrations=_ordered(review),
        plans=ordered_plans(review),
        effects=EFFECTS,
        effect_tones=_EFFECT_TONES,
        schema=[(_MARKS.get(line[:1], ""), line) for line in review.schema],
        picture=markup(svg(review.erd, inline=True)) if review.erd.nodes else "",
    )


def _finding(finding: Finding) -> _Finding:
    sentence, code, instead = fix_parts(finding)
    return _Finding(finding, sentence, textwrap.dedent(code), instead)


def _ordered(review: Review) -> list[tuple[Migrated, str, str, str]]:
    """Each migration with how it changed, the severity of its findings, and their number; the most severe first."""
    names = {rank: severity for severity, rank in ORDER.items()}
    return [
        (migration, kind(migration), names.get(severest(findings), "good"), state(findings))
        for migration, findings in ordered_migrations(review)
    ]
