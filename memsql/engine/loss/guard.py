"""The foreign keys around a migration: which to check before it, and which it broke according to the checks after it.
Pure: no database is asked.

Names of tables are folded (ASCII letters in lower case) but where they are shown to a person. What becomes of rows and
values says engine.loss.accounting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memsql import words
from memsql.db import Touched
from memsql.engine.analysis import Analysis
from memsql.sqltext import fold
from memsql.sqltext.internal import is_contentless

# Shadow tables that hold an index and no row of the user's own. The _content of an FTS table and the _rowid of an
# R-Tree hold rows.
_INDEX_SHADOWS = ("data", "idx", "docsize", "config", "segments", "segdir", "stat", "node", "parent")


@dataclass(frozen=True, slots=True)
class Watch:
    """The tables whose foreign keys to check before a migration runs.

    ``linked``: rows that break their foreign keys, as child or parent. ``keyed``: whether they have the keys that other
    tables name.
    """

    linked: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()

    def __or__(self, other: Watch) -> Watch:
        return Watch(self.linked | other.linked, self.keyed | other.keyed)

    def covers(self, other: Watch) -> bool:
        """Whether everything that ``other`` checks is checked by this one too."""
        return other.linked <= self.linked and other.keyed <= self.keyed


@dataclass(frozen=True, slots=True)
class Counts:
    """What a Watch counted at one moment.

    ``violations``: rows that break a foreign key, by (child, parent). ``keyless``: foreign keys that name columns
    without a key, in SQLite's words.
    """

    violations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    keyless: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Virtual:
    """The virtual ``tables`` of a database and their ``shadows``; ``owners``: each virtual table with its CREATE
    statement."""

    tables: frozenset[str] = frozenset()
    shadows: frozenset[str] = frozenset()
    owners: Mapping[str, str] = field(default_factory=dict)

    def holds_an_index(self, name: str) -> bool:
        """Whether the table ``name`` (folded) is a shadow that holds an index and no row of the user's own."""
        return name in self.shadows and name.rpartition("_")[2] in _INDEX_SHADOWS

    def is_plain(self, name: str) -> bool:
        """Whether the table ``name`` (any case) is of the user's own, and neither virtual nor a shadow."""
        folded = fold(name)
        return not (folded.startswith("sqlite_") or folded in self.tables or folded in self.shadows)

    def is_contentless(self, name: str) -> bool:
        """Whether the table ``name`` (any case) is a full-text index without content: an INSERT into it may be a
        command that deletes."""
        sql = self.owners.get(fold(name))
        return sql is not None and is_contentless(sql)

    def is_user_table(self, name: str) -> bool:
        """Whether the table ``name`` (any case) holds rows of the user's own."""
        return fold(name) not in self.tables and not self.holds_an_index(fold(name))


def planned(named: frozenset[str], virtual: Virtual) -> Watch:
    """What to check of a migration without foreign keys whose text names the tables ``named``."""
    return Watch(linked=named - virtual.tables)


def needed(touched: Touched, analysis: Analysis, virtual: Virtual) -> Watch:
    """What should have been checked, according to what the engine says a migration without foreign keys reached."""
    # A new table can break a foreign key too.
    reached = _origins(frozenset(fold(t) for t in touched.written() | touched.dropped | touched.altered), analysis)
    return Watch(linked=frozenset(n for n in reached - virtual.tables if not virtual.holds_an_index(n)))


def after_watch(watch: Watch, analysis: Analysis) -> Watch:
    """What to check after the run: the same tables, under their old names and under those they were renamed to."""

    def follow(names: frozenset[str]) -> frozenset[str]:
        return names | {alias for name in names for alias in _aliases(name, analysis)}

    return Watch(follow(watch.linked), follow(watch.keyed))


def broken_keys(before: Counts, after: Counts) -> list[str]:
    """Foreign keys that are broken in ``after`` and were not in ``before``; a sentence each."""
    problems = []
    for (child, parent), rows in after.violations.items():
        new = rows - before.violations.get((child, parent), 0)
        if new > 0:
            problems.append(words.orphans(new, child, parent))
    return problems + [
        f"{key}: what the key names has no PRIMARY KEY or UNIQUE index any more, so neither table can be written"
        for key in sorted(after.keyless - before.keyless)
    ]


def _origins(names: frozenset[str], analysis: Analysis) -> frozenset[str]:
    """``names``, and the names those tables had before the migration renamed them."""
    for old, new in reversed(analysis.renames):
        if new in names:
            names |= {old}
    return names


def _aliases(name: str, analysis: Analysis) -> list[str]:
    """The names of the table that is called ``name`` before the run, in the order it gets them."""
    names = [name]
    for old, new in analysis.renames:
        if old == names[-1]:
            names.append(new)
    return names
