"""Which processes have a file open.

A connection that does nothing holds no lock, but it would go on writing into a file that was replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")

FileId = tuple[int, int]
"""Device and inode, which identify a file whatever its name is."""


def file_id(path: Path) -> FileId | None:
    """What identifies the file ``path``; None where there is no such file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def holders(paths: Iterable[Path]) -> list[tuple[int, str]]:
    """Id and name of every other process that has one of ``paths`` open, as far as this user may see; none without
    /proc."""
    return holders_of({file for path in paths if (file := file_id(path)) is not None})


def holders_of(files: set[FileId]) -> list[tuple[int, str]]:
    """The same for files by their identity."""
    if not files or not _PROC.is_dir():
        return []
    return [(pid, _name(pid)) for pid in sorted(_others()) if _holds(pid, files)]


def _others() -> list[int]:
    """The ids of all other processes."""
    own = os.getpid()
    return [int(entry) for entry in os.listdir(_PROC) if entry.isdecimal() and int(entry) != own]


def _holds(pid: int, files: set[FileId]) -> bool:
    folder = f"{_PROC}/{pid}/fd"
    try:
        handles = os.listdir(folder)
    except OSError:
        return False
    for handle in handles:
        try:
            stat = os.stat(f"{folder}/{handle}")
        except OSError:
            continue
        if (stat.st_dev, stat.st_ino) in files:
            return True
    return False


def _name(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"
