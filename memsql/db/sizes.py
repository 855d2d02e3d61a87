"""How large a database is."""

from __future__ import annotations

from memsql.db.protocol import Connection


def database_bytes(conn: Connection) -> int:
    """The size of the database in bytes, with its free pages and without its log, as an open transaction sees it;
    0 where a server does not tell."""
    pages, page_size = (r.one() for r in conn.batch([("PRAGMA page_count", ()), ("PRAGMA page_size", ())]))
    return pages * page_size if isinstance(pages, int) and isinstance(page_size, int) else 0
