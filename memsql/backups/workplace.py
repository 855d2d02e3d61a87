"""The hidden folder in which a backup or a restore writes until it is complete, on the file system of the result.

A file in the folder is locked while the run lives. A run that is killed leaves the folder behind without a lock; the
next run sees that and removes it.
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
from memsql.storage.new_files import open_new

_PREFIX = ".memsql-work-"
_LOCK = "lock"
_FULL = ("SQLITE_FULL", "SQLITE_IOERR")
CHUNK = 1 << 20
"""How many bytes of a file are read at a time."""


@contextmanager
def workplace(parent: Path, shown: str) -> Iterator[Path]:
    """A new folder in ``parent``, removed at the end of the block, together with what dead runs left there.

    Raises ConnectError where ``parent``, which errors call ``shown``, cannot be written, also inside the block.
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
    """Turn errors of writing into the folder ``shown`` into a ConnectError that says the reason in one sentence."""
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
    """Remove what dead runs left in ``parent``. Returns whether a living run is at work there."""
    alive = False
    for folder in parent.glob(_PREFIX + "*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            # A run is just creating or removing the folder. One that holds files has lost its lock for good, because
            # the lock is the first file to be created.
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
    """Raise ConnectError where ``folder`` has no room for ``size`` bytes of ``what``."""
    with writing(str(folder)):
        free = shutil.disk_usage(folder).free
    if size > free:
        raise ConnectError(
            f"no space for {what}, which needs about {(size >> 20) + 1} MiB in {folder}, {free >> 20} MiB are free",
            hint=hint,
        )


def sync(path: Path) -> None:
    """Write the file or folder ``path`` to the disk, so that it survives a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        # Not every file system can sync a folder.
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            raise
    finally:
        os.close(handle)


def _claim(parent: Path) -> tuple[Path, int]:
    """Create a folder with a locked file in it. Returns the folder and the handle that holds the lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        try:
            lock = open_new(folder / _LOCK)
        except (FileNotFoundError, FileExistsError):
            continue
        # The sweep of another process may have taken the folder for that of a dead run, and removed it.
        if _locked(lock) and (folder / _LOCK).exists():
            return folder, lock
        os.close(lock)


def _locked(handle: int) -> bool:
    """Lock an open file. Returns whether it was free; always True on a system without such locks."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
