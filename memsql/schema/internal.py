"""Which tables are nobody's business: SQLite's, libSQL's, yoyo's, ours, and the shadows of virtual tables."""

from __future__ import annotations

from collections.abc import Iterable

LEDGER = frozenset({"_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock", "schema_migrations"})
_PREFIXES = ("sqlite_", "libsql_", "_litestream_", "memsql_")
_SHADOWS = ("data", "idx", "content", "docsize", "config", "segments", "segdir", "stat", "node", "parent", "rowid")


def is_internal(name: str, virtual_tables: Iterable[str]) -> bool:
    """Whether ``name`` is no part of the schema that migrations own. ``virtual_tables`` are lower case."""
    lower = name.lower()
    if lower in LEDGER or lower.startswith(_PREFIXES):
        return True
    owner, _, suffix = lower.rpartition("_")
    return suffix in _SHADOWS and owner in virtual_tables
