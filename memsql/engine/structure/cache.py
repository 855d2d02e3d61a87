"""What a run remembers of the structure between its migrations, so that a small one asks little or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.db import Connection
from memsql.db.queries import load
from memsql.engine.structure import snapshot
from memsql.engine.structure.snapshot import Key, Snapshot, StoredObject


class StructureCache:
    """Facts about the objects of one connection.

    ``broken``: views and triggers that are known not to compile, and tables that are known not to be writable.
    ``limited``: those that exceed a limit of SQLite, and take long to find that out.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._snapshot: Snapshot | None = None
        self._dependents: list[StoredObject] | None = None
        self.broken: frozenset[Key] = frozenset()
        self.limited: frozenset[Key] = frozenset()

    def snapshot(self) -> Snapshot:
        """The objects as they are now."""
        if self._snapshot is None:
            self._snapshot = snapshot.read(self._conn)
        return self._snapshot

    def keep(self, now: Snapshot) -> None:
        """``now`` is what the connection has."""
        self._snapshot = now
        self._dependents = now.of("view", "trigger")

    def dependents(self) -> Sequence[StoredObject]:
        """The views and triggers."""
        if self._dependents is None:
            rows = self._conn.execute(load("engine/dependents"), (0,)).rows
            self._dependents = [snapshot.object_of(row) for row in rows]
        return self._dependents

    def last_place(self) -> int:
        """The place of the newest object: objects that are created now get higher ones."""
        return int(str(self._conn.execute(load("engine/last_object")).one() or 0))

    def created_behind(self, place: int) -> list[StoredObject]:
        """The views and triggers with places behind ``place``; from now on they are among the dependents."""
        rows = self._conn.execute(load("engine/dependents"), (place,)).rows
        new = [snapshot.object_of(row) for row in rows]
        if self._dependents is not None:
            self._dependents += new
        return new

    def forget_objects(self) -> None:
        """A migration changed objects; findings() says what became of views and triggers."""
        self._snapshot = None

    def forget(self) -> None:
        """Forget everything."""
        self._snapshot = self._dependents = None
        self.broken = self.limited = frozenset()
