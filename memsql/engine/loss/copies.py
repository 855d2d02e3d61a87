"""Which column of a table was copied to which column of another one, according to the text. No database is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from memsql.engine.loss.tables import ROWID, Table
from memsql.sqltext.names import ROWIDS
from memsql.sqltext.writes import Expression

Manner = Literal["copy", "expression", "partly", "none"]
_STRICT: dict[Manner, int] = {"expression": 0, "partly": 1, "copy": 2, "none": 3}


@dataclass(frozen=True, slots=True)
class Carrier:
    """The ``column`` of a target that may hold the value of a column of the source.

    ``manner``: copy (bare, or CAST: the value must come back), expression (the author's word: any value but NULL),
    partly (an expression that did not reach all rows: any value but NULL and the default of the column), or
    none (a column of that name into which something else was written: only the same value counts). ``converts``: of a
    copy, whether CAST or the type of the target may make another value of it.
    """

    column: str
    manner: Manner
    converts: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """Rows of the table ``source`` were inserted into ``target`` (folded names), or its own columns were set from
    others (then both are the same). ``values``: the target's columns, and what was written there, by the columns of the
    source that it reads. ``unread``: the text does not tell; columns of the same name may hold the values. ``some``:
    it reached only some rows."""

    source: str
    target: str
    values: Mapping[str, tuple[str, frozenset[str]]]
    unread: bool = False
    some: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """How rows of a source are found again in ``target``: ``pairs`` of a key column and the column that it was copied
    to (empty: the key was not copied), and the ``carriers`` of the columns. ``others``: more carriers of a column, any
    of which may hold the value instead. ``own``: it is the same row. ``has_rowid``: the rowid was copied too."""

    target: Table
    pairs: tuple[tuple[str, str], ...]
    carriers: Mapping[str, Carrier]
    sets_key: bool = False
    own: bool = False
    has_rowid: bool = False
    others: Mapping[str, tuple[Carrier, ...]] = field(default_factory=dict)

    def carriers_of(self, column: str) -> tuple[Carrier, ...]:
        """All columns that may hold the value of ``column``."""
        first = self.carriers.get(column)
        return () if first is None else (first, *self.others.get(column, ()))


class NotedCopies:
    """The copies that a migration made so far, to be found by the source and by the target in no time."""

    def __init__(self, copies: Iterable[Copy] = ()) -> None:
        self._pairs: dict[tuple[str, str], list[Copy]] = {}
        self._targets: dict[str, list[str]] = {}
        self._sources: dict[str, set[str]] = {}
        for copy in copies:
            self.add(copy)

    def __iter__(self) -> Iterator[Copy]:
        return (copy for pair in self._pairs.values() for copy in pair)

    def add(self, copy: Copy) -> None:
        """Note ``copy``, unless an equal one is noted."""
        pair = self._pairs.get((copy.source, copy.target))
        if pair is None:
            pair = self._pairs[copy.source, copy.target] = []
            if copy.source != copy.target:
                self._targets.setdefault(copy.source, []).append(copy.target)
                self._sources.setdefault(copy.target, set()).add(copy.source)
        if copy not in pair:
            pair.append(copy)

    def between(self, source: str, target: str) -> list[Copy]:
        """The copies of ``source`` to ``target``, which may be the same."""
        return self._pairs.get((source, target), [])

    def targets(self, source: str) -> Sequence[str]:
        """The other tables to which ``source`` was copied."""
        return self._targets.get(source, ())

    def sources(self, target: str) -> frozenset[str]:
        """The other tables that were copied to ``target``."""
        return frozenset(self._sources.get(target, ()))


def copy_of(source: str, target: str, columns: Sequence[str], values: Sequence[Expression]) -> Copy:
    """The copy that writes ``values`` into ``columns`` of ``target``, as far as they come from ``source``."""
    written = {}
    for column, value in zip(columns, values, strict=False):
        reads = frozenset(name for table, name in value.reads if table == source)
        written[ROWID if column in ROWIDS and column not in written else column] = (value.kind, reads)
    return Copy(source, target, written)


def match(source: Table, key: Sequence[str], target: Table, copies: Sequence[Copy]) -> Match:
    """How the rows of ``source``, which ``key`` identifies, are found again after ``copies`` of it to ``target``."""
    carriers: dict[str, Carrier] = {}
    others: dict[str, tuple[Carrier, ...]] = {}
    for column in [*source.columns, *(k for k in key if k not in source.columns)]:
        parts = [_carriers(column, source, target, copy) for copy in copies]
        for part in filter(None, parts):
            before = carriers.get(column)
            if before is None or _STRICT[before.manner] < _STRICT[part[0].manner]:
                carriers[column] = part[0]
        # An expression counts only where every copy has it.
        everywhere = {c for part in parts for c in part if c.manner == "copy" or all(c in each for each in parts)}
        others[column] = tuple(sorted(everywhere - {carriers.get(column)}, key=lambda carrier: carrier.column))
    pairs = tuple((k, carriers[k].column) for k in key if k in carriers and carriers[k].manner == "copy")
    sets_key = any(k in carriers and carriers[k].manner == "expression" for k in key)
    has_rowid = all(copy.values.get(ROWID) == ("bare", frozenset({ROWID})) for copy in copies)
    has_rowid = has_rowid and source.rowid is not None and target.rowid is not None
    pairs = pairs if len(pairs) == len(key) else ()
    return Match(target, pairs, carriers, sets_key, has_rowid=has_rowid, others=others)


def own_match(table: Table, copies: Iterable[Copy], dropped: str) -> Match:
    """Where else in the same row the values of the column ``dropped`` are."""
    carriers = {}
    for copy in copies:
        for column, (kind, reads) in copy.values.items():
            if dropped in reads and column != dropped and column in table.columns:
                manner: Manner = "copy" if kind != "other" else "partly" if copy.some else "expression"
                if dropped not in carriers or manner == "copy":
                    carriers[dropped] = Carrier(column, manner)
    return Match(table, (), carriers, own=True)


def _carriers(column: str, source: Table, target: Table, copy: Copy) -> list[Carrier]:
    """The columns of ``target`` that may hold the value of ``column`` after ``copy``, the most faithful one first."""

    def carrier(kind: str, name: str) -> Carrier:
        if kind == "other":
            return Carrier(name, "expression")
        return Carrier(name, "copy", kind == "cast" or source.affinity(column) != target.affinity(name))

    if copy.unread:
        return [carrier("bare", column)] if column in target.columns else []
    if column in target.columns and (column in source.columns or column == ROWID):
        kind, reads = copy.values.get(column, ("other", frozenset()))
        return [carrier(kind, column) if column in reads else Carrier(column, "none")]
    readers = [
        (kind, name)
        for name, (kind, reads) in copy.values.items()
        if column in reads and (name in target.columns or name == ROWID)
    ]
    # A column alone says more than an expression of which it is a part, and a new name more than one that is taken.
    readers.sort(key=lambda reader: (reader[0] == "other", reader[1] in source.columns))
    carriers = [carrier(kind, name) for kind, name in readers]
    return sorted(carriers, key=lambda c: (c.manner != "copy", c.converts))
