"""Which tables are nobody's business: SQLite's, libSQL's, yoyo's, ours, and the shadows of virtual tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

LEDGER = frozenset({"_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock", "schema_migrations"})
VECTOR_INDEX = "libsql_vector_idx"
_PREFIXES = ("sqlite_", "libsql_", "_litestream_", "memsql_")
_RTREE = frozenset({"node", "parent", "rowid"})
_FTS4 = frozenset({"content", "segments", "segdir", "docsize", "stat"})
# The xShadowName function of each module in SQLite's sources; libSQL names those of a vector index.
_SHADOWS = {
    "fts5": frozenset({"data", "idx", "content", "docsize", "config"}),
    "fts4": _FTS4,
    "fts3": _FTS4,
    "rtree": _RTREE,
    "rtree_i32": _RTREE,
    "geopoly": _RTREE,
    VECTOR_INDEX: frozenset({"shadow"}),
}
_ANY = frozenset().union(*_SHADOWS.values())
_USING = re.compile(r"\bUSING\s+[\"'`\[]?(\w+)", re.IGNORECASE)


def is_internal(name: str, virtual_tables: Iterable[str] | Mapping[str, str]) -> bool:
    """Whether ``name`` is no part of the schema that migrations own.

    ``virtual_tables`` are lower case. As a mapping it tells the module of each, and a table counts as a
    shadow only if that module makes one of the name; an unknown module ("") may make any.
    """
    lower = name.lower()
    if lower in LEDGER or lower.startswith(_PREFIXES):
        return True
    owner, _, suffix = lower.rpartition("_")
    if suffix not in _ANY or owner not in virtual_tables:
        return False
    module = virtual_tables[owner] if isinstance(virtual_tables, Mapping) else ""
    return suffix in _SHADOWS.get(module, _ANY)


def module_of(sql: str) -> str:
    """The module, in lower case, of a CREATE VIRTUAL TABLE as SQLite stores it; "" where it names none."""
    found = _USING.search(sql)
    return found[1].lower() if found else ""


def shadow_suffixes(module: str) -> frozenset[str]:
    """What the names of the shadow tables of a virtual table end in, behind its own name and ``_``; an unknown module may
    make any."""
    return _SHADOWS.get(module, _ANY)
