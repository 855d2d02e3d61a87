"""What changes about one table, and whether ALTER TABLE can do it.

The rules are those of https://sqlite.org/lang_altertable.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from memsql.author.change.steps import CannotChange, Rebuild, Renames
from memsql.schema import Column, ForeignKey, Table, normalise
from memsql.schema.definition import Clause, ParentRenames, definition_of, same_clause
from memsql.sqltext.names import fold, free_rowid, quote_if_needed, unquote
from memsql.sqltext.tokens import tokenize

_VALUES = frozenset({"null", "true", "false", "current_time", "current_date", "current_timestamp"})


@dataclass(frozen=True, slots=True)
class TableChange:
    """What differs between ``old`` and ``new``. ``kept`` maps each new column to the old one it takes its values from,
    both as spelled; ``early`` are renames (old, new) that can be done by name; ``plain`` says that ALTER TABLE does all of it."""

    old: Table
    new: Table
    kept: Mapping[str, str]
    early: tuple[tuple[str, str], ...]
    late: tuple[tuple[str, str], ...]
    added: tuple[Column, ...]
    dropped: tuple[Column, ...]
    plain: bool
    changed: bool

    @property
    def rebuilt(self) -> bool:
        return self.changed and not self.plain


def compare(old: Table, new: Table, renames: Renames, *, rebuild: bool = False) -> TableChange:
    """What makes ``new`` of ``old``. ``rebuild`` says that plain statements did not do. Raises CannotChange for a rename
    that cannot be."""
    kept = _kept(old, new, renames)
    sources = {fold(o) for o in kept.values()}
    added = tuple(c for c in new.columns if c.name not in kept)
    dropped = tuple(c for c in old.columns if fold(c.name) not in sources)
    moved = [(o, n) for n, o in kept.items() if fold(o) != fold(n)]
    there = {fold(c.name) for c in old.columns}
    early = tuple(m for m in moved if fold(m[1]) not in there)
    late = tuple(m for m in moved if fold(m[1]) in there)
    one, two = definition_of(old), definition_of(new)
    own = {fold(o): n for o, n in moved}
    parents = _parents(renames)

    def alike_clauses(text: Clause, other: Clause) -> bool:
        return same_clause(text.text, other.text, own, parents)

    alike = normalise(one.tail) == normalise(two.tail) and _alike(one.constraints, two.constraints, alike_clauses)
    for name, source in kept.items():
        before, after = one.column(source), two.column(name)
        alike = alike and before is not None and after is not None and alike_clauses(before, after)
    changed = not alike or bool(moved or added or dropped)
    gone = {fold(c.name) for c in dropped}
    plain = (
        alike
        and not rebuild
        and bool(kept)
        and all(_can_drop(c, one.column(c.name)) for c in dropped)
        and all(_can_add(c, two.column(c.name)) and not unfillable(c, new) for c in added)
        and all(fold(n) in gone for _, n in late)
    )
    return TableChange(old, new, kept, early, late, added, dropped, plain, changed)


def refuse_unfillable(change: TableChange) -> None:
    """Raise CannotChange for a new column that has no value for the rows that are there."""
    for column in change.added:
        if unfillable(column, change.new):
            raise CannotChange(
                f"{change.new.name}.{column.name} is new and NOT NULL without a default: the rows that are there would have no "
                "value",
                change.new.name,
                column.name,
                "give it a DEFAULT, leave NOT NULL out, or write `-- renamed from: OLD` behind it where it had another name",
            )


def unfillable(column: Column, table: Table) -> bool:
    """Whether a new ``column`` of ``table`` has no value for a row that is there already."""
    empty = column.default is None or fold(column.default) == "null"
    return column.notnull and empty and not column.hidden and not is_alias(column, table)


def is_alias(column: Column, table: Table) -> bool:
    """Whether ``column`` is the rowid of ``table`` under another name."""
    if (
        table.without_rowid
        or not column.pk
        or fold(column.type) != "integer"
        or sum(1 for c in table.columns if c.pk) > 1
    ):
        return False
    clause = definition_of(table).column(column.name)
    return clause is None or not clause.has("PRIMARY", "KEY", "DESC")


def has_sequence(table: Table) -> bool:
    """Whether ``table`` is AUTOINCREMENT."""
    return any(clause.has("AUTOINCREMENT") for clause in definition_of(table).columns)


def rebuild_of(
    change: TableChange,
    temporary: str,
    sql: str,
    table: str,
    *,
    back: bool,
    orphans: frozenset[str] = frozenset(),
    unique: frozenset[str] = frozenset(),
) -> Rebuild:
    """The rebuild that makes ``change``, whose early renames are done. ``back``: it is the way back, on which a value that
    nobody knows is replaced by an empty one. In lower case, ``orphans`` are new columns that refer to rows which do not
    come back, and ``unique`` those with a part in a unique key. Raises CannotChange where a column can have no value."""
    early = {fold(old): new for old, new in change.early}
    sources = {name: early.get(fold(old), old) for name, old in change.kept.items()}
    olds = {c.name: c for c in change.old.columns}
    copies: list[tuple[str, str]] = []
    remarks: list[str] = []
    value: str | None
    rowid = _rowid(change)
    for column in change.new.columns:
        if column.hidden:
            continue
        if fold(column.name) in orphans:
            value, remark = None, _orphaned(change, column)
        elif column.name in sources:
            old = olds[change.kept[column.name]]
            value, remark = _value(change, old, column, sources[column.name], table)
        else:
            value, remark = _new_value(change, column, rowid, back, fold(column.name) in unique)
        if value is not None:
            copies.append((quote_if_needed(column.name), value))
        remarks += [remark] if remark else []
    if rowid is not None and not any(is_alias(c, change.new) for c in change.new.columns):
        copies.insert(0, (rowid, rowid))
    sequence = has_sequence(change.old) and has_sequence(change.new)
    return Rebuild(table, temporary, sql, tuple(copies), sequence, tuple(remarks))


def default_of(column: Column) -> str | None:
    """The default of ``column`` as an expression; None where there is none, or NULL."""
    if column.default is None or fold(column.default) == "null":
        return None
    tokens = tokenize(column.default)
    if len(tokens) != 1:
        return f"({column.default})"
    kind, text, _ = tokens[0]
    if kind == "quoted" or (kind == "word" and fold(text) not in _VALUES):
        # SQLite takes a name for a string here (https://sqlite.org/quirks.html).
        return "'" + unquote(text).replace("'", "''") + "'"
    return text


def _kept(old: Table, new: Table, renames: Renames) -> dict[str, str]:
    there = {fold(c.name): c.name for c in old.columns}
    key = fold(new.name)
    asked = {
        fold(c.name): renames.columns[key, fold(c.name)] for c in new.columns if (key, fold(c.name)) in renames.columns
    }
    for name, source in asked.items():
        if source not in there:
            raise CannotChange(
                f"{new.name}.{name} cannot be renamed from {source}: {old.name} has no such column",
                new.name,
                name,
                "it has: " + ", ".join(there.values()),
            )
    taken = list(asked.values())
    for name, source in asked.items():
        if taken.count(source) > 1:
            raise CannotChange(
                f"two columns of {new.name} are renamed from {source}", new.name, name, "leave one of them out"
            )
    kept = {}
    for column in new.columns:
        source = asked.get(fold(column.name)) or (fold(column.name) if fold(column.name) not in taken else "")
        if source in there:
            kept[column.name] = there[source]
    return kept


def _parents(renames: Renames) -> ParentRenames:
    columns: dict[str, dict[str, str]] = {}
    for (table, new), old in renames.columns.items():
        columns.setdefault(renames.tables.get(table, table), {})[old] = new
    return ParentRenames({old: new for new, old in renames.tables.items()}, columns)


def _alike(one: Sequence[Clause], two: Sequence[Clause], same: Callable[[Clause, Clause], bool]) -> bool:
    left = list(two)
    for clause in one:
        found = next((other for other in left if same(clause, other)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def _can_drop(column: Column, clause: Clause | None) -> bool:
    return not column.pk and (clause is None or not (clause.has("UNIQUE") or clause.has("REFERENCES")))


def _can_add(column: Column, clause: Clause | None) -> bool:
    if clause is None or column.pk or column.hidden == 3 or clause.has("UNIQUE") or clause.has("PRIMARY"):
        return False
    default = default_of(column)
    if default is None:
        return True
    written = clause.behind("DEFAULT")
    constant = not fold(default).startswith("current_") and not (written and written[0].text == "(")
    return constant and not clause.has("REFERENCES")


def _rowid(change: TableChange) -> str | None:
    """A name for the rowid that stands for it in both tables, None where one of them has none."""
    if change.old.without_rowid or change.new.without_rowid:
        return None
    return free_rowid(c.name for table in (change.old, change.new) for c in table.columns)


def _value(change: TableChange, old: Column, column: Column, source: str, table: str) -> tuple[str, str]:
    name = quote_if_needed(source)
    null = not old.notnull and not is_alias(old, change.old)
    if not (column.notnull and null):
        return name, ""
    default = default_of(column)
    if default is not None:
        return f"coalesce({name}, {default})", f"NULLs in {column.name} become {default}."
    return name, (
        f"Fails where {source} is NULL; to see these rows: SELECT * FROM {quote_if_needed(table)} WHERE {name} IS NULL"
    )


def _orphaned(change: TableChange, column: Column) -> str:
    if column.notnull or column.pk:
        raise CannotChange(
            f"{change.new.name}.{column.name} refers to a table that goes and is NOT NULL: the way back would have nothing to "
            "refer to",
            change.new.name,
            None,
            "first make it NULL in a migration of its own, then drop the table in another",
        )
    return f"The rows that {column.name} refers to do not come back, so it becomes empty."


def _new_value(
    change: TableChange, column: Column, rowid: str | None, back: bool, unique: bool
) -> tuple[str | None, str]:
    if is_alias(column, change.new):
        return rowid, ""
    if back and unique and default_of(column) is not None and not column.notnull:
        # Its default in every row would not be unique.
        return "NULL", f"Nobody knows {column.name} any more: it becomes NULL."
    if back and unique and column.notnull and rowid is not None and not _refers(column, change.new):
        return rowid, f"Nobody knows {column.name} any more: it becomes {rowid}."
    if not unfillable(column, change.new):
        return None, ""
    if not back:
        refuse_unfillable(change)
    referring = _refers(column, change.new)
    if referring or (unique and rowid is None):
        raise CannotChange(
            f"{change.new.name}.{column.name} cannot go: it is NOT NULL{' and refers to another table' if referring else ''}, "
            "so the way back would have no value for it",
            change.new.name,
            None,
            "first make it NULL in a migration of its own, then drop it in another",
        )
    value = _empty(column)
    return value, f"Nobody knows {column.name} any more: it becomes {value}."


def _refers(column: Column, table: Table) -> bool:
    return any(fold(column.name) in map(fold, key.columns) for key in table.foreign_keys)


def _empty(column: Column) -> str:
    """A value that says nothing, of the type of ``column`` (https://sqlite.org/datatype3.html, section 3.1)."""
    kind = fold(column.type)
    if "int" in kind or re.search(r"real|floa|doub|num|dec|bool|date", kind):
        return "0"
    return "x''" if "blob" in kind else "''"


def new_foreign_keys(change: TableChange, changes: Iterable[TableChange]) -> list[ForeignKey]:
    """The foreign keys on columns of ``change`` that were there without them, in the names of before. ``changes`` are those
    of all tables."""
    source = {fold(n): o for n, o in change.kept.items()}
    parents = {fold(c.new.name): c for c in changes}
    had = {(tuple(map(fold, k.columns)), fold(k.parent)) for k in change.old.foreign_keys}
    found = []
    for key in change.new.foreign_keys:
        if not all(fold(c) in source for c in key.columns):
            continue
        parent = parents.get(fold(key.parent))
        names = {fold(n): o for n, o in parent.kept.items()} if parent else {}
        columns = tuple(source[fold(c)] for c in key.columns)
        old = ForeignKey(
            columns,
            parent.old.name if parent else key.parent,
            tuple(names.get(fold(c), c) for c in key.parent_columns),
            key.on_update,
            key.on_delete,
        )
        if (tuple(map(fold, columns)), fold(old.parent)) not in had:
            found.append(old)
    return found
