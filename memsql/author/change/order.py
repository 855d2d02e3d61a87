"""Indexes, views and triggers: which of them must give way while tables change, and in which order they come back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memsql.author.change.steps import NO_RENAMES, ChangeStep, Create, Drop, Renames
from memsql.schema import Object, Schema
from memsql.schema.compare import Element
from memsql.sqltext import identifiers
from memsql.sqltext.names import fold


@dataclass(frozen=True, slots=True)
class TableEffects:
    """What a change does to tables, all names in lower case.

    ``disturbed`` are the tables that are dropped, rebuilt or copied, by their names before and after the change.
    ``rebuilt`` are the rebuilt ones by their names after it, ``dropped`` the dropped ones. ``checks_schema``: a step is
    an ALTER TABLE for which SQLite compiles all views and triggers, so that those which cannot be compiled meanwhile
    must give way.
    """

    disturbed: frozenset[str] = frozenset()
    rebuilt: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    renames: Renames = NO_RENAMES
    checks_schema: bool = False


def dependents(schema: Schema) -> dict[Element, Object]:
    """The indexes, views and triggers of ``schema``, without automatic indexes."""
    return {
        Element(o.type, fold(o.name)): o for o in schema.objects if o.sql and o.type in ("index", "view", "trigger")
    }


def dependent_steps(
    before: Schema, after: Schema, effects: TableEffects, changed: frozenset[Element]
) -> tuple[list[ChangeStep], list[ChangeStep]]:
    """The steps before and behind those on tables: which dependents to drop, and which to create.

    ``changed`` are the dependents of ``before`` that are not as ``after`` has them.
    """
    old, new = dependents(before), dependents(after)
    giving_way = _giving_way(before, effects, changed)
    views = frozenset(element.name for element in giving_way if element.kind == "view")

    def goes_with_its_table(element: Element) -> bool:
        table = fold(old[element].table)
        if table in views or table in effects.dropped:
            return True
        if table not in effects.disturbed or element in changed:
            return False
        others = (effects.disturbed | views) - {table, effects.renames.new_name(table)}
        return element.kind == "index" or not mentions(old[element], others)

    dropped = {e: old[e] for e in sorted(giving_way) if e.kind == "view" or not goes_with_its_table(e)}
    lost = {e for e, o in old.items() if e.kind != "view" and fold(o.table) in effects.disturbed | views}
    created = [
        o for e, o in new.items() if e not in old or e in giving_way or e in lost or fold(o.table) in effects.rebuilt
    ]
    drops = [Drop("trigger", o.name) for o in dropped.values() if o.type == "trigger"]
    drops += [Drop("view", v.name) for v in reversed(in_order([o for o in dropped.values() if o.type == "view"]))]
    drops += [Drop("index", o.name) for o in dropped.values() if o.type == "index"]
    creates = [*_by_name(created, "index"), *in_order([o for o in created if o.type == "view"])]
    creates += _by_name(created, "trigger")
    return list(drops), [Create(o.sql) for o in creates]


def mentions(obj: Object, names: Iterable[str]) -> bool:
    """Whether the text of ``obj`` has one of ``names``, in lower case, where a table could be."""
    return not (identifiers(obj.sql) - {fold(obj.name)}).isdisjoint(names)


def reaching(schema: Schema, kinds: Iterable[str], names: frozenset[str]) -> list[Object]:
    """The objects of ``kinds`` (view, trigger) that name one of ``names``, directly or through views."""
    views = [o for o in schema.objects if o.type == "view"]
    reached = set(names)
    grown = True
    while grown:
        grown = False
        for view in views:
            if fold(view.name) not in reached and mentions(view, reached):
                reached.add(fold(view.name))
                grown = True
    chosen = set(kinds)
    return [o for o in schema.objects if o.type in chosen and o.sql and mentions(o, reached)]


def in_order(views: Sequence[Object]) -> list[Object]:
    """``views`` so that each comes behind those that it reads."""
    left = sorted(views, key=lambda v: v.name)
    result: list[Object] = []
    while left:
        names = {fold(v.name) for v in left}
        free = [v for v in left if not mentions(v, names - {fold(v.name)})] or left[:1]
        result += free
        left = [v for v in left if v not in free]
    return result


def _giving_way(schema: Schema, effects: TableEffects, changed: frozenset[Element]) -> frozenset[Element]:
    """The dependents that must be dropped before the steps on tables."""
    if not effects.checks_schema:
        return changed
    unreadable = {Element("view", fold(t.name)) for t in schema.tables.values() if t.kind == "view" and not t.columns}
    views = unreadable | {element for element in changed if element.kind == "view"}
    names = effects.disturbed | frozenset(element.name for element in views)
    reached = {Element(o.type, fold(o.name)) for o in reaching(schema, ("view", "trigger"), names)}
    return frozenset(changed | views | reached)


def _by_name(objects: Iterable[Object], kind: str) -> list[Object]:
    return sorted((o for o in objects if o.type == kind), key=lambda o: o.name)
