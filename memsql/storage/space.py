"""Whether a disk has room for what is to be written: asked before it is begun, and again while it is written."""

from __future__ import annotations

import errno
from pathlib import Path

from memsql import words
from memsql.errors import DiskFull

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of the system where a disk, or the share of a user in it, is full."""
_EACH = 64 << 20


def free(folder: Path) -> int | None:
    """How many bytes are free for this user on the disk of ``folder``; None where nobody knows."""
    # Imported here: a status never asks.
    import shutil

    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    # Some network file systems say zero of everything.
    return usage.free if usage.total else None


def refuse_without(size: int, folder: Path, what: str, hint: str) -> None:
    """Raise DiskFull where ``folder`` has no room for ``size`` bytes of ``what``; ``hint`` says what to do."""
    there = free(folder)
    if there is not None and size > there:
        raise DiskFull(
            f"no space for {what}: about {words.size(size)} are needed in {folder}, {words.size(there)} are free, "
            f"{words.size(size - there)} are missing",
            hint=hint,
        )


def full(folder: Path, what: str, reason: str | None, hint: str) -> DiskFull:
    """The error where the disk of ``folder`` filled up while ``what`` was written; ``reason``: what the system said."""
    there = free(folder)
    left = "" if there is None else f", {words.size(there)} are free in {folder}"
    return DiskFull(f"no space for {what}: {reason or 'the disk is full'}{left}", hint=hint)


class SpaceWatch:
    """Asks again, each time that 64 MiB were written, whether there is room for the rest of ``size`` bytes of ``what``
    in ``folder``: somebody else may fill the disk meanwhile. ``spare``: so many bytes are to stay free in any case, for
    what else writes there, such as a database."""

    def __init__(self, size: int, folder: Path, what: str, hint: str, *, spare: int = 0) -> None:
        self._size, self._folder, self._what, self._hint, self._spare = size, folder, what, hint, spare
        self._asked = 0

    def tick(self, done: int) -> None:
        """``done`` bytes are written. Raises DiskFull."""
        if done - self._asked >= _EACH:
            self._asked = done
            refuse_without(max(self._spare, self._size - done), self._folder, f"the rest of {self._what}", self._hint)
