"""What a review says: as text, as fields, and in the formats of others."""

from __future__ import annotations

from dataclasses import asdict

from memsql.report.review_words import headline, kind, plan_line
from memsql.report.text import count, table
from memsql.review import Review

FORMATS = ("text", "markdown", "json", "sarif", "github")
_FIX_LINES = 12
_STATEMENTS = 40
_FIX_LINES = 12
_STATEMENTS = 40


def rendered(found: Review, format: str) -> str:
    """``found`` in one of FORMATS, ending in a line break. A name that is not UTF-8 is spelled out."""
    return _rendered(found, format).encode("utf-8", "backslashreplace").decode()


def _rendered(found: Review, format: str) -> str:
    if format == "markdown":
        from memsql.report.markdown import markdown

        return markdown(found)
    if format == "sarif":
        from memsql.report.sarif import sarif

        return sarif(found)
    if format == "github":
        from memsql.report.github import commands

        return commands(found)
    if format == "json":
        import json

        shown = {"ok": found.verdict != "blocks", "command": "review", **data(found)}
        return json.dumps(shown, ensure_ascii=False, indent=2) + "\n"
    return text(found) + "\n"


def text(found: Review) -> str:
    """Findings first, then each migration, then schema and plans; the summary last."""
    lines: list[str] = []
    for finding in found.findings:
        lines.append(f"{finding.path}:{finding.line}: {finding.severity} {finding.rule} {finding.message}")
        fix = finding.fix.splitlines()
        lines += ["    " + line for line in fix[:_FIX_LINES]] + (["    …"] if len(fix) > _FIX_LINES else [])
    for migration in found.migrations:
        lines += ["", f"{migration.name} ({kind(migration)}): way back {migration.way_back}"]
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
            shown = table(("line", "statement", "tables", "rows written", ""), rows, frozenset({0, 3})).splitlines()
            lines += ["  " + line.rstrip() for line in shown]
        left = migration.left_out + max(0, len(migration.statements) - _STATEMENTS)
        lines += [f"  and {count(left, 'more statement')}"] if left else []
    for title, some in (
        ("schema", found.schema),
        ("query plans", [plan_line(p) for p in found.plans]),
        ("to rename", found.renames),
        ("notes", found.notes),
    ):
        lines += ["", f"{title}:", *("  " + line for line in some)] if some else []
    return "\n".join([*lines, "", headline(found)]).lstrip("\n")


def data(found: Review) -> dict[str, object]:
    """The same as fields."""
    return {
        "verdict": found.verdict,
        "base": found.base,
        "files": list(found.files),
        "findings": [asdict(f) for f in found.findings],
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
            for m in found.migrations
        ],
        "schema": list(found.schema),
        "plans": [asdict(p) for p in found.plans],
        "renames": list(found.renames),
        "notes": list(found.notes),
        "diagram": found.diagram,
    }
