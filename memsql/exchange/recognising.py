"""Know files of other tools that lie in the folder of memsql: by their names, and by comments that mean something to a
tool. Pure: it reads the declarations, and no file.

Both questions are asked of every file at every start. So each has a quick answer for files that are certainly ours,
before the declarations are imported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memsql.exchange.model import Mark, Tool

_OURS = re.compile(r"[0-9]+_[^./]*(?:\.rollback)?\.sql|memsql\.sum|\.[^/]*").fullmatch
_program = re.compile(
    r"[A-Z]*\d[^/]*\.(?:[cm]?[jt]s|[jt]sx|rb|erb|php|exs?|java|kts?|groovy|scala|clj|edn|cs|fs|rs|go|py|pl|lua|sh|ps1|bat"
    r"|xml|ya?ml|fizz)",
    re.IGNORECASE,
).fullmatch
"""A migration that is no SQL, of a tool with or without a declaration, by its number and its ending."""
_WAYS_BACK = (
    rb"(?:migrat(?:e|ion)\s+)?(?:downs?|downgrade|undo|rollback|revert)(?:\s+(?:migration|script|section|part))?"
)
_lead = re.compile(rb"--[\s=*#@+>!/-]*+").match
_mark = re.compile(
    rb"(?i:goose\s|migrate:|(?<=\+)mi[gc]rate\s|no-transaction|create above|rambler\s"
    rb"|" + _WAYS_BACK + rb"[ \t=*#:<-]*(?:\r?\n|\Z))"
).match
"""So does every comment go on, behind its _lead, that makes a file another tool's. A test compares it with the
declarations."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A file of another tool: the ``words`` for the tools that have such files, none where memsql imports from none of
    them, and ``what`` it is, as the end of a sentence that begins with the file. ``line``: the line of the comment that
    gave it away. ``program``: it is no SQL. ``rename``: memsql would read it under this name.
    ``cased``: an import reads it in another case alone."""

    words: tuple[str, ...]
    what: str
    line: int | None = None
    program: bool = False
    rename: str = ""
    cased: bool = False


def foreign_path(path: str) -> Foreign | None:
    """What the file at ``path``, below the folder of memsql, is to another tool; None where it is nobody else's."""
    if _OURS(path) is not None:
        return None
    from memsql.exchange.tools import all_tools

    tools = [tool for tool in all_tools() if any(_fits(sign, path) for sign in tool.files.signs)]
    if not tools:
        return _passed_over(path)
    kinds = [kind for tool in tools for kind in (*tool.files.refused, *tool.files.reported)]
    refused = [kind for kind in kinds if _fits(kind.pattern, path)]
    titles = " or ".join(tool.title for tool in tools)
    what = f"{refused[0].what} ({titles})" if refused else f"is a file of {titles}"
    cased = not any(re.fullmatch(sign, path) for tool in tools for sign in tool.files.signs)
    return Foreign(tuple(tool.word for tool in tools), what, program=bool(refused), cased=cased)


def _fits(pattern: str, path: str) -> bool:
    # Tools that go by the names on Windows and macOS take 0001_a.UP.SQL too.
    return re.fullmatch(pattern, path, re.IGNORECASE) is not None


def _passed_over(path: str) -> Foreign | None:
    """A file that memsql does not run, and that another tool may."""
    stem, dot, ending = path.rpartition(".")
    if "/" not in path and dot and ending != "sql" and ending.lower() == "sql":
        return Foreign((), f"ends in .{ending}, and memsql runs files that end in .sql", rename=f"{stem}.sql")
    if is_program(path):
        return Foreign((), "is named like a migration, and is no SQL: memsql would pass it over", program=True)
    return None


def is_program(name: str) -> bool:
    """Whether a file of this name, without folders, is certainly a migration that is no SQL."""
    return _program(name) is not None


def foreign_text(data: bytes) -> Foreign | None:
    """What a file with this content is to another tool; None where no comment of it means anything to one."""
    if not may_be_foreign(data):
        return None
    from memsql.exchange.marks import placed_marks
    from memsql.exchange.tools import all_tools

    text = data.decode("utf-8", "replace")
    for tool in all_tools():
        for placed in placed_marks(text, telling_marks(tool)):
            what = f"has `{placed.text}`, which means something to {tool.title} and nothing to memsql"
            return Foreign((tool.word,), what, placed.line)
    return _divided(data)


def may_be_foreign(data: bytes) -> bool:
    """Whether a comment in ``data`` may mean something to another tool; False is certain."""
    # To search for two bytes is quicker than a regular expression, and most of a large file is no comment.
    place = data.find(b"--")
    while place >= 0:
        lead = _lead(data, place)
        end = lead.end() if lead is not None else place + 2
        if _mark(data, end) is not None:
            return True
        # What begins inside of the lead goes on behind it too.
        place = data.find(b"--", end)
    return False


def _divided(data: bytes) -> Foreign | None:
    from memsql.exchange.halves import divider

    half = divider(data)
    if half is None:
        return None
    line = data.decode("utf-8", "replace").count("\n", 0, half.at) + 1
    return Foreign((), f"has `{half.text}`, where {half.tool} begins the way back: memsql would run both", line)


def telling_marks(tool: Tool) -> tuple[Mark, ...]:
    """The marks of ``tool`` that change what a file does. A breakpoint does not, for a statement ends at its semicolon
    too; and what divides a script into migrations is an ordinary comment elsewhere."""
    if tool.files.order == "script":
        return ()
    return tuple(mark for mark in tool.files.marks if mark.means != "breakpoint")
