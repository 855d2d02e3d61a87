"""Know files of other tools that lie in the folder of memsql: by their names, and by comments that mean something to a
tool. Pure: it reads the declarations, and no file.

Both questions are asked of every file at every start. So each has a quick answer for files that are certainly ours,
before the declarations are imported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_OURS = re.compile(r"[0-9]+_[^./]*(?:\.rollback)?\.sql").fullmatch
_LETTERS = (b"+goose", b"+migrate", b"migrate:", b"no-transaction")
"""One of these stands in every comment that makes a file another tool's. A test holds the declarations against it."""
_HARMLESS = frozenset({"breakpoint"})
"""A statement ends at its semicolon anyway. The marks of Alembic begin no part of a file that is run by itself."""
_SCRIPTS = frozenset({"script"})


@dataclass(frozen=True, slots=True)
class Foreign:
    """A file of another tool: the ``words`` for the tools that have such files, and ``what`` it is, as the end of a
    sentence that begins with the file. ``line``: the line of the comment that gave it away."""

    words: tuple[str, ...]
    what: str
    line: int | None = None
    program: bool = False


def foreign_path(path: str) -> Foreign | None:
    """What the file at ``path``, below the folder of memsql, is to another tool; None where it is nobody else's."""
    if _OURS(path) is not None:
        return None
    from memsql.exchange.tools import all_tools

    tools = [tool for tool in all_tools() if any(re.fullmatch(sign, path) for sign in tool.files.signs)]
    if not tools:
        return None
    refused = [kind for tool in tools for kind in tool.files.refused if re.fullmatch(kind.pattern, path)]
    titles = " or ".join(tool.title for tool in tools)
    what = f"{refused[0].what} ({titles})" if refused else f"is a file of {titles}"
    return Foreign(tuple(tool.word for tool in tools), what, program=bool(refused))


def foreign_text(data: bytes) -> Foreign | None:
    """What a file with this content is to another tool; None where no comment of it means anything to one."""
    if not any(letters in data for letters in _LETTERS):
        return None
    from memsql.exchange.marks import placed_marks

    text = data.decode("utf-8", "replace")
    for word, title, marks in _marks():
        for placed in placed_marks(text, marks):
            line = text.count("\n", 0, placed.start) + 1
            return Foreign(
                (word,), f"has `{placed.text}`, which means something to {title} and nothing to memsql", line
            )
    return None


@cache
def _marks():  # type: ignore[no-untyped-def]
    from memsql.exchange.tools import all_tools

    return tuple(
        (tool.word, tool.title, tuple(mark for mark in tool.files.marks if mark.means not in _HARMLESS))
        for tool in all_tools()
        if tool.files.marks and tool.files.order not in _SCRIPTS
    )
