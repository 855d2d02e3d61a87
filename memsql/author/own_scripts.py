"""Keeps the objects of repeatable scripts out of a migration that is derived from an edited schema."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memsql.errors import FileError, Location
from memsql.project.repeatables import Repeatable
from memsql.sqltext import effect, fold, split
from memsql.sqltext.meaning import meaning


def without_scripts(text: str, scripts: Sequence[Repeatable], shown: str) -> str:
    """``text``, a schema in the file ``shown``, without the views and triggers that ``scripts`` make; what stands
    behind keeps its lines. Raises FileError for one that is not as its script makes it."""
    owners = {obj: (script.file.path, made) for script in scripts for obj, made in script.made}
    parts, end = [], 0
    for statement in split(text) if owners else ():
        what = effect(statement.text)
        owner = owners.get((what.object_type or "", fold(what.name or ""))) if what.kind == "create" else None
        if owner is None:
            continue
        if meaning(statement.text) != meaning(owner[1]):
            raise FileError(
                f"{what.object_type} {what.name} is made by {owner[0]}, and is another one here",
                where=Location(shown, statement.line),
                state="nothing was written",
                hint=f"edit {owner[0]}: it runs again with the next migrate.up",
            )
        parts += [text[end : statement.start], re.sub(r"[^\n]", " ", text[statement.start : statement.end])]
        end = statement.end
    return "".join([*parts, text[end:]])
