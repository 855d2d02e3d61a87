"""What a run remembers of the structure between its migrations, so that a small one asks nothing."""

from __future__ import annotations

from memsql.db import Connection
from memsql.db.queries import load
from memsql.engine.structure import snapshot
from memsql.engine.structure.snapshot import Key, Snapshot


class StructureCache:
    """Facts about the objects of one connection. ``broken``: views and triggers that are known not to compile."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._snapshot: Snapshot | None = None
        self._dependents: bool | None = None
        self.broken: frozenset[Key] = frozenset()

    def snapshot(self) -> Snapshot:
        """The objects as they are now."""
        if self._snapshot is None:
            self.keep(snapshot.read(self._conn))
            assert self._snapshot is not None
        return self._snapshot

    def keep(self, now: Snapshot) -> None:
        """``now`` is what the connection has."""
        self._snapshot = now
        self._dependents = any(row[0] in ("view", "trigger") for row in now.rows)

    def has_dependents(self) -> bool:
        """Whether there is a view or a trigger."""
        if self._dependents is None:
            self._dependents = bool(self._conn.execute(load("engine/has_dependents")).rows)
        return self._dependents

    def forget_objects(self) -> None:
        """A migration created or changed objects, but no view and no trigger."""
        self._snapshot = None

    def forget(self) -> None:
        """Forget everything."""
        self._snapshot = self._dependents = None
        self.broken = frozenset()
