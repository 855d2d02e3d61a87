"""The objects of a connection's schema, which follow the statements that run on it at the cost of what they change.

SQLite's authorizer names what is dropped. What is new stands at the end of sqlite_schema, for SQLite gives each new row
a rowid above all others. Everything is read again where that does not tell what changed: after ALTER TABLE, which may
write to any text, and after a change of which nobody told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from memsql.db import Connection, Touched, Value
from memsql.db.queries import load
from memsql.engine.structure.snapshot import Key, Objects, Placed, Row, Snapshot, key_of, object_of
from memsql.sqltext import fold

# So many of the newest rows are read at first; twice as many each time after that.
_FIRST = 4


@dataclass(slots=True)
class _Pending:
    """What statements did to the schema: ``tables`` (folded) are the tables and views that were dropped, with what
    belongs to them; ``keys`` are other objects that were dropped. ``unclear``: nobody knows what changed."""

    tables: set[str] = field(default_factory=set)
    keys: set[Key] = field(default_factory=set)
    unclear: bool = False


class Catalog:
    """The objects of the schema of one connection."""

    def __init__(self, conn: Connection) -> None:
        """Nothing is read before it is asked for."""
        self._conn = conn
        self._objects: Objects | None = None
        self._pending: _Pending | None = None
        self._snapshot: Snapshot | None = None
        self._version: object = None

    def note(self, touched: Touched) -> None:
        """Statements ran that reached ``touched``."""
        if self._objects is None or not touched.changes_schema:
            return
        if self._pending is None:
            self._pending = _Pending()
        self._pending.tables.update(map(fold, touched.dropped))
        for kind, name in touched.removed:
            if kind == "view":
                self._pending.tables.add(fold(name))
            else:
                self._pending.keys.add((kind, fold(name)))
        self._pending.unclear = self._pending.unclear or bool(touched.altered)

    def snapshot(self) -> Snapshot:
        """The objects after the last statements of which note() was told."""
        if self._objects is None:
            self._objects = Objects()
            self._read(self._objects)
        elif self._pending is not None:
            if self._pending.unclear or not self._follow(self._objects, self._pending):
                self._read(self._objects)
            self._seen()
        if self._snapshot is None or self._snapshot.changed:
            self._snapshot = self._objects.snapshot()
        return self._snapshot

    def checked(self) -> Snapshot:
        """The objects as they are now, also where note() was not told of every change."""
        if self._objects is not None and self._pending is None and self._version != self._schema_version():
            self._pending = _Pending(unclear=True)
        return self.snapshot()

    def mark(self) -> Snapshot | None:
        """What back_to() needs after a ROLLBACK TO this moment; None where nothing was read yet."""
        return None if self._objects is None else self.checked()

    def back_to(self, mark: Snapshot | None) -> None:
        """A ROLLBACK TO brought the objects of mark() back."""
        if mark is None or self._objects is None:
            self.forget()
            return
        self._objects.back_to(mark)
        self._seen()

    def forget(self) -> None:
        """Forget everything."""
        self._objects = self._pending = self._snapshot = None

    def _read(self, objects: Objects) -> None:
        objects.replace(_placed(self._conn.execute(load("engine/placed_schema")).rows))
        self._seen()

    def _seen(self) -> None:
        """The objects are those of now."""
        self._pending = None
        self._version = self._schema_version()

    def _schema_version(self) -> object:
        # Every change of the schema raises it, and a ROLLBACK brings it back
        # (https://sqlite.org/pragma.html#pragma_schema_version).
        return self._conn.execute("PRAGMA schema_version").one()

    def _follow(self, objects: Objects, pending: _Pending) -> bool:
        """Change ``objects`` as the schema was changed. False where what is there does not agree with that."""
        suspects = {key for name in pending.tables for key in objects.on.get(name, ())}
        suspects |= pending.keys & objects.places.keys()
        for key in suspects:
            place = objects.places[key]
            rows = self._conn.execute(load("engine/placed_object"), (place,)).rows
            # After a ROLLBACK TO it is still there.
            if not rows or object_of(rows[0]) != objects.at[place]:
                objects.remove(key)
        new: list[Placed] = []
        for place, obj in self._newest():
            if objects.at.get(place) != obj:
                if place in objects.at or key_of(obj) in objects.places:
                    return False
                new.append(Placed(place, obj))
            elif key_of(obj) not in suspects:
                # It was there all the time, so everything before it was.
                break
        for placed in reversed(new):
            objects.put(*placed)
        return True

    def _newest(self) -> Iterator[Placed]:
        """The objects that are there, the newest first."""
        last, number = (1 << 63) - 1, _FIRST
        while True:
            rows = self._conn.execute(load("engine/newest_objects"), (last, number)).rows
            for place, row in _placed(rows):
                yield Placed(place, object_of(row))
                last = place - 1
            if len(rows) < number:
                return
            number *= 2


def _placed(rows: Sequence[Sequence[Value]]) -> list[tuple[int, Row]]:
    return [(int(str(row[0])), row[1:]) for row in rows]
