"""Copy the pages of a SQLite file that another program wrote, and take out of its schema what this SQLite cannot
read."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from memsql.db.copying import Omitted
from memsql.db.queries import load
from memsql.errors import CheckFailed, ConnectError
from memsql.progress import Progress
from memsql.sqltext import quote as quote_name
from memsql.sqltext.internal import VECTOR_INDEX
from memsql.storage import regular
from memsql.storage.leftovers import remove_file
from memsql.storage.new_files import create_empty

WAL = b"\x02\x02"
"""Bytes 18 and 19 of a database in WAL mode (https://sqlite.org/fileformat2.html)."""
_PAGES = 1024
_BUSY_SECONDS = 5
_unreadable = re.compile(r"malformed database schema \((.+)\) - (.+)", re.DOTALL).fullmatch
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE")


def copy_foreign_pages(path: Path, shown: str, into: Path, progress: Progress) -> tuple[Omitted, ...]:
    """Copy the database ``path`` into the new file ``into`` in one read transaction, with what its log holds.

    Returns what the copy lacks: the indexes, views and triggers that SQLite cannot read here, and the vector indexes of
    libSQL, through which another SQLite would find no rows. Raises CheckFailed where the file is cut off or damaged,
    ConnectError where it cannot be read or is in use.
    """
    _refuse_cut_off(path, shown)
    try:
        _copy(path, into, progress)
        return _without_unreadable(into, shown)
    except sqlite3.Error as e:
        code = getattr(e, "sqlite_errorname", "") or ""
        if code in _FULL:
            raise ConnectError(f"{shown} cannot be copied: {e}", hint="make room there") from e
        if code.startswith("SQLITE_BUSY"):
            raise ConnectError(f"{shown} is locked by another process", hint="wait until it is written") from e
        if code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise ConnectError(
                f"{shown} cannot be opened as it is: {e}",
                hint="check its permissions; where a -wal or -journal lies beside it, open it once with sqlite3",
            ) from e
        raise CheckFailed(f"{shown} is damaged, and is not restored: {e}", hint="use another backup") from e


def _refuse_cut_off(path: Path, shown: str) -> None:
    """Raise CheckFailed where the file is shorter than its header says, unless a log may hold the rest."""
    if Path(f"{path}-wal").exists() or Path(f"{path}-journal").exists():
        return
    with regular.open_binary(path) as file:
        head = file.read(100)
    page_size, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    page_size = 65536 if page_size == 1 else page_size
    # The number of pages counts only where these two are equal (https://sqlite.org/fileformat2.html#filesize).
    if head[24:28] != head[92:96] or not pages:
        return
    size = path.stat().st_size
    if size < page_size * pages:
        raise CheckFailed(
            f"{shown} is cut off: it has {size:,} bytes, and its header says {page_size * pages:,}",
            hint="copy it again, or use another backup",
        )


def _copy(path: Path, into: Path, progress: Progress) -> None:
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    with regular.open_binary(path) as file:
        # A WAL database without its log cannot be opened for reading alone; nobody has it open, and nothing is missing.
        alone = file.read(20)[18:20] == WAL and not log.exists()
    uri = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode=ro{'&immutable=1' if alone else ''}"
    had_index = index.exists()
    try:
        _copy_open(uri, into, progress)
    finally:
        # A reader of a log makes the index of it, and does not remove it.
        if not had_index:
            remove_file(index)


def _copy_open(uri: str, into: Path, progress: Progress) -> None:
    create_empty(into)
    with (
        closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)) as source,
        closing(sqlite3.connect(into, isolation_level=None)) as copy,
    ):
        source.execute("BEGIN")
        # It reads the header, so that the transaction begins, and not the schema, which may be unreadable here.
        source.execute("PRAGMA user_version").fetchone()
        copy.execute("PRAGMA synchronous = off")

        def tick(_: int, remaining: int, total: int) -> None:
            progress.tick((total - remaining) / total if total else None)

        source.backup(copy, pages=_PAGES, progress=tick)
        # A WAL database gives a WAL copy; it is to be one file.
        copy.execute("PRAGMA writable_schema = on")
        copy.execute("PRAGMA journal_mode = delete")


def _without_unreadable(into: Path, shown: str) -> tuple[Omitted, ...]:
    omitted: list[Omitted] = []
    while (problem := _schema_problem(into)) is not None:
        omitted.append(_take_out(into, shown, *problem))
    with closing(sqlite3.connect(into)) as conn:
        vectors = [str(name) for (name,) in conn.execute(load("backups/vector_indexes"))]
    omitted += [_take_out(into, shown, name, "only libSQL can use it; create it again there") for name in vectors]
    if omitted:
        _rewrite(into)
    return tuple(omitted)


def _schema_problem(into: Path) -> tuple[str, str] | None:
    """The object of the schema that SQLite cannot read here, and why; None where it reads all of it."""
    with closing(sqlite3.connect(into)) as conn:
        try:
            conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as e:
            match = _unreadable(str(e))
            if match is None:
                raise
            return match[1], match[2]
    return None


def _take_out(into: Path, shown: str, name: str, reason: str) -> Omitted:
    """Remove the object ``name`` from the schema, with the tables that only serve it. Raises CheckFailed for a table:
    its rows would go with it."""
    with closing(sqlite3.connect(into, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = on")
        rows = conn.execute(load("backups/unreadable_object"), (name,)).fetchall()
        if len(rows) != 1 or rows[0][0] == "table":
            raise CheckFailed(
                f"{shown} holds the table {name}, which SQLite {sqlite3.sqlite_version} cannot read: {reason}",
                hint="restore it with the program that wrote it, or dump it there",
            )
        type_, sql = str(rows[0][0]), str(rows[0][1])
        conn.execute(load("backups/remove_unreadable"), (name,))
        is_vector = type_ == "index" and VECTOR_INDEX in sql
    if is_vector:
        drop_vector_tables(into, [name])
    return Omitted("vector index" if is_vector else type_, name, sql, reason)


def drop_vector_tables(into: Path, indexes: Sequence[str]) -> None:
    """Drop the tables in which libSQL keeps the vector ``indexes``; a server makes them again with the index."""
    with closing(sqlite3.connect(into, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = on")
        for name in indexes:
            conn.execute(f"DROP TABLE IF EXISTS {quote_name(f'{name}_shadow')}")
        conn.execute("DROP TABLE IF EXISTS libsql_vector_meta_shadow")


def _rewrite(into: Path) -> None:
    """Write the file anew, because the pages of the removed indexes are in no list of it now."""
    smaller = into.with_name(into.name + ".rewritten")
    create_empty(smaller)
    with closing(sqlite3.connect(into, isolation_level=None)) as conn:
        conn.execute("VACUUM INTO ?", (str(smaller),))
    os.replace(smaller, into)
