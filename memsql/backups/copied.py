"""What every way of copying a database returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memsql.backups.digest import TableDigest
from memsql.backups.manifest import Omitted, Source


@dataclass(frozen=True, slots=True)
class Observer:
    """Who wants to know how long work goes: ``note`` is told what begins, ``tick`` that it goes on, with a fraction
    between 0 and 1 where one is known."""

    note: Callable[[str], None] = lambda _: None
    tick: Callable[[float | None], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Copied:
    """A database was copied into a SQLite file: from where, and what the tables held there, read in the very state
    that was copied. ``omitted`` is what a SQLite file cannot hold. ``shadows`` are the tables behind full-text indexes, where
    they were copied and not built anew: with them it is proven that a broken index was broken in the source."""

    source: Source
    tables: tuple[TableDigest, ...]
    omitted: tuple[Omitted, ...] = ()
    shadows: tuple[TableDigest, ...] = ()
