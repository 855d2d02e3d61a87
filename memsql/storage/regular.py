"""Regular files, opened for reading and writing: a pipe or a device in the place of one would let the program wait for
ever, or read without end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# Not everywhere; there, opening a pipe waits.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_binary(path: Path | str) -> BinaryIO:
    """Open a file for reading; links are followed. Raises OSError where that cannot be done, and with ESPIPE where it
    is no regular file."""
    return os.fdopen(handle(path, os.O_RDONLY), "rb")


def read_bytes(path: Path | str) -> bytes:
    """The content of a file. Raises like open_binary()."""
    with open_binary(path) as file:
        return file.read()


def read_text(path: Path | str, *, encoding: str = "utf-8", errors: str = "strict") -> str:
    """The content of a file, with every line end as ``\\n``. Raises like open_binary(), and
    UnicodeDecodeError."""
    return read_bytes(path).decode(encoding, errors).replace("\r\n", "\n").replace("\r", "\n")


def handle(path: Path | str, flags: int) -> int:
    """os.open(), which neither waits nor opens what is no regular file. Raises like open_binary()."""
    opened = os.open(path, flags | _AT_ONCE)
    if stat.S_ISREG(os.fstat(opened).st_mode):
        return opened
    os.close(opened)
    raise not_regular(path)


def open_device(path: Path) -> BinaryIO:
    """Open what is no regular file for writing, such as a terminal, or a pipe that somebody reads. Raises OSError where
    nobody reads it."""
    opened = os.open(path, os.O_WRONLY | _AT_ONCE)
    # Who reads a pipe may be slow.
    os.set_blocking(opened, True)
    return os.fdopen(opened, "wb")


def is_other(path: Path | str) -> bool:
    """Whether ``path`` is there and is no regular file."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def not_regular(path: Path | str) -> OSError:
    """The error for ``path``, which is a pipe, a device or a folder."""
    return OSError(errno.ESPIPE, "it is no regular file", os.fspath(path))
