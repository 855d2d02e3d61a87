"""What changes about full-text and other virtual tables. ALTER TABLE can only rename them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memsql.author.change.steps import CannotChange, Rebuild, Step
from memsql.fts.discover import FtsTable, parse
from memsql.schema import Table
from memsql.schema.definition import same, under_name
from memsql.schema.internal import module_of
from memsql.sqltext.names import fold, quote_if_needed


@dataclass(frozen=True, slots=True)
class Texts:
    """``dropped`` and ``created`` keep nothing of their own, ``copied`` (old, new) do, ``renamed`` (old, new) change
    nothing but their name."""

    dropped: tuple[Table, ...]
    created: tuple[Table, ...]
    copied: tuple[tuple[Table, Table], ...]
    renamed: tuple[tuple[Table, Table], ...]
    losses: tuple[str, ...]


def decide(pairs: Iterable[tuple[Table, Table]], maps: Sequence[Mapping[str, str]], recreate: frozenset[str]) -> Texts:
    """What to do about each virtual table and the one it was. Raises CannotChange for one whose text is nowhere else."""
    dropped, created, copied, renamed, losses = [], [], [], [], []
    for old, new in pairs:
        if same(old.sql, under_name(new.sql, old.name), [{}]) and fold(new.name) not in recreate:
            if fold(old.name) != fold(new.name):
                renamed.append((old, new))
            continue
        one, two = read(old), read(new)
        if module_of(old.sql) == module_of(new.sql) == "fts5vocab" or (
            one and two and one.content and two.content is not None
        ):
            dropped.append(old)
            created.append(new)
        elif one and two and one.kind == two.kind == "own":
            if fold(old.name) != fold(new.name):
                raise CannotChange(
                    f"{new.name} is another than {old.name} in more than its name",
                    new.name,
                    None,
                    "rename it in one migration and change it in another",
                )
            copied.append((old, new))
            kept = {fold(c) for c in two.all_columns}
            losses += [
                f"Loses the text of {old.name}.{c}; the way back makes the column again without it."
                for c in one.all_columns
                if fold(c) not in kept
            ]
        else:
            raise CannotChange(
                f"{new.name} cannot be changed by a derived migration: what it holds is nowhere else",
                new.name,
                None,
                "write it by hand: invoke migrate.create NAME",
            )
    return Texts(tuple(dropped), tuple(created), tuple(copied), tuple(renamed), tuple(losses))


def read(table: Table) -> FtsTable | None:
    """``table`` as a full-text table; None where it is none."""
    return parse(table.name, table.sql) if table.kind == "virtual" and module_of(table.sql) == "fts5" else None


def keeps_rows(table: Table) -> bool:
    """Whether the virtual ``table`` holds what is nowhere else."""
    text = read(table)
    return table.kind == "virtual" and (module_of(table.sql) != "fts5vocab" if text is None else text.content is None)


def copy(old: Table, new: Table, temporary: str) -> list[Step]:
    """A full-text table that keeps its own text, made again with the text of ``old``."""
    one, two = read(old), read(new)
    assert one is not None
    assert two is not None
    there = {fold(c) for c in one.all_columns}
    columns = [quote_if_needed(c) for c in (*two.columns, *two.unindexed) if fold(c) in there]
    names = ["rowid", *columns]
    return [Rebuild(new.name, temporary, under_name(new.sql, temporary), tuple((c, c) for c in names))]
