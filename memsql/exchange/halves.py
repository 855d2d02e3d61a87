"""Files that hold a way up and a way back, for a tool that memsql cannot import from, or for nobody known: a comment
divides them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memsql.sqltext.split import statements
from memsql.sqltext.tokens import comments

NOBODY = "another tool"
_DOWN = frozenset({"down", "downs", "undo", "downgrade", "rollback", "revert", "create above / drop below"})
_UP = frozenset({"up", "ups", "upgrade"})
# Each finds the whole comment; the group is the half that begins there.
_TOOLS = (
    ("micrate", r"--\s*\+micrate\s+(up|down)\b.*"),
    ("rambler", r"--\s*rambler\s+(up|down)\b.*"),
    ("tern", r"-{2,}\s*(create above\s*/\s*drop below)\s*-*"),
    ("MyBatis", r"--\s*//\s*@(undo)\b.*"),
    ("Play", r"--[\s#-]*!(ups|downs)\b.*"),
    ("Liquibase", r"--\s*(liquibase\s+formatted\s+sql|changeset\s+\S+:\S+)\b.*"),
    ("Atlas", r"--\s*atlas:(\w+)\b.*"),
    (
        NOBODY,
        r"--[\s=*#@+>-]*(?:migrat(?:e|ion)\s+)?(up|down|upgrade|downgrade|undo|rollback|revert)"
        r"(?:\s+(?:migration|script|section|part))?[\s=*#:<-]*",
    ),
)
_patterns = [(tool, re.compile(source, re.IGNORECASE)) for tool, source in _TOOLS]
# Whether a comment may be one of them, in a fraction of the time that it takes to cut a large file into tokens.
_hint = re.compile(
    r"(?:--[^\n]{0,300}?|/\*(?:[^*]|\*(?!/)){0,300}?)"
    r"(?:up|down|undo|rollback|revert|create above|formatted|changeset|atlas:)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Half:
    """A comment that means something to ``tool``: its offset, its text, and what begins there: ``up``, ``down``, or
    "" for another directive."""

    tool: str
    at: int
    text: str
    begins: str


def halves(text: str) -> Iterator[Half]:
    """The comments of ``text`` that mean something to a tool, in order."""
    if _hint.search(text) is None:
        return
    for comment in comments(text):
        line = comment.text.strip()
        if line.startswith("/*"):
            line = f"--{line[2:].removesuffix('*/')}".strip()
        for tool, pattern in _patterns:
            match = pattern.fullmatch(line)
            if match is not None:
                word = " ".join(match[1].lower().replace("/", " / ").split())
                begins = "down" if word in _DOWN else "up" if word in _UP else ""
                yield Half(tool, comment.start, " ".join(comment.text.split())[:60], begins)
                break


def divider(data: bytes) -> Half | None:
    """The comment in a file with this content at which the way back certainly begins, with a statement on both sides.

    A comment that belongs to no known tool counts where another one begins the way up: alone it may be a heading.
    """
    text = data.decode("utf-8", "replace")
    marks = list(halves(text))
    known = [mark for mark in marks if mark.tool != NOBODY or any(m.begins == "up" for m in marks)]
    downs = [mark for mark in known if mark.begins == "down"]
    if not downs:
        return None
    starts = [statement.start for statement in statements(text)]
    return next((d for d in downs if any(s < d.at for s in starts) and any(s > d.at for s in starts)), None)
