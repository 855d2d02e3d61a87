"""Creates files and folders, and decides who may read them.

What holds rows, addresses or results of databases is for its owner alone, whatever the umask is: databases and their
backups, reports of runs, figures that are kept, pages about a database. What is part of the project or is given to
others is as the umask says, like every file that an editor writes: migrations, memsql.sum, the snapshot of the schema,
documentation. A file that is replaced keeps its owner and its mode.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Literal

from memsql.storage.leftovers import remove_file
from memsql.storage.syncing import sync_names

Audience = Literal["owner", "umask"]
"""Who may read a new file or folder: its owner alone, or everybody whom the umask lets."""

_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_EXECUTE = 0o111
_GROUP = 0o070
# Windows has no such flag.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_new(path: Path | str, audience: Audience = "owner") -> int:
    """Create the file ``path`` and return a handle for reading and writing.

    Raises FileExistsError where there is something of that name, a link too, and any other OSError.
    """
    mode = _PRIVATE_FILE if audience == "owner" else 0o666
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | getattr(os, "O_BINARY", 0), mode)
    if audience == "owner" and stat.S_IMODE(os.fstat(handle).st_mode) != mode:
        # A umask may also take from the owner. A file system without modes has nothing to set.
        with suppress(OSError):
            os.chmod(path, mode)
    return handle


def create_empty(path: Path | str) -> None:
    """Create the empty file ``path`` for its owner alone, where nothing has that name and one can be created there.

    SQLite would give a new database the mode of the umask; one that it finds, and its journals, keep theirs.
    """
    with suppress(OSError):
        os.close(open_new(path))


def place(file: Path, final: Path) -> None:
    """Give ``file`` the name ``final``, in the same file system. It keeps its own name too where there are hard links.

    Raises FileExistsError where there is such a file: nothing is ever overwritten.
    """
    try:
        os.link(file, final)
    except FileExistsError:
        raise
    except OSError:
        # The file system has no hard links. An empty file reserves the name, and is then replaced.
        os.close(open_new(final))
        try:
            os.replace(file, final)
        except BaseException:
            remove_file(final)
            raise


def make_folder(path: Path, audience: Audience = "owner") -> None:
    """Create the folder ``path`` and those above it where they are missing. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    if audience == "umask":
        path.mkdir(parents=True, exist_ok=True)
    else:
        _make_private(path)
    for folder in missing:
        sync_names(folder.parent)


def _make_private(path: Path) -> None:
    for folder in reversed((path, *path.parents)):
        try:
            folder.mkdir(_PRIVATE_FOLDER)
        except OSError:
            # A folder of a read-only disk answers EROFS also where it exists.
            if not folder.is_dir():
                raise
        else:
            if stat.S_IMODE(folder.stat().st_mode) & 0o777 != _PRIVATE_FOLDER:
                with suppress(OSError):
                    folder.chmod(_PRIVATE_FOLDER)


def keep_owner_and_mode(new: Path, old: os.stat_result) -> bool:
    """Give the file ``new`` the owner, group and mode of the one that it is to replace. Returns whether it has its
    owner and group now; where the group cannot be kept, no other group gets its rights. Raises OSError."""
    mode, now = stat.S_IMODE(old.st_mode), new.stat()
    kept = (now.st_uid, now.st_gid) == (old.st_uid, old.st_gid)
    if not kept:
        try:
            os.chown(new, old.st_uid, old.st_gid)
            kept = True
        except OSError:
            try:
                os.chown(new, -1, old.st_gid)
            except OSError:
                mode &= ~_GROUP
    new.chmod(mode)
    return kept


def keep_mode_of_backup(new: Path, backup: os.stat_result) -> None:
    """Give the database ``new`` the mode of the backup that it was restored from; its owner may read and write it.
    Raises OSError."""
    new.chmod((stat.S_IMODE(backup.st_mode) & 0o777 & ~_EXECUTE) | _PRIVATE_FILE)


def make_runnable(path: Path) -> None:
    """Let everybody run the program ``path`` who may read it. Raises OSError."""
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode | ((mode & 0o444) >> 2))
