"""Copy a SQLite file in one consistent state, while others go on writing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memsql import hints
from memsql.backups.connections import file_connection
from memsql.backups.copied import Copied
from memsql.backups.digest import digests, shadow_selects
from memsql.backups.manifest import Source
from memsql.config import Target
from memsql.db import connect, libraries
from memsql.db.sizes import database_bytes
from memsql.db.sqlite import SQLiteConnection, translate
from memsql.errors import DamagedError
from memsql.progress import Progress
from memsql.storage import space
from memsql.storage.syncing import sync

_PAGES = 1024
"""How many pages are copied at a time."""
_SPARE = 1.1
"""The free space that a copy needs, as a multiple of the size of the database."""


def copy_file(target: Target, into: Path, busy_timeout: int, progress: Progress) -> Copied:
    """Copy the database ``target`` into the new file ``into``, and hash its tables in the same read transaction.

    In WAL mode others go on writing meanwhile. With a rollback journal a commit of theirs waits for the end of copying
    and hashing, as it would for any reader. Raises ConnectError (missing, damaged, no space) and LockedError.
    """
    with open_source(target, busy_timeout) as conn:
        try:
            conn.execute("BEGIN")
            copy_pages(conn, into, progress)
            tables = digests(conn, progress)
            shadows = digests(conn, progress, choose=shadow_selects)
            source = describe(conn)
        except DamagedError as e:
            e.hint = _hint()
            raise
    return Copied(source, tuple(tables), shadows=tuple(shadows))


@contextmanager
def open_source(target: Target, busy_timeout: int) -> Iterator[SQLiteConnection]:
    """A connection that reads the file ``target``. Raises ConnectError where it is missing or not a database."""
    assert target.path is not None
    # A connection that only reads takes a missing file for an empty database.
    target.expect_file()
    try:
        conn = connect(target, "ro", busy_timeout)
    except DamagedError as e:
        e.hint = _hint()
        raise
    assert isinstance(conn, SQLiteConnection)
    try:
        yield conn
    finally:
        conn.close()


def copy_pages(source: SQLiteConnection, into: Path, progress: Progress) -> None:
    """Copy every page of ``source`` into the new file ``into``, in the open read transaction or in one of its own."""
    # It reads, so that the transaction begins, and sees the size in it.
    weight = database_bytes(source)
    source.execute("SELECT count(*) FROM sqlite_schema")
    room = f"make room there, or choose another disk for backups in {hints.settings_file()}"
    space.refuse_without(int(weight * _SPARE), into.parent, f"a copy of {source.target}", room)
    watch = space.SpaceWatch(weight, into.parent, f"the copy of {source.target}", room)
    progress.start(f"copying {source.target}")
    with file_connection(into, str(into), "rwc", 0) as copy:
        copy.execute("PRAGMA journal_mode = off")
        copy.execute("PRAGMA synchronous = off")

        def tick(_: int, remaining: int, total: int) -> None:
            progress.tick((total - remaining) / total if total else None)
            watch.tick(weight * (total - remaining) // max(1, total))

        try:
            # Between two steps Python handles signals. The read transaction lasts from step to step.
            source.raw.backup(copy.raw, pages=_PAGES, progress=tick)
        except sqlite3.Error as e:
            is_copy = getattr(e, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
            raise translate(e, copy.target if is_copy else source.target) from e
        # The copy of a WAL database is in WAL mode too; a backup is to be one file.
        copy.execute("PRAGMA journal_mode = delete")
    sync(into)


def describe(conn: SQLiteConnection) -> Source:
    """What the manifest says about the file behind ``conn``."""
    mode = str(conn.execute("PRAGMA journal_mode").one())
    return Source(str(conn.target), conn.target.identity, "sqlite", libraries.version(), mode)


def _hint() -> str:
    """What to do with a database that cannot be copied whole."""
    return f"restore a backup; keep what can still be read with: {hints.command('backup --salvage')}"
