"""A throw-away copy of a database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from memsql.config import Target
from memsql.db.connect import connect
from memsql.db.protocol import Connection
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import ConnectError, UsageError

_SPARE = 1.5


@contextmanager
def clone(
    source_target: Target, busy_timeout: int, note: Callable[[str], None] = lambda _: None
) -> Iterator[Connection]:
    """A writable copy of the database in a temporary folder, gone when the block ends.

    The copy is made by SQLite's backup API from one consistent state. Raises ConnectError where there
    is no space for it, and UsageError for a server, which nobody can copy page by page.
    """
    if source_target.path is None:
        raise UsageError(f"{source_target} is a libSQL server, which cannot be cloned",
                         hint="try it on a file, or on a branch of the database, first")
    source = connect(source_target, "ro", busy_timeout)
    folder = Path(tempfile.mkdtemp(prefix="memsql-rehearsal-"))
    try:
        assert isinstance(source, SQLiteConnection)
        pages = source.execute("PRAGMA page_count").one()
        page_size = source.execute("PRAGMA page_size").one()
        assert isinstance(pages, int)
        assert isinstance(page_size, int)
        need = int(pages * page_size * _SPARE)
        free = shutil.disk_usage(folder).free
        if need > free:
            raise ConnectError(
                f"no space for a clone, which needs about {need >> 20} MiB in {folder.parent}, {free >> 20} MiB are free",
                hint="point TMPDIR at a larger disk",
            )
        note(f"cloning {source_target}")
        target = replace(source_target, path=folder / "clone.db")
        conn = connect(target, "rwc", busy_timeout)
        try:
            assert isinstance(conn, SQLiteConnection)
            source.copy_to(conn)
            source.close()
            conn.execute("PRAGMA synchronous = off")
            conn.execute("PRAGMA journal_mode = delete")
            yield conn
        finally:
            conn.close()
    finally:
        source.close()
        shutil.rmtree(folder, ignore_errors=True)
