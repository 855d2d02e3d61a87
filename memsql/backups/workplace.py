"""The hidden folder in which a backup or a restore writes until it is complete, on the file system of the result."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memsql.errors import ConnectError, StatementError
from memsql.storage import work_folders

_FULL = ("SQLITE_FULL", "SQLITE_IOERR")
CHUNK = 1 << 20
"""How many bytes of a file are read at a time."""


@contextmanager
def workplace(parent: Path, shown: str) -> Iterator[Path]:
    """A new folder in ``parent``, removed at the end of the block, together with what dead runs left there.

    Raises ConnectError where ``parent``, which errors call ``shown``, cannot be written, also inside the block.
    """
    with writing(shown), work_folders.hidden_in(parent) as folder:
        yield folder


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
