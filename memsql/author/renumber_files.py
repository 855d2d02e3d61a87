"""Gives files of a project other names and texts: all of them, or none, also where the process is killed.

A journal in the folder of migrations holds what every file was before. While it is there every command refuses the
folder, and the next migrate.renumber puts the files back before it begins.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from memsql.author import journal
from memsql.config import Settings
from memsql.errors import FileError, MemsqlError
from memsql.project.foreign import RENUMBERING
from memsql.project.writing import is_name
from memsql.storage import regular
from memsql.storage.replacing import replacing
from memsql.storage.syncing import sync_names

Contents = Mapping[Path, bytes | None]
"""The bytes of files by their paths; None for a file that is not there."""


@dataclass(frozen=True, slots=True)
class _Before:
    """A file before the exchange: its bytes, None where there was none, and the hash of what it becomes."""

    path: Path
    data: bytes | None
    then: str | None


def exchange(settings: Settings, before: Contents, after: Contents) -> None:
    """Make the files ``before`` those of ``after``, which has the same paths, all in the folders of migrations and sql.

    Raises FileError where one is not as it was ``before``, or cannot be written; then all of them are as before.
    """
    files = [_Before(path, before[path], _digest(data)) for path, data in after.items()]
    with journal.begun(settings, RENUMBERING, _line(settings, files), "renumbering"):
        try:
            for file in files:
                if _content(file.path) != file.data:
                    raise FileError(
                        f"{settings.show(file.path)} was changed by another program just now",
                        state="nothing was changed",
                        hint="run this again",
                    )
            # First what is new, then what goes: where both fail to be undone, nothing is lost.
            for path, data in sorted(after.items(), key=lambda item: item[1] is None):
                _put(path, data)
        except BaseException as e:
            _undo_after(files, e)
            if isinstance(e, OSError):
                raise FileError(f"{e.filename} cannot be changed: {e.strerror}", state="nothing was changed") from None
            raise


def put_back(settings: Settings) -> bool:
    """Undo an exchange that was interrupted. Returns whether there was one. Waits for one that is under way."""
    return journal.put_back(settings, RENUMBERING, lambda text: _undo(_read(settings, text)))


def _undo_after(files: list[_Before], error: BaseException) -> None:
    try:
        _undo(files)
    except (OSError, MemsqlError) as e:
        raise journal.NotUndoneError(
            f"the files could not be renumbered, and not be put back: {error}",
            details=(f"putting them back: {e}",),
            state="some files have their new names, and others not",
            hint="run migrate.renumber again: it puts the files back first",
        ) from e


def _undo(files: list[_Before]) -> None:
    for file in files:
        # What somebody else has written there since stays.
        if file.data is not None or _digest(_content(file.path)) == file.then:
            _put(file.path, file.data)


def _put(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
        sync_names(path.parent)
    elif _content(path) != data:
        with replacing(path, "umask") as file:
            file.write(data)


def _content(path: Path) -> bytes | None:
    return regular.read_bytes(path) if path.is_file() and not path.is_symlink() else None


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _places(settings: Settings) -> dict[str, Path]:
    return {"migrations": settings.migrations, "sql": settings.sql}


def _line(settings: Settings, files: list[_Before]) -> bytes:
    """The journal: for each file its folder, its path there, its bytes before and the hash of those behind."""
    fields = []
    for file in files:
        place, base = next((n, p) for n, p in _places(settings).items() if file.path.is_relative_to(p))
        data = None if file.data is None else b64encode(file.data).decode()
        fields.append([place, file.path.relative_to(base).as_posix(), data, file.then])
    return f"{json.dumps({'files': fields})}\n".encode()


def _read(settings: Settings, text: bytes) -> list[_Before]:
    places, files = _places(settings), []
    try:
        for place, name, data, then in json.loads(text)["files"]:
            parts = PurePosixPath(name).parts
            if not parts or not all(map(is_name, parts)) or not isinstance(then, str | None):
                raise ValueError(name)
            files.append(_Before(places[place].joinpath(*parts), None if data is None else b64decode(data), then))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise journal.damaged(journal.shown_path(settings, RENUMBERING), "files") from None
    return files
