"""Which processes have a file open, and which of them hold a lock of SQLite on it, as far as Linux says.

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


def lock_holders(path: Path) -> list[tuple[int, str]]:
    """Id and name of every other process that holds a lock on the database ``path`` or on what SQLite keeps beside it.

    Where some of them hold a lock for writing, only those. None where the system does not say.
    https://www.kernel.org/doc/html/latest/filesystems/proc.html (locks), https://sqlite.org/lockingv3.html.
    """
    files = {file for name in (path, *files_beside(path)) if (file := file_id(name)) is not None}
    try:
        lines = (_PROC / "locks").read_text(encoding="ascii", errors="replace").splitlines() if files else []
    except OSError:
        return []
    own, modes = os.getpid(), dict[int, set[str]]()
    for words in map(str.split, lines):
        # "1: POSIX  ADVISORY  WRITE 4711 08:01:393229 1073741825 1073741825"; "->" stands before those that wait.
        if len(words) < 8 or words[1] != "POSIX" or not words[4].isdecimal():
            continue
        inode = words[5].rpartition(":")[2]
        # The device is another number on some file systems; the open file decides, where this user may see it.
        if any(inode == str(file[1]) for file in files) and _may_hold(int(words[4]), files):
            modes.setdefault(int(words[4]), set()).add(words[3])
    modes.pop(own, None)
    writers = [pid for pid, held in modes.items() if "WRITE" in held]
    return [(pid, _name(pid)) for pid in sorted(writers or modes)]


def files_beside(path: Path) -> list[Path]:
    """The log, its index and the journal that SQLite keeps beside the database ``path``."""
    return [Path(f"{path}{ending}") for ending in ("-wal", "-shm", "-journal")]


def named(processes: Iterable[tuple[int, str]]) -> str:
    """The ``processes`` as people write them: ``sqlite3 (4711), node (4712)``."""
    return ", ".join(f"{name} ({pid})" for pid, name in processes)


def _may_hold(pid: int, files: set[FileId]) -> bool:
    """Whether the process has one of ``files`` open, or is one of another user, of which that cannot be seen."""
    return _holds(pid, files) or not os.access(f"{_PROC}/{pid}/fd", os.R_OK)


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
