"""What a change takes for granted about the rows it finds, and rows that do not keep to it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from memsql.change import Renames, TableChange
from memsql.change.keys import new_foreign_keys
from memsql.change.plan import pair
from memsql.change.tables import default_of, is_alias
from memsql.db import Connection
from memsql.db.queries import load
from memsql.db.sqlite import memory
from memsql.errors import StatementError
from memsql.schema import Schema, dump
from memsql.sqltext import fold, quote

Kind = Literal["duplicate", "null", "orphan"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is taken for granted: no ``duplicate`` in ``columns``, no ``null``, no ``orphan`` that refers to no row of
    ``parent``. Table and columns are called as they are before the change."""

    kind: Kind
    table: str
    columns: tuple[str, ...]
    parent: str = ""

    def __str__(self) -> str:
        listed = f"{self.table} ({', '.join(self.columns)})"
        return {"duplicate": f"two rows of {listed} are alike", "null": f"{listed} is NULL",
                "orphan": f"{listed} refers to no row of {self.parent}"}[self.kind]


def violations(before: Schema, after: Schema, renames: Renames | None = None) -> tuple[Violation, ...]:
    """Every way in which rows that ``before`` allows would stop a migration to ``after``. Raises change.CannotChange for
    renames that cannot be."""
    changes = pair(before, after, renames or Renames()).changes
    old, new = unique_keys(before), unique_keys(after)
    found: list[Violation] = []
    for change in changes:
        found += _duplicates(change, old.get(change.old.name, set()), new.get(change.new.name, set()))
        found += _nulls(change)
        found += [Violation("orphan", change.old.name, k.columns, k.parent) for k in new_foreign_keys(change, changes)]
    return tuple(found)


def violate(conn: Connection, violation: Violation) -> bool:
    """Change rows of ``conn``, which has the schema of before and some rows, so that ``violation`` is true of them. Returns
    False where there are too few rows, or the schema itself does not allow it; then nothing is changed."""
    if violation.kind == "duplicate":
        return _duplicate(conn, violation)
    values = ("NULL",) if violation.kind == "null" else ("'memsql nobody'", "-987654321")
    # A column may take no text, or no number.
    return any(_set(conn, violation, value) for value in values)


def _duplicate(conn: Connection, violation: Violation) -> bool:
    table, names = quote(violation.table), [quote(c) for c in violation.columns]
    row = ", ".join(names)
    try:
        there = " AND ".join(f"{n} IS NOT NULL" for n in names)
        first = f"SELECT {row} FROM {table} WHERE {there} LIMIT 1"
        different = " OR ".join(f"other.{n} IS NOT first.{n}" for n in names)
        second = conn.execute(
            f"WITH first AS ({first}) SELECT {', '.join('other.' + n for n in names)} FROM {table} AS other, first "
            f"WHERE {different} LIMIT 1").rows
        if not second:
            return False
        match = " AND ".join(f"{n} IS ?" for n in names)
        return conn.execute(f"UPDATE {table} SET ({row}) = ({first}) WHERE {match}", second[0]).changes > 0
    except StatementError:
        return False


def _set(conn: Connection, violation: Violation, value: str) -> bool:
    columns, values = ", ".join(map(quote, violation.columns)), ", ".join([value] * len(violation.columns))
    try:
        return conn.execute(f"UPDATE {quote(violation.table)} SET ({columns}) = ({values})").changes > 0
    except StatementError:
        return False


def unique_keys(schema: Schema) -> dict[str, set[tuple[str, ...]]]:
    """The columns of every unique key and unique index, in lower case, by table; not those over expressions."""
    conn = memory()
    try:
        conn.script(dump(schema))
        rows = conn.execute(load("schema/unique_keys")).rows
    finally:
        conn.close()
    columns: defaultdict[tuple[str, str], list[str | None]] = defaultdict(list)
    for table, index, _, column in rows:
        columns[str(table), str(index)].append(None if column is None else fold(str(column)))
    found: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for (table_name, _), names in columns.items():
        known = tuple(n for n in names if n is not None)
        if len(known) == len(names):
            found[table_name].add(known)
    return dict(found)


def _duplicates(change: TableChange, old: set[tuple[str, ...]], new: set[tuple[str, ...]]) -> list[Violation]:
    source = {fold(n): fold(o) for n, o in change.kept.items()}
    spelled = {fold(c.name): c.name for c in change.old.columns}
    keys = {frozenset(k) for k in old} | {frozenset([fold(c.name)]) for c in change.old.columns if is_alias(c, change.old)}
    found = []
    for key in sorted(new):
        if not all(c in source for c in key):
            continue
        columns = tuple(source[c] for c in key)
        # What contains a key is unique already.
        if not any(k <= frozenset(columns) for k in keys):
            found.append(Violation("duplicate", change.old.name, tuple(spelled[c] for c in columns)))
    return found


def _nulls(change: TableChange) -> list[Violation]:
    olds = {c.name: c for c in change.old.columns}
    found = []
    for column in change.new.columns:
        old = olds.get(change.kept.get(column.name, ""))
        if old and column.notnull and not old.notnull and not is_alias(old, change.old) and default_of(column) is None:
            found.append(Violation("null", change.old.name, (old.name,)))
    return found
