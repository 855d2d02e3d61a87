"""Which statements of a file rebuild a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memsql.lint.step import Step, Steps
from memsql.sqltext.selects import Select, Source, tables_of
from memsql.sqltext.tokens import Token


@dataclass(frozen=True, slots=True)
class Copy:
    """``INSERT INTO target … SELECT … FROM source``. ``sources`` are all tables that the SELECT reads rows of,
    ``columns`` those that the INSERT names, () for none."""

    step: Step
    target: str
    sources: tuple[str, ...]
    columns: tuple[str, ...]
    select: Select


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A table made anew with its rows. ``old_first`` where the old table was renamed away before the new one took its
    place; ``drop`` is the statement that drops the old one, ``create`` makes the new one, ``copies`` fill it."""

    table: str
    create: Step
    drop: Step | None
    rename: Step | None
    copies: tuple[Copy, ...]
    old_first: bool = False


def find_copies(steps: Steps) -> list[Copy]:
    """Every ``INSERT … SELECT`` of the file."""
    copies = []
    for step in steps.of("insert", "replace"):
        copy = _copy(step)
        if copy is not None:
            copies.append(copy)
    return copies


def find_rebuilds(steps: Steps, copies: Sequence[Copy]) -> list[Rebuild]:
    """Every table of the file that is made anew: new table, copy, drop, rename; or old table renamed, new table,
    copy, drop; or dropped and created under its name."""
    created = list(steps.making("table", "virtual"))
    dropped = [step for step in steps.of("drop") if step.effect.object_type == "table"]
    rebuilds = []
    for rename in steps.of("alter_rename"):
        old, new = rename.name, rename.new_name
        create, drop = _last(created, old, rename), _last(dropped, new, rename)
        if create is not None and drop is not None:
            rebuilds.append(Rebuild(new, create, drop, rename, _into(copies, create, rename)))
            continue
        create, drop = _next(created, old, rename), _next(dropped, new, rename)
        if create is not None:
            rebuilds.append(Rebuild(old, create, drop, rename, _into(copies, create, drop), old_first=True))
    taken = {rebuild.table for rebuild in rebuilds}
    for create in created:
        drop = _last(dropped, create.name, create)
        if drop is not None and create.name not in taken:
            rebuilds.append(Rebuild(create.name, create, drop, None, _into(copies, create, None)))
    return rebuilds


def _last(steps: Sequence[Step], name: str, before: Step) -> Step | None:
    """The last of ``steps`` in front of ``before`` that is about ``name``."""
    return next((step for step in reversed(steps) if step.name == name and step.at < before.at), None)


def _next(steps: Sequence[Step], name: str, after: Step) -> Step | None:
    """The first of ``steps`` behind ``after`` that is about ``name``."""
    return next((step for step in steps if step.name == name and step.at > after.at), None)


def _into(copies: Sequence[Copy], create: Step, end: Step | None) -> tuple[Copy, ...]:
    """The copies into a new table, up to the statement that ends its rebuild."""
    inside = (copy for copy in copies if copy.step.at > create.at and (end is None or copy.step.at < end.at))
    return tuple(copy for copy in inside if copy.target == create.name)


def _copy(step: Step) -> Copy | None:
    write = step.write if "select" in step.text.lower() else None
    if write is None or write.select is None or not any(arm.items for arm in write.select.arms):
        return None
    return Copy(step, step.name, tables_of(write.select), write.columns, write.select)


def star_over_table(select: Select, steps: Steps, ctes: Mapping[str, Select] | None = None) -> Token | None:
    """The first ``*`` in ``select`` that stands for the columns of a table, or of a view, that was there before the
    file. The columns of anything else are written out where a reader sees them."""
    ctes = {**(ctes or {}), **select.ctes}
    for arm in select.arms:
        for item in arm.items:
            sources = [s for s in arm.sources if item.star and item.of in (None, s.label)]
            if any(_has_columns_of_table(source, steps, ctes) for source in sources):
                return item.tokens[-1]
    return None


def _has_columns_of_table(source: Source, steps: Steps, ctes: Mapping[str, Select]) -> bool:
    if source.select is not None:
        return star_over_table(source.select, steps, ctes) is not None
    if source.schema is None and source.table in ctes:
        # Without its own name: a recursive one reads itself.
        others = {name: select for name, select in ctes.items() if name != source.table}
        return star_over_table(ctes[source.table], steps, others) is not None
    new = next((step for step in steps.making("table") if step.name == source.table), None)
    if new is None or not new.selects:
        return new is None
    write = new.write
    return write is None or write.select is None or star_over_table(write.select, steps) is not None
