"""Plain text: aligned columns, sizes, times, counts, errors."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.errors import MemsqlError
from memsql.words import count as count
from memsql.words import milliseconds as milliseconds
from memsql.words import size as size

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


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], right: frozenset[int] = frozenset()) -> str:
    """Aligned columns, two spaces apart; columns numbered in ``right`` are right-aligned.

    A hand-written aligner and not a table library: a thousand rows must print in milliseconds, and
    libraries that draw tables take longer to import than the whole command may.
    """
    cells = [[("" if value is None else str(value)) for value in row] for row in rows]
    widths = [max(len(h), *(len(row[i]) for row in cells)) if cells else len(h) for i, h in enumerate(headers)]

    def line(values: Sequence[str]) -> str:
        parts = [v.rjust(w) if i in right else v.ljust(w) for i, (v, w) in enumerate(zip(values, widths, strict=True))]
        return "  ".join(parts).rstrip()

    return "\n".join([line(headers), line(["-" * w for w in widths]), *(line(row) for row in cells)])


def colour(text: str) -> str:
    """``text`` with the words for states coloured, for a terminal."""
    from rich.console import Console
    from rich.text import Text

    styled = Text(text)
    for word, style in _COLOURS.items():
        styled.highlight_regex(rf"(?<![\w-])(?<!\b0 ){word}(?![\w-])", style)
    console = Console(force_terminal=True, soft_wrap=True, highlight=False)
    with console.capture() as capture:
        console.print(styled, end="")
    return capture.get()


def error(problem: MemsqlError) -> str:
    """An error for the person at the keyboard: what, where, which statement, which state, what next."""
    lines = [f"error: {problem.message}"]
    if problem.where is not None:
        lines.append(f"  at: {problem.where}")
    if problem.statement:
        lines.append("  statement: " + shorten(problem.statement))
    lines.extend(f"  - {detail}" for detail in problem.details)
    if problem.state:
        lines.append(f"  state: {problem.state}")
    if problem.hint:
        lines.append(f"  next: {problem.hint}")
    return "\n".join(lines)


def error_json(problem: MemsqlError) -> dict[str, object]:
    """The same as fields."""
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
    """The line of ``text`` that says what came of it: the last one that neither advises nor goes into detail."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "next:"))]
    return lines[-1] if lines else ""


def shorten(sql: str, limit: int = 300) -> str:
    """One line of at most ``limit`` characters."""
    flat = " ".join(sql[: limit * 4].split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
