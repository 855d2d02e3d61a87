"""A manifest for a copy, as backup.create would write it, for tests of what restores it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import servers
from odd_databases import state
from proxy import Action, Request
from servers import target
from watching import Watching

from memsql.backups.copied import Copied
from memsql.backups.copy_server import copy_server
from memsql.backups.digest import digests
from memsql.backups.manifest import Manifest, Source
from memsql.backups.restore_server import restore_server
from memsql.config import Target
from memsql.db import connect
from memsql.db.copying import Omitted
from memsql.errors import MemsqlError
from memsql.progress import SILENT, Progress
from memsql.server import Running


def copy(url: str, into: Path, progress: Progress = SILENT, *, salvage: bool = False) -> Copied:
    """Copy the server at ``url`` into the file ``into``."""
    return copy_server(target(url), into, 5000, progress, salvage=salvage)


def manifest_of(path: Path, omitted: tuple[Omitted, ...] = ()) -> Manifest:
    """The manifest of the SQLite file ``path``, taken for proven."""
    with closing(connect(Target(path=path))) as conn:
        tables = tuple(digests(conn))
    content = path.read_bytes()
    sha = hashlib.sha256(content).hexdigest()
    return Manifest(
        path.name,
        "2026-01-02T03:04:05+00:00",
        "test",
        Source("x", "x", "sqlite", "3", "delete"),
        "sqlite",
        None,
        len(content),
        sha,
        len(content),
        sha,
        None,
        (),
        "",
        tables,
        omitted,
        (),
        (),
        proven=True,
        salvaged=False,
        seconds=1.0,
    )


def restore(
    path: Path, url: str, progress: Progress = SILENT, *, replace: bool = False, omitted: tuple[Omitted, ...] = ()
) -> None:
    """Restore the file ``path`` to the server at ``url``, and see that the answer is what the file holds."""
    manifest = manifest_of(path, omitted)
    assert (
        restore_server(path, manifest, target(url), busy_timeout=5000, replace=replace, progress=progress)
        == manifest.tables
    )


OLD = """
CREATE TABLE kept (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);
INSERT INTO kept VALUES (7, 'old');
CREATE VIEW old_view AS SELECT a FROM kept;
CREATE VIRTUAL TABLE old_fts USING fts5(a, content='kept', content_rowid='id');
INSERT INTO old_fts (old_fts) VALUES ('rebuild');
CREATE TRIGGER old_trigger AFTER INSERT ON kept BEGIN SELECT 1; END;
"""


def seen(url: str) -> object:
    with closing(connect(servers.target(url))) as conn:
        return state(conn)


def kill(server: Running) -> None:
    server.process.kill()
    server.process.wait()


def stopping_at(text: str, do: Callable[[], object]) -> Watching:
    """Calls ``do`` once, when work begins whose label starts with ``text``."""
    left = [do]
    return Watching(lambda label: left.pop()() if left and label.startswith(text) else None)


def outcome(do: Callable[[], object]) -> MemsqlError | None:
    """The error that ``do`` ends with, if it does."""
    try:
        do()
    except MemsqlError as e:
        return e
    return None


def once(match: str, action: Action) -> Callable[[Request], Action]:
    left = [action]
    return lambda request: left.pop() if left and match in request.body else None
