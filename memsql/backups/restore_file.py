"""Put a proven database in the place of a file. At any moment the old file or the new one is there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from memsql import hints
from memsql.backups.catalogue import Backup
from memsql.backups.connections import file_connection
from memsql.backups.digest import TableDigest, differences, digests
from memsql.backups.manifest import Manifest
from memsql.backups.names import stamp
from memsql.backups.restored import Restored, Unpack
from memsql.backups.workplace import CHUNK, workplace
from memsql.config import Target
from memsql.db import Connection, connect
from memsql.db.file_format import read_head, refuse_other_engine
from memsql.db.holders import file_id, files_beside, holders, holders_of, named
from memsql.db.litestream import has_folder
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, ConnectError, Interrupted, LockedError, MemsqlError
from memsql.progress import Progress
from memsql.storage import regular, space
from memsql.storage.leftovers import note, remove_file
from memsql.storage.new_files import keep_mode_of_backup, keep_owner_and_mode, open_new
from memsql.storage.syncing import sync

_MAGIC = b"SQLite format 3\0"
"""The first bytes of every database file (https://sqlite.org/fileformat.html)."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the database goes: ``target`` as a person named it, ``path`` without symbolic links, ``busy_timeout`` in
    milliseconds."""

    target: Target
    path: Path
    busy_timeout: int


def restore_file(unpack: Unpack, target: Target, busy_timeout: int, progress: Progress) -> Restored:
    """Make the file ``target`` the database that ``unpack`` writes, which is proven again after it got that name.

    A file that lies there is kept beside it as ``NAME.replaced-…``. Raises what ``unpack`` raises, CheckFailed,
    LockedError (another process has the database open) and ConnectError; the old file is as it was then.
    """
    assert target.path is not None
    place = _Place(target, Path(os.path.realpath(target.path)), busy_timeout)
    _refuse_unwritable(place)
    _refuse_in_use(place)
    with workplace(place.path.parent, str(target.path.parent)) as folder:
        new = folder / "restored.db"
        backup = unpack(new)
        assert backup.manifest is not None
        warnings = _keep_owner_and_mode(new, place, backup)
        tables, kept, later = _put(new, backup.manifest, place, progress)
    return Restored(backup, str(target), tables, kept, (*warnings, *later), backup.manifest.omitted)


def _refuse_unwritable(place: _Place) -> None:
    """Raise ConnectError where the file cannot be replaced."""
    target, path = place.target, place.path
    if path.is_dir():
        raise ConnectError(f"{target} is a folder, not a database file", state="nothing was changed")
    if not path.parent.is_dir():
        raise ConnectError(f"the folder of {target} does not exist", state="nothing was changed", hint="make it first")
    if path.exists():
        refuse_other_engine(str(path), read_head(str(path)), str(target))
    if path.exists() and not os.access(path, os.W_OK):
        raise ConnectError(
            f"{target} cannot be written: it is read-only", hint=f"chmod u+w {target}, if it is to be replaced"
        )


def _refuse_in_use(place: _Place) -> None:
    """Raise LockedError where another process has the database open, even if it does nothing."""
    processes = holders([place.path, *files_beside(place.path)])
    if processes:
        raise _in_use(place.target, named(processes))


def _in_use(target: Target, who: str) -> LockedError:
    return LockedError(
        f"{target} is open in another process: {who}",
        state="nothing was changed",
        hint="stop what uses the database, then run this again; or restore beside it with --to PATH",
    )


def _keep_owner_and_mode(new: Path, place: _Place, backup: Backup) -> tuple[str, ...]:
    """Give ``new`` the owner and mode of the file that it replaces; where there is none, the mode of the backup.

    Returns a warning where the owner cannot be kept.
    """
    kept = True
    try:
        old = place.path.stat()
    except FileNotFoundError:
        keep_mode_of_backup(new, backup.path.stat())
    else:
        kept = keep_owner_and_mode(new, old)
    sync(new)
    return () if kept else (f"{place.target} belongs to you now: its owner could not be kept",)


def _put(
    new: Path, manifest: Manifest, place: _Place, progress: Progress
) -> tuple[tuple[TableDigest, ...], Path | None, tuple[str, ...]]:
    """Move the proven file ``new`` to its place, and prove it there. Returns its tables, the old file, and warnings."""
    target, path = place.target, place.path
    old = file_id(path)
    with file_connection(new, str(target), "ro", 0) as conn:
        # This takes a read lock on the new file, whatever its name is: nobody can change it before it is proven again.
        conn.execute("BEGIN")
        conn.execute("SELECT count(*) FROM sqlite_schema")
        try:
            with _alone(place) as holder, _kept(path, holder) as kept:
                os.replace(new, path)
        except KeyboardInterrupt:
            if file_id(path) == old:
                raise
            raise _stopped(target, "the restored file is in its place") from None
        tables = _prove_in_place(conn, manifest, place, kept=kept, progress=progress)
    warnings = (*_set_wal_mode(place, manifest), *_of_litestream(place))
    late = holders_of({old}) if old else []
    if late:
        warnings = (*warnings, f"{named(late)} opened the old file at the last moment: restart it")
    return tables, kept, warnings


def _prove_in_place(
    conn: Connection, manifest: Manifest, place: _Place, *, kept: Path | None, progress: Progress
) -> tuple[TableDigest, ...]:
    """The tables of the new file in its place. Raises CheckFailed where they are not those of the backup."""
    progress.start("proving it in its place")
    state = "the restored file is in its place" + (f"; the old one is {kept}" if kept else "")
    try:
        sync(place.path.parent)
        tables = tuple(digests(conn, progress))
        unlike = tuple(differences(manifest.tables, tables))
    except (MemsqlError, OSError) as e:
        unlike = (str(e),)
    except KeyboardInterrupt:
        raise _stopped(place.target, state) from None
    if unlike:
        raise CheckFailed(
            f"{place.target} does not hold what the backup holds",
            details=unlike,
            state=state,
            hint="the disk may be faulty: restore onto another one with --to PATH",
        )
    return tables


def _stopped(target: Target, state: str) -> Interrupted:
    return Interrupted(
        f"stopped before {target} was proven in its place; it was proven before it came there",
        state=state,
        hint=f"prove it: {hints.command('verify')}",
    )


@contextmanager
def _alone(place: _Place) -> Iterator[SQLiteConnection | None]:
    """Lock the old file so that nobody else can use it, and merge its log into it.

    Yields the connection that holds the lock, or None where SQLite can lock nothing: there is no file, or it is
    damaged.
    """
    old = file_id(place.path)
    conn = _open_old(place) if old else None
    if conn is None:
        _refuse_in_use(place)
        yield None
        return
    was_wal = False
    try:
        try:
            was_wal = conn.execute("PRAGMA journal_mode").one() == "wal"
            conn.execute("PRAGMA journal_mode = delete")
            conn.execute("BEGIN EXCLUSIVE")
            holder: SQLiteConnection | None = conn
        except LockedError as e:
            raise _in_use(place.target, "it holds a lock") from e
        except MemsqlError:
            conn.close()
            holder = None
        _refuse_in_use(place)
        yield holder
    except BaseException:
        # Set WAL mode again, but not once the name belongs to the new file.
        if was_wal and file_id(place.path) == old:
            with suppress(MemsqlError, sqlite3.Error):
                conn.rollback()
                conn.execute("PRAGMA journal_mode = wal")
        raise
    finally:
        conn.close()


def _open_old(place: _Place) -> SQLiteConnection | None:
    """A connection to the old file; None where the file is too damaged for one."""
    with regular.open_binary(place.path) as file:
        if file.read(len(_MAGIC)) not in (_MAGIC, b""):
            # SQLite would merge a log into the file before it says that it is not a database.
            return None
    try:
        conn = connect(Target(path=place.path, display=str(place.target)), "rw", place.busy_timeout)
    except LockedError as e:
        raise _in_use(place.target, "it holds a lock") from e
    except MemsqlError:
        return None
    assert isinstance(conn, SQLiteConnection)
    return conn


@contextmanager
def _kept(path: Path, holder: SQLiteConnection | None) -> Iterator[Path | None]:
    """Give the old file a second name and yield that; None where there is no old file. Undone where the block fails.

    The log or journal of a file that could not be locked moves with it, because SQLite would apply it to the new file.
    """
    beside = [] if holder else [old for old in files_beside(path) if old.exists()]
    if not beside and not path.exists():
        yield None
        return
    kept = _second_name(path, holder)
    moves = [(old, kept.with_name(kept.name + old.name.removeprefix(path.name))) for old in beside]
    before = file_id(path)
    try:
        for old, new in moves:
            os.replace(old, new)
        sync(path.parent)
        yield kept
    except BaseException:
        if file_id(path) == before:
            for old, new in moves:
                try:
                    os.replace(new, old)
                except FileNotFoundError:
                    continue
                except OSError as e:
                    note(f"{new} could not get its name {old.name} back: {e.strerror}")
            remove_file(kept)
        raise


def _second_name(path: Path, holder: SQLiteConnection | None) -> Path:
    """A free name beside ``path``. If there is a file ``path``, it has this name too afterwards."""
    now, number = stamp(datetime.now(UTC)), 0
    while True:
        number += 1
        kept = path.with_name(f"{path.name}.replaced-{now}" + (f"-{number}" if number > 1 else ""))
        if kept.exists():
            continue
        try:
            if path.exists():
                os.link(path, kept)
        except FileExistsError:
            continue
        except OSError:
            try:
                handle = open_new(kept)
            except FileExistsError:
                continue
            try:
                _copy(path, kept, handle, holder)
            except BaseException:
                remove_file(kept)
                raise
        return kept


def _copy(path: Path, kept: Path, handle: int, holder: SQLiteConnection | None) -> None:
    """Copy the old file into the new file ``kept``, which ``handle`` has open: on a file system without hard links.

    A file that ``holder`` has locked is copied through that connection: to open and close it in another way would
    release the lock (https://sqlite.org/howtocorrupt.html, section 2.2).
    """
    with os.fdopen(handle, "wb") as new:
        space.refuse_without(path.stat().st_size, kept.parent, f"a copy of {path}, which is kept", "make room there")
        if holder is None:
            with regular.open_binary(path) as old:
                shutil.copyfileobj(old, new, CHUNK)
    if holder is not None:
        holder.rollback()
        with file_connection(kept, str(kept), "rw", 0) as copy:
            holder.copy_to(copy)
        holder.execute("BEGIN EXCLUSIVE")
    old_stat = path.stat()
    keep_owner_and_mode(kept, old_stat)
    os.utime(kept, ns=(old_stat.st_atime_ns, old_stat.st_mtime_ns))
    sync(kept)


def _of_litestream(place: _Place) -> tuple[str, ...]:
    """A warning where Litestream replicates the file that was replaced."""
    if not has_folder(os.fspath(place.path)):
        return ()
    return (
        f"Litestream replicated the file that was replaced: start it again, and see that a restore of its replica has "
        f"what {place.target} has now; the replica has the older database until then",
    )


def _set_wal_mode(place: _Place, manifest: Manifest) -> tuple[str, ...]:
    """Set WAL mode where the source of the backup had it. Returns a warning where that fails."""
    if manifest.source.journal_mode != "wal":
        return ()
    try:
        with file_connection(place.path, str(place.target), "rw", place.busy_timeout) as conn:
            mode = str(conn.execute("PRAGMA journal_mode = wal").one())
    except MemsqlError as e:
        mode = e.message
    return () if mode == "wal" else (f"the source was in WAL mode, and this is not: {mode}",)
