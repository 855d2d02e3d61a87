"""The objects of a schema at one moment, and which of them a migration may have broken. Pure but for read()."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakSet

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.sqltext import fold, identifiers
from memsql.sqltext.internal import is_virtual

Key = tuple[str, str]
"""The type and the name, folded, of an object."""
Row = Sequence[Value]
"""The type, name, table and text of an object."""


class StoredObject(NamedTuple):
    """A row of sqlite_schema, as memsql.schema.Object; importing that takes longer than a small migration may."""

    type: str
    name: str
    table: str
    sql: str


class Placed(NamedTuple):
    """An object, and its rowid in sqlite_schema."""

    place: int
    object: StoredObject


Test = Callable[[StoredObject], bool]
"""A question about one object, which depends on nothing else."""


class Naming:
    """Objects by the words of their texts, to find those that name a table without a look at all of them."""

    def __init__(self, objects: Iterable[StoredObject] = ()) -> None:
        self._by_name: dict[str, dict[Key, StoredObject]] = {}
        self._triggers: dict[str, dict[Key, StoredObject]] = {}
        self._order: dict[Key, int] = {}
        self._next = 0
        for obj in objects:
            self.add(obj)

    def __bool__(self) -> bool:
        """Whether there is any object."""
        return bool(self._order)

    def add(self, obj: StoredObject) -> None:
        """Add an object behind all others."""
        key = key_of(obj)
        self._order[key] = self._next
        self._next += 1
        for name in words_of(obj):
            self._by_name.setdefault(name, {})[key] = obj
        if obj.type == "trigger":
            self._triggers.setdefault(fold(obj.table), {})[key] = obj

    def remove(self, obj: StoredObject) -> None:
        """Remove an object, if it is there."""
        key = key_of(obj)
        if self._order.pop(key, None) is None:
            return
        for name in words_of(obj):
            _discard(self._by_name, name, key)
        if obj.type == "trigger":
            _discard(self._triggers, fold(obj.table), key)

    def of(self, names: Iterable[str]) -> list[StoredObject]:
        """The objects whose texts name something of ``names`` (folded), in order."""
        return self._sorted({key: o for name in names for key, o in self._by_name.get(name, {}).items()})

    def triggers(self, names: Collection[str]) -> list[StoredObject]:
        """The triggers of the tables and views ``names`` (folded), and those whose texts name them, in order."""
        hit = {key: o for name in names for key, o in self._triggers.get(name, {}).items()}
        hit.update((key_of(o), o) for o in self.of(names) if o.type == "trigger")
        return self._sorted(hit)

    def sorted(self, objects: Iterable[StoredObject]) -> list[StoredObject]:
        """Those of ``objects`` that are here, in order."""
        return self._sorted({key: o for o in objects if (key := key_of(o)) in self._order})

    def _sorted(self, objects: dict[Key, StoredObject]) -> list[StoredObject]:
        return [objects[key] for key in sorted(objects, key=self._order.__getitem__)]


class Objects:
    """The objects of a schema, which may change: what the snapshots of earlier moments need is kept in them, so that a
    change costs what changes."""

    def __init__(self, rows: Iterable[tuple[int, Row]] = ()) -> None:
        """``rows``: each with its rowid."""
        self.at: dict[int, StoredObject] = {}
        self.places: dict[Key, int] = {}
        self.on: dict[str, dict[Key, StoredObject]] = {}
        self.dependents: Naming | None = None
        self.referring: Naming | None = None
        self._passed: dict[Test, set[Key]] = {}
        self._snapshots: WeakSet[Snapshot] = WeakSet()
        for place, row in rows:
            self.put(place, StoredObject(*map(str, row)))

    def snapshot(self) -> Snapshot:
        """The objects as they are now."""
        snapshot = Snapshot(self)
        self._snapshots.add(snapshot)
        return snapshot

    def placed(self, key: Key) -> Placed | None:
        """The object ``key``."""
        place = self.places.get(key)
        return None if place is None else Placed(place, self.at[place])

    def put(self, place: int, obj: StoredObject) -> None:
        """Add an object, behind all that are there or where one was removed."""
        key = key_of(obj)
        self._remember(key)
        self.at[place], self.places[key] = obj, place
        self.on.setdefault(fold(obj.table), {})[key] = obj
        if self.dependents is not None and is_dependent(obj):
            self.dependents.add(obj)
        if self.referring is not None and may_refer(obj):
            self.referring.add(obj)
        for test, keys in self._passed.items():
            if test(obj):
                keys.add(key)

    def remove(self, key: Key) -> None:
        """Remove an object."""
        self._remember(key)
        obj = self.at.pop(self.places.pop(key))
        _discard(self.on, fold(obj.table), key)
        if self.dependents is not None and is_dependent(obj):
            self.dependents.remove(obj)
        if self.referring is not None and may_refer(obj):
            self.referring.remove(obj)
        for keys in self._passed.values():
            keys.discard(key)

    def replace(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Make the objects those of ``rows``."""
        now = {place: StoredObject(*map(str, row)) for place, row in rows}
        changed = {place: obj for place, obj in now.items() if self.at.get(place) != obj}
        for key in [key_of(obj) for place, obj in self.at.items() if place not in now or place in changed]:
            self.remove(key)
        for place, obj in changed.items():
            self.put(place, obj)

    def back_to(self, snapshot: Snapshot) -> None:
        """Make the objects those of ``snapshot``, an earlier moment of the same objects."""
        changed = dict(snapshot.changed)
        for key in changed:
            if key in self.places:
                self.remove(key)
        for placed in sorted(filter(None, changed.values())):
            self.put(*placed)

    def passing(self, test: Test) -> set[Key]:
        """The keys of those that pass ``test``."""
        if test not in self._passed:
            self._passed[test] = {key_of(o) for o in self.at.values() if test(o)}
        return self._passed[test]

    def _remember(self, key: Key) -> None:
        placed = self.placed(key) if self._snapshots else None
        for snapshot in self._snapshots:
            snapshot.changed.setdefault(key, placed)


