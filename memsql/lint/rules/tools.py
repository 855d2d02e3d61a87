"""Rules about what other migration tools understand, and memsql does not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memsql.exchange.halves import NOBODY, Half, halves
from memsql.exchange.marks import placed_marks
from memsql.exchange.recognising import telling_marks
from memsql.exchange.tools import all_tools
from memsql.lint.model import OURS, Hit, rule
from memsql.lint.script import Script

_flyway = re.compile(r"\$\{flyway:[^}]*\}", re.IGNORECASE)


@rule("MS40", "other_tools_marker", "error", OURS)
def other_tools_marker(script: Script) -> Iterator[Hit]:
    """A marker of another migration tool.

    **Anti-pattern** To memsql the marker is a comment. In a file that holds both ways, both run one after the other:
    what the first half makes, the second one drops. A directive such as `-- +goose NO TRANSACTION` does nothing.

        -- +goose Up
        CREATE TABLE notes (id INTEGER PRIMARY KEY);
        -- +goose Down
        DROP TABLE notes;

    **Best practice** The way up in one file, the way down in its rollback. A marker of a tool that memsql cannot import
    from, with nothing to come behind it, is a warning.

        -- Adds notes; 0005_add_notes.rollback.sql has DROP TABLE notes
        CREATE TABLE notes (id INTEGER PRIMARY KEY);
    """
    marks = list(_marks_of(script.text))
    starts = [step.at for step in script.steps]
    for mark in marks:
        behind = any(start > mark.at for start in starts)
        if mark.begins == "down" and behind and any(start < mark.at for start in starts):
            yield Hit(
                mark.at,
                f"`{mark.text}` is a marker of {mark.tool}: memsql runs what is behind it as well, in the same run",
                f"move what is behind it into {script.name.removesuffix('.sql')}.rollback.sql{_or_import(mark)}",
            )
            return
    for mark in marks:
        if mark.tool != NOBODY:
            yield Hit(
                mark.at,
                f"`{mark.text}` means something to {mark.tool}, and nothing to memsql",
                f"remove it; docs/formats.md lists what memsql reads{_or_import(mark)}",
                severity=None if _words(mark.tool) else "warning",
            )
            return
    placeholder = _flyway.search(script.text)
    if placeholder is not None:
        yield Hit(placeholder.start(), f"memsql fills nothing in for {placeholder[0]} of Flyway", "write the value")


def _marks_of(text: str) -> Iterator[Half]:
    """The comments of a file that mean something to a tool, in order."""
    marks = [*halves(text)]
    for tool in all_tools():
        for placed in placed_marks(text, telling_marks(tool)):
            begins = placed.mark.means if placed.mark.means in ("up", "down") else ""
            marks.append(Half(tool.title, placed.start, " ".join(placed.text.split())[:60], begins))
    return iter(sorted(marks, key=lambda mark: mark.at))


def _words(title: str) -> str:
    """The word for the tool called ``title`` on the command line; empty where memsql imports nothing from it."""
    return next((tool.word for tool in all_tools() if tool.title == title), "")


def _or_import(mark: Half) -> str:
    word = _words(mark.tool)
    return f", or take the folder of {mark.tool} over: memsql import {word} DIR" if word else ""


RULES = (other_tools_marker,)
