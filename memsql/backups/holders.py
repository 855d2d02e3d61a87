"""Which processes have a file open. A connection that does nothing holds no lock, and would write on into a file that was
replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")


def holders(paths: Iterable[Path]) -> list[tuple[int, str]]:
    """Id and name of every other process that has one of ``paths`` open, as far as this user may see; none where
    there is no /proc."""
    wanted = set()
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            continue
        wanted.add((found.st_dev, found.st_ino))
    return holders_of(wanted)


def holders_of(wanted: set[tuple[int, int]]) -> list[tuple[int, str]]:
    """The same for files by device and inode."""
    if not wanted or not _PROC.is_dir():
        return []
    return [(pid, _name(pid)) for pid in sorted(_others()) if _holds(pid, wanted)]


def _others() -> list[int]:
    own = os.getpid()
    return [int(entry) for entry in os.listdir(_PROC) if entry.isdecimal() and int(entry) != own]


def _holds(pid: int, wanted: set[tuple[int, int]]) -> bool:
    folder = f"{_PROC}/{pid}/fd"
    try:
        handles = os.listdir(folder)
    except OSError:
        return False
    for handle in handles:
        try:
            found = os.stat(f"{folder}/{handle}")
        except OSError:
            continue
        if (found.st_dev, found.st_ino) in wanted:
            return True
    return False


def _name(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"
