"""Put a proven database in the place of a file: at any moment there is the old one or the new one."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from memsql.backups.catalogue import Backup
from memsql.backups.digest import TableDigest, differences, digests
from memsql.backups.holders import holders, holders_of
from memsql.backups.manifest import Manifest
from memsql.backups.names import stamp
from memsql.backups.proof import prove, require
from memsql.backups.prove import unpack
from memsql.backups.workplace import sync, workplace
from memsql.config import Target
from memsql.db import Connection, connect
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, ConnectError, Interrupted, LockedError, MemsqlError
from memsql.progress import Progress

_MAGIC = b"SQLite format 3\0"
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class InPlace:
    """A database file was made, or replaced. ``kept`` is where the old one lies now, ``warnings`` what the person should
    know."""

    tables: tuple[TableDigest, ...]
    kept: Path | None
    warnings: tuple[str, ...] = ()


def restore_file(backup: Backup, target: Target, busy_timeout: int, progress: Progress) -> InPlace:
    """Make the file ``target`` the database of ``backup``: proven before it takes the name, and again under it.

    What lay there is kept as ``NAME.replaced-…`` beside it. Raises CheckFailed (the backup is not proven), LockedError
    (somebody has the database open) and ConnectError; then the old file is as it was.
    """
    assert target.path is not None
    path = Path(os.path.realpath(target.path))
    if path.is_dir():
        raise ConnectError(f"{target} is a folder, not a database file", state="nothing was changed")
    if not path.parent.is_dir():
        raise ConnectError(f"the folder of {target} does not exist", state="nothing was changed", hint="make it first")
    if path.exists() and not os.access(path, os.W_OK):
        raise ConnectError(
            f"{target} cannot be written: it is read-only", hint=f"chmod u+w {target}, if it is to be replaced"
        )
    refuse_in_use(target, path)
    with workplace(path.parent, str(target.path.parent)) as work:
        made = work / "restored.db"
        manifest = unpack(backup, made, progress)
        require(
            prove(made, manifest.tables, progress),
            f"{backup.path.name} is not what it was",
            state=f"{target} was not touched",
            hint="use another backup: invoke backup.list",
        )
        _dress(made, path)
        return _put(made, manifest, target, path, busy_timeout, progress)


def refuse_in_use(target: Target, path: Path) -> None:
    """Raise LockedError where another process has the database open, even if it does nothing."""
    found = holders([path, *(Path(f"{path}{ending}") for ending in _BESIDE)])
    if found:
        raise _in_use(target, ", ".join(f"{name} ({pid})" for pid, name in found))


def _in_use(target: Target, who: str) -> LockedError:
    return LockedError(
        f"{target} is open in another process: {who}",
        state="nothing was changed",
        hint="stop what uses the database, then run this again; or restore beside it with --to PATH",
    )


def _dress(made: Path, path: Path) -> None:
    """Owner and mode of the file that is replaced; of a new one, those SQLite would give it."""
    try:
        old = path.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        made.chmod(0o644 & ~mask)
    else:
        if (old.st_uid, old.st_gid) != (made.stat().st_uid, made.stat().st_gid):
            os.chown(made, old.st_uid, old.st_gid)
        made.chmod(old.st_mode & 0o7777)
    sync(made)


def _put(made: Path, manifest: Manifest, target: Target, path: Path, busy_timeout: int, progress: Progress) -> InPlace:
    old = _identity(path)
    fresh = connect(Target(path=made, display=str(target)), "ro", 0)
    try:
        # A read lock on the new file, under whatever name: nobody can change it before it is proven in its place.
        fresh.execute("BEGIN")
        fresh.execute("SELECT count(*) FROM sqlite_schema")
        try:
            with _alone(target, path, busy_timeout) as held, _kept(path, held) as kept:
                os.replace(made, path)
        except KeyboardInterrupt:
            if _identity(path) == old:
                raise
            raise _stopped(target, "the restored file is in its place") from None
        tables = _prove_there(fresh, manifest, target, path, kept, progress)
    finally:
        fresh.close()
    warnings = _wal_again(target, path, manifest, busy_timeout)
    late = holders_of({old}) if old else []
    if late:
        who = ", ".join(f"{name} ({pid})" for pid, name in late)
        warnings = (*warnings, f"{who} opened the old file at the last moment: restart it")
    return InPlace(tables, kept, warnings)


def _prove_there(
    fresh: Connection,
    manifest: Manifest,
    target: Target,
    path: Path,
    kept: Path | None,
    progress: Progress,
) -> tuple[TableDigest, ...]:
    """The tables of the file in its place. Raises CheckFailed where they are not those of the backup."""
    progress.start("proving it in its place")
    state = "the restored file is in its place" + (f"; the old one is {kept}" if kept else "")
    try:
        sync(path.parent)
        tables = tuple(digests(fresh, progress))
        unlike = tuple(differences(manifest.tables, tables))
    except (MemsqlError, OSError) as e:
        unlike = (str(e),)
    except KeyboardInterrupt:
        raise _stopped(target, state) from None
    if unlike:
        raise CheckFailed(
            f"{target} does not hold what the backup holds",
            details=unlike,
            state=state,
            hint="the disk may be faulty: restore onto another one with --to PATH",
        )
    return tables


def _stopped(target: Target, state: str) -> Interrupted:
    return Interrupted(
        f"stopped before {target} was proven in its place; it was proven before it came there",
        state=state,
        hint="prove it: invoke verify",
    )


@contextmanager
def _alone(target: Target, path: Path, busy_timeout: int) -> Iterator[SQLiteConnection | None]:
    """Hold the old file so that nobody else can use it, with all of it in one file. Yields the connection that holds it, or
    None where there is nothing that SQLite can hold: no file, or a damaged one."""
    old = _identity(path)
    conn = _open_old(target, path, busy_timeout) if old else None
    if conn is None:
        refuse_in_use(target, path)
        yield None
        return
    was_wal = False
    try:
        try:
            was_wal = conn.execute("PRAGMA journal_mode").one() == "wal"
            conn.execute("PRAGMA journal_mode = delete")
            conn.execute("BEGIN EXCLUSIVE")
            held: SQLiteConnection | None = conn
        except LockedError as e:
            raise _in_use(target, "it holds a lock") from e
        except MemsqlError:
            conn.close()
            held = None
        refuse_in_use(target, path)
        yield held
    except BaseException:
        # Under another name than its own the old file must not be told so.
        if was_wal and _identity(path) == old:
            with suppress(MemsqlError, sqlite3.Error):
                conn.rollback()
                conn.execute("PRAGMA journal_mode = wal")
        raise
    finally:
        conn.close()


def _open_old(target: Target, path: Path, busy_timeout: int) -> SQLiteConnection | None:
    """A connection to the old file, None where it is too damaged for one."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) not in (_MAGIC, b""):
            # SQLite would merge a log into it before it says that it is no database.
            return None
    try:
        conn = connect(Target(path=path, display=str(target)), "rw", busy_timeout)
    except LockedError as e:
        raise _in_use(target, "it holds a lock") from e
    except MemsqlError:
        return None
    assert isinstance(conn, SQLiteConnection)
    return conn


