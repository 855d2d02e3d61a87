"""Cut the text of a file at the comments that mean something to a tool."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from memsql.exchange.model import Mark
from memsql.sqltext.split import ended, split
from memsql.sqltext.tokens import comments


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """A mark in a text: its offsets, its line, from 1, the comment as it is written, and the groups of its pattern."""

    mark: Mark
    start: int
    end: int
    line: int
    text: str
    groups: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """The text from one ``up`` or ``down`` to the next; the one before the first of them has no ``opening``."""

    opening: PlacedMark | None
    text: str


def placed_marks(text: str, marks: Sequence[Mark]) -> Iterator[PlacedMark]:
    """The comments of ``text`` that ``marks`` know, in order; of two marks that know one the first counts."""
    if not marks:
        return
    patterns = [(mark, re.compile(mark.pattern, re.IGNORECASE)) for mark in marks]
    line, counted = 1, 0
    for comment in comments(text):
        if not comment.text.startswith("--"):
            continue
        for mark, pattern in patterns:
            match = pattern.fullmatch(comment.text)
            if match is not None:
                line += text.count("\n", counted, comment.start)
                counted = comment.start
                yield PlacedMark(mark, comment.start, comment.end, line, comment.text.strip(), match.groupdict())
                break


def cut(text: str, placed: Sequence[PlacedMark]) -> list[Part]:
    """``text`` in parts, without the marks ``placed`` in it. A statement that a mark ends has its semicolon."""
    parts: list[Part] = []
    opening: PlacedMark | None = None
    pieces: list[str] = []
    position = 0
    for mark in placed:
        piece, position = _around(text, position, mark)
        ends = mark.mark.means in ("up", "down", "breakpoint")
        pieces.append(terminated(piece) if ends else piece)
        if mark.mark.means in ("up", "down"):
            parts.append(Part(opening, "".join(pieces)))
            opening, pieces = mark, []
    pieces.append(terminated(text[position:]))
    return [*parts, Part(opening, "".join(pieces))]


def _around(text: str, position: int, mark: PlacedMark) -> tuple[str, int]:
    """The text from ``position`` up to the ``mark``, and where it goes on: behind the line, where it is alone there."""
    start, end = mark.start, mark.end
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip() and line >= position:
        return text[position:line], min(end + 1, len(text))
    return text[position:start].rstrip(" \t"), end


def terminated(text: str) -> str:
    """``text`` with a semicolon behind its last statement, and a line end behind that."""
    parts = split(text)
    if not parts or parts[-1].end < len(text):
        return text
    return f"{ended(text.rstrip())}\n"
