"""Lets what was written survive a loss of power."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Write the file ``path`` to the disk, or the names in a folder. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        # Not every file system can sync a folder.
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            raise
    finally:
        os.close(handle)


def sync_names(folder: Path) -> None:
    """Write the names in ``folder`` to the disk, where this system and this user can do that."""
    with suppress(OSError):
        sync(folder)


def write_through(handle: int, data: bytes) -> None:
    """Write all of ``data`` to the open file ``handle``, down to the disk. Raises OSError."""
    write_all(handle, data)
    os.fsync(handle)


def write_all(handle: int, data: bytes) -> None:
    """Write all of ``data`` to the open file ``handle``: os.write() may take a part alone. Raises OSError."""
    view = memoryview(data)
    while view:
        written = os.write(handle, view)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]
