"""Where the rows from before are while a migration runs: under which name, in which copies. No database is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from memsql.engine.loss.arrivals import Arrivals
from memsql.engine.loss.columns import Columns
from memsql.engine.loss.copies import Copy, Match, NotedCopies, between_copies, through_copy
from memsql.engine.loss.settled import Least
from memsql.engine.loss.tables import ROWID, Table
from memsql.sqltext import fold

# So many literals that UPDATEs write into copies of one table are told apart.
_LITERALS = 8


@dataclass
class Trail:
    """All names are folded but those of ``labels``.

    ``copies``: what was copied so far. ``created``: tables that this migration created. ``holders``: those of them in
    which rows from before are, whose table is gone. ``least``: of a table with copies, its comparisons so far.
    ``keys``: columns that identify the rows of a created table, because they came from a key. ``labels`` and
    ``column_labels``: the names that tables and columns had before the migration. ``columns``: what happened to single
    ones. ``fills``: for each statement that inserted rows, by table, the tables that it read. ``arrivals``: how many
    rows came with statements that read tables.
    """

    copies: NotedCopies = field(default_factory=NotedCopies)
    created: set[str] = field(default_factory=set)
    holders: set[str] = field(default_factory=set)
    least: dict[str, Least] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    column_labels: dict[tuple[str, str], str] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)
    arrivals: Arrivals = field(default_factory=Arrivals)
    fills: dict[str, set[frozenset[str]]] = field(default_factory=dict)

    def names(self) -> Trail:
        """The names as they are now, for an answer that comes later."""
        return Trail(labels=dict(self.labels), column_labels=dict(self.column_labels))

    def has_old_rows(self, table: str) -> bool:
        """Whether rows from before the migration may be in ``table``, and nowhere else."""
        return table not in self.created or table in self.holders

    def add(self, copies: Iterable[Copy]) -> None:
        """Note what a statement copied."""
        for copy in copies:
            if copy.source == copy.target and not copy.values:
                continue
            self.copies.add(copy)
            if copy.target in self.created and copy.source != copy.target:
                self.labels.setdefault(copy.target, self.label(copy.source, copy.source))

    def filled(self, tables: Iterable[str], sources: frozenset[str] = frozenset()) -> None:
        """Note that a statement inserted rows into ``tables``, and read ``sources`` for them."""
        for table in tables:
            self.fills.setdefault(table, set()).add(sources)

    def copies_of(self, source: str) -> dict[str, list[Copy]]:
        """The copies of ``source`` by target, with the rows that came there from elsewhere."""
        return {target: self._rows_in(source, target) for target in self.copies.targets(source)}

    def _rows_in(self, source: str, target: str) -> list[Copy]:
        copied = self.copies.between(source, target)
        was_empty = target in self.created or all(copy.joins for copy in copied)
        if was_empty and all(source in sources for sources in self.fills.get(target, ())):
            return copied
        return [*copied, Copy(source, target, {}, unread=True, fills=True)]

    def inside(self, table: str) -> list[Copy]:
        """What was copied between columns of ``table``."""
        return self.copies.between(table, table)

    def compared_with(self, table: str) -> frozenset[str]:
        """The tables that were compared with their copy ``table`` while they were there."""
        if self.has_old_rows(table) and not self.fresh_columns(table):
            return frozenset()
        return (self.copies.sources(table) - {table}) & self.least.keys()

    def sources_near(self, table: str) -> set[str]:
        """Tables that a write to ``table`` makes differ from their copies, or whose copy it changes."""
        near = self.copies.sources(table) | ({table} if self.copies.targets(table) else set())
        return {source for source in near if self.has_old_rows(source)}

    def key(self, table: Table) -> tuple[str, ...]:
        """The columns that identify a row of ``table``: its own key, else the one that its rows came with."""
        return table.key or self.keys.get(fold(table.name), ())

    def dropped(self, table: str, holders: Iterable[str]) -> None:
        """``table`` is gone; its rows are in ``holders``."""
        self.holders |= set(holders) if self.has_old_rows(table) else set()
        self.holders.discard(table)
        self.created.add(table)
        between, through = self._between_copies_of(table), self._copies_through(table)
        if self.copies.targets(table) or self.copies.sources(table) or self.copies.between(table, table):
            self.copies = NotedCopies(copy for copy in self.copies if table not in (copy.source, copy.target))
        for copy in between:
            self.arrivals.stands_for(copy.source, table)
        for copy in (*between, *through):
            self.copies.add(copy)
            fills = self.fills.get(copy.target, set())
            self.fills[copy.target] = {part | {copy.source} if table in part else part for part in fills}
        self.arrivals.dropped(table)
        # The next table of this name is another one.
        for names in (self.least, self.labels, self.keys, self.fills):
            names.pop(table, None)
        self.column_labels = {place: label for place, label in self.column_labels.items() if place[0] != table}
        self.columns.table_gone(table)

    def _between_copies_of(self, table: str) -> list[Copy]:
        """The copies of ``table``, each as a copy of every other one: one of them may go where another one stays."""
        targets = self.copies.targets(table)
        pairs = [(one, two) for one in targets for two in targets if one != two]
        firsts = {one: self.copies.between(table, one) for one, _ in pairs}
        return [
            copy
            for one, two in pairs
            if len(firsts[one]) == 1
            for second in self.copies.between(table, two)
            if (copy := between_copies(firsts[one][0], second)) is not None
        ]

    def _copies_through(self, table: str) -> list[Copy]:
        """The copies of ``table``, as copies of what was copied to it."""
        return [
            through_copy(first, second)
            for source in self.copies.sources(table)
            for target in self.copies.targets(table)
            if target != source
            for first in self.copies.between(source, table)
            for second in self.copies.between(table, target)
        ]

    def handed_over(self, source: Table, match: Match) -> None:
        """The rows of ``source``, which is about to go, are in the target of ``match`` now."""
        old, new = fold(source.name), fold(match.target.name)
        # It holds more rows from before than were looked for in its own copies.
        self.least.pop(new, None)
        if new not in self.created:
            self.came_in(new, {carrier.column for column in source.columns for carrier in match.carriers_of(column)})
            return
        held = set()
        for column, spelled in source.columns.items():
            carriers = match.carriers_of(column)
            if not carriers or self.columns.is_fresh(old, column):
                continue
            held |= {carrier.column for carrier in carriers}
            place, label = (new, carriers[0].column), self.column_label(old, column, spelled.name)
            # Into a column of the same name something else may have been written.
            if carriers[0].manner == "none":
                self.column_labels.setdefault(place, label)
            else:
                self.column_labels[place] = label
        others = [column for column in match.target.columns if column not in held]
        unread = any(copy.unread for copy in self.copies.between(old, new))
        if new in self.holders:
            self.columns.held(new, held)
        elif not unread:
            self.columns.added(new, others)

    def came_in(self, table: str, columns: Collection[str]) -> None:
        """Values from before came into ``columns`` of ``table``: what was read from there earlier is no word about
        them, and its copies have to be compared again."""
        self.columns.held(table, columns)
        self.least.pop(table, None)
        for copy in [
            c for c in self.copies if c.source == table and any(r & set(columns) for _, r in c.values.values())
        ]:
            values = {
                column: (kind if reads.isdisjoint(columns) else "bare", reads)
                for column, (kind, reads) in copy.values.items()
                if copy.target != table or reads.isdisjoint(columns)
            }
            self._exchange(copy, replace(copy, values=values))

    def column_dropped(self, table: str, column: str, match: Match) -> None:
        """A column is about to go; ``match`` says which others hold its values."""
        spelled = match.target.columns[column].name
        for carrier in match.carriers_of(column) if not self.columns.is_fresh(table, column) else ():
            if self.columns.is_fresh(table, carrier.column):
                self.columns.held(table, [carrier.column])
                self.column_labels[table, carrier.column] = self.column_label(table, column, spelled)
        self.column_gone(table, column)

    def column_gone(self, table: str, column: str) -> None:
        """The next column of this name is another one."""
        place = table, column
        self.columns.gone(table, column)
        self.column_labels.pop(place, None)
        self.copies = NotedCopies(_without_column(copy, table, column) for copy in self.copies)

    def renamed(self, old: str, new: str) -> None:
        """A table has another name."""
        self.arrivals.renamed(old, new)
        label = self.labels.pop(old, None)
        if label is not None or old not in self.created:
            self.labels[new] = label or old
        for names in (self.created, self.holders):
            if old in names:
                names.discard(old)
                names.add(new)
            elif names is self.created:
                names.discard(new)
        if old in self.keys:
            self.keys[new] = self.keys.pop(old)
        if old in self.least:
            self.least[new] = self.least.pop(old)
        self.fills = {
            new if table == old else table: {frozenset(new if s == old else s for s in part) for part in parts}
            for table, parts in self.fills.items()
        }
        self.column_labels = {(new if t == old else t, c): v for (t, c), v in self.column_labels.items()}
        self.columns.table_renamed(old, new)
        self.copies = NotedCopies(
            replace(
                copy,
                source=new if copy.source == old else copy.source,
                target=new if copy.target == old else copy.target,
            )
            for copy in self.copies
        )

    def column_added(self, table: str, column: str) -> None:
        """A column was added to ``table``."""
        self.columns.added(table, [column])

    def overwritten(self, table: str, columns: Mapping[str, str | None], *, some: bool) -> None:
        """Something else was written into ``columns`` of ``table``, in which copies of other columns of its row may be:
        a literal, or what is not known (None). ``some``: perhaps only in some rows; then it mends a copy that reached
        all of them."""
        inside = list(self.inside(table))
        whole = {column for copy in inside if not copy.some for column in copy.values}
        for column, literal in columns.items():
            if not some or column not in whole:
                self.columns.written(table, column, literal, whole=not some)
        if not some:
            self._forget_inside(table, columns.keys())

    def modified(self, table: str, columns: Collection[str]) -> None:
        """Each of ``columns`` was set from itself: where only some rows had a copy, the others are not known by their
        literals any more."""
        whole = {column for copy in self.inside(table) if not copy.some for column in copy.values}
        self.overwritten_unread(table, set(columns) - whole)

    def overwritten_unread(self, table: str, columns: Collection[str]) -> None:
        """Something else may have been written into ``columns`` of ``table``, and the text does not tell what."""
        for column in self.columns.added_to(table).keys() & set(columns):
            self.columns.written(table, column, None, whole=False)

    def copied_inside(self, copy: Copy) -> None:
        """``copy`` set columns of a table from others of its row."""
        anew = {column for column, (_, reads) in copy.values.items() if column not in reads}
        if not copy.some:
            self._forget_inside(copy.target, anew)
            self.columns.copied(copy.target, anew)
        self.add([copy])

    def _forget_inside(self, table: str, columns: Collection[str]) -> None:
        """``columns`` of ``table`` are no copies of others of their row any more."""
        for copy in list(self.inside(table)):
            if not copy.values.keys().isdisjoint(columns):
                values = {column: v for column, v in copy.values.items() if column not in columns}
                self._exchange(copy, replace(copy, values=values))

    def overwritten_copy(self, copy: Copy, columns: Mapping[str, str | None], *, some: bool) -> None:
        """The same where ``columns`` of the target of ``copy`` do not come from its source."""
        is_known = len(self.copies.between(copy.source, copy.target)) < _LITERALS
        literals = {c: literal for c, literal in columns.items() if literal is not None and is_known}
        constants = {c: literal for c, literal in copy.constants.items() if c not in columns} | literals
        values = {**copy.values, **{c: ("other", frozenset[str]()) for c in columns}}
        written = replace(copy, values=values, constants=constants)
        if some:
            self.copies.add(written)
        else:
            self._exchange(copy, written)

    def column_renamed(self, table: str, old: str, new: str) -> None:
        """A column of ``table`` has another name."""
        self.column_labels[table, new] = self.column_labels.pop((table, old), old)
        self.columns.renamed(table, old, new)
        self.copies = NotedCopies(_with_column(copy, table, old, new) for copy in self.copies)
        if table in self.keys:
            self.keys[table] = tuple(new if k == old else k for k in self.keys[table])

    def fresh_columns(self, table: str) -> frozenset[str]:
        """The columns of ``table`` that hold nothing from before."""
        return frozenset(name for name, column in self.columns.of(table).items() if column.fresh)

    def old_part(self, table: Table) -> Table:
        """``table`` with the columns marked that the migration added, and those that hold nothing from before."""
        added = self.columns.added_to(fold(table.name))
        if not added:
            return table
        changed = {
            n: replace(table.columns[n], fresh=c.fresh, added=True) for n, c in added.items() if n in table.columns
        }
        return replace(table, columns={**table.columns, **changed})

    def label(self, table: str, spelled: str) -> str:
        """The name that the table ``table``, now ``spelled``, had before the migration."""
        return self.labels.get(table, spelled)

    def column_label(self, table: str, column: str, spelled: str) -> str:
        """The name that a column had before the migration."""
        return self.column_labels.get((table, column), spelled)

    def refine(self, copy: Copy, read: Mapping[str, tuple[str, frozenset[str]]]) -> None:
        """An UPDATE of the target of ``copy`` filled columns from its source."""
        self._exchange(copy, replace(copy, values={**copy.values, **read}))

    def _exchange(self, former: Copy, copy: Copy) -> None:
        self.copies = NotedCopies(copy if other == former else other for other in self.copies)

    def inherit_key(self, copy: Copy, source_key: Sequence[str]) -> None:
        """Note that rows of a created table have the key of the table from which they were copied."""
        carried = []
        for key in source_key:
            column = next((c for c, (kind, reads) in copy.values.items() if kind == "bare" and reads == {key}), None)
            if column is None:
                return
            carried.append(column)
        if carried and carried != [ROWID]:
            self.keys.setdefault(copy.target, tuple(carried))


def _without_column(copy: Copy, table: str, column: str) -> Copy:
    values = {c: v for c, v in copy.values.items() if copy.target != table or c != column}
    if copy.source == table:
        values = {c: (kind, reads - {column}) for c, (kind, reads) in values.items()}
    return replace(copy, values=values)


def _with_column(copy: Copy, table: str, old: str, new: str) -> Copy:
    values = {}
    for column, (kind, reads) in copy.values.items():
        if copy.source == table and old in reads:
            reads = (reads - {old}) | {new}
        values[new if copy.target == table and column == old else column] = (kind, reads)
    return replace(copy, values=values)
