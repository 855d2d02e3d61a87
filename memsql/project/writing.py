"""Writes a file of a project, or a report, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from memsql.errors import FileError, Location
from memsql.storage.new_files import Audience
from memsql.storage.replacing import replacing


def is_name(text: object) -> bool:
    """Whether ``text`` is the name of a file in a folder, and leads nowhere else."""
    return isinstance(text, str) and text not in ("", ".", "..") and not set(text) & set("/\\\0")


def replace_file(path: Path, text: str, shown: str, audience: Audience = "umask") -> None:
    """Write ``text`` beside ``path`` and rename the new file to ``path``, so that nobody ever reads half of it.

    ``shown`` is the path as people write it; ``audience``: who may read a new file. One that is replaced keeps its
    owner and mode. Raises FileError where it cannot be written.
    """
    try:
        with replacing(path, audience) as file:
            file.write(text.encode("utf-8"))
    except OSError as e:
        raise FileError(f"{shown} cannot be written: {e.strerror}", where=Location(shown)) from None
