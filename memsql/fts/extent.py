"""Which tables a check of full-text indexes reads, so that a clone for it need not copy other rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from memsql.db.copying import Choice, Stored
from memsql.fts.discover import NEW_PREFIX, arguments_of, parse, through_views
from memsql.sqltext import fold, identifiers


def rows_for(names: Collection[str] | None = None) -> Choice:
    """The choice of the FTS5 tables ``names`` (None: all of them), of the tables that they index, and of the tables
    behind the views that they index; and those that their triggers read to choose rows."""
    indexes = None if names is None else {name.lower() for name in names}

    def choose(objects: Sequence[Stored]) -> set[str]:
        tables = {fold(o.name): o.name.lower() for o in objects if o.type == "table"}
        views = {fold(o.name): o.sql for o in objects if o.type == "view"}
        readers = [words for o in objects if o.type == "trigger" and (words := identifiers(o.sql)) & {"select", "in"}]
        chosen: set[str] = set()
        for stored in objects:
            name = stored.name.lower()
            if not (stored.virtual and arguments_of(stored.sql)):
                continue
            if name in indexes if indexes is not None else not name.startswith(NEW_PREFIX):
                read = through_views(fold(parse(stored.name, stored.sql).content or ""), views)
                for words in readers:
                    if name in words:
                        read = read.union(
                            *(through_views(word, views) for word in words & (views.keys() | tables.keys()))
                        )
                chosen |= {name, *(tables[word] for word in read & tables.keys())}
        return chosen

    return choose
