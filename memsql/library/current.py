"""require_current(): an application and the schema of a database fit, or the application is refused."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from memsql import application, hints
from memsql.config import Target
from memsql.db.queries import load
from memsql.db.reading import ReadingConnection, rows_of
from memsql.engine.state import State, read_state
from memsql.errors import NotCurrent
from memsql.library.source import Project, StrPath, opened
from memsql.project import plan
from memsql.project.load import Project as Loaded
from memsql.project.load import load_project

if TYPE_CHECKING:
    from memsql.db import Connection

_APPLIED = load("library/applied")
_SHOWN = 10
_MEMORY = Target(path=Path(":memory:"), display="the database of this connection")


@dataclass
class _Expected:
    """What an application expects. ``rows``: what the database answers where nothing was ever edited. ``accepted``:
    other answers that fit, with what was read to know that."""

    project: Loaded
    stamp: tuple[object, ...]
    rows: frozenset[tuple[object, ...]]
    accepted: set[tuple[frozenset[tuple[object, ...]], bool]] = field(default_factory=set)


_expected: dict[Project, _Expected] = {}
_lock = threading.Lock()


def _renew_lock() -> None:
    """In a child after a fork: whoever held it is not there."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def require_current(
    conn: Any,
    *,
    project: Project | StrPath | None = None,
    foreign_keys: bool = False,
    allow_newer: bool = False,
) -> None:
    """Return where the schema behind ``conn`` is the one that the migrations of ``project`` make; else raise
    NotCurrent.

    ``conn``: an open connection of the application, of sqlite3 or of another driver whose ``execute(sql)`` returns a
    cursor. ``project`` as for migrate(). The database is older where a migration waits or failed, newer where it has
    one that the application does not know: ``allow_newer`` lets that pass, for an old release that still runs while a
    new one starts. ``foreign_keys``: refuse a connection that does not enforce foreign keys too.

    One SELECT, tens of microseconds; it never writes and changes no setting. The files are read at the first call, and
    again where the folder changed. Raises NotCurrent, Refused (foreign keys), FileError, ConfigError.

    Example::

        memsql.require_current(conn, project="my_app.migrations", foreign_keys=True)
    """
    if foreign_keys:
        application.require_foreign_keys(conn)
    expected = _load(Project.of(project))
    rows: frozenset[tuple[object, ...]] | None = None
    # Each driver has errors of its own. Where a table is missing, the judgement says what that means.
    with suppress(Exception):
        rows = frozenset(rows_of(conn, _APPLIED))
    if rows is not None and (rows == expected.rows or (rows, allow_newer) in expected.accepted):
        return
    _judge(expected, conn, allow_newer=allow_newer)
    if rows is not None:
        expected.accepted.add((rows, allow_newer))


def load_expected(project: Project | StrPath | None) -> None:
    """Read the files of ``project``, so that require_current() need not. Raises FileError, ConfigError."""
    _load(Project.of(project))


def _load(project: Project) -> _Expected:
    known = _expected.get(project)
    stamp = None if known is None else _stamp(known.project.settings.migrations, project)
    if known is not None and known.stamp == stamp:
        return known
    with _lock, opened(project, _MEMORY, None) as settings:
        loaded = load_project(settings)
        rows = frozenset((m.id, m.checksum, plan.APPLIED) for m in loaded.ordered)
        _expected[project] = _Expected(loaded, _stamp(settings.migrations, project), rows)
        return _expected[project]


def _stamp(folder: Path, project: Project) -> tuple[object, ...]:
    """What changes where files come and go, or where another package of this name is imported."""
    module = sys.modules.get(project.place) if project.is_package else None
    try:
        return module, os.stat(folder).st_mtime_ns
    except OSError:
        # A package in a zip file.
        return module, None


def _judge(expected: _Expected, conn: Any, *, allow_newer: bool) -> None:
    """Raise NotCurrent where the ledger behind ``conn`` does not fit, as a status would have it."""
    state = read_state(expected.project, cast("Connection", ReadingConnection(conn, _MEMORY)))
    refuse_other(state, allow_newer=allow_newer)


def refuse_other(state: State, *, allow_newer: bool) -> None:
    """Raise NotCurrent where ``state`` is not that of a database on which all migrations are applied as they are."""

    def ids(*states: str) -> tuple[str, ...]:
        return tuple(s.id for s in state.statuses if s.state in states)

    pending = ids(plan.PENDING, plan.ROLLED_BACK, plan.OUT_OF_ORDER)
    pending += tuple(s.id for s in state.statuses if s.lacks)
    failed, changed, missing = ids(plan.FAILED), ids(plan.EDITED), ids(plan.MISSING)
    newer = () if allow_newer else missing
    sentences = [
        sentence
        for sentence in (
            _sentence("the database is older than this application: it lacks", pending),
            _sentence("the last attempt failed of", failed),
            _sentence("the database is newer than this application, which does not know", newer),
            _sentence("what was applied is not what the file says now:", changed),
        )
        if sentence
    ]
    if not sentences:
        return
    older = f"migrate it: {hints.command('migrate.up')}, or memsql.migrate(…)"
    hint = older if pending or failed else "start the release that belongs to this database"
    if changed:
        hint = f"see what changed: {hints.command('migrate.status')}"
    raise NotCurrent(
        sentences[0],
        pending=pending,
        newer=missing,
        failed=failed,
        changed=changed,
        details=tuple(sentences[1:]),
        hint=hint,
    )


def _sentence(begin: str, ids: Sequence[str]) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"{begin} {', '.join(ids[:_SHOWN])}{more}"
