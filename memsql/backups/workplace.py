"""Where a backup or a restore grows until it is whole: a hidden folder with a lock, on the file system of the result.

Who is killed leaves the folder behind, and nobody's lock on it; the next run sees that and removes it.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from memsql.errors import ConnectError, StatementError

_PREFIX = ".memsql-work-"
_LOCK = "lock"
_FULL = ("SQLITE_FULL", "SQLITE_IOERR")
CHUNK = 1 << 20


@contextmanager
def workplace(parent: Path, shown: str) -> Iterator[Path]:
    """A folder of one's own in ``parent``, gone when the block ends; what dead runs left there goes too.

    Raises ConnectError where ``parent`` (called ``shown``) cannot be written, inside the block too.
    """
    with writing(shown):
        sweep(parent)
        folder, lock = _claim(parent)
    try:
        with writing(shown):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def writing(shown: str) -> Iterator[None]:
    """Say in one sentence what kept a file in the folder ``shown`` from being written."""
    try:
        yield
    except OSError as e:
        raise ConnectError(
            f"{shown} cannot be written: {e.strerror or e}", hint="check the folder, its permissions and the free space"
        ) from e
    except StatementError as e:
        if (e.code or "").startswith(_FULL):
            raise ConnectError(f"{shown} cannot be written: {e.message}", hint="make room on that disk") from e
        raise


def sweep(parent: Path) -> bool:
    """Remove what dead runs left in ``parent``; whether a living one is at work there."""
    alive = False
    for folder in parent.glob(_PREFIX + "*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            # Made a moment ago and without its lock yet, or half removed: the lock is the first to come.
            with suppress(OSError):
                if any(folder.iterdir()) and not (folder / _LOCK).exists():
                    shutil.rmtree(folder, ignore_errors=True)
                else:
                    folder.rmdir()
            continue
        except OSError:
            alive = True
            continue
        try:
            if _locked(lock):
                shutil.rmtree(folder, ignore_errors=True)
            else:
                alive = True
        finally:
            os.close(lock)
    return alive


def refuse_without_space(size: int, folder: Path, what: str, hint: str) -> None:
    """Raise ConnectError where ``folder`` has no room for ``size`` bytes."""
    with writing(str(folder)):
        free = shutil.disk_usage(folder).free
    if size > free:
        raise ConnectError(
            f"no space for {what}, which needs about {(size >> 20) + 1} MiB in {folder}, {free >> 20} MiB are free",
            hint=hint,
        )


def place(made: Path, final: Path) -> None:
    """Give the file ``made``, in the same file system, the name ``final`` too. Raises FileExistsError where
    somebody has that name: nothing is ever overwritten."""
    try:
        os.link(made, final)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: the name is reserved first, and then taken over.
        os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            os.replace(made, final)
        except BaseException:
            final.unlink()
            raise


def sync(path: Path) -> None:
    """What was written to the file or folder ``path`` survives a power failure from now on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        # Not every file system knows fsync of a folder.
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            raise
    finally:
        os.close(handle)


def _claim(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        try:
            lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except FileNotFoundError:
            continue
        # A sweep of another process may have come in between and taken the folder for a dead one's.
        if _locked(lock) and (folder / _LOCK).exists():
            return folder, lock
        os.close(lock)


def _locked(handle: int) -> bool:
    """Take the lock of a file that is open; whether it was free. Where there are no locks, nobody is alive."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