class Snapshot:
    """The objects of a schema at one moment, without automatic indexes; every list is in the order of their creation.

    ``changed``: what the objects that changed since were then.
    """

    def __init__(self, objects: Objects) -> None:
        """``objects`` may change later; Objects.snapshot() makes a snapshot that knows what they were."""
        self._objects = objects
        self.changed: dict[Key, Placed | None] = {}

    @classmethod
    def of_rows(cls, rows: Iterable[Row]) -> Snapshot:
        """The snapshot that holds ``rows``."""
        return cls(Objects(enumerate(rows)))

    def placed(self, key: Key) -> Placed | None:
        """The object ``key``, and its place."""
        return self.changed[key] if key in self.changed else self._objects.placed(key)

    def get(self, key: Key) -> StoredObject | None:
        """The object ``key``."""
        placed = self.placed(key)
        return None if placed is None else placed.object

    def __contains__(self, key: Key) -> bool:
        return self.placed(key) is not None

    def __getitem__(self, key: Key) -> StoredObject:
        placed = self.placed(key)
        if placed is None:
            raise KeyError(key)
        return placed.object

    @property
    def rows(self) -> list[StoredObject]:
        """All objects."""
        if not self.changed:
            at = self._objects.at
            return [at[place] for place in sorted(at)]
        here = [Placed(place, obj) for place, obj in self._objects.at.items() if key_of(obj) not in self.changed]
        return [placed.object for placed in sorted([*here, *filter(None, self.changed.values())])]

    def of(self, *types: str) -> list[StoredObject]:
        """The objects of these types (table, index, view, trigger)."""
        return [obj for obj in self.rows if obj.type in types]

    def belonging(self, tables: Iterable[str]) -> list[StoredObject]:
        """The tables and views called as one of ``tables`` (folded), and what belongs to them."""
        names = set(tables)
        keys = {key for name in names for key in self._objects.on.get(name, ())} - self.changed.keys()
        keys |= {key for key, was in self.changed.items() if was is not None and fold(was.object.table) in names}
        return self.in_order(keys)

    def in_order(self, keys: Iterable[Key]) -> list[StoredObject]:
        """The objects ``keys`` that are there."""
        return [placed.object for placed in sorted(filter(None, map(self.placed, keys)))]

    def relation(self, name: str) -> StoredObject | None:
        """The table or view called ``name`` (folded)."""
        return self.get(("table", name)) or self.get(("view", name))

    @property
    def dependents(self) -> Naming:
        """The views and triggers."""
        if self.changed:
            return Naming(self.of("view", "trigger"))
        if self._objects.dependents is None:
            self._objects.dependents = Naming(self.of("view", "trigger"))
        return self._objects.dependents

    def referring_to(self, names: Collection[str]) -> list[StoredObject]:
        """The tables with foreign keys that may refer to tables in ``names`` (folded), or are of one."""
        if self._objects.referring is None:
            self._objects.referring = Naming(filter(may_refer, self._objects.at.values()))
        keys = {key_of(obj) for obj in self._objects.referring.of(names)} - self.changed.keys()
        before = [placed.object for placed in self.changed.values() if placed is not None]
        keys |= {key_of(obj) for obj in before if may_refer(obj) and not words_of(obj).isdisjoint(names)}
        return self.in_order(keys)

    def any(self, test: Test) -> bool:
        """Whether some object passes ``test``."""
        return any(map(test, self.rows)) if self.changed else bool(self._objects.passing(test))

    def change_to(self, after: Snapshot) -> Change:
        """What differs in ``after``."""
        if after._objects is self._objects:
            keys = self.changed.keys() | after.changed.keys()
        else:
            keys = {key_of(o) for o in set(self.rows) ^ set(after.rows)}
        different = [key for key in keys if self.get(key) != after.get(key)]
        return Change(tuple(self.in_order(different)), tuple(after.in_order(different)))


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


