"""Removes files and folders at the end of work, and notes what could not be removed.

That a file stays is no failure of the work, and must not hide why the work failed. So it is not raised; the task tells
it when it is over.
"""

from __future__ import annotations

import os
from pathlib import Path

_left: list[str] = []


def remove_file(path: Path) -> None:
    """Remove the file ``path`` if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as e:
        _note(path, e)


def remove_folder(path: Path) -> None:
    """Remove the folder ``path`` with everything in it, if it is there."""
    # Imported here: what only reads removes no folder.
    import shutil

    errors: list[tuple[str, OSError]] = []

    def keep(_: object, name: str, error: BaseException) -> None:
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            errors.append((name, error))

    # Python 3.12 has another parameter for it, and 3.11 not yet.
    shutil.rmtree(path, onerror=lambda function, name, info: keep(function, name, info[1]))
    if errors and os.path.lexists(path):
        _note(path, errors[0][1])


def note(sentence: str) -> None:
    """Note a ``sentence`` about something else that could not be tidied up."""
    _left.append(sentence)


def _note(path: Path, error: OSError) -> None:
    note(f"{path} is no longer needed, and could not be removed: {error.strerror or error}")


def take() -> tuple[str, ...]:
    """What was noted since the last call, a sentence each."""
    noted = tuple(dict.fromkeys(_left))
    _left.clear()
    return noted
