"""What changes about full-text and other virtual tables. ALTER TABLE can only rename them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memsql import hints
from memsql.author.change.steps import CannotChange, Loss, RebuildTable
from memsql.fts.discover import FtsTable, parse
from memsql.schema import Table
from memsql.schema.definition import under_name
from memsql.schema.meaning import virtual_text
from memsql.sqltext.internal import module_of
from memsql.sqltext.names import fold, quote_if_needed


@dataclass(frozen=True, slots=True)
class VirtualChanges:
    """What to do with the virtual tables that differ.

    ``dropped`` and ``created`` have no rows of their own. ``copied`` are pairs (before, after) of tables with rows of
    their own. ``losses`` are texts that are left out.
    """

    dropped: tuple[Table, ...]
    created: tuple[Table, ...]
    copied: tuple[tuple[Table, Table], ...]
    losses: tuple[Loss, ...]


def virtual_changes(pairs: Iterable[tuple[Table, Table]], recreate: frozenset[str]) -> VirtualChanges:
    """Decide about each pair of a virtual table before and after the change.

    ``recreate`` are the tables that must be made again in any case.
    Raises CannotChange for a table whose rows are nowhere else and which cannot be copied.
    """
    dropped, created, copied, losses = [], [], [], []
    for old, new in pairs:
        if virtual_text(old.sql) == virtual_text(new.sql) and fold(new.name) not in recreate:
            continue
        if _can_be_built_anew(old, new):
            dropped.append(old)
            created.append(new)
        else:
            losses += _losses_of_copy(old, new)
            copied.append((old, new))
    return VirtualChanges(tuple(dropped), tuple(created), tuple(copied), tuple(losses))


def fts_table(table: Table) -> FtsTable | None:
    """``table`` as a full-text table; None where it is none."""
    return parse(table.name, table.sql) if table.kind == "virtual" and module_of(table.sql) == "fts5" else None


def keeps_rows(table: Table) -> bool:
    """Whether ``table`` is virtual and has rows that are nowhere else."""
    index = fts_table(table)
    return table.kind == "virtual" and (module_of(table.sql) != "fts5vocab" if index is None else index.content is None)


def copy_step(old: Table, new: Table, temporary: str) -> RebuildTable:
    """The step that makes a full-text table with text of its own again, with the text of ``old``."""
    before, after = fts_table(old), fts_table(new)
    assert before is not None
    assert after is not None
    existing = {fold(c) for c in before.all_columns}
    columns = ["rowid", *(quote_if_needed(c) for c in after.all_columns if fold(c) in existing)]
    return RebuildTable(new.name, temporary, under_name(new.sql, temporary), tuple((c, c) for c in columns))


def _can_be_built_anew(old: Table, new: Table) -> bool:
    before, after = fts_table(old), fts_table(new)
    if before is None or after is None:
        return module_of(old.sql) == module_of(new.sql) == "fts5vocab"
    return bool(before.content) and after.content is not None


def _losses_of_copy(old: Table, new: Table) -> list[Loss]:
    before, after = fts_table(old), fts_table(new)
    if before is None or after is None or not before.kind == after.kind == "own":
        raise CannotChange(
            f"{new.name} cannot be changed by a derived migration: what it holds is nowhere else",
            new.name,
            None,
            f"write it by hand: {hints.command('migrate.create NAME')}",
        )
    if fold(old.name) != fold(new.name):
        raise CannotChange(
            f"{new.name} is another than {old.name} in more than its name",
            new.name,
            None,
            "rename it in one migration and change it in another",
        )
    kept = {fold(c) for c in after.all_columns}
    return [
        Loss(old.name, c, f"Loses the text of {old.name}.{c}; the way back makes the column again without it.")
        for c in before.all_columns
        if fold(c) not in kept
    ]
