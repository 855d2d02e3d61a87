"""What all reports are made of: aligned columns, limited lists, errors, colours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from memsql import visible
from memsql.errors import MemsqlError
from memsql.visible import page

_COLOURS = {
    "applied": "green",
    "ok": "green",
    "pending": "yellow",
    "rolled_back": "yellow",
    "warning": "yellow",
    "failed": "red",
    "edited": "red",
    "missing": "red",
    "out_of_order": "red",
    "error": "red",
    "problem": "red",
}
# Not "0 failed", nor a part of a longer word.
_COLOURED = re.compile(rf"(?<![\w-])(?<!\b0 )(?:{'|'.join(_COLOURS)})(?![\w-])")
_FIX_LINES = 12


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], right: frozenset[int] = frozenset()) -> list[str]:
    """The lines of aligned columns, two spaces apart. None is an empty cell; columns whose index is in ``right`` are
    right-aligned.

    This is written by hand: a thousand rows must print in milliseconds, and libraries that draw tables take longer to
    import than the whole command may.
    """
    cells = [["" if value is None else visible.line(str(value)) for value in row] for row in rows]
    widths = [max(len(h), *(len(row[i]) for row in cells)) if cells else len(h) for i, h in enumerate(headers)]

    def line(values: Sequence[str]) -> str:
        parts = [v.rjust(w) if i in right else v.ljust(w) for i, (v, w) in enumerate(zip(values, widths, strict=True))]
        return "  ".join(parts).rstrip()

    return [line(headers), line(["-" * w for w in widths]), *(line(row) for row in cells)]


def indented(lines: Iterable[str], indent: int = 2) -> list[str]:
    """``lines``, each after ``indent`` spaces."""
    return [" " * indent + line for line in lines]


def limited(lines: Sequence[str], limit: int, indent: int) -> list[str]:
    """The first ``limit`` of ``lines``, indented, and how many more there are."""
    more = [f"and {len(lines) - limit} more"] if len(lines) > limit else []
    return indented([*lines[:limit], *more], indent)


def fix(text: str) -> list[str]:
    """The first lines of what a finding advises, indented."""
    lines = text.split("\n")
    return indented([*lines[:_FIX_LINES], *(["…"] if len(lines) > _FIX_LINES else [])], 4)


def colour(text: str) -> str:
    """``text``, for a terminal, with the words for states coloured; as it is where NO_COLOR or TERM=dumb forbids it."""
    from termcolor import colored

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return _COLOURED.sub(lambda m: colored(m[0], _COLOURS[m[0]], no_color=plain, force_color=True), text)


def error(problem: MemsqlError) -> str:
    """An error for people: what happened, where, in which statement, the state of the database, and what to do."""
    lines = [f"error: {problem.message}"]
    if problem.where is not None:
        lines.append(f"  at: {problem.where}")
    if problem.statement:
        lines.append("  statement: " + shorten(problem.statement))
    lines.extend(f"  - {detail}" for detail in problem.details)
    if problem.state:
        lines.extend(f"  state: {problem.state}".split("\n"))
    if problem.hint:
        lines.extend(f"  next: {problem.hint}".split("\n"))
    return page(lines)


def error_json(problem: MemsqlError) -> dict[str, object]:
    """An error as fields of the JSON output."""
    where = problem.where
    return {
        "kind": type(problem).__name__,
        "message": problem.message,
        "file": where.path if where else None,
        "line": where.line if where else None,
        "statement": shorten(problem.statement) if problem.statement else None,
        "details": list(problem.details),
        "state": problem.state,
        "hint": problem.hint,
        "exit_code": problem.exit_code,
    }


def headline(text: str) -> str:
    """The line of a report that says the result: the last line that is neither advice nor indented."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "next:"))]
    return lines[-1] if lines else ""


def shorten(sql: str, limit: int = 300) -> str:
    """``sql`` in one line of at most ``limit`` characters."""
    flat = " ".join(sql[: limit * 4].split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
