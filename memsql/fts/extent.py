"""Which tables a check of full-text indexes reads, so that nothing else need be copied for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from memsql.db.copying import Choice, Stored
from memsql.fts.discover import OURS, arguments_of, parse
from memsql.sqltext import identifiers


def rows_for(names: Collection[str] | None = None) -> Choice:
    """The choice of the FTS5 tables ``names`` (all of them where it is None) and of what they index: tables, and the
    tables behind views."""
    wanted = None if names is None else {name.lower() for name in names}

    def choose(objects: Sequence[Stored]) -> set[str]:
        known = {o.name.lower(): o for o in objects if o.type in ("table", "view")}
        found: set[str] = set()
        for thing in objects:
            name = thing.name.lower()
            if thing.virtual and arguments_of(thing.sql) and (name in wanted if wanted is not None else not name.startswith(OURS)):
                found |= {name, *_behind((parse(thing.name, thing.sql).content or "").lower(), known)}
        return found

    return choose


def _behind(name: str, known: dict[str, Stored]) -> set[str]:
    """``name`` if it is a table, or the tables that the view ``name`` reads, through other views too."""
    found: set[str] = set()
    open_, seen = [name], set()
    while open_:
        thing = known.get(open_.pop())
        if thing is None or thing.name.lower() in seen:
            continue
        seen.add(thing.name.lower())
        if thing.type == "table":
            found.add(thing.name.lower())
        else:
            open_ += [word for word in identifiers(thing.sql) if word in known]
    return found
