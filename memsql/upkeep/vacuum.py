"""Write a database anew without holes: in place, or into a new file that is proven to hold the same."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memsql import hints
from memsql.backups.connections import file_connection
from memsql.backups.digest import TableDigest, digests, shadow_selects
from memsql.backups.proof import ProofReport, prove, require
from memsql.backups.workplace import workplace
from memsql.config import Target
from memsql.db import damage, litestream
from memsql.db.connect import Mode
from memsql.db.sizes import database_bytes
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import LockedError, Refused, StatementError, UsageError
from memsql.progress import Progress
from memsql.schema import dump, read
from memsql.storage.new_files import create_empty, place
from memsql.storage.syncing import sync
from memsql.upkeep import space
from memsql.upkeep.running import stating, watched
from memsql.upkeep.space import VacuumForecast
from memsql.words import size

_INCREMENTAL = 2


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """The result in bytes. ``into``: the new file, ``tables`` and ``rows`` what was proven of it, ``locked`` whether
    the write lock had to be held for it. ``log_left``: bytes of the write-ahead log that others kept from being given
    back."""

    before: int
    after: int
    seconds: float
    into: Path | None = None
    tables: int = 0
    rows: int = 0
    locked: bool = False
    log_left: int = 0


def refusal(target: Target) -> UsageError:
    """The error for a server: it runs no VACUUM."""
    return UsageError(
        f"{target} is a libSQL server, which refuses VACUUM and PRAGMA incremental_vacuum as unsupported statements",
        state="nothing was changed",
        hint=f"it uses free pages again; a copy without holes: {hints.command('backup --format sql')}",
    )


def refuse_renumbering(outlook: VacuumForecast) -> None:
    """Raise Refused where a VACUUM in place would part full-text indexes from their rows."""
    if outlook.bound:
        raise Refused(
            f"VACUUM may give the rows of {', '.join(outlook.renumbered)} other rowids, by which"
            f" {', '.join(outlook.bound)} knows them: searches would find other rows",
            state="nothing was changed",
            hint=f"VACUUM INTO keeps them: {hints.command('maintain.vacuum --into FILE')}; or give the table an "
            "INTEGER PRIMARY KEY",
        )


def refuse_damaged(conn: SQLiteConnection, progress: Progress) -> None:
    """Raise Refused where pages of the database are damaged, and Interrupted where a signal came."""
    with stating("maintain.vacuum", lambda: "nothing was changed") as stopped, watched(conn, stopped):
        progress.start("looking for damaged pages")
        damage.refuse(conn)


def in_place(conn: SQLiteConnection, progress: Progress) -> Vacuumed:
    """VACUUM. It waits for the lock of all others, and holds it to the end.

    Raises LockedError, and Interrupted where a signal came: the database is then as it was.
    """
    started, before = time.perf_counter(), database_bytes(conn)
    done = False
    with (
        stating(
            "maintain.vacuum", lambda: "the database is compact" if done else "the database is as it was"
        ) as stopped,
        watched(conn, stopped),
    ):
        progress.start("writing the database anew")
        try:
            conn.execute("VACUUM")
        except StatementError as e:
            if e.is_full:
                raise space.filled(conn, e) from e
            raise
        done = True
    return Vacuumed(before, database_bytes(conn), time.perf_counter() - started, log_left=_shorten_log(conn))


def refuse_without_increments(conn: SQLiteConnection) -> None:
    """Raise UsageError where auto_vacuum is not INCREMENTAL."""
    if conn.execute("PRAGMA auto_vacuum").one() != _INCREMENTAL:
        raise UsageError(
            f"{conn.target} has no incremental vacuum: its PRAGMA auto_vacuum is not INCREMENTAL",
            state="nothing was changed",
            hint=f"the whole file at once: {hints.command('maintain.vacuum')}; to change that: "
            "PRAGMA auto_vacuum = INCREMENTAL and then VACUUM",
        )


def incremental(conn: SQLiteConnection, pages: int, progress: Progress) -> Vacuumed:
    """Give at most ``pages`` free pages back to the disk, 0 for all of them."""
    started, before = time.perf_counter(), database_bytes(conn)
    with stating("maintain.vacuum", lambda: "the database is whole, as it was") as stopped, conn.observe(stopped):
        progress.start("giving free pages back")
        # As a text: Python ends a statement without columns after its first step, which gives one page back.
        conn.script(f"PRAGMA incremental_vacuum({pages})")
    return Vacuumed(before, database_bytes(conn), time.perf_counter() - started, log_left=_shorten_log(conn))


def into_file(source: Target, path: Path, busy_timeout: int, progress: Progress) -> Vacuumed:
    """Write the database ``source`` without holes into the new file ``path``, and prove that it holds the same: pages,
    schema, every table by its hash, full-text indexes. The source is only read.

    Where somebody writes meanwhile, it is done again under the write lock. Raises UsageError where ``path`` is there,
    CheckFailed where the proof fails; then there is no file.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already", state="nothing was changed", hint="name a file that is not there")
    started = time.perf_counter()
    folder = path.absolute().parent
    with (
        stating(
            "maintain.vacuum",
            lambda: f"{source} was only read" + ("" if path.exists() else f"; {path} was not written"),
        ) as stopped,
        workplace(folder, str(folder)) as work,
    ):
        copy = work / "vacuumed.db"
        locked = False
        report = _attempt(source, copy, busy_timeout, progress, stopped=stopped)
        if report is None:
            copy.unlink()
            locked = True
            with file_connection(_path(source), str(source), "rw", busy_timeout) as lock:
                lock.begin()
                report = _attempt(source, copy, busy_timeout, progress, stopped=stopped)
        if report is None:
            raise LockedError(f"{source} was written while it was read", hint="run it again")
        require(report, f"{path} would not hold the same", state=f"{source} was only read", hint=_hint(source))
        sync(copy)
        try:
            place(copy, path)
        except FileExistsError:
            raise UsageError(f"{path} is there already", hint="name a file that is not there") from None
        sync(folder)
    rows = sum(table.rows for table in report.tables)
    with file_connection(_path(source), str(source)) as conn:
        before = database_bytes(conn)
    return Vacuumed(before, path.stat().st_size, time.perf_counter() - started, path, len(report.tables), rows, locked)


