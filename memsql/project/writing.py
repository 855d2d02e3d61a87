"""Writes a file of a project, or a report, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from memsql.errors import FileError, Location


def replace_file(path: Path, text: str, shown: str) -> None:
    """Write ``text`` beside ``path`` and rename the new file to ``path``, so that nobody ever reads half of it.

    ``shown`` is the path as people write it. Raises FileError where it cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as f:
                f.write(text)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as e:
        raise FileError(f"{shown} cannot be written: {e.strerror}", where=Location(shown)) from None
