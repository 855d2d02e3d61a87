"""The report as Markdown, as GitHub renders it, in less than GitHub takes for a comment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memsql.lint import Finding
from memsql.report.review_words import headline, kind, plan_line
from memsql.report.text import count, shorten
from memsql.review import Migrated, Review
from memsql.review.model import ORDER, severest

LIMIT = 65_000
_KEPT = 600
"""For the sentence that says what was left out."""
_STATEMENTS = 40
_SQL = 120
_MESSAGE = 1500
_LINES = 200
_TITLES = {"error": "Blocks", "warning": "Needs attention", "info": "Worth knowing"}
_VERDICTS = {"safe": "✅ Safe", "needs attention": "⚠️ Needs attention", "blocks": "❌ Blocks"}
# What means something in Markdown, and what GitHub makes links and mentions of.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$])")
_LINKED = re.compile(r"@|#(?=\d)|://|\bGH-(?=\d)|\bwww\.", re.IGNORECASE)
_NOTHING = "&#8203;"


@dataclass(frozen=True, slots=True)
class _Block:
    """A piece that is shown whole or not at all: what it is, in the plural, and its text. ``heading`` comes before the first
    of its section that is shown."""

    what: str
    text: str
    section: str = ""
    heading: str = ""


def markdown(found: Review, limit: int = LIMIT) -> str:
    """The report in less than ``limit`` characters, however much there is to say: the most severe comes first, and what has no
    room is counted."""
    shown, left = _fitted(
        [*_findings(found), *_plans(found), *_migrations(found), *_schema(found), *_diagram(found)],
        limit - _KEPT - _size(_head(found)) - _size(_notes(found)),
    )
    parts = [_head(found), *shown]
    if left:
        said = ", ".join(
            f"{n} {what}" if n > 1 or not what.endswith("s") else f"{n} {what[:-1]}" for what, n in left.items()
        )
        parts.append(
            f"> **Left out**, because a comment has no room for more: {said}. The whole report: `memsql review`.\n"
        )
    return "\n".join([*parts, _notes(found)]).rstrip("\n") + "\n"


def prose(text: str) -> str:
    """``text`` so that Markdown shows it as it is, on one line, and nobody is mentioned."""
    flat = " ".join(text.split())
    return _LINKED.sub(_unlinked, _SPECIAL.sub(r"\\\1", flat))


def code(text: str, *, cell: bool = False) -> str:
    """``text`` in a code span; a pipe is escaped in the ``cell`` of a table."""
    flat = " ".join(text.split()) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat.replace('|', chr(92) + '|') if cell else flat}{pad}{fence}"


def fenced(text: str, language: str = "") -> str:
    """``text`` as a block of code, whatever it holds."""
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    body = text.rstrip("\n").replace("\r", "")
    return f"{fence}{language}\n{body}\n{fence}\n"


def _unlinked(found: re.Match[str]) -> str:
    text = found[0]
    return f"{text[0]}{_NOTHING}{text[1:]}"


def _head(found: Review) -> str:
    lines = [f"## SQL review: {_VERDICTS[found.verdict]}", "", prose(headline(found)), ""]
    return "\n".join(lines)


def _findings(found: Review) -> list[_Block]:
    blocks = []
    for severity in ORDER:
        some = [f for f in found.findings if f.severity == severity]
        blocks += [
            _Block(_named(severity), _finding(f), severity, f"### {_TITLES[severity]} ({len(some)})\n") for f in some
        ]
    if found.renames:
        blocks.insert(
            0,
            _Block(
                "commands for a rename", fenced("\n".join(found.renames[:_LINES]), "sh"), "rename", "### Rename first\n"
            ),
        )
    return blocks


def _named(severity: str) -> str:
    return {"error": "errors", "warning": "warnings", "info": "remarks"}[severity]


def _finding(finding: Finding) -> str:
    name = prose(finding.name.replace("_", " "))
    lines = [f"- **{finding.rule}** {name} · {code(f'{finding.path}:{finding.line}')}: {prose(_cut(finding.message))}"]
    if finding.statement:
        lines += ["", _indented(fenced(shorten(finding.statement), "sql"))]
    lines += [*_fix(finding)]
    return "\n".join(lines) + "\n"


def _fix(finding: Finding) -> list[str]:
    """What to do: a sentence, code, or, where the review says it, a sentence with code behind it."""
    fix = _cut(finding.fix)
    said, _, rest = fix.partition("\n")
    if finding.rule in ("MR07", "MR08"):
        said, rest = "the commands above give it a free version", ""
    elif not finding.rule.startswith("MR") and rest:
        said, rest = "", fix
    lines = ["", f"  Fix: {prose(said)}"] if said else []
    return lines + (["", _indented(fenced(rest, "sql" if rest.startswith("SELECT") else ""))] if rest else [])


def _migrations(found: Review) -> list[_Block]:
    by_path: dict[str, list[Finding]] = {}
    for finding in found.findings:
        by_path.setdefault(finding.path, []).append(finding)
    own = [(m, tuple(f for path in m.files for f in by_path.get(path, ()))) for m in found.migrations]
    ordered = sorted(own, key=lambda pair: (severest(pair[1]), pair[0].version, pair[0].name))
    return [
        _Block("migrations in detail", _migration(m, findings), "migrations", "### Migrations\n")
        for m, findings in ordered
    ]


def _migration(migration: Migrated, findings: Sequence[Finding]) -> str:
    counts = [(severity, n) for severity in ORDER if (n := sum(1 for f in findings if f.severity == severity))]
    state = ", ".join(f"{n} {_named(s)}" if n > 1 else f"1 {_named(s)[:-1]}" for s, n in counts) or "nothing found"
    lines = [
        "<details>",
        f"<summary><b>{_html(migration.name)}</b> ({_html(kind(migration))}): {state}; way back: {migration.way_back}</summary>",
        "",
    ]
    if migration.description:
        lines += [prose(_cut(migration.description)), ""]
    shown = migration.statements[:_STATEMENTS]
    if shown:
        lines += ["| line | statement | tables | rows written | loses values | SQL |", "|---:|---|---|---:|---|---|"]
        lines += [
            f"| {r.line} | {r.kind} | {', '.join(code(shorten(t, 60), cell=True) for t in r.tables[:8])} | "
            f"{'' if r.rows is None else f'{r.rows:,}'}{', the whole table' if r.whole else ''} | {'yes' if r.loses else ''} | "
            f"{code(shorten(r.text, _SQL), cell=True)} |"
            for r in shown
        ]
        lines.append("")
    left = migration.left_out + len(migration.statements) - len(shown)
    if left:
        lines += [f"and {count(left, 'more statement')}", ""]
    if migration.rows:
        listed = ", ".join(f"{code(shorten(name, 60))} {rows}" for name, rows in migration.rows[:20])
        more = f" and {count(len(migration.rows) - 20, 'more table')}" if len(migration.rows) > 20 else ""
        lines += [f"Made-up rows: {listed}{more}", ""]
    return "\n".join([*lines, "</details>", ""])


def _plans(found: Review) -> list[_Block]:
    titles = {"broken": "no longer runs", "slower": "slower", "faster": "faster", "other": "changed"}
    order = list(titles)
    changes = sorted(found.plans, key=lambda p: (order.index(p.effect), p.path))
    return [
        _Block(
            "changes of query plans",
            f"- **{titles[p.effect]}** {code(p.path)} {prose(_cut(plan_line(p)))}\n",
            "plans",
            "### Query plans\n",
        )
        for p in changes
    ]


def _schema(found: Review) -> list[_Block]:
    if not found.schema:
        return []
    # A change is a line removed and added in a diff.
    lines = [
        f"! {line[2:]}" if line.startswith("~") else line for line in (shorten(line, 200) for line in found.schema)
    ]
    pieces = [lines[i : i + _LINES] for i in range(0, len(lines), _LINES)]
    return [
        _Block("parts of the schema difference", fenced("\n".join(piece), "diff"), "schema", "### Schema\n")
        for piece in pieces
    ]


def _diagram(found: Review) -> list[_Block]:
    if not found.diagram:
        return []
    text = f"<details>\n<summary>Tables touched</summary>\n\n{fenced(found.diagram, 'mermaid')}\n</details>\n"
    return [_Block("the diagram", text, "diagram")]


def _notes(found: Review) -> str:
    lines = [f"- {prose(_cut(note))}" for note in found.notes[:8]]
    return "\n".join(["### How it was tried", "", *lines, ""]) if lines else ""


def _fitted(blocks: Sequence[_Block], room: int) -> tuple[list[str], dict[str, int]]:
    """The blocks that fit, in order, and how many of what kind do not. After the first of a section that does not fit, none of
    the section is shown: what follows is less severe."""
    shown: list[str] = []
    left: dict[str, int] = {}
    closed: set[str] = set()
    headed: set[str] = set()
    for block in blocks:
        heading = f"{block.heading}\n" if block.heading and block.section not in headed else ""
        size = _size(heading) + _size(block.text) + 2
        if block.section in closed or size > room:
            closed.add(block.section)
            left[block.what] = left.get(block.what, 0) + 1
            continue
        headed.add(block.section)
        room -= size
        shown.append(heading + block.text)
    return shown, left


def _size(text: str) -> int:
    """As JavaScript and GitHub count: a character beyond the first 65,536 is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 1] + "…"


def _html(text: str) -> str:
    flat = " ".join(text.split())
    escaped = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Markdown inside of a summary is still read by GitHub where it is not HTML.
    return re.sub(r"[\\`*_\[\]~|]", lambda m: f"&#{ord(m[0])};", _LINKED.sub(_unlinked, escaped))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else line for line in text.rstrip("\n").split("\n"))
