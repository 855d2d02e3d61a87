"""Noting which rows and columns the statements of a migration copy, from their text and the schema."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from memsql.engine.loss import copies
from memsql.engine.loss.arrivals import Arrival
from memsql.engine.loss.facts import Facts
from memsql.engine.loss.tables import Table
from memsql.engine.loss.trail import Trail
from memsql.sqltext import identifiers
from memsql.sqltext.origins import Branch, assigned, branches
from memsql.sqltext.writes import Write


class _Reading(NamedTuple):
    """The ``ways`` in which the rows of a statement come about. ``behind``: tables that it names and that these do not
    read, perhaps behind a view; columns of the same name may hold their values."""

    ways: list[Branch]
    behind: list[str]


class Noting:
    """Writes the copies that statements make into ``trail``."""

    def __init__(self, facts: Facts, trail: Trail) -> None:
        self._facts, self._trail = facts, trail
        self._last: tuple[Write, _Reading] | None = None

    def arrival(self, text: str, write: Write) -> Arrival | None:
        """Note that a statement copies rows into a table; None where it does not."""
        if write.select is None:
            return None
        reading = self._read(text, write)
        behind, arms = frozenset(reading.behind), [_tables(way) for way in reading.ways]
        return self._trail.arrivals.arrive(write.table, [arm | behind for arm in arms or [frozenset[str]()]])

    def _read(self, text: str, write: Write) -> _Reading:
        """From what ``write``, a statement with a SELECT, takes its rows. It is asked for twice, before and after."""
        if self._last is None or self._last[0] is not write:
            ways = branches(write, self._facts)
            known = frozenset[str]().union(*map(_tables, ways))
            behind = [name for name in self._bases(identifiers(text) - known - {write.table}) if name not in known]
            self._last = write, _Reading(ways, behind)
        return self._last[1]

    def written(self, text: str, write: Write, table: Table | None) -> None:
        """Note what a statement copied, which ran; ``table`` as it was before."""
        if write.verb == "update" and table is not None:
            self._assigned(write)
            return
        if write.select is None:
            if write.verb == "insert":
                self._trail.filled([write.table])
            return
        target, trail = self._facts.table(write.table), self._trail
        if target is None or (write.verb == "create" and table is not None):
            # CREATE TABLE IF NOT EXISTS … AS does nothing where the table is there.
            return
        if write.verb == "create":
            trail.created.add(write.table)
        reading = self._read(text, write)
        columns = write.columns or target.stored
        noted = copies.copies_of(target, columns, reading.ways, self._identity)
        if write.ignores:
            noted = [replace(copy, some=True) for copy in noted]
        noted += [copies.Copy(name, write.table, {}, unread=True) for name in reading.behind]
        trail.filled([write.table], frozenset(copy.source for copy in noted))
        trail.add(noted)
        for copy in noted:
            source_table = self._facts.table(copy.source)
            if source_table is not None and not target.key and write.table in trail.created and not copy.fills:
                trail.inherit_key(copy, trail.key(source_table))

    def _identity(self, name: str) -> copies.Identity:
        """What identifies the rows of the table ``name``."""
        table = self._facts.table(name)
        return copies.Identity((), None) if table is None else copies.Identity(self._trail.key(table), table.alias)

    def _bases(self, names: frozenset[str]) -> list[str]:
        """Those of ``names`` that are tables, and the tables that views among them name."""
        bases: set[str] = set()
        for name in names:
            table = self._facts.table(name)
            if table is not None and table.kind == "view":
                bases |= {n for n in self._facts.view_words(name) if self._facts.is_data(n)}
            elif table is not None and table.holds_data:
                bases.add(name)
        return sorted(bases)

    def _assigned(self, write: Write) -> None:
        """An UPDATE may fill a column from others of its row, or from the table that it was copied from."""
        values, trail = assigned(write, self._facts), self._trail
        anew = {c: value for c, value in values.items() if (write.table, c) not in value.reads}
        own = copies.assigned_from(write.table, values, self._identity(write.table))
        literals = {c: value.constant for c, value in anew.items() if c not in own}
        trail.overwritten(write.table, literals, some=write.some)
        trail.modified(write.table, values.keys() - anew.keys())
        if own:
            trail.copied_inside(copies.Copy(write.table, write.table, own, some=write.some))
        sources = trail.copies.sources(write.table)
        for source in sources:
            for copy in list(trail.copies.between(source, write.table)):
                read = copies.assigned_from(source, values, self._identity(source), copy)
                if read and write.some:
                    trail.add([replace(copy, values={**copy.values, **read})])
                elif read:
                    trail.refine(copy, read)
                rest = {c: value.constant for c, value in values.items() if c not in read and c not in copy.values}
                if rest and not copy.joins:
                    trail.overwritten_copy(copy, rest, some=write.some)
        others = {table for value in values.values() for table, _ in value.reads} - sources - {write.table}
        for source in sorted(filter(self._facts.is_data, others)):
            moved = copies.set_from(source, write.table, values, self._identity(source), some=write.some)
            trail.add([moved] if moved is not None else [])


def _tables(way: Branch) -> frozenset[str]:
    """The tables from which values of ``way`` come."""
    return frozenset(table for value in way.values for table, _ in value.reads)
