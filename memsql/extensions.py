"""The settings ``engine`` and ``extensions``: through which library files are opened, and which programs SQLite loads
into each of its connections.

They hold for the process: copies of a database, and databases in memory, need what the database itself needs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from memsql import hints
from memsql.errors import ConfigError, Location

LIBRARIES = ("", "sqlite3", "apsw")
"""The libraries; "" is that of Python, and apsw where Python's can load no extension."""


class Extension(NamedTuple):
    """A program to load: ``path`` of the file, or its name where the system looks for it; ``entry_point`` is the
    function that is called first, None for the usual one. ``text`` is what the settings say."""

    path: str
    entry_point: str | None
    text: str


class Choice(NamedTuple):
    """What the settings say; ``library`` is one of LIBRARIES. ``file`` is the path of the file of the settings, for
    messages."""

    library: str = ""
    extensions: tuple[Extension, ...] = ()
    file: str = ""


NONE = Choice()
"""Python's library, without extensions."""
_choice = NONE
_choice_here: ContextVar[Choice | None] = ContextVar("choice", default=None)


def use(choice: Choice) -> None:
    """Open databases of this process like this from now on."""
    global _choice
    _choice = choice


@contextmanager
def used(choice: Choice) -> Iterator[None]:
    """While open, databases are opened like this in this thread alone: other threads may work on other projects."""
    token = _choice_here.set(choice)
    try:
        yield
    finally:
        _choice_here.reset(token)


def chosen() -> Choice:
    """How databases are opened here."""
    here = _choice_here.get()
    return _choice if here is None else here


def read(library: str, extensions: str, root: Path) -> Choice:
    """What the settings ``engine`` and ``extensions`` mean in the project folder ``root``. Raises ConfigError."""
    if not library and not extensions.strip():
        return NONE
    file = str(root / hints.settings_file())
    if library not in LIBRARIES:
        raise ConfigError(
            f"engine = {library}: not a library that opens files",
            where=Location(file),
            hint="write sqlite3 (Python's own) or apsw",
        )
    words = [word.strip() for word in extensions.replace("\n", ",").split(",")]
    return Choice(library, tuple(_extension(word, root) for word in words if word), file)


def _extension(text: str, root: Path) -> Extension:
    match = re.fullmatch(r"(.+):([A-Za-z_]\w*)", text, re.DOTALL)
    # One letter before the colon is a drive of Windows.
    path, entry_point = (match[1], match[2]) if match and len(match[1]) > 1 else (text, None)
    if os.path.basename(path) == path and not os.path.exists(root / path):
        # The system looks for a bare name where it keeps libraries.
        return Extension(path, entry_point, text)
    return Extension(str(root / path), entry_point, text)
