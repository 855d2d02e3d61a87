"""Writes a file beside its place, and gives it its name when it is complete.

The file has a lock until then. A run that is killed leaves it behind without a lock; the next one that writes a file of
the same kind there sees that and removes it.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from memsql.storage import regular
from memsql.storage.leftovers import remove_file
from memsql.storage.locks import CAN_LOCK, try_lock
from memsql.storage.new_files import Audience, keep_owner_and_mode, open_new, place
from memsql.storage.syncing import sync_names

_ENDING = ".tmp"
_RANDOM_BYTES = 4


@dataclass(frozen=True, slots=True)
class Staged:
    """The ``file`` that is to be called ``path``, under its ``temporary`` name."""

    path: Path
    temporary: Path
    file: IO[bytes]

    def create(self) -> None:
        """Give it its name. Raises FileExistsError where there is something of that name, and OSError."""
        self._complete()
        place(self.temporary, self.path)

    def replace(self) -> None:
        """Give it its name, whose owner and mode a regular file passes on. Raises OSError."""
        with suppress(FileNotFoundError):
            old = self.path.lstat()
            if stat.S_ISREG(old.st_mode):
                keep_owner_and_mode(self.temporary, old)
        self._complete()
        os.replace(self.temporary, self.path)

    def _complete(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        # Elsewhere it stays open, for it is locked: nobody takes it for the file of a dead run.
        if not CAN_LOCK:
            self.file.close()


@contextmanager
def staged(path: Path, audience: Audience = "owner") -> Iterator[Staged]:
    """A new file beside ``path``, which goes at the end of the block unless it has its name by then. Raises OSError."""
    sweep(path)
    temporary, handle = _claim(path, audience)
    try:
        with os.fdopen(handle, "wb") as file:
            yield Staged(path, temporary, file)
    finally:
        remove_file(temporary)


@contextmanager
def replacing(path: Path, audience: Audience = "owner") -> Iterator[IO[bytes]]:
    """A new file to write, which takes the place of ``path`` after the block, and goes where the block fails.

    A regular file of that name passes its owner and mode on. What is no file, such as a terminal or a pipe, is written
    to. A link is replaced, and not followed: it may lead to any file of this machine. Raises OSError.
    """
    if _is_device(path):
        with regular.open_device(path) as file:
            yield file
        return
    with staged(path, audience) as new:
        yield new.file
        new.replace()
        # Without this a loss of power takes the name back, although it was said that the file is written.
        sync_names(path.parent)


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


def is_unfinished(name: str) -> bool:
    """Whether ``name`` is that of a file whose writing was stopped, or goes on."""
    return re.fullmatch(rf".+[0-9a-f]{{{2 * _RANDOM_BYTES}}}{re.escape(_ENDING)}", name) is not None


def sweep(path: Path) -> None:
    """Remove what dead runs left of files with the suffix of ``path`` in its folder."""
    ending = re.escape(_ENDING)
    kind = rf".+{re.escape(path.suffix)}[0-9a-f]{{8}}{ending}|" if path.suffix else ""
    pattern = re.compile(rf"{kind}{re.escape(path.name)}\w{{8}}{ending}", re.ASCII)
    try:
        names = [name for name in os.listdir(path.parent) if name.endswith(_ENDING) and pattern.fullmatch(name)]
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
