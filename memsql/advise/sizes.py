"""How large tables and indexes are, by SQLite's own account of the pages of a file."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from memsql.db import Connection
from memsql.db.queries import load
from memsql.errors import StatementError

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes, and entries (of a table its rows), by name. ``problem`` says why there are none; empty where there are."""

    bytes: dict[str, int] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    problem: str = ""


def sizes(conn: Connection, without_rowid: frozenset[str], indexes: frozenset[str]) -> Sizes:
    """The sizes of everything on ``conn``. This reads the whole file, for at most ten seconds, and no server.

    ``without_rowid``: the tables of that kind. ``indexes``: names.
    """
    if conn.target.is_server:
        return Sizes(problem="a server would bill every page that is read for it")
    ends = time.perf_counter() + _SECONDS
    try:
        with conn.observe(lambda: time.perf_counter() > ends):
            rows = conn.execute(load("advise/sizes")).rows
    except StatementError as e:
        late = time.perf_counter() > ends
        return Sizes(problem=f"it took longer than {_SECONDS:g} s" if late else f"SQLite here cannot tell: {e.message}")
    # A page inside of an index, or of a table without rowid, holds entries of its own.
    whole = indexes | without_rowid
    return Sizes(
        {str(name): int(str(weight)) for name, weight, _, _ in rows},
        {str(name): int(str(cells if name in whole else leaves)) for name, _, leaves, cells in rows},
    )
