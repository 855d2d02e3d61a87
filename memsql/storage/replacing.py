"""Writes a file beside another and gives it the name of that one when it is complete.

The file has a lock until then. A run that is killed leaves it behind without a lock; the next one that writes the same
file sees that and removes it.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from memsql.storage.locks import try_lock
from memsql.storage.new_files import Audience, keep_owner_and_mode, open_new

_ENDING = ".tmp"
_RANDOM_BYTES = 4


@contextmanager
def replacing(path: Path, audience: Audience = "owner") -> Iterator[IO[bytes]]:
    """A new file to write, which is called ``path`` after the block, and goes where the block fails.

    A regular file of that name passes its owner and mode on. What is no file, such as a terminal or a pipe, is written
    to. A link is replaced, and not followed: it may lead to any file of this machine. Raises OSError.
    """
    if _is_device(path):
        with path.open("wb") as file:
            yield file
        return
    _sweep(path)
    temporary, handle = _claim(path, audience)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            with suppress(FileNotFoundError):
                old = path.lstat()
                if stat.S_ISREG(old.st_mode):
                    keep_owner_and_mode(temporary, old)
            os.fsync(file.fileno())
            # While it is locked: nobody takes it for the file of a dead run.
            os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _is_device(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _claim(path: Path, audience: Audience) -> tuple[Path, int]:
    """Create a locked file beside ``path``. Returns its path and its handle."""
    while True:
        temporary = path.with_name(f"{path.name}{secrets.token_hex(_RANDOM_BYTES)}{_ENDING}")
        try:
            handle = open_new(temporary, audience)
        except FileExistsError:
            continue
        try_lock(handle)
        # Another process may have seen it before it was locked.
        if temporary.exists():
            return temporary, handle
        os.close(handle)


def _sweep(path: Path) -> None:
    """Remove what dead runs left beside ``path``."""
    pattern = re.compile(re.escape(path.name) + r"\w{8}" + re.escape(_ENDING), re.ASCII)
    try:
        names = [name for name in os.listdir(path.parent) if pattern.fullmatch(name)]
    except OSError:
        return
    for name in names:
        with suppress(OSError):
            left = path.with_name(name)
            handle = os.open(left, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            try:
                if stat.S_ISREG(os.fstat(handle).st_mode) and try_lock(handle):
                    left.unlink()
            finally:
                os.close(handle)
