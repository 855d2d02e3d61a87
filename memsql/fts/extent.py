"""Which tables a check of full-text indexes reads, so that nothing else need be copied for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from memsql.db.copying import Choice, Stored
from memsql.fts.discover import OURS, arguments_of, parse, through_views
from memsql.sqltext import fold


def rows_for(names: Collection[str] | None = None) -> Choice:
    """The choice of the FTS5 tables ``names`` (all of them where it is None) and of what they index: tables, and the
    tables behind views."""
    wanted = None if names is None else {name.lower() for name in names}

    def choose(objects: Sequence[Stored]) -> set[str]:
        tables = {fold(o.name): o.name.lower() for o in objects if o.type == "table"}
        views = {fold(o.name): o.sql for o in objects if o.type == "view"}
        found: set[str] = set()
        for thing in objects:
            name = thing.name.lower()
            if (
                thing.virtual
                and arguments_of(thing.sql)
                and (name in wanted if wanted is not None else not name.startswith(OURS))
            ):
                behind = through_views(fold(parse(thing.name, thing.sql).content or ""), views)
                found |= {name, *(tables[one] for one in behind & tables.keys())}
        return found

    return choose
