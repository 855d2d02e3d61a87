"""The objects of a schema at one moment, and which of them a migration may have broken. Pure but for read()."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.schema.model import Object
from memsql.sqltext import fold, identifiers

Key = tuple[str, str]
"""The type and the name, folded, of an object."""


@dataclass(frozen=True)
class Snapshot:
    """The objects of a schema: ``rows`` are (type, name, table, text), in the order of their creation, without
    automatic indexes."""

    rows: tuple[tuple[Value, ...], ...]

    @cached_property
    def objects(self) -> dict[Key, Object]:
        """Every object by its key."""
        objects = (Object(str(r[0]), str(r[1]), str(r[2]), str(r[3])) for r in self.rows)
        return {key_of(o): o for o in objects}

    def of(self, *types: str) -> list[Object]:
        """The objects of these types (table, index, view, trigger)."""
        return [o for o in self.objects.values() if o.type in types]

    def relation(self, name: str) -> Object | None:
        """The table or view called ``name`` (folded)."""
        return self.objects.get(("table", name)) or self.objects.get(("view", name))


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two snapshots: objects that are ``gone`` and objects that are ``new``. One with another
    text is in both."""

    gone: tuple[Object, ...]
    new: tuple[Object, ...]


def read(conn: Connection) -> Snapshot:
    """The objects that ``conn`` has now."""
    return Snapshot(tuple(conn.execute(load("engine/stored_schema")).rows))


def key_of(obj: Object) -> Key:
    """The key of ``obj``."""
    return obj.type, fold(obj.name)


def change(before: Snapshot, after: Snapshot) -> Change:
    """What differs between the two."""
    if before.rows == after.rows:
        return Change((), ())
    old, new = frozenset(before.rows), frozenset(after.rows)
    return Change(_objects(before, new), _objects(after, old))


def reached(after: Snapshot, difference: Change) -> list[Object]:
    """The views and triggers of ``after`` whose meaning may have changed: the new ones, and those that name something
    that changed, also through other views.

    What a view or trigger means depends only on the objects that its text names. A new index breaks nothing; an index
    that is gone may: INDEXED BY names it, and ON CONFLICT needs it.
    """
    changed = [*difference.gone, *(o for o in difference.new if o.type != "index")]
    names = {fold(name) for o in changed for name in (o.name, o.table) if o.type != "trigger"}
    new = {key_of(o) for o in difference.new}
    views = {key_of(o): o for o in after.of("view")}
    hit: dict[Key, Object] = {}
    fresh = names
    while fresh:
        hits = {k: o for k, o in views.items() if k not in hit and (k in new or not fresh.isdisjoint(_names(o.sql)))}
        hit |= hits
        fresh = {name for _, name in hits} - names
        names |= fresh
    hit |= {k: o for k, o in views.items() if k in new}
    triggers = [
        o
        for o in after.of("trigger")
        if key_of(o) in new or fold(o.table) in names or not names.isdisjoint(_names(o.sql))
    ]
    return [*hit.values(), *triggers]


def _objects(snapshot: Snapshot, others: frozenset[tuple[Value, ...]]) -> tuple[Object, ...]:
    rows: Sequence[tuple[Value, ...]] = [row for row in snapshot.rows if row not in others]
    return tuple(Object(str(r[0]), str(r[1]), str(r[2]), str(r[3])) for r in rows)


@lru_cache(maxsize=8192)
def _names(sql: str) -> frozenset[str]:
    return identifiers(sql)
