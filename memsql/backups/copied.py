"""What every way of copying a database returns."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.backups.digest import TableDigest
from memsql.backups.manifest import Source
from memsql.db.copying import Omitted


@dataclass(frozen=True, slots=True)
class Copied:
    """A database was copied into a SQLite file: from where, and what the tables held there, read in the very state
    that was copied. ``omitted`` is what a SQLite file cannot hold. ``shadows`` are the tables behind full-text indexes, where
    they were copied and not built anew: with them it is proven that a broken index was broken in the source."""

    source: Source
    tables: tuple[TableDigest, ...]
    omitted: tuple[Omitted, ...] = ()
    shadows: tuple[TableDigest, ...] = ()
