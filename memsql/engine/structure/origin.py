"""Whether a migration created an object: what its rollback may leave out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memsql.engine.structure.snapshot import Key
from memsql.project.files import Migration
from memsql.sqltext import effect, fold, statements


def created_by(migration: Migration, earlier: Sequence[Migration], keys: Iterable[Key]) -> frozenset[Key]:
    """Which of ``keys`` the up of ``migration`` creates, and were not there before it, after the ups of ``earlier``.

    An up that rebuilds a table creates its indexes again: these belong to the earlier migrations.
    """
    wanted = frozenset(keys)
    if not wanted:
        return wanted
    effects = (effect(statement.text) for statement in statements(migration.up.text()))
    created = wanted & {(e.object_type or "", fold(e.name or "")) for e in effects if e.kind == "create"}
    return created - _keys_after(earlier) if created else created


def _keys_after(migrations: Sequence[Migration]) -> frozenset[Key]:
    """The objects that the ups of ``migrations`` leave in an empty database. Statements that do not run are left
    out."""
    from contextlib import closing

    from memsql.lint.memory import RUN, MemoryDatabase

    with closing(MemoryDatabase()) as database:
        for migration in migrations:
            for statement in statements(migration.up.text()):
                if effect(statement.text).kind in RUN:
                    database.run(statement.text)
        return frozenset((kind, fold(name)) for kind, name in database.texts())
