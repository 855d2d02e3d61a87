"""The SQL files of memsql itself, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "sql"


@cache
def load(name: str) -> str:
    """The text of memsql/sql/NAME.sql; ``name`` has forward slashes and no ending."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
