"""How SQLite stores what a column is given."""

from __future__ import annotations

from memsql.sqltext.names import fold


def affinity(declared: str) -> str:
    """``integer``, ``text``, ``blob``, ``real`` or ``numeric``: https://sqlite.org/datatype3.html, section 3.1."""
    kind = fold(declared)
    if "int" in kind:
        return "integer"
    if "char" in kind or "clob" in kind or "text" in kind:
        return "text"
    if "blob" in kind or not kind:
        return "blob"
    return "real" if "real" in kind or "floa" in kind or "doub" in kind else "numeric"
