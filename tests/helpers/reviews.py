"""Migrations to review, and what the review says of them."""

from __future__ import annotations

from typing import Any

from cli import Project


def add(project: Project, name: str, up: str, down: str | None, *, before: str = "0002_search") -> None:
    """A pair with a description and what it depends on, stamped, and the snapshot written where that works."""
    directives = [line for line in up.splitlines(keepends=True) if line.startswith("-- ")]
    rest = "".join(line for line in up.splitlines(keepends=True) if not line.startswith("-- "))
    project.add(
        name, f"-- Change {name}\n-- depends: {before}\n{''.join(directives)}{rest}", down and f"-- Undo {name}\n{down}"
    )
    project.run("migrate.sum").expect(0)
    project.run("schema.dump", "--write")


def review(project: Project, code: int, *words: str) -> dict[str, Any]:
    return project.run("review", "--json", *words).expect(code).json()


def rules(report: dict[str, Any], prefix: str = "MR") -> list[str]:
    return [f["rule"] for f in report["findings"] if f["rule"].startswith(prefix)]


def only(report: dict[str, Any], rule: str) -> dict[str, Any]:
    (finding,) = [f for f in report["findings"] if f["rule"] == rule]
    assert isinstance(finding, dict)
    return finding