def _attempt(
    source: Target, copy: Path, busy_timeout: int, progress: Progress, *, stopped: Callable[[], bool]
) -> ProofReport | None:
    """The proof of ``copy``, which is written; None where somebody wrote into ``source`` meanwhile."""
    # From a connection that may not write, SQLite 3.40 numbers the rows of tables with a CHECK anew.
    mode: Mode = "rw" if os.access(_path(source), os.W_OK) else "ro"
    with (
        file_connection(_path(source), str(source), mode, busy_timeout) as writer,
        file_connection(_path(source), str(source), "ro", busy_timeout) as reader,
        watched(writer, stopped),
        watched(reader, stopped),
    ):
        reader.execute("SELECT count(*) FROM sqlite_schema")
        version = reader.execute("PRAGMA data_version").one()
        progress.start(f"writing {copy.parent.parent}")
        # VACUUM INTO writes another file, and SQLite counts that as a write.
        writer.execute("PRAGMA query_only = off")
        create_empty(copy)
        writer.execute("VACUUM INTO ?", (os.fspath(copy),))
        tables, shadows, schema = _content(reader, progress)
        if reader.execute("PRAGMA data_version").one() != version:
            return None
    report = prove(copy, tables, progress, shadows=shadows)
    if report.schema_sha256 != schema:
        raise Refused(f"the schema of the new file is not that of {source}", state=f"{source} was only read")
    return report


def _hint(source: Target) -> str:
    if os.access(_path(source), os.W_OK):
        return f"see: {hints.command('verify')}"
    return f"{source} may not be written, and older versions of SQLite then give rows other rowids: make it writable"


def _content(conn: SQLiteConnection, progress: Progress) -> tuple[list[TableDigest], list[TableDigest], str]:
    conn.execute("BEGIN")
    try:
        tables = digests(conn, progress)
        shadows = digests(conn, progress, choose=shadow_selects)
        schema = hashlib.sha256(dump(read(conn)).encode("utf-8", "surrogatepass")).hexdigest()
    finally:
        conn.rollback()
    return tables, shadows, schema


def _shorten_log(conn: SQLiteConnection) -> int:
    """Give the write-ahead log back, which VACUUM has made as long as the database. Returns the bytes that others
    keep."""
    if conn.execute("PRAGMA journal_mode").one() != "wal":
        return 0
    if not litestream.is_replicated(conn):
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log = _path(conn.target).with_name(_path(conn.target).name + "-wal")
    return log.stat().st_size if log.exists() else 0


def _path(target: Target) -> Path:
    assert target.path is not None
    return target.path


def gained(result: Vacuumed) -> str:
    """``4.0 MiB → 1.0 MiB (−75 %)``."""
    share = (result.after - result.before) / result.before if result.before else 0.0
    return f"{size(result.before)} → {size(result.after)} ({share:+.0%})".replace("%)", " %)").replace("-", "−")
