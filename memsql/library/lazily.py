"""ensure_current(): migrate at the first use of a database, once for each process and file."""

from __future__ import annotations

import os
import sqlite3
import threading

from memsql.errors import UsageError
from memsql.library.calls import ProgressCallback
from memsql.library.migrating import migrate
from memsql.library.results import MigrateReport
from memsql.library.source import Project, StrPath

_Key = tuple[str, Project]
_known: dict[_Key, tuple[int, int] | None] = {}
"""The databases that are current, with device and inode of the file; None for a server."""
_locks: dict[_Key, threading.Lock] = {}
_guard = threading.Lock()


def _forget_locks() -> None:
    """In a child after a fork: whoever held them is not there."""
    global _guard
    _guard = threading.Lock()
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)


def ensure_current(
    database: StrPath,
    *,
    project: Project | StrPath | None = None,
    env: str | None = None,
    token: str | None = None,
    beside: bool = False,
    backup: StrPath | bool = False,
    timeout: float = 60.0,
    yes: bool = False,
    progress: ProgressCallback | None = None,
) -> MigrateReport | None:
    """Migrate ``database`` where that was not done yet in this process; return the report, or None where it was.

    Call it before each use: afterwards it costs microseconds. It asks again where the file is another one, such as one
    that was restored. Of threads and processes that call it at once one migrates, and the others wait for at most
    ``timeout`` seconds. After an error nothing is remembered. Parameters and errors are those of migrate().

    Example::

        def connect() -> sqlite3.Connection:
            memsql.ensure_current("app.db", project="my_app.migrations")
            return sqlite3.connect("app.db")
    """
    if isinstance(database, sqlite3.Connection) or database == ":memory:":
        raise UsageError(
            "ensure_current() is for databases that others open later: a path or a URL",
            state="nothing was changed",
            hint="use memsql.migrate() for this one",
        )
    text = os.fspath(database)
    key = (text if "://" in text else os.path.abspath(text), Project.of(project, env))
    if _is_known(key):
        return None
    with _guard:
        lock = _locks.setdefault(key, threading.Lock())
    with lock:
        if _is_known(key):
            return None
        report = migrate(
            database,
            project=key[1],
            token=token,
            beside=beside,
            backup=backup,
            timeout=timeout,
            yes=yes,
            progress=progress,
        )
        _known[key] = _identity(key[0])
        return report


def _is_known(key: _Key) -> bool:
    return key in _known and _known[key] == _identity(key[0])


def _identity(text: str) -> tuple[int, int] | None:
    """Device and inode of the file; None where there is none, or it is a server."""
    if "://" in text:
        return None
    try:
        entry = os.stat(text)
    except OSError:
        return (0, 0)
    return entry.st_dev, entry.st_ino
