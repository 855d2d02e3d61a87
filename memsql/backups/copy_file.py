"""One consistent copy of a SQLite file, while others go on writing it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from memsql.backups.copied import Copied
from memsql.backups.digest import digests, shadow_readings
from memsql.backups.manifest import Source
from memsql.backups.workplace import refuse_without_space, sync
from memsql.config import Target
from memsql.db import connect
from memsql.db.sqlite import SQLiteConnection, translate
from memsql.errors import ConnectError, DamagedError
from memsql.progress import Progress

_PAGES = 1024
_SPARE = 1.1
_HINT = "restore a backup; keep what can still be read with: invoke backup --salvage"


def copy_file(target: Target, into: Path, busy_timeout: int, progress: Progress) -> Copied:
    """Copy the database ``target`` into the new file ``into``, and hash its tables in the same read transaction.

    In WAL mode writers go on meanwhile. With a rollback journal a commit waits for the end of copy and hashes, as
    it would for any reader. Raises ConnectError (missing, damaged, no space) and LockedError.
    """
    source = open_source(target, busy_timeout)
    try:
        source.execute("BEGIN")
        copy_pages(source, into, progress)
        tables = digests(source, progress)
        shadows = digests(source, progress, choose=shadow_readings)
        found = describe(source)
    except DamagedError as e:
        e.hint = _HINT
        raise
    finally:
        source.close()
    return Copied(found, tuple(tables), shadows=tuple(shadows))


def open_source(target: Target, busy_timeout: int) -> SQLiteConnection:
    """The file, for reading only. Raises ConnectError where it is missing or no database."""
    assert target.path is not None
    # To a reading connection a missing file is an empty database.
    if not target.path.exists():
        raise ConnectError(
            f"{target} does not exist: there is nothing to back up", hint="check --database, --env and setup.cfg"
        )
    try:
        source = connect(target, "ro", busy_timeout)
    except DamagedError as e:
        e.hint = _HINT
        raise
    assert isinstance(source, SQLiteConnection)
    return source


def copy_pages(source: SQLiteConnection, into: Path, progress: Progress) -> None:
    """Copy every page, in the open read transaction of ``source`` or, without one, in one of its own."""
    # A read, so that the transaction has begun, and the size it sees.
    count, size = (int(str(source.execute(f"PRAGMA {name}").one())) for name in ("page_count", "page_size"))
    source.execute("SELECT count(*) FROM sqlite_schema")
    refuse_without_space(
        int(count * size * _SPARE), into.parent, "the copy", "choose another disk for backups in setup.cfg"
    )
    progress.start(f"copying {source.target}")
    made = Target(path=into, display=str(into))
    copy = connect(made, "rwc", 0)
    assert isinstance(copy, SQLiteConnection)
    try:
        copy.execute("PRAGMA journal_mode = off")
        copy.execute("PRAGMA synchronous = off")

        def tick(_: int, remaining: int, total: int) -> None:
            progress.tick((total - remaining) / total if total else None)

        try:
            # Between the steps Python notices signals. The read transaction is kept from step to step.
            source.raw.backup(copy.raw, pages=_PAGES, progress=tick)
        except sqlite3.Error as e:
            code = getattr(e, "sqlite_errorname", "")
            raise translate(e, made if code in ("SQLITE_FULL", "SQLITE_IOERR_WRITE") else source.target) from e
        # The copy of a WAL database says WAL of itself; one file is to be all of it.
        copy.execute("PRAGMA journal_mode = delete")
    finally:
        copy.close()
    os.chmod(into, 0o600)
    sync(into)


def describe(source: SQLiteConnection) -> Source:
    """What the manifest says of a file."""
    mode = str(source.execute("PRAGMA journal_mode").one())
    return Source(str(source.target), source.target.identity, "sqlite", sqlite3.sqlite_version, mode)
