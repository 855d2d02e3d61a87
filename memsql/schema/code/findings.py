"""What differs between a schema and the models in source code."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING, NOTE = "error", "warning", "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference.

    ``level``: an error is what fails or reads wrong values; a warning is what people should know; a note says what was
    not compared. ``rule`` is its kind in words. ``message`` says what differs, ``effect`` what breaks by it (may be
    empty). ``path`` and ``line`` are the place in the source code, empty and 0 for a table that has no model.
    """

    level: str
    rule: str
    message: str
    effect: str = ""
    path: str = ""
    line: int = 0
    model: str = ""
    field: str = ""
    table: str = ""
    column: str = ""
