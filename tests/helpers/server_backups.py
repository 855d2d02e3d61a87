"""A manifest for a copy, as backup.create would write it, for tests of what restores it."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

from servers import target

from memsql.backups.copied import Copied
from memsql.backups.copy_server import copy_server
from memsql.backups.digest import digests
from memsql.backups.manifest import Manifest, Source
from memsql.backups.restore_server import restore_server
from memsql.config import Target
from memsql.db import connect
from memsql.db.copying import Omitted
from memsql.progress import SILENT, Progress


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
        True,
        False,
        1.0,
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
