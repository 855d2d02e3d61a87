"""Refuses folders of a project that are links. A link comes with the project, and may lead to any place of the machine
that looks at it; files that are links are refused where they are read (project.files.read_file)."""

from __future__ import annotations

import os
from pathlib import Path

from memsql import hints
from memsql.config import Settings
from memsql.errors import FileError, Location

_INSIDE = ("legacy", "checks", "queries", "smoke", "bench")


def refuse_linked_folders(settings: Settings) -> None:
    """Raise FileError where a folder with SQL of the project, or one on the way to it from the project's own folder, is
    a link. Call it before the files of somebody else are looked at.

    A folder elsewhere, which setup.cfg names, may be reached through links.
    """
    for name in (settings.migrations, settings.sql):
        path = Path(os.path.normpath(name))
        if not path.is_relative_to(settings.root):
            continue
        parts = path.relative_to(settings.root).parts
        on_the_way = [settings.root.joinpath(*parts[: end + 1]) for end in range(len(parts))]
        for folder in (*on_the_way, *(path / inside for inside in _INSIDE)):
            if os.path.islink(folder):
                shown = settings.show(folder)
                raise FileError(
                    f"{shown} is a link, and memsql follows none here: it may lead to any place of this machine",
                    where=Location(shown),
                    state="nothing was changed",
                    hint="put the folder itself there, or name the place in "
                    f"{hints.settings_file()}, such as migrations = ../shared",
                )
