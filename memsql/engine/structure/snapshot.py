"""The objects of a schema at one moment, and which of them a migration may have broken. Pure but for read()."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.sqltext import fold, identifiers
from memsql.sqltext.internal import is_virtual

Key = tuple[str, str]
"""The type and the name, folded, of an object."""
Row = tuple[Value, ...]
"""The type, name, table and text of an object."""


class StoredObject(NamedTuple):
    """A row of sqlite_schema, as memsql.schema.Object; importing that takes longer than a small migration may."""

    type: str
    name: str
    table: str
    sql: str


@dataclass(eq=False)
class Snapshot:
    """The objects of a schema as ``rows``, in the order of their creation, without automatic indexes.

    Most migrations look at few of them, so only those become objects.
    """

    rows: tuple[Row, ...]

    @cached_property
    def objects(self) -> dict[Key, StoredObject]:
        """Every object by its key."""
        return dict(map(keyed, self.rows))

    @cached_property
    def referring(self) -> dict[Key, StoredObject]:
        """The tables that may have foreign keys, by their key."""
        return dict(keyed(row) for row in self.rows if row[0] == "table" and _may_refer(str(row[3])))

    @cached_property
    def places(self) -> dict[Row, int]:
        """The index of each row."""
        return {row: place for place, row in enumerate(self.rows)}

    def later(self, rows: tuple[Row, ...]) -> Snapshot:
        """The snapshot of ``rows``, read later: objects that are the same are not made again."""
        snapshot = Snapshot(rows)
        snapshot.objects = dict(self.objects)
        changed = change(self, snapshot)
        new = {key_of(obj): obj for obj in changed.new}
        snapshot.referring = dict(self.referring)
        for key in map(key_of, changed.gone):
            del snapshot.objects[key]
            snapshot.referring.pop(key, None)
        snapshot.objects |= new
        snapshot.referring |= {key: obj for key, obj in new.items() if obj.type == "table" and _may_refer(obj.sql)}
        return snapshot

    def without(self, other: Snapshot) -> list[Row]:
        """The rows that ``other`` does not have, in their order."""
        return sorted(self.places.keys() - other.places.keys(), key=self.places.__getitem__)

    def of(self, *types: str) -> list[StoredObject]:
        """The objects of these types (table, index, view, trigger)."""
        return [object_of(row) for row in self.rows if row[0] in types]

    def belonging(self, tables: Collection[str]) -> list[StoredObject]:
        """The tables and views called as one of ``tables`` (folded), and what belongs to them."""
        return [object_of(row) for row in self.rows if fold(str(row[2])) in tables]

    def relation(self, name: str) -> StoredObject | None:
        """The table or view called ``name`` (folded)."""
        return self.objects.get(("table", name)) or self.objects.get(("view", name))


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two snapshots: objects that are ``gone`` and objects that are ``new``. One with another
    text is in both."""

    gone: tuple[StoredObject, ...]
    new: tuple[StoredObject, ...]

    @property
    def names(self) -> frozenset[str]:
        """The tables, views and indexes that changed, folded. A new index breaks nothing; one that is gone may: INDEXED
        BY names it, and ON CONFLICT needs it."""
        changed = [*self.gone, *(o for o in self.new if o.type != "index")]
        return frozenset(fold(name) for o in changed for name in (o.name, o.table) if o.type != "trigger")


def read(conn: Connection, earlier: Snapshot | None = None) -> Snapshot:
    """The objects that ``conn`` has now; ``earlier``: those that it had a moment ago."""
    rows = tuple(conn.execute(load("engine/stored_schema")).rows)
    return earlier.later(rows) if earlier is not None else Snapshot(rows)


# The snapshots before and after each migration of a long run share nearly all of their rows.
@lru_cache(maxsize=16_384)
def keyed(row: Row) -> tuple[Key, StoredObject]:
    """``row`` as an object, with its key."""
    obj = StoredObject(*map(str, row))
    return key_of(obj), obj


def _may_refer(sql: str) -> bool:
    return "references" in sql.lower()


def object_of(row: Row) -> StoredObject:
    """``row`` as an object."""
    return keyed(row)[1]


def key_of(obj: StoredObject) -> Key:
    """The key of ``obj``."""
    return obj.type, fold(obj.name)


@lru_cache(maxsize=2)
def change(before: Snapshot, after: Snapshot) -> Change:
    """What differs between the two."""
    if before.rows == after.rows:
        return Change((), ())
    return Change(tuple(map(object_of, before.without(after))), tuple(map(object_of, after.without(before))))


def reached(
    dependents: Iterable[StoredObject], names: frozenset[str], new: Iterable[StoredObject] = ()
) -> list[StoredObject]:
    """Those of ``dependents``, all views and triggers, whose meaning may have changed: the ``new`` ones, and those that
    name something of ``names`` (folded), also through other views.

    What a view or trigger means depends only on the objects that its text names.
    """
    created = {key_of(o) for o in new}
    views = [o for o in dependents if o.type == "view"]
    hit = [o for o in views if key_of(o) in created]
    fresh = names | {fold(o.name) for o in hit}
    seen = fresh
    while fresh:
        rest = [o for o in views if o not in hit]
        more = [o for o in rest if not fresh.isdisjoint(names_in(o.sql))]
        hit += more
        fresh = frozenset(fold(o.name) for o in more) - seen
        seen |= fresh
    triggers = [
        o
        for o in dependents
        if o.type == "trigger"
        and (key_of(o) in created or fold(o.table) in seen or not seen.isdisjoint(names_in(o.sql)))
    ]
    return [*hit, *triggers]


def children(schema: Snapshot, names: frozenset[str]) -> list[StoredObject]:
    """The tables of ``schema`` with foreign keys that may refer to tables in ``names`` (folded), or are of one."""
    return [o for o in schema.referring.values() if fold(o.name) in names or not names.isdisjoint(names_in(o.sql))]


def needed(schema: Snapshot, keys: Iterable[Key]) -> Snapshot:
    """What of ``schema`` has to be there so that the objects with these ``keys`` can be compiled: they, and what they
    name, also through views, with its indexes; no other triggers."""
    wanted = set(keys)
    fresh = [schema.objects[key] for key in wanted]
    seen: set[str] = set()
    while fresh:
        names = frozenset(name for o in fresh for name in (fold(o.table), *names_in(o.sql))) - seen
        seen |= names
        relations = [o for name in names if (o := schema.relation(name)) is not None]
        wanted |= {key_of(o) for o in relations}
        fresh = [o for o in relations if o.type == "view" or is_virtual(o.sql)]
    tables = {name for kind, name in wanted if kind == "table"}
    wanted |= {key_of(o) for o in schema.of("index") if fold(o.table) in tables}
    return Snapshot(tuple(row for row in schema.rows if keyed(row)[0] in wanted))


@lru_cache(maxsize=8192)
def names_in(sql: str) -> frozenset[str]:
    """Every name in the text of an object, folded, and much else (see identifiers())."""
    return identifiers(sql)
