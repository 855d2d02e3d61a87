"""Adds files to a project, and lines to the end of files that are there: all of them, or none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memsql.errors import FileError, Location


@dataclass(frozen=True, slots=True)
class Addition:
    """``data`` for the file ``path``: the end of a file that ``is_there`` already, or else all of a new one. ``shown``
    is the path as messages show it, ``what`` says in a few words what it adds."""

    path: Path
    shown: str
    data: bytes
    what: str = ""
    is_there: bool = False


class Written:
    """What was added so far, to be taken away again where something behind it fails."""

    def __init__(self) -> None:
        self._files: list[tuple[Path, int | None]] = []
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
            except OSError as e:
                left = self.undo()
                exists = isinstance(e, FileExistsError)
                raise FileError(
                    f"{addition.shown} {'exists already' if exists else f'cannot be written: {e.strerror}'}",
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
        for path, size in reversed(self._files):
            try:
                if size is None:
                    path.unlink(missing_ok=True)
                else:
                    os.truncate(path, size)
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
            parent.mkdir()
            self._folders.append(parent)

    def _write(self, addition: Addition) -> None:
        # Appending keeps the mode of the file, its owner, and the place that a link leads to.
        with open(addition.path, "ab" if addition.is_there else "xb") as f:
            self._files.append((addition.path, f.tell() if addition.is_there else None))
            f.write(addition.data)
