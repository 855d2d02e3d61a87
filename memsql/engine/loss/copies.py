"""Which column of a table was copied to which column of another one, according to the text. No database is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from memsql.engine.loss.tables import ROWID, Table
from memsql.sqltext.names import ROWIDS, fold
from memsql.sqltext.origins import UPDATED, Branch, Expression, Place

Manner = Literal["copy", "expression", "partly", "none"]
_STRICT: dict[Manner, int] = {"expression": 0, "partly": 1, "copy": 2, "none": 3}


@dataclass(frozen=True, slots=True)
class Carrier:
    """The ``column`` of a target that may hold the value of a column of the source.

    ``manner``: copy (bare, or CAST: the value must come back), expression (the author's word: any value but NULL),
    partly (an expression that did not reach all rows: any value but NULL and the default of the column), or
    none (a column of that name into which something else was written: only the same value counts). ``converts``: of a
    copy, whether CAST or the type of the target may make another value of it. ``besides``: literals that were written
    there for other rows, so that they are no word about the value of this one.
    """

    column: str
    manner: Manner
    converts: bool = False
    besides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """Rows of the table ``source`` were inserted into ``target`` (folded names), or its own columns were set from
    others (then both are the same). ``values``: the target's columns, and what was written there, by the columns of the
    source that it reads. ``unread``: the text does not tell; columns of the same name may hold the values. ``some``:
    it may have reached only some rows. ``constants``: the columns into which a literal was written. ``fills``: these
    are rows of the target that do not come from ``source``. ``joins``: an UPDATE set columns of rows that were in the
    target, so that its other columns are no copies, whatever their names. ``taken``: columns of the target that have
    the value of a column of the same name of another table."""

    source: str
    target: str
    values: Mapping[str, tuple[str, frozenset[str]]]
    unread: bool = False
    some: bool = False
    constants: Mapping[str, str] = field(default_factory=dict)
    fills: bool = False
    joins: bool = False
    taken: frozenset[str] = frozenset()


class Identity(NamedTuple):
    """What identifies the rows of a table: its ``key``, and the column that is the rowid, if any."""

    key: Sequence[str]
    alias: str | None = None


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
    is_side: bool = False

    @property
    def has_values(self) -> bool:
        """Whether a column besides the key was copied as it is."""
        keys = {column for column, _ in self.pairs}
        return any(c.manner == "copy" for column, c in self.carriers.items() if column not in keys)

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


def copies_of(
    target: Table, columns: Sequence[str], branches: Sequence[Branch], identity: Callable[[str], Identity]
) -> list[Copy]:
    """The copies that a statement makes which writes rows of ``branches`` into ``columns`` of ``target``.

    ``identity`` says what identifies the rows of a table.
    """
    sources = sorted({table for branch in branches for value in branch.values for table, _ in value.reads})
    return [_copy_of(source, target, columns, branch, identity(source)) for source in sources for branch in branches]


def _copy_of(source: str, target: Table, columns: Sequence[str], branch: Branch, identity: Identity) -> Copy:
    """The copy that ``branch`` makes, as far as it comes from ``source``."""
    read = {p.source for value in branch.values for p in value.places if p.table == source}
    origins = _copied_source(source, columns, branch, identity) or read
    written: dict[str, tuple[str, frozenset[str]]] = {}
    constants: dict[str, str] = {}
    for column, value in zip(columns, branch.values, strict=False):
        reads = frozenset(_column(p, identity) for p in value.places if p.table == source and p.source in origins)
        name = ROWID if column in ROWIDS and column not in target.columns else column
        written[name] = (value.kind, reads)
        if value.constant is not None:
            constants[name] = value.constant
    left = any(next(iter(origin[-1:]), 0) > 0 for origin in origins)
    taken = frozenset(
        column
        for column, value in zip(columns, branch.values, strict=False)
        if value.kind == "bare" and any(p.column == column and p.table != source for p in value.places)
    )
    return Copy(
        source, fold(target.name), written, some=branch.some or left, constants=constants, fills=not read, taken=taken
    )


def _copied_source(source: str, columns: Sequence[str], branch: Branch, identity: Identity) -> set[tuple[int, ...]]:
    """Which one of the times that the branch names ``source`` has the rows that are copied: the one whose key is
    written, at best into columns of the same names. Empty where none has."""
    carried: dict[tuple[int, ...], dict[str, set[str]]] = {}
    for column, value in zip(columns, branch.values, strict=False):
        for place in value.places if value.kind == "bare" else ():
            if place.table == source:
                carried.setdefault(place.source, {}).setdefault(_column(place, identity), set()).add(column)
    whole = [origin for origin, keys in carried.items() if identity.key and all(k in keys for k in identity.key)]
    whole.sort(key=lambda origin: (not all(k in carried[origin][k] for k in identity.key), origin))
    return set(whole[:1])


def _column(place: Place, identity: Identity) -> str:
    return identity.alias if place.column == ROWID and identity.alias is not None else place.column


def assigned_from(
    source: str, values: Mapping[str, Expression], identity: Identity, copy: Copy | None = None
) -> dict[str, tuple[str, frozenset[str]]]:
    """What an UPDATE sets from columns of ``source``: the columns, and how and what they read.

    ``copy``: the copy of ``source`` that it changes; None for a table that is set from itself. An expression counts
    where it reads the same row, or the one of the same key, which ``identity`` says.
    """
    read: dict[str, tuple[str, frozenset[str]]] = {}
    for column, value in values.items():
        places = {p for p in value.places if p.table == source}
        if value.kind == "other":
            rows = {p.source for p in places if _is_same_row(p, value, copy, identity)}
            places = {p for p in places if p.source in rows}
        if places:
            read[column] = (value.kind, frozenset(p.column for p in places))
    return read


def set_from(
    source: str, target: str, values: Mapping[str, Expression], identity: Identity, *, some: bool
) -> Copy | None:
    """The copy that an UPDATE of ``target`` makes by setting columns to ``values``, which read the row of ``source``
    that has the same key; None where it reads none. ``some``: the UPDATE may have reached only some rows.

    Every value counts as a bare one: only the same value is a copy, whatever the expression around it does.
    """
    written: dict[str, tuple[str, frozenset[str]]] = {}
    for column, value in values.items():
        for occurrence in sorted({p.source for p in value.places if p.table == source}):
            reads = {_column(p, identity) for p in value.places if p.source == occurrence}
            links = {to: _column(p, identity) for p, to in sorted(value.links) if p.source == occurrence}
            if len(reads) != 1 or not identity.key or not set(identity.key) <= set(links.values()):
                continue
            written.update({to: ("bare", frozenset({read})) for to, read in links.items() if to not in values})
            written[column] = ("bare", frozenset(reads))
    return Copy(source, target, written, some=some, joins=True) if written else None


def between_copies(first: Copy, second: Copy) -> Copy | None:
    """What ``second`` copied, as a copy of the target of ``first``, which has the same source; None where the text does
    not tell."""
    if first.unread or first.fills or second.fills:
        return None
    if second.unread:
        return replace(second, source=first.target)
    carried: dict[str, str] = {}
    for column, (kind, reads) in first.values.items():
        for read in reads if kind == "bare" else ():
            if read not in carried or column == read:
                carried[read] = column
    values = {
        column: (kind, frozenset(carried[read] for read in reads))
        for column, (kind, reads) in second.values.items()
        if reads <= carried.keys()
    }
    return replace(second, source=first.target, values=values)


def through_copy(first: Copy, second: Copy) -> Copy:
    """What the source of ``first`` became in the target of ``second``, which copied the target of ``first``."""
    values: dict[str, tuple[str, frozenset[str]]] = {}
    for column, (kind, reads) in second.values.items():
        origins = [first.values.get(read, ("other", frozenset[str]())) for read in sorted(reads)]
        kinds = {kind, *(k for k, _ in origins)}
        whole = "bare" if kinds == {"bare"} else "other" if "other" in kinds else "cast"
        values[column] = (whole, frozenset[str]().union(*(r for _, r in origins)))
    some, unread = first.some or second.some, first.unread or second.unread
    return replace(second, source=first.source, values=values, some=some, unread=unread)


def _is_same_row(place: Place, value: Expression, copy: Copy | None, identity: Identity) -> bool:
    """Whether ``place`` is in the row that is set, or in the one from which ``copy`` made it."""
    if copy is None and place.source == UPDATED:
        return True
    linked = set()
    for there, column in value.links:
        name = _column(there, identity)
        same = column == name if copy is None else copy.values.get(column) == ("bare", frozenset({name}))
        if there.source == place.source and same:
            linked.add(name)
    return linked.issuperset(identity.key or (ROWID,))


def match(source: Table, key: Sequence[str], target: Table, copies: Sequence[Copy]) -> Match:
    """How the rows of ``source``, which ``key`` identifies, are found again after ``copies`` of it to ``target``."""
    own = [copy for copy in copies if not copy.fills]
    # Where a copy may leave out rows, others may stand in their place.
    written = copies if any(copy.some for copy in own) else own
    carriers: dict[str, Carrier] = {}
    others: dict[str, tuple[Carrier, ...]] = {}
    for column in [*source.columns, *(k for k in key if k not in source.columns)]:
        parts = {id(copy): _carriers(column, source, target, copy, in_key=column in key) for copy in own}
        if column in key:
            firsts = [part[0] for part in parts.values() if part]
            if firsts:
                carriers[column] = max(firsts, key=lambda carrier: _STRICT[carrier.manner])
            continue
        names = dict.fromkeys(carrier.column for part in parts.values() for carrier in part)
        all_ = [_together(name, parts, written, target) for name in names]
        if all_:
            carriers[column] = all_[0]
            others[column] = tuple(c for c in all_[1:] if c.manner != "none")
    pairs = tuple((k, carriers[k].column) for k in key if k in carriers and carriers[k].manner == "copy")
    sets_key = any(k in carriers and carriers[k].manner == "expression" for k in key)
    has_rowid = all(copy.values.get(ROWID) == ("bare", frozenset({ROWID})) for copy in own)
    has_rowid = has_rowid and source.rowid is not None and target.rowid is not None
    if len(pairs) < len(key) or not key:
        # Without a key nobody knows which row a literal was written for.
        pairs = ()
        carriers = {c: Carrier(w.column, "none") if w.besides else w for c, w in carriers.items()}
    return Match(target, pairs, carriers, sets_key, has_rowid=has_rowid, others=others)


def _together(name: str, parts: Mapping[int, Sequence[Carrier]], written: Sequence[Copy], target: Table) -> Carrier:
    """What the column ``name`` of ``target`` holds of a column after all copies. ``parts``: its carriers after each of
    them. ``written``: all that wrote rows into ``target``."""
    nothing = Carrier(name, "none")
    readers = {n: c for n, part in parts.items() for c in part if c.column == name and c.manner != "none"}
    if not readers:
        return nothing
    copied = [carrier for carrier in readers.values() if carrier.manner == "copy"]
    if len(copied) == len(readers):
        is_everywhere = all(not part or n in readers for n, part in parts.items())
        return Carrier(name, "copy", any(c.converts for c in copied)) if is_everywhere else nothing
    if any(carrier.converts for carrier in copied):
        return Carrier(name, "copy", True)
    besides: list[str] = []
    for copy in written:
        if id(copy) in readers:
            continue
        column = target.columns.get(name)
        literal = copy.constants.get(name) if name in copy.values else (column.default if column else None) or "NULL"
        if literal is None or copy.unread:
            return nothing
        if literal.upper() != "NULL":
            besides.append(literal)
    return Carrier(name, "expression", besides=tuple(dict.fromkeys(besides)))


def main_and_side(matches: Sequence[Match]) -> list[Match]:
    """``matches`` with those marked that hold only keys and expressions, where others hold values: a row that is there
    alone is gone. An expression there is no word about a column, nor is one beside a copy that has the value itself."""
    main = [match for match in matches if match.has_values]
    if len(matches) == 1 or not main:
        return list(matches)
    whole = {column for match in main for column, c in match.carriers.items() if c.manner == "copy"}
    return [_without_words(match, whole if match in main else match.carriers, match in main) for match in matches]


def without_words(match: Match) -> Match:
    """``match`` without expressions: only the same value counts."""
    return _without_words(match, match.carriers, True)


def _without_words(match: Match, columns: Collection[str], is_main: bool) -> Match:
    carriers = {n: c for n, c in match.carriers.items() if n not in columns or c.manner in ("copy", "none")}
    others = {n: tuple(c for c in cs if n not in columns or c.manner == "copy") for n, cs in match.others.items()}
    return replace(match, carriers=carriers, others=others, is_side=not is_main)


def own_match(
    table: Table, copies: Iterable[Copy], dropped: str, besides: Mapping[str, Collection[str | None]]
) -> Match:
    """Where else in the same row the values of the column ``dropped`` are. An expression is a word about them where it
    fills a column that the migration added. ``besides``: what else was written into a column, by literals (None: that
    is not known)."""
    carriers: dict[str, Carrier] = {}
    copies = list(copies)
    foreign = {c for copy in copies for c, (_, reads) in copy.values.items() if not reads & {dropped, c}}
    for copy in copies:
        for column, (kind, reads) in copy.values.items():
            if dropped not in reads or column == dropped or column not in table.columns:
                continue
            others = besides.get(column, ())
            literals = tuple(literal for literal in others if literal is not None)
            is_known = len(literals) == len(others) and column not in foreign
            is_word = kind == "other" and table.columns[column].added and is_known
            manner: Manner = "copy" if not is_word else "partly" if copy.some or literals else "expression"
            if dropped not in carriers or manner == "copy":
                carriers[dropped] = Carrier(column, manner, besides=literals)
    return Match(table, (), carriers, own=True)


def _carriers(column: str, source: Table, target: Table, copy: Copy, *, in_key: bool) -> list[Carrier]:
    """The columns of ``target`` that may hold the value of ``column`` after ``copy``, the most faithful one first.
    ``in_key``: it identifies the rows of the source; then a target with a key of its own may hold it elsewhere."""

    def carrier(kind: str, name: str) -> Carrier:
        if kind == "other":
            return Carrier(name, "expression")
        return Carrier(name, "copy", kind == "cast" or source.affinity(column) != target.affinity(name))

    if copy.unread:
        return [carrier("bare", column)] if column in target.columns else []
    is_renumbered = (in_key and column not in copy.values) or (column in copy.taken and not copy.values[column][1])
    keeps_name = column in target.columns and (column in source.columns or column == ROWID)
    if keeps_name and not copy.joins and not is_renumbered:
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
    if not carriers and keeps_name:
        return [Carrier(column, "none")]
    return sorted(carriers, key=lambda c: (c.manner != "copy", c.converts))
