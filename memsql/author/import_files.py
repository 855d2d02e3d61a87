"""Writes the files of an import: all of them, or none, also where the process is killed.

A journal in the folder of migrations says what is being written. While it is there every command refuses the folder,
and the next import takes away what the one before had written.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memsql.author.files import write_new_files, write_sum
from memsql.author.journal import put_back
from memsql.config import Settings
from memsql.errors import FileError, Location
from memsql.project.files import SUM_NAME
from memsql.project.foreign import IMPORTING
from memsql.project.writing import is_name, replace_file
from memsql.storage import regular
from memsql.storage.leftovers import remove_file
from memsql.storage.locks import lock
from memsql.storage.new_files import make_folder, open_new
from memsql.storage.syncing import sync_names, write_through


@dataclass(frozen=True, slots=True)
class _Begun:
    """What an import writes: size and digest of each of its files, by name. ``sum``: memsql.sum before it."""

    files: Mapping[str, tuple[int, str]]
    sum: str | None


def write(settings: Settings, words: str, texts: Mapping[Path, str]) -> tuple[str, ...]:
    """Write ``texts``, new files in the folder of migrations, and memsql.sum. Return their paths as messages show them.

    ``words``: the import as it is typed. Raises FileError where a file exists or cannot be written; then none is there.
    """
    journal = settings.migrations / IMPORTING
    shown = f"{settings.show(settings.migrations)}/{IMPORTING}"
    files = {path.name: [len(text.encode()), _digest(text.encode())] for path, text in texts.items()}
    sums = settings.migrations / SUM_NAME
    fields = {"command": words, "files": files, "sum": regular.read_bytes(sums).decode() if sums.is_file() else None}
    try:
        make_folder(settings.migrations, "umask")
        handle = open_new(journal)
    except FileExistsError:
        raise FileError(
            "another import is under way here",
            where=Location(shown),
            state="nothing was written",
            hint="run this again",
        ) from None
    except OSError as e:
        raise FileError(f"{shown} cannot be written: {e.strerror}", where=Location(shown)) from None
    try:
        lock(handle)
        write_through(handle, f"{json.dumps(fields)}\n".encode())
        sync_names(settings.migrations)
        write_new_files(settings, texts)
        try:
            write_sum(settings, under_way=IMPORTING)
        except BaseException:
            for path in texts:
                remove_file(path)
            raise
    except OSError as e:
        raise FileError(f"{shown} cannot be written: {e.strerror}", where=Location(shown)) from None
    finally:
        _ended(journal)
        os.close(handle)
    return (*map(settings.show, texts), settings.show(settings.migrations / SUM_NAME))


def take_away(settings: Settings) -> None:
    """Take away what an import that was interrupted had written. Waits for one that is under way."""
    shown = settings.show(settings.migrations / IMPORTING)
    put_back(settings, IMPORTING, lambda text: _undo(settings, _read(text, shown)))


def _undo(settings: Settings, begun: _Begun) -> None:
    for name, (size, digest) in begun.files.items():
        path = settings.migrations / name
        data = regular.read_bytes(path) if path.is_file() else None
        # A shorter one was being written. One that somebody has changed stays.
        if data is not None and (len(data) < size or _digest(data) == digest):
            path.unlink()
    # It is written last, and would name files that are gone.
    if begun.sum is None:
        (settings.migrations / SUM_NAME).unlink(missing_ok=True)
    else:
        shown = f"{settings.show(settings.migrations)}/{SUM_NAME}"
        replace_file(settings.migrations / SUM_NAME, begun.sum, shown)


def _read(text: bytes, shown: str) -> _Begun:
    """What the journal ``text`` says. Raises FileError where it is none of ours."""
    try:
        fields = json.loads(text)
        files = {name: (int(size), str(digest)) for name, (size, digest) in fields["files"].items()}
        before = fields["sum"]
        if all(map(is_name, files)) and isinstance(before, str | None):
            return _Begun(files, before)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise FileError(
        f"{shown} is damaged, so that nobody knows what to take away",
        where=Location(shown),
        state="nothing was changed",
        hint="take the migrations from git, and remove that file",
    )


def _ended(journal: Path) -> None:
    remove_file(journal)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