def read(conn: Connection) -> Snapshot:
    """The objects that ``conn`` has now."""
    return Snapshot.of_rows(conn.execute(load("engine/stored_schema")).rows)


def object_of(row: Row) -> StoredObject:
    """``row`` as an object."""
    return StoredObject(*map(str, row))


def key_of(obj: StoredObject) -> Key:
    """The key of ``obj``."""
    return obj.type, fold(obj.name)


def is_dependent(obj: StoredObject) -> bool:
    """Whether ``obj`` names others, which it needs only when it is used."""
    return obj.type in ("view", "trigger")


def may_refer(obj: StoredObject) -> bool:
    """Whether ``obj`` is a table that may have foreign keys."""
    return obj.type == "table" and "references" in obj.sql.lower()


def reached(dependents: Naming, names: frozenset[str], new: Iterable[StoredObject] = ()) -> list[StoredObject]:
    """Those of ``dependents``, all views and triggers, whose meaning may have changed: the ``new`` ones, and those that
    name something of ``names`` (folded), also through other views.

    What a view or trigger means depends only on the objects that its text names.
    """
    created = dependents.sorted(filter(is_dependent, new))
    hit = {key_of(o): o for o in created if o.type == "view"}
    fresh = names | {fold(o.name) for o in hit.values()}
    seen = fresh
    while fresh:
        more = {key_of(o): o for o in dependents.of(fresh) if o.type == "view" and key_of(o) not in hit}
        hit |= more
        fresh = frozenset(fold(o.name) for o in more.values()) - seen
        seen |= fresh
    triggers = {key_of(o): o for o in (*created, *dependents.triggers(seen)) if o.type == "trigger"}
    return [*hit.values(), *dependents.sorted(triggers.values())]


def needed(schema: Snapshot, keys: Iterable[Key]) -> Snapshot:
    """What of ``schema`` has to be there so that the objects with these ``keys`` can be compiled: they, and what they
    name, also through views, with its indexes; no other triggers."""
    wanted = set(keys)
    fresh = [schema[key] for key in wanted]
    seen: set[str] = set()
    while fresh:
        names = frozenset(name for o in fresh for name in (fold(o.table), *names_in(o.sql))) - seen
        seen |= names
        relations = [o for name in names if (o := schema.relation(name)) is not None]
        wanted |= {key_of(o) for o in relations}
        fresh = [o for o in relations if o.type == "view" or is_virtual(o.sql)]
    tables = {name for kind, name in wanted if kind == "table"}
    wanted |= {key_of(o) for o in schema.belonging(tables) if o.type == "index"}
    return Snapshot.of_rows(schema.in_order(wanted))


def words_of(obj: StoredObject) -> frozenset[str]:
    """The names that ``obj`` may name, and its own, folded."""
    return names_in(obj.sql) | {fold(obj.name)}


# The snapshots of a long run share nearly all of their texts.
@lru_cache(maxsize=8192)
def names_in(sql: str) -> frozenset[str]:
    """Every name in the text of an object, folded, and much else (see identifiers())."""
    return identifiers(sql)


def _discard(index: dict[str, dict[Key, StoredObject]], name: str, key: Key) -> None:
    """Take ``key`` out of the entry ``name``, which goes with its last key."""
    entry = index.get(name)
    if entry is not None:
        entry.pop(key, None)
        if not entry:
            del index[name]
