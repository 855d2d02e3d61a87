"""The hidden folder in which a backup or a restore writes until it is complete, on the file system of the result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memsql.errors import ConnectError, DiskFull, StatementError
from memsql.storage import space, work_folders

CHUNK = 1 << 20
"""How many bytes of a file are read at a time."""


@contextmanager
def workplace(parent: Path, shown: str) -> Iterator[Path]:
    """A new folder in ``parent``, removed at the end of the block, together with what dead runs left there.

    Raises ConnectError where ``parent``, which errors call ``shown``, cannot be written, and DiskFull where its disk is
    full, also inside the block.
    """
    with writing(shown, parent), work_folders.hidden_in(parent) as folder:
        yield folder


@contextmanager
def writing(shown: str, folder: Path | None = None) -> Iterator[None]:
    """Turn errors of writing into ``folder``, which errors call ``shown``, into a DiskFull where its disk is full, and
    else into a ConnectError that says the reason in one sentence. Without a ``folder``, ``shown`` is its path."""
    try:
        yield
    except OSError as e:
        if e.errno in space.FULL:
            raise _full(shown, folder, e.strerror) from e
        raise ConnectError(
            f"{shown} cannot be written: {e.strerror or e}", hint="check the folder, its permissions and the free space"
        ) from e
    except StatementError as e:
        if e.code == "SQLITE_FULL":
            raise _full(shown, folder, e.message) from e
        if (e.code or "").startswith("SQLITE_IOERR"):
            raise ConnectError(f"{shown} cannot be written: {e.message}", hint="make room on that disk") from e
        raise


def _full(shown: str, folder: Path | None, reason: str | None) -> DiskFull:
    return space.full(folder or Path(shown), f"what is written into {shown}", reason, "make room on that disk")
