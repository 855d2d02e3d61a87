"""ensure_current(): migrate at the first use of a database, once for each process and file."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

from memsql.config import is_url, parse_target
from memsql.errors import UsageError
from memsql.library.calls import ProgressCallback
from memsql.library.migrating import migrate
from memsql.library.results import MigrateReport
from memsql.library.source import Project, StrPath

_Key = tuple[str, Project]
_known: dict[_Key, tuple[str, tuple[int, int]] | None] = {}
"""The databases that are current, with path, device and inode of the file; None for a server."""
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
    key = (text if is_url(text) else os.path.abspath(text), Project.of(project, env))
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
        path = parse_target(text, Path.cwd()).path
        _known[key] = None if path is None else (str(path), _identity(str(path)))
        return report


def _is_known(key: _Key) -> bool:
    if key not in _known:
        return False
    file = _known[key]
    return file is None or _identity(file[0]) == file[1]


def _identity(path: str) -> tuple[int, int]:
    """Device and inode of the file ``path``; zeros where there is none, so that it is none that was migrated."""
    try:
        entry = os.stat(path)
    except OSError:
        return (0, 0)
    return entry.st_dev, entry.st_ino
