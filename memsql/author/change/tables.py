"""What changes about one table, and whether ALTER TABLE can do it.

The rules are those of https://sqlite.org/lang_altertable.html.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass

from memsql.author.change.in_place import Constraint, in_place, same_frame
from memsql.author.change.steps import NO_ABILITIES, Abilities, CannotChange, ConstraintStep, Renames
from memsql.author.change.values import default_of
from memsql.schema import Column, Schema, Table
from memsql.schema.compare import with_parent_columns
from memsql.schema.definition import Clause, definition_of
from memsql.schema.read_rules import renamed_rules, rules_of
from memsql.schema.rules import ParentRenames, TableRules
from memsql.sqltext.names import fold


@dataclass(frozen=True, slots=True)
class TableChange:
    """How the table ``new`` differs from the table ``old`` that it was.

    ``kept`` maps each column of ``new`` that takes its values from ``old`` to the column there, both as spelled.
    ``early`` are the columns (old name, new name) that can be renamed before anything else, ``late`` those whose new
    name is taken by another column of ``old``. ``plain`` says that ALTER TABLE can make the whole change, ``changed``
    that there is one; ``constraints`` are the steps of a plain one that change constraints.
    """

    old: Table
    new: Table
    kept: Mapping[str, str]
    early: tuple[tuple[str, str], ...]
    late: tuple[tuple[str, str], ...]
    added: tuple[Column, ...]
    dropped: tuple[Column, ...]
    _: KW_ONLY
    plain: bool
    changed: bool
    constraints: tuple[ConstraintStep, ...] = ()

    @property
    def rebuilt(self) -> bool:
        """Whether the table must be rebuilt."""
        return self.changed and not self.plain

    def source(self, column: Column) -> Column | None:
        """The column of ``old`` whose values ``column``, one of ``new``, gets."""
        return next((c for c in self.old.columns if c.name == self.kept.get(column.name)), None)

    @property
    def keeps_key(self) -> bool:
        """Whether the rowid goes by the same column before and after the change, or by none."""
        old, new = (next((c.name for c in t.columns if is_alias(c, t)), None) for t in (self.old, self.new))
        return old == new if new is None else self.kept.get(new) == old

    def may_be_null(self, column: Column) -> bool:
        """Whether ``column``, one of ``old``, can hold NULL."""
        return not column.notnull and not is_alias(column, self.old)


def table_change(
    old: Table,
    new: Table,
    after: Schema,
    renames: Renames,
    *,
    rebuild: bool = False,
    abilities: Abilities = NO_ABILITIES,
) -> TableChange:
    """What makes ``new``, a table of the schema ``after``, of ``old``. With ``rebuild`` plain statements will not do.
    ``abilities`` are what ALTER TABLE can do.

    Raises CannotChange for the rename of a column that does not exist, or that another rename takes.
    """
    kept = _kept(old, new, renames)
    sources = {fold(o) for o in kept.values()}
    added = tuple(c for c in new.columns if c.name not in kept)
    dropped = tuple(c for c in old.columns if fold(c.name) not in sources)
    letters = _renamed_in_letters(new, kept, renames)
    renamed = [(o, n) for n, o in kept.items() if fold(o) != fold(n) or n in letters]
    existing = {fold(c.name) for c in old.columns}
    early = tuple(r for r in renamed if fold(r[1]) not in existing or r[1] in letters)
    late = tuple(r for r in renamed if fold(r[1]) in existing and r[1] not in letters)
    definition, wanted = definition_of(old), definition_of(new)
    constraints = _constraint_steps(old, new, after, (kept, renames), abilities)
    alike = constraints == ()
    plain = (
        constraints is not None
        and not rebuild
        and bool(kept)
        and (abilities.drop_column or not dropped)
        and all(_can_drop(c, definition.column(c.name)) for c in dropped)
        and all(_can_add(c, wanted.column(c.name)) and not is_unfillable(c, new) for c in added)
        and {fold(n) for _, n in late} <= {fold(c.name) for c in dropped}
    )
    if not plain:
        # The copy of a rebuild reads each value under a name that the new table has not: a name that both have would
        # look like another column's value.
        taken = existing | {fold(c.name) for c in new.columns}
        early += tuple((o, _free_name(f"old_{o}", taken)) for o, _ in late)
    changed = not alike or bool(renamed or added or dropped)
    steps = constraints if plain and constraints else ()
    return TableChange(old, new, kept, early, late, added, dropped, plain=plain, changed=changed, constraints=steps)


def refuse_unfillable(change: TableChange) -> None:
    """Raise CannotChange for a new column that has no value for the existing rows."""
    for column in change.added:
        if is_unfillable(column, change.new):
            raise CannotChange(
                f"{change.new.name}.{column.name} is new and NOT NULL without a default: the rows that are there would"
                " have no value",
                change.new.name,
                column.name,
                "give it a DEFAULT, leave NOT NULL out, or write `-- renamed from: OLD` behind it where it had another"
                " name",
            )


def is_unfillable(column: Column, table: Table) -> bool:
    """Whether a new ``column`` of ``table`` has no value for the existing rows."""
    empty = column.default is None or fold(column.default) == "null"
    return column.notnull and empty and not column.hidden and not is_alias(column, table)


def is_alias(column: Column, table: Table) -> bool:
    """Whether ``column`` is an alias of the rowid of ``table`` (https://sqlite.org/lang_createtable.html#rowid)."""
    keys = sum(1 for c in table.columns if c.pk)
    if table.without_rowid or not column.pk or fold(column.type) != "integer" or keys > 1:
        return False
    clause = definition_of(table).column(column.name)
    return clause is None or not clause.has("PRIMARY", "KEY", "DESC")


def has_sequence(table: Table) -> bool:
    """Whether ``table`` is AUTOINCREMENT."""
    return any(clause.has("AUTOINCREMENT") for clause in definition_of(table).columns)


def _kept(old: Table, new: Table, renames: Renames) -> dict[str, str]:
    existing = {fold(c.name): c.name for c in old.columns}
    table = fold(new.name)
    renamed = {
        fold(c.name): renames.columns[table, fold(c.name)]
        for c in new.columns
        if (table, fold(c.name)) in renames.columns
    }
    sources = list(renamed.values())
    for name, source in renamed.items():
        if source not in existing:
            raise CannotChange(
                f"{new.name}.{name} cannot be renamed from {source}: {old.name} has no such column",
                new.name,
                name,
                "it has: " + ", ".join(existing.values()),
            )
    for name, source in renamed.items():
        if sources.count(source) > 1:
            raise CannotChange(
                f"two columns of {new.name} are renamed from {source}", new.name, name, "leave one of them out"
            )
    kept = {}
    for column in new.columns:
        name = fold(column.name)
        source = renamed.get(name) or (name if name not in sources else "")
        if source in existing:
            kept[column.name] = existing[source]
    return kept


def _renamed_in_letters(new: Table, kept: Mapping[str, str], renames: Renames) -> frozenset[str]:
    """The columns of ``new`` that differ from the old ones in the case of letters, where a comment asks for that."""
    table = fold(new.name)
    return frozenset(
        n for n, o in kept.items() if n != o and fold(n) == fold(o) == renames.columns.get((table, fold(n)))
    )


def _constraint_steps(
    old: Table, new: Table, after: Schema, columns: tuple[Mapping[str, str], Renames], abilities: Abilities
) -> tuple[ConstraintStep, ...] | None:
    """What ALTER TABLE has to do about constraints so that two tables say the same about the columns that are kept and
    about the whole table, once names are replaced; None where it cannot. What is written behind a column that comes or
    goes, comes or goes with it."""
    kept, renames = columns
    sources = {fold(o): fold(n) for n, o in kept.items()}
    # A column that goes must not be taken for one that gets its name.
    own = {name: sources.get(name, f"{name}\0") for name in (fold(c.name) for c in old.columns)}
    one, two = renamed_rules(old, own, _parent_renames(renames)), rules_of(new)
    names = frozenset(sources.values())
    if not same_frame(one, two):
        return None
    rules = ({n: one.columns[n] for n in names}, {n: two.columns[n] for n in names})
    constraints = (_constraints(one, after, sources.keys()), _constraints(two, after, names))
    if rules[0] == rules[1] and constraints[0] == constraints[1]:
        return ()
    if not abilities.constraints:
        return None
    return in_place(new, rules, constraints, has_triggers=bool(after.of(new.name, "trigger")))


def _constraints(table: TableRules, after: Schema, kept: Collection[str]) -> frozenset[Constraint]:
    """All constraints of ``table`` but those that are written behind a column which is not among ``kept``."""
    constraints: list[Constraint] = [*table.unique, *table.checks]
    constraints += [with_parent_columns(reference, after) for reference in table.references]
    return frozenset(c for c in constraints if not c.origin or c.origin in kept)


def _parent_renames(renames: Renames) -> ParentRenames:
    columns: dict[str, dict[str, str]] = {}
    for (table, new), old in renames.columns.items():
        columns.setdefault(renames.tables.get(table, table), {})[old] = new
    return ParentRenames({old: new for new, old in renames.tables.items()}, columns)


def _can_drop(column: Column, clause: Clause | None) -> bool:
    return not column.pk and (clause is None or not (clause.has("UNIQUE") or clause.has("REFERENCES")))


def _can_add(column: Column, clause: Clause | None) -> bool:
    if clause is None or column.pk or column.hidden == 3 or clause.has("UNIQUE") or clause.has("PRIMARY"):
        return False
    default = default_of(column)
    if default is None:
        return True
    expression = clause.behind("DEFAULT")
    constant = not fold(default).startswith("current_") and not (expression and expression[0].text == "(")
    return constant and not clause.has("REFERENCES")


def _free_name(name: str, taken: set[str]) -> str:
    """``name``, with underscores behind it where that is ``taken`` (folded names)."""
    while fold(name) in taken:
        name += "_"
    return name
