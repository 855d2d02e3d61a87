"""Migrations under other names: the comments that name them follow, and nothing else of a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from memsql.project.files import Migration, SqlFile


def renamed_in_comments(text: str, names: Mapping[str, str]) -> str:
    """``text`` with the new name of each of ``names``, old to new, wherever a comment has the old one as a word.

    Strings and statements stay: what they hold is data. Example: with 0007_b to 0008_b, ``-- depends: 0007_b`` becomes
    ``-- depends: 0008_b``.
    """
    if not any(name in text for name in names):
        return text
    from memsql.sqltext.tokens import comments

    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    parts, end = [], 0
    for comment in comments(text):
        parts += [text[end : comment.start], pattern.sub(lambda match: names[match[0]], comment.text)]
        end = comment.end
    return "".join([*parts, text[end:]])


def under_other_names(migration: Migration, names: Mapping[str, str]) -> Migration:
    """``migration`` with the text that it has where ``names`` are changed, old to new; its own id stays."""
    return replace(
        migration,
        up=_changed(migration.up, names),
        down=None if migration.down is None else _changed(migration.down, names),
    )


def _changed(file: SqlFile, names: Mapping[str, str]) -> SqlFile:
    # Any byte comes through, and the text of a file that is no UTF-8 stays what it was.
    text = file.data.decode("utf-8", "surrogateescape")
    return replace(file, data=renamed_in_comments(text, names).encode("utf-8", "surrogateescape"))
