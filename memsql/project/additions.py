"""Adds files to a project, and lines to the end of files that are there: all of them, or none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memsql.errors import FileError, Location
from memsql.storage.locks import lock
from memsql.storage.new_files import make_folder
from memsql.storage.replacing import staged
from memsql.storage.syncing import sync_names


@dataclass(frozen=True, slots=True)
class Addition:
    """``data`` for the file ``path``: its end where the file is there already, with ``size`` bytes, or else all of a
    new one. ``shown`` is the path as messages show it, ``what`` says in a few words what it adds."""

    path: Path
    shown: str
    data: bytes
    what: str = ""
    size: int | None = None

    @property
    def is_there(self) -> bool:
        """Whether it is added to a file."""
        return self.size is not None


class _ChangedError(OSError):
    """A file is not as it was when the addition was planned."""


class Written:
    """What was added so far, to be taken away again where something behind it fails."""

    def __init__(self) -> None:
        self._files: list[Addition] = []
        self._folders: list[Path] = []

    def add(self, additions: Sequence[Addition]) -> None:
        """Write ``additions`` in their order, with the folders that they need. Nothing is overwritten.

        Raises FileError where one cannot be written, or where a new file is there by now; everything that was added
        is taken away again then.
        """
        for addition in additions:
            try:
                self._make_folder(addition.path.parent)
                self._write(addition)
                sync_names(addition.path.parent)
            except OSError as e:
                left = self.undo()
                raise FileError(
                    f"{addition.shown} {_problem(addition, e)}",
                    where=Location(addition.shown),
                    details=left,
                    state="what was written before it could not all be taken away" if left else "nothing was changed",
                ) from None
            except BaseException:
                self.undo()
                raise

    def undo(self) -> tuple[str, ...]:
        """Take away everything that was added. Returns what could not be taken away, a line each."""
        left = []
        for addition in reversed(self._files):
            path = addition.path
            try:
                if addition.size is None:
                    path.unlink(missing_ok=True)
                elif path.stat().st_size == addition.size + len(addition.data):
                    os.truncate(path, addition.size)
                else:
                    left.append(f"{path}: another program has written behind what was added")
            except OSError as e:
                left.append(f"{path}: {e.strerror}")
        for folder in reversed(self._folders):
            try:
                folder.rmdir()
            except OSError as e:
                left.append(f"{folder}: {e.strerror}")
        self._files, self._folders = [], []
        return tuple(left)

    def _make_folder(self, folder: Path) -> None:
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        for parent in reversed(missing):
            make_folder(parent, "umask")
            self._folders.append(parent)
            sync_names(parent.parent)

    def _write(self, addition: Addition) -> None:
        if not addition.is_there:
            with staged(addition.path, "umask") as new:
                new.file.write(addition.data)
                new.create()
            self._files.append(addition)
            return
        # Appending keeps the mode of the file, its owner, and the place that a link leads to.
        with open(addition.path, "ab") as f:
            lock(f.fileno())
            if os.fstat(f.fileno()).st_size != addition.size:
                raise _ChangedError
            self._files.append(addition)
            f.write(addition.data)
            f.flush()
            os.fsync(f.fileno())


def _problem(addition: Addition, error: OSError) -> str:
    if isinstance(error, _ChangedError):
        return "was changed by another program just now: run this again"
    if not isinstance(error, FileExistsError):
        return f"cannot be written: {error.strerror}"
    if addition.path.is_symlink() and not addition.path.exists():
        return "is a link to a file that is not there"
    return "exists already"
