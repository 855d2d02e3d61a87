"""The steps from one schema to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from memsql.author.change.full_text import VirtualChanges, copy_step, fts_table, keeps_rows, virtual_changes
from memsql.author.change.order import TableEffects, dependent_steps, dependents, mentions
from memsql.author.change.rebuild import rebuild_step, unique_columns
from memsql.author.change.references import Vanished, orphaned, vanished
from memsql.author.change.remarks import losses, notes
from memsql.author.change.steps import (
    NO_HINTS,
    AddColumn,
    CannotChange,
    ChangePlan,
    ChangeStep,
    Create,
    Drop,
    DropColumn,
    DropConstraint,
    ForgetSequence,
    Hints,
    Loss,
    RenameColumn,
    Renames,
    RenameTable,
)
from memsql.author.change.tables import TableChange, has_sequence, refuse_unfillable, table_change
from memsql.author.change.values import default_of
from memsql.schema import Schema, Table
from memsql.schema.compare import Element
from memsql.schema.definition import definition_of
from memsql.schema.meaning import same_object
from memsql.sqltext.names import fold


@dataclass(frozen=True, slots=True)
class TableMatches:
    """The tables of two schemas side by side: those that both have, and those that only one has.

    ``virtual`` are pairs (before, after) of virtual tables. ``created`` and ``dropped`` include virtual tables.
    """

    changes: tuple[TableChange, ...]
    virtual: tuple[tuple[Table, Table], ...]
    created: tuple[Table, ...]
    dropped: tuple[Table, ...]


def match_tables(before: Schema, after: Schema, renames: Renames, hints: Hints = NO_HINTS) -> TableMatches:
    """Find for each table of ``after`` the table of ``before`` that it was.

    Raises CannotChange for a rename that is not possible.
    """
    olds = {fold(t.name): t for t in before.tables.values() if t.kind != "view"}
    news = {fold(t.name): t for t in after.tables.values() if t.kind != "view"}
    _refuse_impossible(olds, news, renames)
    sources = {renames.tables[name] for name in news if name in renames.tables}
    changes, virtual, created = [], [], []
    matched = set()
    for name, new in news.items():
        source = renames.tables.get(name) or ("" if name in sources else name)
        old = olds.get(source)
        if old is None or old.kind != new.kind:
            created.append(new)
            continue
        matched.add(source)
        if new.kind == "virtual":
            virtual.append((old, new))
        else:
            rebuild = bool({source, name} & hints.rebuild)
            changes.append(table_change(old, new, after, renames, rebuild=rebuild, abilities=hints.abilities))
    dropped = tuple(t for name, t in olds.items() if name not in matched)
    return TableMatches(tuple(changes), tuple(virtual), tuple(created), dropped)


def plan_change(
    before: Schema, after: Schema, renames: Renames, hints: Hints = NO_HINTS, *, back: bool = False
) -> ChangePlan:
    """What to do to make ``after`` of ``before``. ``back``: it is the way back of a migration.

    Raises CannotChange where that cannot be derived.
    """
    matches = match_tables(before, after, renames, hints)
    if back:
        # Plain statements would put the default into every row.
        repeated = frozenset(fold(c.new.name) for c in matches.changes if c.plain and _repeats_default(c, after))
        if repeated:
            hints |= Hints(rebuild=repeated)
            matches = match_tables(before, after, renames, hints)
    else:
        for change in matches.changes:
            refuse_unfillable(change)
    return _Planner(before, after, renames, hints, matches, back).plan()


def replacements(after: Schema, renames: Renames) -> list[dict[str, str]]:
    """The names that SQLite replaces in the text of other objects, old to new.

    There are several, because a word in such a text may be a column or not.
    """
    tables = {old: _spelled(after, new) for new, old in renames.tables.items()}
    columns = {old: new for (_, new), old in renames.columns.items()}
    return [{}, tables, {**columns, **tables}] if columns or tables else [{}]


@dataclass(frozen=True)
class _Planner:
    before: Schema
    after: Schema
    renames: Renames
    hints: Hints
    matches: TableMatches
    back: bool

    def plan(self) -> ChangePlan:
        maps = replacements(self.after, self.renames)
        virtual = virtual_changes(self.matches.virtual, self.hints.recreate)
        changes = [c for c in self.matches.changes if c.changed]
        dropped = [t for t in self.matches.dropped if t.kind == "table"]
        effects = self._effects(virtual)
        drops, creates = dependent_steps(self.before, self.after, effects, self._changed_dependents(maps))
        steps: list[ChangeStep] = [*drops, *self._table_steps(virtual), *creates]
        return ChangePlan(
            tuple(steps),
            bool(effects.rebuilt) or self._is_referred_to(dropped),
            self._indexes_to_rebuild(effects.rebuilt, steps),
            (
                *losses(changes, [*dropped, *filter(keeps_rows, self.matches.dropped)]),
                *self._losses_of_orphans(),
                *virtual.losses,
            ),
            () if self.back else tuple(notes(changes, self.matches.created, self.matches.dropped)),
        )

    def _table_steps(self, virtual: VirtualChanges) -> Iterator[ChangeStep]:
        changes = [c for c in self.matches.changes if c.changed]
        yield from (Drop("table", t.name) for t in self._dropped_virtual(virtual))
        for table in _children_first([t for t in self.matches.dropped if t.kind == "table"]):
            yield from [ForgetSequence(table.name)] if has_sequence(table) else []
            yield Drop("table", table.name)
        for one, other in self._renamed(virtual):
            # SQLite takes names in other letters for one name, and refuses to give it to a second table.
            between = [self._free_name(f"{other}_")] if fold(one) == fold(other) else []
            yield from (RenameTable(*pair) for pair in pairwise([one, *between, other]))
        yield from (RenameColumn(c.new.name, old, new) for c in changes for old, new in c.early)
        yield from (Create(t.sql) for t in _by_name(t for t in self.matches.created if t.kind == "table"))
        for change in sorted(changes, key=lambda c: c.new.name):
            yield from self._rebuild(change) if change.rebuilt else _alterations(change)
        for old, new in virtual.copied:
            yield copy_step(old, new, self._free_name(f"new_{new.name}"))
        created = [*virtual.created, *(t for t in self.matches.created if t.kind == "virtual")]
        yield from (Create(t.sql) for t in _by_name(created))

    def _rebuild(self, change: TableChange) -> Iterator[ChangeStep]:
        step = rebuild_step(
            change,
            self._free_name(f"new_{change.new.name}"),
            back=self.back,
            orphans=self._orphaned(change),
            unique=unique_columns(change.new, self.after),
            dangling={c: parent for (t, c), parent in self.hints.dangling.items() if t == fold(change.new.name)},
        )
        if has_sequence(change.old) and not has_sequence(change.new):
            yield ForgetSequence(change.new.name)
        yield step

    def _effects(self, virtual: VirtualChanges) -> TableEffects:
        changes = [c for c in self.matches.changes if c.changed]
        rebuilt = [c for c in changes if c.rebuilt]
        dropped = [*(t for t in self.matches.dropped if t.kind == "table"), *self._dropped_virtual(virtual)]
        disturbed = [t for c in rebuilt for t in (c.old, c.new)] + dropped + [new for _, new in virtual.copied]
        return TableEffects(
            disturbed=frozenset(fold(t.name) for t in disturbed),
            rebuilt=frozenset(fold(c.new.name) for c in rebuilt),
            dropped=frozenset(fold(t.name) for t in dropped),
            renames=self.renames,
            checks_schema=bool(rebuilt or virtual.copied or self._renamed(virtual))
            or any(c.early or c.late or c.dropped for c in changes),
        )

    def _changed_dependents(self, maps: list[dict[str, str]]) -> frozenset[Element]:
        old, new = dependents(self.before), dependents(self.after)
        return frozenset(
            element
            for element, o in old.items()
            if element not in new
            or element.name in self.hints.recreate
            or not same_object((o, self.before), (new[element], self.after), maps)
        )

    def _renamed(self, virtual: VirtualChanges) -> list[tuple[str, str]]:
        pairs = [(c.old, c.new) for c in self.matches.changes]
        pairs += [(o, n) for o, n in self.matches.virtual if o not in virtual.dropped and (o, n) not in virtual.copied]
        return [(old.name, new.name) for old, new in pairs if self._is_renamed(old.name, new.name)]

    def _is_renamed(self, old: str, new: str) -> bool:
        """Whether a table gets another name. Other letters are another name where a comment asks for them."""
        return old != new and (fold(old) != fold(new) or self.renames.tables.get(fold(new)) == fold(old))

    def _dropped_virtual(self, virtual: VirtualChanges) -> list[Table]:
        return [*virtual.dropped, *(t for t in self.matches.dropped if t.kind == "virtual")]

    def _indexes_to_rebuild(self, rebuilt: frozenset[str], steps: Iterable[ChangeStep]) -> tuple[str, ...]:
        """The full-text indexes whose content or triggers are made anew, or which are made anew themselves."""
        texts = {step.sql for step in steps if isinstance(step, Create)}
        created = [o for o in self.after.objects if o.sql in texts]
        triggers = [o for o in created if o.type == "trigger"]
        again = rebuilt | {fold(o.name) for o in created}
        names = []
        for table in self.after.tables.values():
            index = fts_table(table)
            if index is None or index.content is None:
                continue
            is_new = not again.isdisjoint({fold(table.name), fold(index.content)})
            if is_new or any(mentions(trigger, {fold(table.name)}) for trigger in triggers):
                names.append(table.name)
        return tuple(names)

    @cached_property
    def _gone(self) -> Vanished:
        """What a way back makes again without what was in it."""
        return vanished(self.matches.created, ((c.new, c.added, c.old) for c in self.matches.changes))

    def _orphaned(self, change: TableChange) -> dict[str, str]:
        return orphaned(change, self._gone) if self.back else {}

    def _losses_of_orphans(self) -> Iterator[Loss]:
        for change in (c for c in self.matches.changes if c.changed):
            emptied = self._orphaned(change)
            for column in change.new.columns:
                goal = emptied.get(fold(column.name))
                if goal and column.name in change.kept:
                    name = f"{change.new.name}.{column.name}"
                    sentence = f"Loses the values of {name}: what it refers to in {goal} does not come back."
                    yield Loss(change.old.name, change.kept[column.name], sentence)

    def _is_referred_to(self, tables: list[Table]) -> bool:
        """Whether another table refers to one of ``tables`` before the change."""
        names = {fold(t.name) for t in tables}
        return any(
            fold(k.parent) in names and fold(t.name) != fold(k.parent)
            for t in self.before.tables.values()
            for k in t.foreign_keys
        )

    def _free_name(self, name: str) -> str:
        taken = {fold(o.name) for schema in (self.before, self.after) for o in schema.objects}
        while fold(name) in taken:
            name += "_"
        return name


def _alterations(change: TableChange) -> Iterator[ChangeStep]:
    """What ALTER TABLE does to make ``change``."""
    table = change.new.name
    # A CHECK may name a column that goes.
    yield from (step for step in change.constraints if isinstance(step, DropConstraint))
    yield from (DropColumn(table, c.name) for c in change.dropped)
    yield from (RenameColumn(table, old, new) for old, new in change.late)
    definition = definition_of(change.new)
    for column in change.added:
        clause = definition.column(column.name)
        assert clause is not None
        yield AddColumn(table, clause.text)
    yield from (step for step in change.constraints if not isinstance(step, DropConstraint))


def _repeats_default(change: TableChange, after: Schema) -> bool:
    """Whether ADD COLUMN would put the same default into every row of a column that may be unique."""
    unique = unique_columns(change.new, after)
    return any(fold(column.name) in unique and default_of(column) for column in change.added)


def _by_name(tables: Iterable[Table]) -> list[Table]:
    return sorted(tables, key=lambda t: t.name)


def _children_first(tables: list[Table]) -> list[Table]:
    left, result = _by_name(tables), []
    while left:
        parents = {fold(k.parent) for t in left for k in t.foreign_keys if fold(k.parent) != fold(t.name)}
        free = [t for t in left if fold(t.name) not in parents] or left[:1]
        result += free
        left = [t for t in left if t not in free]
    return result


def _spelled(schema: Schema, name: str) -> str:
    table = schema.table(name)
    return table.name if table else name


def _refuse_impossible(olds: Mapping[str, Table], news: Mapping[str, Table], renames: Renames) -> None:
    for new, old in renames.tables.items():
        table = news.get(new)
        if table is None:
            continue
        if old not in olds:
            raise CannotChange(
                f"{table.name} cannot be renamed from {old}: there is no such table",
                table.name,
                None,
                "there are: " + ", ".join(sorted(t.name for t in olds.values())),
            )
        if olds[old].kind != table.kind:
            raise CannotChange(f"{table.name} cannot be renamed from {old}: one of them is virtual", table.name)
        if list(renames.tables.values()).count(old) > 1:
            raise CannotChange(f"two tables are renamed from {old}", table.name, None, "leave one of them out")
        if new != old and new in olds and new in renames.tables.values():
            raise CannotChange(
                f"{table.name} takes a name that another table gives up in the same change",
                table.name,
                None,
                "rename one of them in a migration of its own first",
            )
