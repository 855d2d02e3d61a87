"""Folders in which memsql works, and which go with the work.

A file in the folder is locked while the run lives. A run that is killed leaves the folder behind without a lock; the
next run that works in the same place sees that and removes it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from memsql.errors import ConnectError
from memsql.storage.leftovers import remove_folder
from memsql.storage.locks import has_locks, try_lock
from memsql.storage.new_files import open_new

_HIDDEN = ".memsql-work-"
_TEMPORARY, _ENDING = "memsql-", ".work"
_LOCK = "lock"


@contextmanager
def hidden_in(parent: Path) -> Iterator[Path]:
    """A new hidden folder in ``parent``, for what gets a name there when it is complete. Raises OSError."""
    sweep(parent)
    folder, lock = _claim(parent, _HIDDEN, "")
    try:
        yield folder
    finally:
        remove_folder(folder)
        os.close(lock)


@contextmanager
def temporary(purpose: str) -> Iterator[Path]:
    """A new folder in the folder for temporary files; ``purpose`` is a word of its name, such as "drill".

    Raises ConnectError where there can be none.
    """
    try:
        parent = Path(tempfile.gettempdir())
        for left in parent.glob(f"{_TEMPORARY}*{_ENDING}"):
            _sweep(left)
        folder, lock = _claim(parent, f"{_TEMPORARY}{purpose}-", _ENDING)
    except OSError as e:
        raise ConnectError(
            f"no folder for temporary files can be written: {e.strerror or e}",
            state="nothing was changed",
            hint="point TMPDIR at a folder with room",
        ) from None
    try:
        yield folder
    finally:
        remove_folder(folder)
        os.close(lock)


def sweep(parent: Path) -> bool:
    """Remove the hidden folders that dead runs left in ``parent``. Returns whether a living run is at work there."""
    alive = [_sweep(folder) for folder in parent.glob(_HIDDEN + "*")]
    return any(alive)


def _sweep(folder: Path) -> bool:
    """Remove ``folder`` where a dead run left it. Returns whether a living one is at work in it."""
    if not _is_own(folder):
        return False
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        # A run is just creating or removing the folder. One that holds files has lost its lock for good, because the
        # lock is the first file to be created.
        with suppress(OSError):
            if any(folder.iterdir()) and not (folder / _LOCK).exists():
                remove_folder(folder)
            else:
                folder.rmdir()
        return False
    except OSError:
        return True
    try:
        if try_lock(lock):
            remove_folder(folder)
            return False
        return True
    finally:
        os.close(lock)


def _is_own(folder: Path) -> bool:
    """Whether ``folder`` is a folder of this user, and no link. In a shared folder others may plant what they like."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "geteuid") or status.st_uid == os.geteuid())


def _claim(parent: Path, prefix: str, ending: str) -> tuple[Path, int]:
    """Create a folder with a locked file in it. Returns the folder and the handle that holds the lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=ending, dir=parent))
        try:
            lock = open_new(folder / _LOCK)
        except FileNotFoundError:
            continue
        except BaseException:
            remove_folder(folder)
            raise
        # The sweep of another process may have taken the folder for that of a dead run, and removed it.
        if (try_lock(lock) or not has_locks(lock)) and (folder / _LOCK).exists():
            return folder, lock
        os.close(lock)
