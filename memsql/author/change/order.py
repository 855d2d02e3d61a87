"""What stands on what: views and triggers that must give way while a table changes, and the order to make them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memsql.schema import Object, Schema
from memsql.sqltext import identifiers
from memsql.sqltext.names import fold


def reaching(schema: Schema, kinds: Iterable[str], names: frozenset[str]) -> list[Object]:
    """The objects of ``kinds`` (view, trigger) that name one of ``names``, or a view that does, however far up."""
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


def mentions(thing: Object, names: Iterable[str]) -> bool:
    """Whether the text of ``thing`` holds one of ``names``, lower case, where a table could stand."""
    return not (identifiers(thing.sql) - {fold(thing.name)}).isdisjoint(names)


def ordered(views: Sequence[Object]) -> list[Object]:
    """``views`` so that each comes behind those it reads."""
    left = sorted(views, key=lambda v: v.name)
    found: list[Object] = []
    while left:
        names = {fold(v.name) for v in left}
        free = [v for v in left if not mentions(v, names - {fold(v.name)})] or left[:1]
        found += free
        left = [v for v in left if v not in free]
    return found
