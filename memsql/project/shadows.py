"""Nobody but its module writes the shadow tables in which a virtual table keeps its data: what is written past the
module, the index does not know.

Pure, like project.admission: the engine refuses, lint says the same earlier.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from memsql.project.admission import Refusal, written_names
from memsql.sqltext import Effect, fold
from memsql.sqltext.internal import SHADOW_SUFFIXES, shadows_of

Place = TypeVar("Place")
_named = re.compile(rf"_(?:{'|'.join(sorted(SHADOW_SUFFIXES))})(?![A-Za-z0-9_$])".encode(), re.IGNORECASE).search


def may_name_shadow(text: bytes) -> bool:
    """Whether ``text`` may name a shadow table; False is certain."""
    return _named(text) is not None


def refusals(
    steps: Iterable[tuple[Place, str, Effect]], owners: Mapping[str, str]
) -> Iterator[tuple[Place, str, Refusal]]:
    """The statements that write a shadow table by name, or make a trigger that does: the place, the text, and why not.

    ``steps``: the statements of a file in order, each with its place, text and effect. ``owners``: the virtual tables
    (folded) of the database before it, each with its CREATE statement.
    """
    shadows = {table: (owner, sql) for owner, sql in owners.items() for table in shadows_of(owner, sql)}
    for place, text, what in steps:
        # An index on one, as for the further columns of an R-Tree, changes no value.
        if what.object_type == "index" or (what.schema is not None and fold(what.schema) == "temp"):
            continue
        for name in written_names(text, what):
            if fold(name) in shadows:
                yield place, text, _refusal(name, shadows[fold(name)][0], what)
                break
        _follow(shadows, text, what)


def _follow(shadows: dict[str, tuple[str, str]], text: str, what: Effect) -> None:
    """Change ``shadows`` as a statement changes the virtual tables."""
    name = fold(what.name or "")
    own = [table for table, (owner, _) in shadows.items() if owner == name]
    if what.kind == "create" and what.object_type == "virtual" and not own:
        shadows.update(dict.fromkeys(shadows_of(name, text), (name, text)))
    elif what.kind == "drop" and what.object_type == "table":
        for table in own:
            del shadows[table]
    elif what.kind == "alter_rename" and what.new_name:
        new = fold(what.new_name)
        for table in own:
            _, sql = shadows.pop(table)
            shadows[new + table[len(name) :]] = (new, sql)


def _refusal(name: str, owner: str, what: Effect) -> Refusal:
    is_trigger = what.kind == "create"
    verb = "makes a trigger on or that writes" if is_trigger else "drops" if what.kind == "drop" else "writes"
    return Refusal(
        "shadow",
        f"{verb} {name}, a shadow table that belongs to the virtual table {owner}: {owner} would not know of it",
        instead(owner, what),
    )


def instead(owner: str, what: Effect | None = None) -> str:
    """What to write in place of a statement on a shadow table of ``owner``."""
    if what is not None and what.kind == "drop":
        return f"write DROP TABLE {owner}, which drops its shadow tables too"
    return f"write {owner} itself, by INSERT, UPDATE or DELETE; reading its shadow tables is fine"
