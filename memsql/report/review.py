"""What a review says: as text, as fields, and in every other format."""

from __future__ import annotations

from dataclasses import asdict

from memsql import visible
from memsql.report.outcome import outcome_json
from memsql.report.review_words import headline, kind, plan_line
from memsql.report.text import fix, indented, table
from memsql.review import Migrated, Review
from memsql.visible import page
from memsql.words import count

FORMATS = ("text", "markdown", "html", "json", "sarif", "github")
_STATEMENTS = 40


def rendered(review: Review, format: str) -> str:
    """``review`` in one of FORMATS, ending in a line break. Only JSON has names and texts as they are; elsewhere what
    could act is escaped."""
    text = _rendered(review, format)
    return text if format in ("json", "sarif", "github") else visible.text(text)


def _rendered(review: Review, format: str) -> str:
    if format == "markdown":
        from memsql.report.markdown import markdown

        return markdown(review)
    if format == "html":
        from memsql.report.review_page import review_page

        return review_page(review)
    if format == "sarif":
        from memsql.report.sarif import sarif

        return sarif(review)
    if format == "github":
        from memsql.report.github import commands

        return commands(review)
    if format == "json":
        shown = outcome_json("review", data(review), ok=review.verdict != "blocks")
        return visible.json_text(shown) + "\n"
    return text(review) + "\n"


def text(review: Review) -> str:
    """Findings first, then each migration, then schema and plans; the summary last."""
    lines: list[str] = []
    for finding in review.findings:
        lines.append(f"{finding.path}:{finding.line}: {finding.severity} {finding.rule} {finding.message}")
        lines += fix(finding.fix)
    for migration in review.migrations:
        lines += _migration(migration)
    for title, section in (
        ("schema", review.schema),
        ("query plans", [plan_line(p) for p in review.plans]),
        ("to rename", review.renames),
        ("notes", review.notes),
    ):
        lines += ["", f"{title}:", *indented(section)] if section else []
    return page([*lines, "", headline(review)]).lstrip("\n")


def data(review: Review) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "verdict": review.verdict,
        "not_tried": len(review.not_tried),
        "base": review.base,
        "files": list(review.files),
        "findings": [asdict(f) for f in review.findings],
        "migrations": [
            {
                "name": m.name,
                "version": m.version,
                "change": m.kind,
                "was": m.was,
                "files": list(m.files),
                "description": m.description,
                "way_back": m.way_back,
                "tables": list(m.tables),
                "sample": dict(m.rows),
                "statements_left_out": m.left_out,
                "statements": [asdict(r) for r in m.statements],
            }
            for m in review.migrations
        ],
        "schema": list(review.schema),
        "plans": [asdict(p) for p in review.plans],
        "renames": list(review.renames),
        "notes": list(review.notes),
        "diagram": review.diagram,
    }


def _migration(migration: Migrated) -> list[str]:
    """A migration with the table of its statements."""
    lines = ["", f"{migration.name} ({kind(migration)}): way back {migration.way_back}"]
    rows = [
        (
            r.line,
            r.kind,
            ", ".join(r.tables),
            "" if r.rows is None else f"{r.rows:,}{' (all)' if r.whole else ''}",
            "loses" if r.loses else "",
        )
        for r in migration.statements[:_STATEMENTS]
    ]
    if rows:
        lines += indented(table(("line", "statement", "tables", "rows written", ""), rows, frozenset({0, 3})))
    omitted = migration.left_out + max(0, len(migration.statements) - _STATEMENTS)
    lines += [f"  and {count(omitted, 'more statement')}"] if omitted else []
    return lines
