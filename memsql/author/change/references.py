"""Foreign keys that a change adds or points at other columns, and rows that the way back does not bring again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memsql.author.change.tables import TableChange, is_alias
from memsql.schema import Column, ForeignKey, Table
from memsql.sqltext.names import fold

_Pairs = frozenset[tuple[str, str]]
"""The columns of a foreign key, each with the column it refers to; in lower case."""


Echoes = dict[str, dict[str, tuple[str, str]]]
"""By table and column, the table and column with which it must share values; in lower case."""


def new_foreign_keys(change: TableChange, changes: Iterable[TableChange]) -> list[ForeignKey]:
    """The foreign keys that only the new table has, on columns that it keeps, in the names before the change.

    A key that refers to other columns of the same table is a new one. ``changes`` are those of all tables.
    """
    changes = list(changes)
    existing = {(fold(key.parent), _pairs(key, _before(changes, key.parent))) for key in change.old.foreign_keys}
    keys = []
    for key in change.new.foreign_keys:
        renamed = _in_old_names(change, key, changes)
        if renamed and (fold(renamed.parent), _pairs(renamed, None)) not in existing:
            keys.append(renamed)
    return keys


def echoes(changes: Iterable[TableChange]) -> Echoes:
    """The columns that must share values, so that rows fit before the change and after it: those that a foreign key
    refers to before and after, by their names before."""
    changes = list(changes)
    shared: Echoes = {}
    for change in changes:
        for key in new_foreign_keys(change, changes):
            goals = dict(_pairs(key, None))
            for old in change.old.foreign_keys:
                for column, referred in _pairs(old, _before(changes, old.parent)):
                    if column in goals:
                        one, other = (fold(old.parent), referred), (fold(key.parent), goals[column])
                        shared.setdefault(one[0], {})[one[1]] = other
                        shared.setdefault(other[0], {})[other[1]] = one
    return shared


@dataclass(frozen=True, slots=True)
class Vanished:
    """What the way back makes again without what was in it: ``tables`` without rows, and the ``columns`` of each other
    table (by its name after the way back) without values; all in lower case."""

    tables: frozenset[str]
    columns: Mapping[str, frozenset[str]]


def vanished(dropped: Iterable[Table], columns: Iterable[tuple[Table, Iterable[Column], Table]]) -> Vanished:
    """What is gone where the tables ``dropped`` go, and ``columns`` of other tables: each table that has them, these
    columns, and the same table without them."""
    return Vanished(
        frozenset(fold(t.name) for t in dropped),
        {
            fold(table.name): frozenset(fold(c.name) for c in gone if not (c.hidden or _is_rowid(c, table, without)))
            for table, gone, without in columns
        },
    )


def _is_rowid(column: Column, table: Table, without: Table) -> bool:
    """Whether ``column`` is only a name for the rowid of ``table``, which ``without`` keeps under no name."""
    kept = not without.without_rowid and not any(is_alias(c, without) for c in without.columns)
    return kept and is_alias(column, table)


def orphaned(change: TableChange, gone: Vanished) -> dict[str, str]:
    """The columns of the new table, in lower case, that refer to what is ``gone`` and did not before; each with what it
    refers to."""
    existing = {(tuple(map(fold, key.columns)), fold(key.parent), _names(key)) for key in change.old.foreign_keys}
    return {
        fold(column): goal
        for key in change.new.foreign_keys
        if (tuple(map(fold, key.columns)), fold(key.parent), _names(key)) not in existing
        if (goal := _vanished_goal(key, gone))
        for column in key.columns
    }


def _vanished_goal(key: ForeignKey, gone: Vanished) -> str:
    """The table, or the column, that ``key`` refers to and that is ``gone``; empty where it comes back."""
    if fold(key.parent) in gone.tables:
        return key.parent
    columns = gone.columns.get(fold(key.parent), frozenset())
    return next((f"{key.parent}.{c}" for c in key.parent_columns if fold(c) in columns), "")


def _names(key: ForeignKey) -> tuple[str, ...]:
    return tuple(map(fold, key.parent_columns))


def _before(changes: Iterable[TableChange], name: str) -> Table | None:
    """The table ``name`` before the change."""
    return next((c.old for c in changes if fold(c.old.name) == fold(name)), None)


def _in_old_names(change: TableChange, key: ForeignKey, changes: Iterable[TableChange]) -> ForeignKey | None:
    """``key`` of the new table in the names before the change; None where it has a column that is new."""
    source = {fold(n): o for n, o in change.kept.items()}
    if not all(fold(c) in source for c in key.columns):
        return None
    parent = next((c for c in changes if fold(c.new.name) == fold(key.parent)), None)
    names = {fold(n): o for n, o in parent.kept.items()} if parent else {}
    referred = key.referred(parent.new if parent else None)
    return ForeignKey(
        tuple(source[fold(c)] for c in key.columns),
        parent.old.name if parent else key.parent,
        tuple(names.get(fold(c), c) for c in referred),
        key.on_update,
        key.on_delete,
    )


def _pairs(key: ForeignKey, parent: Table | None) -> _Pairs:
    referred = key.referred(parent)
    return frozenset(zip(map(fold, key.columns), map(fold, referred), strict=False))
