"""The part of a schema that a change concerns, read as data: the whole would take too long for a small change."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

from memsql.engine.structure.reconstruction import Reconstruction
from memsql.engine.structure.snapshot import Change, Snapshot, key_of
from memsql.schema import Object, Schema, read
from memsql.schema.remade import NameChanges
from memsql.sqltext import fold, identifiers


@dataclass(frozen=True, slots=True)
class Excerpts:
    """The tables and views that lost an object or have another text, with what belongs to them and the tables that they
    name, before and after. ``owners``: the name after a migration of each of these tables and views by the one before
    it, both folded."""

    old: Schema
    new: Schema
    owners: dict[str, str]


def excerpts(before: Snapshot, after: Snapshot, change: Change, changes: NameChanges) -> Excerpts | None:
    """What the objects that are gone concern; None where nothing of it is left. ``changes``: those of names in the text
    that made the ``change``."""
    owners = {}
    for name in {fold(o.table) for o in change.gone}:
        names = changes.names_of(name)
        owner = after.relation(names[-1]) or after.relation(name)
        old = before.relation(name)
        # A view instead of a table is no rebuild.
        if owner is not None and old is not None and owner.type == old.type:
            owners[name] = fold(owner.name)
    if not owners:
        return None
    return Excerpts(_excerpt(before, owners.keys()), _excerpt(after, owners.values()), owners)


def _excerpt(snapshot: Snapshot, names: Iterable[str]) -> Schema:
    concerned = frozenset(names)
    own = snapshot.belonging(concerned)
    named = concerned.union(*(identifiers(o.sql) for o in own))
    wanted = {key_of(o) for o in own if o.type in ("table", "index")} | {("table", name) for name in named}
    with closing(Reconstruction(Snapshot.of_rows(snapshot.in_order(wanted)))) as database:
        schema = read(database.conn)
    return Schema(schema.tables, (*schema.objects, *(Object(*o) for o in own if o.type == "trigger")))
