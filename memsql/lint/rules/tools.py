"""Rules about what other migration tools understand, and memsql does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memsql.lint.model import OURS, Hit, rule
from memsql.lint.script import Script
from memsql.sqltext.tokens import comments


@dataclass(frozen=True, slots=True)
class _Marker:
    """A line of a tool: its offset, its text, and what it begins: ``up``, ``down``, or "" for another directive."""

    tool: str
    at: int
    text: str
    begins: str


_DOWN = frozenset({"down", "downs", "undo", "downgrade", "rollback", "revert", "create above / drop below"})
_UP = frozenset({"up", "ups", "upgrade"})
# Each finds the whole comment; the group is the half that begins there.
_TOOLS = (
    ("goose", r"--\s*\+goose\s+(up|down|no\s+transaction|envsub\s+\w+)\b.*"),
    ("sql-migrate", r"--\s*\+(?:migrate|micrate)\s+(up|down)\b.*"),
    ("dbmate", r"--\s*migrate:(up|down)\b.*"),
    ("rambler", r"--\s*rambler\s+(up|down)\b.*"),
    ("tern", r"-{2,}\s*(create above\s*/\s*drop below)\s*-*"),
    ("MyBatis", r"--\s*//\s*@(undo)\b.*"),
    ("Play", r"--[\s#-]*!(ups|downs)\b.*"),
    ("Liquibase", r"--\s*(liquibase\s+formatted\s+sql|changeset\s+\S+:\S+)\b.*"),
    ("Atlas", r"--\s*atlas:(\w+)\b.*"),
    ("sqlx", r"--\s*(no-transaction)\s*"),
    (
        "another tool",
        r"--[\s=*#@+>-]*(?:migrat(?:e|ion)\s+)?(up|down|upgrade|downgrade|undo|rollback|revert)"
        r"(?:\s+(?:migration|script|section|part))?[\s=*#:<-]*",
    ),
)
_markers = [(tool, re.compile(source, re.IGNORECASE)) for tool, source in _TOOLS]
_hint = re.compile(
    r"up|down|undo|rollback|revert|create above|formatted|changeset|atlas:|no-transaction|\+goose", re.IGNORECASE
)
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

    **Best practice** The way up in one file, the way down in its rollback. A marker alone, with nothing to come behind
    it, is a warning.

        -- Adds notes; 0005_add_notes.rollback.sql has DROP TABLE notes
        CREATE TABLE notes (id INTEGER PRIMARY KEY);
    """
    markers = list(_markers_of(script.text))
    starts = [step.at for step in script.steps]
    for marker in markers:
        behind = any(start > marker.at for start in starts)
        if marker.begins == "down" and behind and any(start < marker.at for start in starts):
            yield Hit(
                marker.at,
                f"`{marker.text}` is a marker of {marker.tool}: memsql runs what is behind it as well, in the same run",
                f"move what is behind it into {script.name.removesuffix('.sql')}.rollback.sql",
            )
            return
    for marker in markers:
        if marker.tool != "another tool":
            yield Hit(
                marker.at,
                f"`{marker.text}` means something to {marker.tool}, and nothing to memsql",
                "remove it; docs/formats.md lists what memsql reads",
                severity="warning",
            )
            return
    placeholder = _flyway.search(script.text)
    if placeholder is not None:
        yield Hit(placeholder.start(), f"memsql fills nothing in for {placeholder[0]} of Flyway", "write the value")


def _markers_of(text: str) -> Iterator[_Marker]:
    """The markers in the comments of a file, in order."""
    if _hint.search(text) is None:
        return
    for comment in comments(text):
        line = comment.text.strip()
        if line.startswith("/*"):
            line = f"--{line[2:].removesuffix('*/')}".strip()
        for tool, pattern in _markers:
            match = pattern.fullmatch(line)
            if match is not None:
                word = " ".join(match[1].lower().replace("/", " / ").split())
                begins = "down" if word in _DOWN else "up" if word in _UP else ""
                yield _Marker(tool, comment.start, " ".join(comment.text.split())[:60], begins)
                break


RULES = (other_tools_marker,)
