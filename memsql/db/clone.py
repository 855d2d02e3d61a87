"""A throw-away copy of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.config import Target
from memsql.db.connect import connection
from memsql.db.protocol import Connection
from memsql.db.sizes import database_bytes
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError, is_full
from memsql.progress import SILENT, Progress
from memsql.storage import space, work_folders

if TYPE_CHECKING:
    from memsql.db.copying import Choice, Omitted
    from memsql.db.libsql import LibsqlConnection

_SPARE = 1.5
_ROOM = "make room there, or point TMPDIR at a larger disk, and run the command again"


@dataclass(frozen=True, slots=True)
class Clone:
    """A copy of a database: a connection that may write to it, what of a server it lacks, and the journal mode of the
    database itself; a server writes a log."""

    connection: Connection
    omitted: tuple[Omitted, ...] = ()
    journal_mode: str = "wal"


@contextmanager
def clone(
    target: Target, busy_timeout: int, progress: Progress = SILENT, *, choice: Choice | None = None
) -> Iterator[Clone]:
    """Copy the database at ``target`` into a temporary folder, which is removed when the block ends.

    SQLite's backup API copies a file whole. A server is read row by row in one transaction, which holds no lock;
    ``choice`` names the tables whose rows are copied (None: all of them) and means nothing for a file.
    ``busy_timeout`` is in milliseconds. Raises DiskFull where there is no space for the copy, and ConnectError where a
    server has what the SQLite of this machine cannot create or Hrana cannot send.
    """
    with work_folders.temporary("rehearsal") as folder:
        file = replace(target, path=folder / "clone.db", url=None, token=None)
        with connection(target, "ro", busy_timeout) as source:
            progress.start(f"cloning {target}")
            try:
                omitted = _copy(source, file, progress, choice)
            except MemsqlError as e:
                refuse_full(e, file)
                raise
            journal = "wal" if target.is_server else str(source.execute("PRAGMA journal_mode").one())
        # Opened again: the connection that copied the tables behind a virtual table remembers their older content.
        with connection(file, "rw", busy_timeout) as conn:
            conn.execute("PRAGMA synchronous = off")
            conn.execute("PRAGMA journal_mode = delete")
            assert isinstance(conn, SQLiteConnection)
            conn.confine()
            try:
                yield Clone(conn, omitted, journal)
            except MemsqlError as e:
                refuse_full(e, conn.target)
                raise


def refuse_full(error: MemsqlError, file: Target) -> None:
    """Raise DiskFull where ``error`` came of a full disk under the clone ``file``."""
    if not is_full(error) or file.path is None:
        return
    folder = file.path.parent.parent
    refused = space.full(
        folder, f"the clone and what runs on it in the temporary folder {folder}", error.message, _ROOM
    )
    refused.statement = error.statement
    refused.state = "this was a rehearsal on a clone: the database was not touched"
    raise refused from error


def _copy(source: Connection, file: Target, progress: Progress, choice: Choice | None) -> tuple[Omitted, ...]:
    assert file.path is not None
    with connection(file, "rwc", 0) as copy:
        assert isinstance(copy, SQLiteConnection)
        if isinstance(source, SQLiteConnection):
            _copy_file(source, copy, file.path.parent)
            return ()
        from memsql.db.libsql import LibsqlConnection

        assert isinstance(source, LibsqlConnection)
        return _copy_server(source, copy, progress, choice)


def _copy_file(source: SQLiteConnection, copy: SQLiteConnection, folder: Path) -> None:
    weight = database_bytes(source)
    _refuse_without_space(weight, folder)
    source.copy_to(copy, space.SpaceWatch(weight, folder, "the clone", _ROOM).tick)


def _copy_server(
    source: LibsqlConnection, copy: SQLiteConnection, progress: Progress, choice: Choice | None
) -> tuple[Omitted, ...]:
    from memsql.db.copying import Copier, every_row

    copier = Copier(source, copy, progress)
    size = copier.begin()
    if choice is None:
        assert copy.target.path is not None
        _refuse_without_space(size, copy.target.path.parent)
    return copier.run(choice or every_row)


def _refuse_without_space(size: int, folder: Path) -> None:
    space.refuse_without(int(size * _SPARE), folder.parent, "a clone", _ROOM)
