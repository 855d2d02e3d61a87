"""What every way of copying a database returns."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.backups.digest import TableDigest
from memsql.backups.manifest import Source
from memsql.db.copying import Omitted


@dataclass(frozen=True, slots=True)
class Copied:
    """A database that was copied into a SQLite file: where it came from, and the digests of its tables, which were
    computed from the very state that was copied.

    ``omitted`` is what a SQLite file cannot hold. ``shadows`` are the digests of the tables behind full-text indexes,
    where these were copied as they are: with them it is proven that an index that is broken in the copy was broken in
    the source.
    """

    source: Source
    tables: tuple[TableDigest, ...]
    omitted: tuple[Omitted, ...] = ()
    shadows: tuple[TableDigest, ...] = ()
