"""A review as Markdown for GitHub, short enough for a comment there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memsql.lint import Finding
from memsql.report.review_words import (
    EFFECTS,
    PLURALS,
    TITLES,
    fix_parts,
    headline,
    kind,
    numbered,
    ordered_migrations,
    ordered_plans,
    plan_line,
    state,
)
from memsql.report.text import shorten
from memsql.review import Migrated, Review
from memsql.review.model import ORDER, StatementResult
from memsql.words import count

LIMIT = 65_000
"""How many characters the report may have. GitHub takes 65,536 for a comment."""
_RESERVED = 600
"""Characters kept free for the sentence that says what was left out."""
_STATEMENTS = 40
_SQL = 120
_MESSAGE = 1500
_LINES = 200
_VERDICTS = {
    "safe": "✅ Safe",
    "not proven": "❔ Not proven",
    "needs attention": "⚠️ Needs attention",
    "blocks": "❌ Blocks",
}
# Characters with a meaning in Markdown, and what GitHub turns into links and mentions.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$])")
_LINKED = re.compile(r"@|#(?=\d)|://|\bGH-(?=\d)|\bwww\.", re.IGNORECASE)
_NOTHING = "&#8203;"


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of the report that is shown whole or not at all.

    ``what`` says what it is, in the plural. ``heading`` is shown once, before the first block of its ``section``.
    """

    what: str
    text: str
    section: str = ""
    heading: str = ""


def markdown(review: Review, limit: int = LIMIT) -> str:
    """The report in less than ``limit`` characters: the most severe comes first, and what has no room is counted."""
    head, notes = _head(review), _notes(review)
    blocks = [*_findings(review), *_plans(review), *_migrations(review), *_schema(review), *_diagram(review)]
    shown, omitted = _fitting(blocks, limit - _RESERVED - _size(head) - _size(notes))
    parts = [head, *shown]
    if omitted:
        numbers = ", ".join(numbered(n, what) for what, n in omitted.items())
        parts.append(
            f"> **Left out**, because a comment has no room for more: {numbers}. The whole report: `memsql review`.\n"
        )
    return "\n".join([*parts, notes]).rstrip("\n") + "\n"


def prose(text: str) -> str:
    """``text`` on one line, escaped so that Markdown shows it as it is and GitHub mentions nobody."""
    flat = " ".join(text.split())
    return _LINKED.sub(_unlinked, _SPECIAL.sub(r"\\\1", flat))


def code(text: str, *, cell: bool = False) -> str:
    """``text`` on one line as a code span; in the ``cell`` of a table a pipe is escaped."""
    flat = " ".join(text.split()) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat.replace('|', chr(92) + '|') if cell else flat}{pad}{fence}"


def fenced(text: str, language: str = "") -> str:
    """``text`` as a block of code, with a fence that is longer than any in the text."""
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    body = text.rstrip("\n").replace("\r", "")
    return f"{fence}{language}\n{body}\n{fence}\n"


def _unlinked(match: re.Match[str]) -> str:
    text = match[0]
    return f"{text[0]}{_NOTHING}{text[1:]}"


def _head(review: Review) -> str:
    return f"## SQL review: {_VERDICTS[review.verdict]}\n\n{prose(headline(review))}\n"


def _findings(review: Review) -> list[_Block]:
    """The commands for a rename first, because the fixes of findings refer to them; then the findings by severity."""
    blocks = []
    if review.renames:
        commands = fenced("\n".join(review.renames[:_LINES]), "sh")
        blocks.append(_Block("commands for a rename", commands, "rename", "### Rename first\n"))
    for severity in ORDER:
        findings = [f for f in review.findings if f.severity == severity]
        heading = f"### {TITLES[severity]} ({len(findings)})\n"
        blocks += [_Block(PLURALS[severity], _finding(f), severity, heading) for f in findings]
    return blocks


def _finding(finding: Finding) -> str:
    name = prose(finding.name.replace("_", " "))
    lines = [f"- **{finding.rule}** {name} · {code(f'{finding.path}:{finding.line}')}: {prose(_cut(finding.message))}"]
    if finding.statement:
        lines += ["", _indented(fenced(shorten(finding.statement), "sql"))]
    return "\n".join([*lines, *_fix(finding)]) + "\n"


def _fix(finding: Finding) -> list[str]:
    sentence, sql, instead = fix_parts(replace(finding, fix=_cut(finding.fix)))
    lines = ["", f"  Fix: {prose(sentence)}"] if sentence else []
    lines += ["", _indented(fenced(sql, "sql" if sql.startswith("SELECT") else ""))] if sql else []
    return [*lines, *(["", f"  {prose(instead)}"] if instead else [])]


