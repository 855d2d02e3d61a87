"""The journal of an exchange of files: a file in the folder of migrations that says how to undo what was begun.

While it is there every command refuses the folder, and the next run of the same task puts the files back first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memsql.config import Settings
from memsql.errors import FileError, Location
from memsql.storage import regular
from memsql.storage.leftovers import remove_file
from memsql.storage.locks import lock
from memsql.storage.new_files import open_new
from memsql.storage.syncing import sync_names, write_through


class NotUndoneError(FileError):
    """Some files are exchanged, and the journal is there still."""


def shown_path(settings: Settings, name: str) -> str:
    """The journal ``name`` as messages show it."""
    return f"{settings.show(settings.migrations)}/{name}"


@contextmanager
def begun(settings: Settings, name: str, text: bytes, what: str) -> Iterator[None]:
    """While open, the journal ``name`` holds ``text``, which ends with a line break. It stays where NotUndoneError
    leaves the block.

    ``what`` names the work, as in "another squash". Raises FileError where the same is under way, or the journal cannot
    be written.
    """
    path, shown = settings.migrations / name, shown_path(settings, name)
    try:
        handle = open_new(path)
    except FileExistsError:
        raise FileError(
            f"another {what} is under way here",
            where=Location(shown),
            state="nothing was changed",
            hint="run this again",
        ) from None
    except OSError as e:
        raise FileError(
            f"{shown} cannot be written: {e.strerror}", where=Location(shown), state="nothing was changed"
        ) from None
    is_over = True
    try:
        lock(handle)
        write_through(handle, text)
        sync_names(settings.migrations)
        yield
    except NotUndoneError:
        is_over = False
        raise
    finally:
        if is_over:
            remove_file(path)
        os.close(handle)


def put_back(settings: Settings, name: str, undo: Callable[[bytes], None]) -> bool:
    """Undo what was interrupted: call ``undo`` with the journal ``name``, and remove that. Returns whether there was
    one. Waits for work that is under way."""
    path = settings.migrations / name
    try:
        handle = regular.handle(path, os.O_RDWR)
    except OSError:
        return False
    try:
        lock(handle)
        if not path.exists():
            return False
        text = regular.read_bytes(path)
        # Killed before it was written whole: nothing else had begun.
        if text.endswith(b"\n"):
            undo(text)
        path.unlink()
    finally:
        os.close(handle)
    return True


def damaged(shown: str, files: str) -> FileError:
    """The error for a journal that cannot be read; ``files`` says what to take from git."""
    return FileError(
        f"{shown} is damaged, so that nobody knows what to put back",
        where=Location(shown),
        state="nothing was changed",
        hint=f"take the {files} from git, and remove that file",
    )
