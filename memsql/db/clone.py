"""A throw-away copy of a database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.config import Target
from memsql.db.connect import connect
from memsql.db.protocol import Connection
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import ConnectError

if TYPE_CHECKING:
    from memsql.db.copying import Choice
    from memsql.db.libsql import LibsqlConnection

_SPARE = 1.5


@contextmanager
def clone(
    source_target: Target,
    busy_timeout: int,
    note: Callable[[str], None] = lambda _: None,
    *,
    choice: Choice | None = None,
    omitted: Callable[[str], None] = lambda _: None,
) -> Iterator[Connection]:
    """A writable copy of the database in a temporary folder, gone when the block ends.

    A file is copied whole by SQLite's backup API. A server is read in one transaction, row by row, which holds
    no lock; ``choice`` names the tables whose rows are wanted (all of them where it is None) and says nothing
    about a file. ``omitted`` is told what of a server had to be left out. Raises ConnectError where there is no space,
    or where a server has what the SQLite of this machine cannot make or Hrana cannot send.
    """
    source = connect(source_target, "ro", busy_timeout)
    folder = Path(tempfile.mkdtemp(prefix="memsql-rehearsal-"))
    try:
        target = replace(source_target, path=folder / "clone.db", url=None, token=None)
        note(f"cloning {source_target}")
        conn = connect(target, "rwc", busy_timeout)
        try:
            assert isinstance(conn, SQLiteConnection)
            if isinstance(source, SQLiteConnection):
                _copy_file(source, conn, folder)
            else:
                from memsql.db.libsql import LibsqlConnection

                assert isinstance(source, LibsqlConnection)
                _copy_server(source, conn, folder, note, choice, omitted)
                # What a virtual table remembers of its shadows is older than what lies in them now.
                conn.close()
                conn = connect(target, "rwc", busy_timeout)
            source.close()
            conn.execute("PRAGMA synchronous = off")
            conn.execute("PRAGMA journal_mode = delete")
            yield conn
        finally:
            conn.close()
    finally:
        source.close()
        shutil.rmtree(folder, ignore_errors=True)


def _copy_file(source: SQLiteConnection, conn: SQLiteConnection, folder: Path) -> None:
    pages = source.execute("PRAGMA page_count").one()
    page_size = source.execute("PRAGMA page_size").one()
    assert isinstance(pages, int)
    assert isinstance(page_size, int)
    _refuse_without_space(pages * page_size, folder)
    source.copy_to(conn)


def _copy_server(
    source: LibsqlConnection,
    conn: SQLiteConnection,
    folder: Path,
    note: Callable[[str], None],
    choice: Choice | None,
    omitted: Callable[[str], None],
) -> None:
    from memsql.db.copying import Copier, Stored, every_row

    def say(thing: Stored, why: str) -> None:
        omitted(f"the {thing.kind} {thing.name}: {why}")

    copier = Copier(source, conn, note, say)
    size = copier.begin()
    if choice is None:
        _refuse_without_space(size, folder)
    copier.run(choice or every_row)


def _refuse_without_space(size: int, folder: Path) -> None:
    need = int(size * _SPARE)
    free = shutil.disk_usage(folder).free
    if need > free:
        raise ConnectError(
            f"no space for a clone, which needs about {need >> 20} MiB in {folder.parent}, {free >> 20} MiB are free",
            hint="point TMPDIR at a larger disk",
        )