@contextmanager
def _kept(path: Path, held: SQLiteConnection | None) -> Iterator[Path | None]:
    """Give the old file a second name, and yield that. What belongs to a file that could not be held, its log or
    journal, goes with it: it would be applied to the new one. Undone when the block fails."""
    beside = [] if held else [old for old in (Path(f"{path}{ending}") for ending in _BESIDE) if old.exists()]
    if not beside and not path.exists():
        yield None
        return
    kept = _second_name(path, held)
    moves = [(old, kept.with_name(kept.name + old.name.removeprefix(path.name))) for old in beside]
    before = _identity(path)
    try:
        for old, new in moves:
            os.replace(old, new)
        sync(path.parent)
        yield kept
    except BaseException:
        if _identity(path) == before:
            for old, new in moves:
                with suppress(FileNotFoundError):
                    os.replace(new, old)
            kept.unlink(missing_ok=True)
        raise


def _second_name(path: Path, held: SQLiteConnection | None) -> Path:
    """A name beside ``path`` that nobody has, given to its file if there is one."""
    begun, number = stamp(datetime.now(UTC)), 0
    while True:
        number += 1
        kept = path.with_name(f"{path.name}.replaced-{begun}" + (f"-{number}" if number > 1 else ""))
        if kept.exists():
            continue
        try:
            if path.exists():
                os.link(path, kept)
        except FileExistsError:
            continue
        except OSError:
            _copy(path, kept, held)
        return kept


def _copy(path: Path, kept: Path, held: SQLiteConnection | None) -> None:
    """For a file system without hard links. Through the connection that holds the file: to open and close it in another way
    would give the lock away (https://sqlite.org/howtocorrupt.html, section 2.2)."""
    if held is None:
        shutil.copy2(path, kept)
    else:
        held.rollback()
        copy = connect(Target(path=kept, display=str(kept)), "rwc", 0)
        try:
            assert isinstance(copy, SQLiteConnection)
            held.copy_to(copy)
        finally:
            copy.close()
        shutil.copystat(path, kept)
        held.execute("BEGIN EXCLUSIVE")
    sync(kept)


def _wal_again(target: Target, path: Path, manifest: Manifest, busy_timeout: int) -> tuple[str, ...]:
    if manifest.source.journal_mode != "wal":
        return ()
    try:
        conn = connect(Target(path=path, display=str(target)), "rw", busy_timeout)
        try:
            mode = str(conn.execute("PRAGMA journal_mode = wal").one())
        finally:
            conn.close()
    except MemsqlError as e:
        mode = e.message
    return () if mode == "wal" else (f"the source was in WAL mode, and this is not: {mode}",)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