def _migrations(review: Review) -> list[_Block]:
    return [
        _Block("migrations in detail", _migration(m, findings), "migrations", "### Migrations\n")
        for m, findings in ordered_migrations(review)
    ]


def _migration(migration: Migrated, findings: Sequence[Finding]) -> str:
    title = f"<b>{_html(migration.name)}</b> ({_html(kind(migration))})"
    lines = ["<details>", f"<summary>{title}: {state(findings)}; way back: {migration.way_back}</summary>", ""]
    if migration.description:
        lines += [prose(_cut(migration.description)), ""]
    shown = migration.statements[:_STATEMENTS]
    if shown:
        lines += ["| line | statement | tables | rows written | loses values | SQL |", "|---:|---|---|---:|---|---|"]
        lines += [*map(_row, shown), ""]
    omitted = migration.left_out + len(migration.statements) - len(shown)
    if omitted:
        lines += [f"and {count(omitted, 'more statement')}", ""]
    if migration.rows:
        listed = ", ".join(f"{code(shorten(name, 60))} {rows}" for name, rows in migration.rows[:20])
        more = f" and {count(len(migration.rows) - 20, 'more table')}" if len(migration.rows) > 20 else ""
        lines += [f"Made-up rows: {listed}{more}", ""]
    return "\n".join([*lines, "</details>", ""])


def _row(statement: StatementResult) -> str:
    """A row of the table of statements."""
    cells = (
        str(statement.line),
        statement.kind,
        ", ".join(code(shorten(table, 60), cell=True) for table in statement.tables[:8]),
        ("" if statement.rows is None else f"{statement.rows:,}") + (", the whole table" if statement.whole else ""),
        "yes" if statement.loses else "",
        code(shorten(statement.text, _SQL), cell=True),
    )
    return f"| {' | '.join(cells)} |"


def _plans(review: Review) -> list[_Block]:
    return [
        _Block(
            "changes of query plans",
            f"- **{EFFECTS[p.effect]}** {code(p.path)} {prose(_cut(plan_line(p)))}\n",
            "plans",
            "### Query plans\n",
        )
        for p in ordered_plans(review)
    ]


def _schema(review: Review) -> list[_Block]:
    if not review.schema:
        return []
    # In a block of type diff GitHub colours a line that starts with "!", and knows no "~".
    lines = [
        f"! {line[2:]}" if line.startswith("~") else line for line in (shorten(line, 200) for line in review.schema)
    ]
    pieces = [lines[i : i + _LINES] for i in range(0, len(lines), _LINES)]
    return [
        _Block("parts of the schema difference", fenced("\n".join(piece), "diff"), "schema", "### Schema\n")
        for piece in pieces
    ]


def _diagram(review: Review) -> list[_Block]:
    if not review.diagram:
        return []
    text = f"<details>\n<summary>Tables touched</summary>\n\n{fenced(review.diagram, 'mermaid')}\n</details>\n"
    return [_Block("the diagram", text, "diagram")]


def _notes(review: Review) -> str:
    lines = [f"- {prose(_cut(note))}" for note in review.notes[:8]]
    return "\n".join(["### How it was tried", "", *lines, ""]) if lines else ""


def _fitting(blocks: Sequence[_Block], room: int) -> tuple[list[str], dict[str, int]]:
    """The texts of the blocks that fit into ``room`` characters, in order, and how many of each kind do not.

    After the first block of a section that does not fit, no other of that section is shown: the rest is less severe.
    """
    shown: list[str] = []
    omitted: dict[str, int] = {}
    closed: set[str] = set()
    headed: set[str] = set()
    for block in blocks:
        heading = f"{block.heading}\n" if block.heading and block.section not in headed else ""
        size = _size(heading) + _size(block.text) + 2
        if block.section in closed or size > room:
            closed.add(block.section)
            omitted[block.what] = omitted.get(block.what, 0) + 1
            continue
        headed.add(block.section)
        room -= size
        shown.append(heading + block.text)
    return shown, omitted


def _size(text: str) -> int:
    """Characters as JavaScript and GitHub count them, in units of UTF-16: one above U+FFFF counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 1] + "…"


def _html(text: str) -> str:
    flat = " ".join(text.split())
    escaped = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # GitHub reads Markdown inside of a summary element too.
    return re.sub(r"[\\`*_\[\]~|]", lambda m: f"&#{ord(m[0])};", _LINKED.sub(_unlinked, escaped))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else line for line in text.rstrip("\n").split("\n"))
