"""The steps from one schema to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from memsql.author.change import full_text
from memsql.author.change.order import mentions, ordered, reaching
from memsql.author.change.remarks import losses, notes
from memsql.author.change.steps import (
    AddColumn,
    CannotChange,
    Create,
    Drop,
    DropColumn,
    ForgetSequence,
    Hints,
    Plan,
    RenameColumn,
    Renames,
    RenameTable,
    Step,
)
from memsql.author.change.tables import TableChange, compare, default_of, has_sequence, rebuild_of, refuse_unfillable
from memsql.schema import Object, Schema, Table
from memsql.schema.definition import definition_of, same, under_name
from memsql.sqltext import identifiers
from memsql.sqltext.names import fold

_NONE = Hints()


@dataclass(frozen=True, slots=True)
class Pairs:
    """Tables and virtual tables of both schemas side by side."""

    changes: tuple[TableChange, ...]
    virtual: tuple[tuple[Table, Table], ...]
    created: tuple[Table, ...]
    dropped: tuple[Table, ...]


def pair(before: Schema, after: Schema, renames: Renames, hints: Hints = _NONE) -> Pairs:
    """Find for each table of ``after`` the one of ``before`` it comes from. Raises CannotChange for a rename that
    cannot be."""
    olds = {fold(t.name): t for t in before.tables.values() if t.kind != "view"}
    news = {fold(t.name): t for t in after.tables.values() if t.kind != "view"}
    _refuse_impossible(olds, news, renames)
    taken = {renames.tables.get(name, name) for name in news if name in renames.tables}
    changes, virtual, created = [], [], []
    matched = set()
    for name, new in news.items():
        source = renames.tables.get(name) or ("" if name in taken else name)
        old = olds.get(source)
        if old is None or old.kind != new.kind:
            created.append(new)
            continue
        matched.add(source)
        if new.kind == "virtual":
            virtual.append((old, new))
        else:
            changes.append(compare(old, new, renames, rebuild=bool({source, name} & hints.rebuild)))
    return Pairs(tuple(changes), tuple(virtual), tuple(created), tuple(t for n, t in olds.items() if n not in matched))


def plan(before: Schema, after: Schema, renames: Renames, hints: Hints = _NONE, *, back: bool = False) -> Plan:
    """What to do to make ``after`` of ``before``. ``back``: it is the way back of a migration. Raises CannotChange."""
    pairs = pair(before, after, renames, hints)
    if back:
        # Plain statements would put the default into every row.
        again = frozenset(
            fold(c.new.name)
            for c in pairs.changes
            if c.plain and any(fold(a.name) in _unique(c.new, after) and default_of(a) for a in c.added)
        )
        hints |= Hints(rebuild=again)
        pairs = pair(before, after, renames, hints) if again else pairs
    else:
        for change in pairs.changes:
            refuse_unfillable(change)
    return _Planner(before, after, renames, hints, pairs, back).plan()


def orphaned(change: TableChange, empty: Iterable[Table]) -> frozenset[str]:
    """The columns of the new table, in lower case, that refer to one of the tables ``empty`` and did not before."""
    names = {fold(t.name) for t in empty}
    had = {(tuple(map(fold, k.columns)), fold(k.parent)) for k in change.old.foreign_keys}
    return frozenset(
        fold(c)
        for k in change.new.foreign_keys
        for c in k.columns
        if fold(k.parent) in names and (tuple(map(fold, k.columns)), fold(k.parent)) not in had
    )


def readings(before: Schema, after: Schema, renames: Renames) -> list[dict[str, str]]:
    """The names that SQLite replaces in the text of other objects, old by new, in the ways a text can be read."""
    tables = {old: _spelled(after, new) for new, old in renames.tables.items()}
    columns = {old: new for (_, new), old in renames.columns.items()}
    return [{}, tables, {**columns, **tables}] if columns or tables else [{}]


@dataclass(frozen=True, slots=True)
class _Planner:
    before: Schema
    after: Schema
    renames: Renames
    hints: Hints
    pairs: Pairs
    back: bool

    def plan(self) -> Plan:
        maps = readings(self.before, self.after, self.renames)
        changes = [c for c in self.pairs.changes if c.changed]
        rebuilt = {fold(c.new.name) for c in changes if c.rebuilt}
        texts = full_text.decide(self.pairs.virtual, maps, self.hints.recreate)
        moved = [(c.old.name, c.new.name) for c in self.pairs.changes if fold(c.old.name) != fold(c.new.name)]
        moved += [(o.name, n.name) for o, n in texts.renamed]
        gone = [t for t in self.pairs.dropped if t.kind == "table"]
        gone_virtual = [*texts.dropped, *(t for t in self.pairs.dropped if t.kind == "virtual")]
        disturbed = frozenset(
            [fold(n) for c in changes if c.rebuilt for n in (c.old.name, c.new.name)]
            + [fold(t.name) for t in (*gone, *gone_virtual)]
            + [fold(n.name) for _, n in texts.copied]
        )
        checks = bool(rebuilt or moved or texts.copied or any(c.early or c.late or c.dropped for c in changes))
        drops, makes = self._others(maps, disturbed, checks, rebuilt, {fold(t.name) for t in (*gone, *gone_virtual)})
        new_tables = [t for t in self.pairs.created if t.kind == "table"]
        new_virtual = [*texts.created, *(t for t in self.pairs.created if t.kind == "virtual")]
        steps: list[Step] = [
            *drops,
            *(Drop("table", t.name) for t in gone_virtual),
            *(
                s
                for t in _children_first(gone)
                for s in (*((ForgetSequence(t.name),) if has_sequence(t) else ()), Drop("table", t.name))
            ),
            *(RenameTable(old, new) for old, new in moved),
            *(s for c in changes for s in _renames(c)),
            *(Create(t.sql) for t in sorted(new_tables, key=lambda t: t.name)),
            *(s for c in sorted(changes, key=lambda c: c.new.name) for s in self._table(c)),
            *(s for old, new in texts.copied for s in full_text.copy(old, new, self._free(f"new_{new.name}"))),
            *(Create(t.sql) for t in sorted(new_virtual, key=lambda t: t.name)),
            *makes,
        ]
        return Plan(
            tuple(steps),
            bool(rebuilt) or self._referred(gone),
            self._rebuild_texts(texts, rebuilt, steps),
            (
                *losses(changes, [*gone, *filter(full_text.keeps_rows, self.pairs.dropped)]),
                *self._emptied(changes),
                *texts.losses,
            ),
            () if self.back else tuple(notes(changes, self.pairs.created, self.pairs.dropped)),
        )

    def _table(self, change: TableChange) -> Iterator[Step]:
        name = change.new.name
        if change.rebuilt:
            temporary = self._free(f"new_{name}")
            gone = orphaned(change, self.pairs.created) if self.back else frozenset()
            step = rebuild_of(
                change,
                temporary,
                under_name(change.new.sql, temporary),
                name,
                back=self.back,
                orphans=gone,
                unique=_unique(change.new, self.after),
            )
            if has_sequence(change.old) and not has_sequence(change.new):
                yield ForgetSequence(name)
            yield step
            return
        definition = definition_of(change.new)
        yield from (DropColumn(name, c.name) for c in change.dropped)
        yield from (RenameColumn(name, old, new) for old, new in change.late)
        for column in change.added:
            clause = definition.column(column.name)
            assert clause is not None
            yield AddColumn(name, clause.text)

    def _emptied(self, changes: Iterable[TableChange]) -> Iterator[str]:
        for change in changes if self.back else ():
            emptied = orphaned(change, self.pairs.created)
            yield from (
                f"Loses the values of {change.new.name}.{c.name}: the rows it refers to do not come back."
                for c in change.new.columns
                if fold(c.name) in emptied
            )

    def _others(
        self, maps: list[dict[str, str]], disturbed: frozenset[str], checks: bool, rebuilt: set[str], gone: set[str]
    ) -> tuple[list[Step], list[Step]]:
        """What to drop before, and what to create behind: indexes, views and triggers."""
        old = {
            (o.type, fold(o.name)): o for o in self.before.objects if o.sql and o.type in ("index", "view", "trigger")
        }
        new = {
            (o.type, fold(o.name)): o for o in self.after.objects if o.sql and o.type in ("index", "view", "trigger")
        }
        changed = {
            k
            for k, o in old.items()
            if k not in new or k[1] in self.hints.recreate or not same(o.sql, new[k].sql, maps)
        }
        gone_views = {k[1] for k in changed if k[0] == "view"}
        if checks:
            gone_views |= {fold(t.name) for t in self.before.tables.values() if t.kind == "view" and not t.columns}
        give_way = set(changed)
        if checks:
            reached = disturbed | frozenset(gone_views)
            give_way |= {(o.type, fold(o.name)) for o in reaching(self.before, ("view", "trigger"), reached)}
            give_way |= {("view", name) for name in gone_views}
        views = {k[1] for k in give_way if k[0] == "view"}

        def with_its_table(key: tuple[str, str]) -> bool:
            thing = old[key]
            table = fold(thing.table)
            if table in views or table in gone:
                return True
            if table not in disturbed or key in changed:
                return False
            return key[0] == "index" or not mentions(thing, (disturbed | views) - {table, self._now(table)})

        lost = {k for k, o in old.items() if k[0] != "view" and (fold(o.table) in disturbed or fold(o.table) in views)}
        explicit = {k for k in give_way if k[0] == "view" or not with_its_table(k)}
        drops: list[Step] = [Drop("trigger", old[k].name) for k in sorted(explicit) if k[0] == "trigger"]
        drops += [Drop("view", v.name) for v in reversed(ordered([old[k] for k in explicit if k[0] == "view"]))]
        drops += [Drop("index", old[k].name) for k in sorted(explicit) if k[0] == "index"]
        wanted = [o for k, o in new.items() if k not in old or k in give_way or k in lost or fold(o.table) in rebuilt]
        makes: list[Step] = [Create(o.sql) for o in _by_name(wanted, "index")]
        makes += [Create(o.sql) for o in ordered([o for o in wanted if o.type == "view"])]
        makes += [Create(o.sql) for o in _by_name(wanted, "trigger")]
        return drops, makes

    def _now(self, table: str) -> str:
        """What the table ``table`` of before is called afterwards."""
        return next((new for new, old in self.renames.tables.items() if old == table), table)

    def _rebuild_texts(self, texts: full_text.Texts, rebuilt: set[str], steps: Iterable[Step]) -> tuple[str, ...]:
        """The full-text indexes whose content, or triggers, are made anew."""
        made = [o for s in steps if isinstance(s, Create) for o in self.after.objects if o.sql == s.sql]
        triggers = [o for o in made if o.type == "trigger"]
        again = rebuilt | {fold(o.name) for o in made}
        found = []
        for table in self.after.tables.values():
            text = full_text.read(table)
            if text is None or text.content is None:
                continue
            if (
                fold(table.name) in again
                or fold(text.content) in again
                or any(mentions(t, {fold(table.name)}) for t in triggers)
            ):
                found.append(table.name)
        return tuple(found)

    def _referred(self, gone: list[Table]) -> bool:
        names = {fold(t.name) for t in gone}
        return any(
            fold(k.parent) in names and fold(t.name) != fold(k.parent)
            for t in self.before.tables.values()
            for k in t.foreign_keys
        )

    def _free(self, name: str) -> str:
        taken = {fold(o.name) for schema in (self.before, self.after) for o in schema.objects}
        while fold(name) in taken:
            name += "_"
        return name


def _unique(table: Table, schema: Schema) -> frozenset[str]:
    """The columns, in lower case, that may have a part in a unique key; words of an expression count too."""
    found = {fold(c.name) for c in table.columns if c.pk}
    for clause in definition_of(table).clauses:
        if clause.name and clause.has("UNIQUE"):
            found.add(clause.name)
        elif not clause.name and (clause.has("UNIQUE") or clause.has("PRIMARY")):
            found |= identifiers(clause.text)
    for index in schema.of(table.name, "index"):
        if index.sql[:13].lower() == "create unique":
            found |= identifiers(index.sql)
    return frozenset(found) & {fold(c.name) for c in table.columns}


def _renames(change: TableChange) -> Iterator[Step]:
    return (RenameColumn(change.new.name, old, new) for old, new in change.early)


def _children_first(tables: list[Table]) -> list[Table]:
    left, found = sorted(tables, key=lambda t: t.name), []
    while left:
        parents = {fold(k.parent) for t in left for k in t.foreign_keys if fold(k.parent) != fold(t.name)}
        free = [t for t in left if fold(t.name) not in parents] or left[:1]
        found += free
        left = [t for t in left if t not in free]
    return found


def _by_name(things: Iterable[Object], kind: str) -> list[Object]:
    return sorted((o for o in things if o.type == kind), key=lambda o: o.name)


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
        if new in olds and new in renames.tables.values():
            raise CannotChange(
                f"{table.name} takes a name that another table gives up in the same change",
                table.name,
                None,
                "rename one of them in a migration of its own first",
            )
