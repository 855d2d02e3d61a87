"""Phrases that the text, Markdown, GitHub and SARIF reports of a review share."""

from __future__ import annotations

from memsql.report.text import count
from memsql.review import Migrated, PlanChange, Review


def headline(found: Review) -> str:
    """``blocks: 2 errors, 1 warning in 3 migrations against main``."""
    if not found.files and not found.findings:
        return f"safe: nothing changed in migrations and sql against {found.base}"
    where = (
        f" in {count(len(found.migrations), 'migration')}"
        if found.migrations
        else f" in {count(len(found.files), 'file')}"
    )
    return f"{found.verdict}: {count(found.count('error'), 'error')}, {count(found.count('warning'), 'warning')}{where} against {found.base}"


def plan_line(change: PlanChange) -> str:
    """What became of the plan of a query, in a line."""
    plans = f"{'; '.join(change.before)} -> {'; '.join(change.after)}" if change.before else "; ".join(change.after)
    return f"{change.name}: {change.message + ': ' if change.message else ''}{plans}"


def kind(migration: Migrated) -> str:
    """new, edited, removed, or renamed and from what."""
    return f"renamed from {migration.was}" if migration.was else migration.kind
