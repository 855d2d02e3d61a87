"""Which indexes and triggers went with a table that was rebuilt, or with a view that was made anew. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.engine.structure.excerpt import Excerpts
from memsql.engine.structure.snapshot import Change, Snapshot, StoredObject
from memsql.schema.model import Object
from memsql.schema.remade import NameChanges, Remade
from memsql.sqltext import fold


@dataclass(frozen=True, slots=True)
class Missing:
    """An index or a trigger that is gone, though the table or view ``owner`` that it was on is there."""

    object: StoredObject
    owner: StoredObject

    def __str__(self) -> str:
        """The sentence about it."""
        table = self.owner.type == "table"
        how = "the rebuild did not create it again" if table else "the view was made anew without it"
        return f"{self.object.type} {self.object.name} on {self.owner.name} is gone: {how}"


def missing(after: Snapshot, change: Change, names: NameChanges, parts: Excerpts) -> list[Missing]:
    """What is missing in ``after``: see Remade.loses(). ``names``: of the text that made the ``change``."""
    remade = Remade(parts.old, parts.new, names)
    result = []
    for obj in change.gone:
        owner = after.relation(parts.owners.get(fold(obj.table), ""))
        if obj.type in ("index", "trigger") and owner is not None and remade.loses(Object(*obj), owner.name):
            result.append(Missing(obj, owner))
    return result
