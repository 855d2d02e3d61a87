"""What all reports are made of: aligned columns, limited lists, errors, colours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from memsql import visible
from memsql.errors import MemsqlError, StatementError
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
_CAUSES = 9
"""How far to look for what caused an error; one that was raised again can be its own cause."""
_FIX_LINES = 12

SHOWN = 10
"""How many lines of a list are shown to people who did not ask for all."""

_NARROWEST = 12
_wants_all: ContextVar[bool] = ContextVar("wants_all", default=False)
_width: ContextVar[int | None] = ContextVar("width", default=None)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], right: frozenset[int] = frozenset()) -> list[str]:
    """The lines of aligned columns, two spaces apart. None is an empty cell; columns whose index is in ``right`` are
    right-aligned.

    This is written by hand: a thousand rows must print in milliseconds, and libraries that draw tables take longer to
    import than the whole command may.
    """
    cells = [["" if value is None else visible.line(str(value)) for value in row] for row in rows]
    widths = [max(len(h), *(len(row[i]) for row in cells)) if cells else len(h) for i, h in enumerate(headers)]
    room = _width.get()
    if room is not None:
        widths = _narrowed(widths, room - 2 * (len(widths) - 1), right)
        cells = [[v if len(v) <= w else f"{v[: w - 1]}…" for v, w in zip(r, widths, strict=True)] for r in cells]

    def line(values: Sequence[str]) -> str:
        parts = [v.rjust(w) if i in right else v.ljust(w) for i, (v, w) in enumerate(zip(values, widths, strict=True))]
        return "  ".join(parts).rstrip()

    return [line(headers), line(["-" * w for w in widths]), *(line(row) for row in cells)]


def _narrowed(widths: Sequence[int], room: int, right: frozenset[int]) -> list[int]:
    """``widths`` of columns, the widest ones made narrower until they fit into ``room``, as far as texts can be cut."""
    result = list(widths)
    while sum(result) > room:
        widest = max((i for i in range(len(result)) if i not in right), key=lambda i: result[i], default=None)
        if widest is None or result[widest] <= _NARROWEST:
            break
        result[widest] = max(_NARROWEST, result[widest] - (sum(result) - room))
    return result


def indented(lines: Iterable[str], indent: int = 2) -> list[str]:
    """``lines``, each after ``indent`` spaces."""
    return [" " * indent + line for line in lines]


@contextmanager
def reader(*, wants_all: bool, width: int | None = None) -> Iterator[None]:
    """Within this context, show lists whole for a reader who ``wants_all``, and tables at most ``width`` characters
    wide for one who does not. By default lists are cut, see ``shown``, and tables are not."""
    tokens = _wants_all.set(wants_all), _width.set(None if wants_all else width)
    try:
        yield
    finally:
        _wants_all.reset(tokens[0])
        _width.reset(tokens[1])


def shown(lines: Sequence[str], limit: int = SHOWN) -> list[str]:
    """The first ``limit`` of ``lines``, and how many more there are."""
    if _wants_all.get() or len(lines) <= limit:
        return list(lines)
    return [*lines[:limit], f"… and {len(lines) - limit:,} more (--verbose shows all)"]


def limited(lines: Sequence[str], limit: int, indent: int) -> list[str]:
    """The same, indented."""
    return indented(shown(lines, limit), indent)


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
    lines.extend(f"  - {detail}" for detail in shown(problem.details))
    if problem.state:
        lines.extend(f"  state: {problem.state}".split("\n"))
    if hint := _advice(problem):
        lines.extend(f"  next: {hint}".split("\n"))
    return page(lines)


def _advice(problem: MemsqlError) -> str | None:
    """What to do: before what the error itself says, which part of SQLite is missing where that is behind it."""
    cause: BaseException | None = problem.__cause__
    for _ in range(_CAUSES):
        if isinstance(cause, StatementError) and cause.hint:
            from memsql.db.unknown import unknown_part

            if unknown_part(cause.message) is not None:
                return f"{cause.hint}; otherwise {problem.hint}" if problem.hint else cause.hint
        cause = None if cause is None else cause.__cause__
    return problem.hint


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
        "hint": _advice(problem),
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
