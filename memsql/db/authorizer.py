"""What SQLite's authorizer tells while statements are compiled: what they reach. It denies what would end the
transaction (https://sqlite.org/c3ref/set_authorizer.html)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from memsql.db.confinement import refused
from memsql.db.protocol import Touched

# Action codes of https://sqlite.org/c3ref/c_alter_table.html. sqlite3 exports them too, but the callback that uses them
# runs for every column that is read, and a global name is found faster than an attribute of a module.
DELETE, INSERT, UPDATE = _DELETE, _INSERT, _UPDATE = 9, 18, 23
_TRANSACTION, _SAVEPOINT, _ATTACH, _DETACH = 22, 32, 24, 25
_READS = frozenset({20, 21})
_CREATE_TABLE, _CREATE_VTABLE, _DROP_TABLE, _DROP_VTABLE, _ALTER_TABLE = 2, 29, 11, 30, 26
_DROP_INDEX = 10
_REMOVALS = {_DROP_INDEX: "index", 16: "trigger", 17: "view"}
_FORBIDDEN = {_SAVEPOINT: "SAVEPOINT", _ATTACH: "ATTACH", _DETACH: "DETACH"}
_Callback = Callable[[int, str | None, str | None, str | None, str | None], int]
"""An authorizer callback: the action code, two names that depend on it, the database, and the trigger or view."""
_SCHEMA_TABLES = ("sqlite_master", "sqlite_temp_master")


@dataclass(slots=True)
class Permission:
    """Whether the next COMMIT is executescript's own and is to be swallowed."""

    swallow_commit: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """The callbacks of observe(): ``callback`` for each statement that is compiled, ``tick`` while one runs."""

    callback: _Callback
    permission: Permission
    tick: Callable[[], bool] | None

    @classmethod
    def of(cls, touched: Touched, tick: Callable[[], bool] | None) -> Watch:
        """Watch with an authorizer that records in ``touched``."""
        permission = Permission()
        return cls(_authorizer(touched, permission, tick), permission, tick)

    def install(self, db: sqlite3.Connection) -> None:
        """Set the callbacks on ``db``."""
        db.set_authorizer(self.callback)
        db.set_progress_handler(self.tick, 200_000)


def _authorizer(touched: Touched, permission: Permission, tick: Callable[[], bool] | None) -> _Callback:
    """The authorizer callback: it records writes and denies what would end the transaction.

    It runs for every statement that is compiled and every column that is read, and is most of what observe() costs.
    So it is a closure, with the most frequent case first.
    """
    last: str | None = None
    calls = 0

    def write(names: set[str], name: str | None) -> int:
        nonlocal calls
        if name in _SCHEMA_TABLES:
            touched.schema = True
        elif name is not None:
            names.add(name)
        calls += 1
        if tick is not None and not calls & 63 and tick():
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    def callback(action: int, first: str | None, second: str | None, _: str | None, trigger: str | None) -> int:
        nonlocal last, calls
        if action == _INSERT:
            if trigger is not None and first is not None:
                touched.writes.add((action, first, None, trigger))
            # Many INSERTs in a row go into one table; then only the tick has to be called now and then.
            if first == last:
                calls += 1
                if calls & 63:
                    return 0
            last = first
            return write(touched.inserted, first)
        if action in _READS:
            return 0
        if action == _UPDATE:
            touched.writes.add((action, first or "", second, trigger))
            return write(touched.updated, first)
        if action == _DELETE:
            touched.writes.add((action, first or "", None, trigger))
            return write(touched.deleted, first)
        if action == _TRANSACTION and permission.swallow_commit and first == "COMMIT":
            permission.swallow_commit = False
            return sqlite3.SQLITE_IGNORE
        return _other(touched, action, first, second)

    return callback


def _other(touched: Touched, action: int, first: str | None, second: str | None) -> int:
    if action in (_CREATE_TABLE, _CREATE_VTABLE) and first is not None:
        touched.created.add(first)
        if action == _CREATE_VTABLE:
            touched.virtual = True
            touched.virtual_created.add(first)
    elif action in (_DROP_TABLE, _DROP_VTABLE) and first is not None:
        touched.dropped.add(first)
        touched.virtual = touched.virtual or action == _DROP_VTABLE
    elif action == _ALTER_TABLE and second is not None:
        touched.altered.add(second)
        touched.schema = True
    elif action in _REMOVALS and first is not None:
        touched.removed.add((_REMOVALS[action], first))
        if action == _DROP_INDEX and second is not None:
            touched.unindexed.add(second)
    elif action == _TRANSACTION:
        touched.forbidden = first
    elif action in _FORBIDDEN:
        touched.forbidden = _FORBIDDEN[action]
    elif (denied := refused(action, first, second)) is not None:
        touched.forbidden = denied
    return sqlite3.SQLITE_OK if touched.forbidden is None else sqlite3.SQLITE_DENY
