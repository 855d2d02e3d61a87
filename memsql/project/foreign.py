"""Refuse files of other migration tools in the folder of migrations: run as they are they would do something else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from memsql import hints
from memsql.errors import FileError, Location
from memsql.exchange import recognising
from memsql.storage import regular

if TYPE_CHECKING:
    from memsql.exchange.recognising import Foreign

SQUASHING = ".squash"
"""A file beside the migrations that says that a squash is under way."""
IMPORTING = ".import"
"""A file beside the migrations that says that an import is under way."""
RENUMBERING = ".renumber"
"""A file beside the migrations that says that a renumbering is under way."""
_OWN_FOLDER = "legacy"


def names_in(folder: Path, shown: str, under_way: str = "") -> list[str]:
    """The names of the ``.sql`` files in ``folder``, sorted. ``shown`` is the folder as people write it,
    ``under_way`` the journal of the caller, who is changing it.

    Raises FileError for a file of another tool, also in a folder below, and where a squash, an import or a renumbering
    was interrupted; OSError where the folder cannot be read.
    """
    names: list[str] = []
    others: list[str] = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            others += _below(entry) if entry.name != _OWN_FOLDER else ()
        elif entry.name.endswith(".sql"):
            names.append(entry.name)
        else:
            others.append(entry.name)
    if SQUASHING in others and under_way != SQUASHING:
        raise _interrupted(folder / SQUASHING, shown)
    if IMPORTING in others and under_way != IMPORTING:
        raise _import_interrupted(folder / IMPORTING, shown)
    if RENUMBERING in others and under_way != RENUMBERING:
        raise FileError(
            f"a renumbering in {shown} was interrupted, or is under way",
            where=Location(f"{shown}/{RENUMBERING}"),
            state="some files may have their new names, and others not",
            hint=f"run it again: it puts the files back, and begins anew: {hints.command('migrate.renumber')}",
        )
    for path in sorted([*names, *others]):
        foreign = recognising.foreign_path(path)
        if foreign is not None:
            raise _refusal(foreign, f"{shown}/{path}", shown)
    return sorted(names)


def _interrupted(journal: Path, shown: str) -> FileError:
    version = re.search(r'"version": (\d+)', regular.read_text(journal, errors="replace"))
    command = hints.command(f"migrate.squash --to {version[1] if version else 'N'}")
    return FileError(
        f"a squash of {shown} was interrupted, or is under way",
        where=Location(f"{shown}/{SQUASHING}"),
        state="some files may be exchanged, and others not",
        hint=f"run it again: it puts the files back, and begins anew: {command}",
    )


def _import_interrupted(journal: Path, shown: str) -> FileError:
    words = re.search(r'"command": "([^"\\]*)"', regular.read_text(journal, errors="replace"))
    command = hints.command(words[1] if words else "import TOOL DIR")
    return FileError(
        f"an import into {shown} was interrupted, or is under way",
        where=Location(f"{shown}/{IMPORTING}"),
        state="some of its files may be written, and others not",
        hint=f"run it again: it takes away what it had written, and begins anew: {command}",
    )


def _below(folder: os.DirEntry[str]) -> list[str]:
    if folder.name.startswith(".") or folder.is_symlink():
        return []
    with os.scandir(folder) as entries:
        return [f"{folder.name}/{entry.name}" for entry in entries]


def refuse_marks(data: bytes, shown: str) -> None:
    """Raise FileError where a comment in ``data``, the content of the file ``shown``, means something to another
    tool."""
    foreign = recognising.foreign_text(data)
    if foreign is not None:
        raise _refusal(foreign, shown, shown.rpartition("/")[0])


def _refusal(foreign: Foreign, path: str, folder: str) -> FileError:
    if foreign.program:
        hint = "write what it does as SQL, or move it out of the folder"
    elif foreign.rename:
        hint = f"rename it to {foreign.rename}, or move it out of the folder"
    elif not foreign.words:
        hint = f"move what is behind it into {path.rpartition('/')[2].removesuffix('.sql')}.rollback.sql"
    else:
        word = foreign.words[0]
        command = hints.command(f"import {word} {word}")
        others = "".join(f" (or {hints.command(f'import {other} {word}')})" for other in foreign.words[1:])
        first = "write its name in the case of the tool, then " if foreign.cased else ""
        hint = f"{first}move it to a folder of its own, and take that over: mv {folder} {word} && {command}{others}"
    if foreign.line is not None:
        hint += "; if that line is prose, write it in other words"
    return FileError(
        f"{path} {foreign.what}", where=Location(path, foreign.line), state="nothing was changed", hint=hint
    )
