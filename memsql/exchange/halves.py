"""Files that hold a way up and a way back, for a tool that memsql cannot import from, or for nobody known: a comment
divides them. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from memsql.sqltext.classify import effect
from memsql.sqltext.names import fold
from memsql.sqltext.split import Statement, statements
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

    A comment that belongs to no known tool counts where another one begins the way up, or where a statement behind it
    drops what one before it creates: else it may be a heading.
    """
    text = data.decode("utf-8", "replace")
    marks = list(halves(text))
    downs = [mark for mark in marks if mark.begins == "down"]
    if not downs:
        return None
    has_up = any(mark.begins == "up" for mark in marks)
    parts = list(statements(text))
    downs = [mark for mark in downs if parts and parts[0].start < mark.at < parts[-1].start]
    if not downs:
        return None
    is_certain = _taking_back(parts)
    return next((down for down in downs if down.tool != NOBODY or has_up or is_certain(down.at)), None)


def _taking_back(parts: Sequence[Statement]) -> Callable[[int], bool]:
    """A function that tells of an offset whether all statements behind it take something away, and one drops an object
    that one before it creates. Everything is read once, for a file may have as many comments as statements."""
    created: dict[str, int] = {}
    last_other = -1
    places: list[int] = []
    # The last drop of what was created up to the place of the same index.
    last_drops: list[int] = []
    drops: dict[str, int] = {}
    for part in parts:
        what = effect(part.text)
        name = fold(what.name or "")
        if what.kind == "create" and name:
            created.setdefault(name, part.start)
        elif what.kind == "drop":
            drops[name] = part.start
        if what.kind not in ("drop", "delete", "alter_drop_column"):
            last_other = part.start
    for name, place in created.items():
        places.append(place)
        last_drops.append(max(drops.get(name, -1), last_drops[-1] if last_drops else -1))

    def takes_back(at: int) -> bool:
        number = bisect_left(places, at)
        return last_other < at and number > 0 and last_drops[number - 1] > at

    return takes_back
