"""What the migrations before one left: what its rollback may leave out, or leave broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from memsql.engine.structure.snapshot import Key, Snapshot
from memsql.project.files import Migration
from memsql.sqltext import effect, fold, statements


def created_by(migration: Migration, keys: Iterable[Key]) -> frozenset[Key]:
    """Which of ``keys`` the up of ``migration`` creates."""
    effects = (effect(statement.text) for statement in statements(migration.up.text()))
    return frozenset(keys) & {(e.object_type or "", fold(e.name or "")) for e in effects if e.kind == "create"}


def objects_after(migrations: Sequence[Migration]) -> Snapshot:
    """The objects that the ups of ``migrations`` leave in an empty database. Statements that do not run are left
    out."""
    from memsql.lint.memory import RUN, MemoryDatabase

    with closing(MemoryDatabase()) as database:
        for migration in migrations:
            for statement in statements(migration.up.text()):
                if effect(statement.text).kind in RUN:
                    database.run(statement.text)
        return Snapshot.of_rows(database.rows())
