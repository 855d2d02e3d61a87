"""Numbers that options hold. An option is read as text, so that a wrong number is answered like every other wrong option."""

from __future__ import annotations

from memsql.errors import UsageError


def number(
    option: str, text: str, *, least: int = 0, most: int | None = None, problem: str = "not a number", state: str = ""
) -> int:
    """Return the whole number that ``text`` is.

    Raises UsageError that says ``option``, ``text`` and ``problem`` where it is none from ``least`` to ``most``.
    """
    if text.isascii() and text.isdigit() and int(text) >= least and (most is None or int(text) <= most):
        return int(text)
    raise UsageError(f"{option} {text}: {problem}", state=state or None)
