"""Foreign keys that a change adds."""

from __future__ import annotations

from collections.abc import Iterable

from memsql.author.change.tables import TableChange
from memsql.schema import ForeignKey
from memsql.sqltext.tokens import fold


def new_foreign_keys(change: TableChange, changes: Iterable[TableChange]) -> list[ForeignKey]:
    """The foreign keys on columns of ``change`` that were there without them, in the names of before. ``changes`` are those
    of all tables."""
    source = {fold(n): o for n, o in change.kept.items()}
    parents = {fold(c.new.name): c for c in changes}
    had = {(tuple(map(fold, k.columns)), fold(k.parent)) for k in change.old.foreign_keys}
    found = []
    for key in change.new.foreign_keys:
        if not all(fold(c) in source for c in key.columns):
            continue
        parent = parents.get(fold(key.parent))
        names = {fold(n): o for n, o in parent.kept.items()} if parent else {}
        columns = tuple(source[fold(c)] for c in key.columns)
        old = ForeignKey(
            columns,
            parent.old.name if parent else key.parent,
            tuple(names.get(fold(c), c) for c in key.parent_columns),
            key.on_update,
            key.on_delete,
        )
        if (tuple(map(fold, columns)), fold(old.parent)) not in had:
            found.append(old)
    return found
