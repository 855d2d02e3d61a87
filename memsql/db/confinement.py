"""What statements of somebody else may do on a connection: nothing outside of its own database.

The authorizer denies what would open another file, load a program or write the schema behind SQLite's back; in a
process of memsql.sandbox SQLite's own limits hold too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from memsql import deadline

_PRAGMA, _ATTACH, _FUNCTION = 19, 24, 31
# They take a program, or the address of one.
_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})
_SETTINGS = frozenset({"writable_schema", "temp_store_directory", "data_store_directory"})
_TICK = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """``sizes``: SQLite's limits by their numbers (https://sqlite.org/c3ref/c_limit_attached.html). ``ignored``: the
    PRAGMAs that do nothing, because they would lift a limit. ``setup``: statements that run first on each connection.
    """

    sizes: Mapping[int, int] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    setup: tuple[str, ...] = ()


_limits = Limits()


def limit_process(limits: Limits) -> None:
    """Set the limits of all connections that this process confines from now on."""
    global _limits
    _limits = limits


def refused(action: int, first: str | None, second: str | None) -> str | None:
    """What a statement does that none may, in words; None where it may. ``action``, ``first`` and ``second`` are what
    SQLite tells its authorizer (https://sqlite.org/c3ref/c_alter_table.html)."""
    if action == _ATTACH:
        # VACUUM attaches a database without a name to itself; VACUUM INTO one with a name.
        return None if first == "" else "ATTACH"
    # Without a value it is read; RESET lets SQLite read the schema again.
    if action == _PRAGMA and (first or "").lower() in _SETTINGS and (second or "reset").lower() != "reset":
        return f"PRAGMA {first}"
    if action == _FUNCTION and (second or "").lower() in _FUNCTIONS:
        return f"{second}()"
    return None


class Confinement:
    """The rules of one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._ignored = _limits.ignored
        self.denied: str | None = None
        for statement in _limits.setup:
            db.execute(statement)
        for number, size in _limits.sizes.items():
            db.setlimit(number, size)
        self.install()

    def install(self) -> None:
        """Set the callbacks of the connection, again where others were set."""
        self._db.set_authorizer(self.authorize)
        self._db.set_progress_handler(deadline.is_over, _TICK)

    def authorize(self, action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
        """The answer to SQLite's authorizer."""
        if action not in (_PRAGMA, _ATTACH, _FUNCTION):
            return sqlite3.SQLITE_OK
        if action == _PRAGMA and (first or "").lower() in self._ignored:
            return sqlite3.SQLITE_IGNORE
        denied = refused(action, first, second)
        if denied is None:
            return sqlite3.SQLITE_OK
        self.denied = denied
        return sqlite3.SQLITE_DENY
