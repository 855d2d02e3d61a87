"""What a run remembers of the structure between its migrations, so that a small one asks little or nothing."""

from __future__ import annotations

from memsql.db import Connection, Touched
from memsql.db.queries import load
from memsql.engine.structure import snapshot
from memsql.engine.structure.catalog import Catalog
from memsql.engine.structure.snapshot import Change, Key, Naming, Snapshot, StoredObject, is_dependent


class StructureCache:
    """Facts about the objects of one connection.

    ``broken``: views and triggers that are known not to compile, and tables that are known not to be writable.
    ``limited``: those that exceed a limit of SQLite, and take long to find that out.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.catalog = Catalog(conn)
        self._dependents: Naming | None = None
        self.broken: frozenset[Key] = frozenset()
        self.limited: frozenset[Key] = frozenset()

    def snapshot(self) -> Snapshot:
        """The objects as they are now."""
        return self.catalog.checked()

    def follow(self, change: Change) -> None:
        """A migration made ``change``."""
        if self._dependents is None:
            return
        for obj in filter(is_dependent, change.gone):
            self._dependents.remove(obj)
        for obj in filter(is_dependent, change.new):
            self._dependents.add(obj)

    def dependents(self) -> Naming:
        """The views and triggers."""
        if self._dependents is None:
            rows = self._conn.execute(load("engine/dependents"), (0,)).rows
            self._dependents = Naming(map(snapshot.object_of, rows))
        return self._dependents

    def last_place(self) -> int:
        """The place of the newest object: objects that are created now get higher ones."""
        return int(str(self._conn.execute(load("engine/last_object")).one() or 0))

    def created_behind(self, place: int) -> list[StoredObject]:
        """The views and triggers with places behind ``place``; from now on they are among the dependents."""
        rows = self._conn.execute(load("engine/dependents"), (place,)).rows
        new = [snapshot.object_of(row) for row in rows]
        if self._dependents is not None:
            for obj in new:
                self._dependents.add(obj)
        return new

    def note(self, touched: Touched) -> None:
        """Statements reached ``touched``; findings() says what became of views and triggers."""
        self.catalog.note(touched)

    def forget(self) -> None:
        """Forget everything."""
        self.catalog.forget()
        self._dependents = None
        self.broken = self.limited = frozenset()
