"""Phrases that every report of a review shares: text, Markdown, GitHub and SARIF."""

from __future__ import annotations

from memsql.lint import Finding
from memsql.review import Migrated, PlanChange, Review
from memsql.words import count


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


def fix_parts(finding: Finding) -> tuple[str, str]:
    """What to do: a sentence, and code. A rule of lint advises a sentence or code; one of the review (MR) a sentence,
    then perhaps code."""
    sentence, _, code = finding.fix.partition("\n")
    if finding.rule in ("MR07", "MR08"):
        return "the commands above give it a free version", ""
    if not finding.rule.startswith("MR") and code:
        return "", finding.fix
    return sentence, code


def kind(migration: Migrated) -> str:
    """How a migration changed: new, edited, removed, or renamed from its former name."""
    return f"renamed from {migration.was}" if migration.was else migration.kind
