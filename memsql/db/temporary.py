"""Where SQLite keeps TEMP tables, and whether there is room for one."""

from __future__ import annotations

import os
from pathlib import Path

from memsql.db.sizes import database_bytes
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError, NoSpace, StatementError
from memsql.storage import space

_FULL = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_NOMEM")
_IN_MEMORY = 2
# For the pages that a copy fills only in part.
_SPARE = 1.2


def temporary_folder(conn: SQLiteConnection) -> Path | None:
    """The folder in which SQLite keeps TEMP tables (https://sqlite.org/tempfiles.html); None for memory."""
    if conn.execute("PRAGMA temp_store").one() == _IN_MEMORY:
        return None
    chosen = conn.execute("PRAGMA temp_store_directory").one()
    names = [str(chosen or ""), *map(os.environ.get, ("SQLITE_TMPDIR", "TMPDIR")), "/var/tmp", "/usr/tmp", "/tmp", "."]
    folders = [Path(name) for name in names if name]
    usable = (folder for folder in folders if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK))
    return next(usable, Path())


def keep(conn: SQLiteConnection, name: str, select: str, size: str) -> None:
    """Create the TEMP table ``name`` of the rows of ``select``. ``size``: SQL for about how many bytes that takes.

    Raises NoSpace, with the folder, where there is no room for it.
    """
    folder = temporary_folder(conn)
    if folder is not None:
        _refuse_without_space(conn, folder, size)
    try:
        conn.execute(f"CREATE TEMP TABLE {name} AS {select}")
    except MemsqlError as e:
        if isinstance(e, StatementError) and not (e.code or "").startswith(_FULL):
            raise
        raise _no_space(folder, e.message) from e


def _refuse_without_space(conn: SQLiteConnection, folder: Path, size: str) -> None:
    free = space.free(folder)
    # A copy of some columns is smaller than the database; only where that has no room the rows are measured.
    if free is not None and database_bytes(conn) > free:
        need = int(float(str(conn.execute(size).one())) * _SPARE)
        if need > free:
            raise _no_space(folder, f"it needs about {(need >> 20) + 1} MiB, {free >> 20} MiB are free")


def _no_space(folder: Path | None, reason: str) -> NoSpace:
    place = "in memory" if folder is None else f"in the temporary folder {folder.absolute()}"
    return NoSpace(
        f"rows that this migration reaches have to be kept {place}, to compare them afterwards; that failed: {reason}",
        hint="make room there, or point SQLITE_TMPDIR at a folder with more room, and run the command again",
    )
