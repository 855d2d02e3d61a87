"""Made-up rows that fit the schema before a migration and the one after it.

fill() makes rows for the schema before. A shadow, a database in memory with the tables as the migration leaves them,
judges each row: a row that the new tables refuse is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from memsql.db import Value
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.errors import StatementError
from memsql.schema import ForeignKey, Schema, Table
from memsql.schema.read_rules import rules_of
from memsql.scratch.restriction import Amount, Restriction, Wanted
from memsql.scratch.rows import fill
from memsql.scratch.values import literals
from memsql.sqltext import fold, identifiers, quote


@dataclass(frozen=True, slots=True)
class Successor:
    """A table as a migration leaves it (``new``), and how a row of the table before (``old``) becomes a row of it.

    ``kept`` maps each column of ``new`` to the column of ``old`` whose values it has. ``changed`` says that the two
    definitions differ, or what a foreign key of theirs means. ``foreign_keys`` are those that only ``new`` has, in the
    names of ``old``. ``defaults`` holds, by column of ``old``, the SQL of the value of a row that leaves the column
    out; ``replacements``, by column of ``new``, the SQL of the value that the migration writes in place of NULL.
    ``echoes`` are those of Restriction.
    """

    old: Table
    new: Table
    kept: Mapping[str, str]
    changed: bool
    foreign_keys: tuple[ForeignKey, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    replacements: Mapping[str, str] = field(default_factory=dict)
    echoes: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def rowid(self) -> tuple[str, ...]:
        """The column of ``new`` that is its rowid, in lower case; empty without one."""
        return rules_of(self.new).rowid

    def restriction(self) -> Restriction:
        """What rows of ``old`` have to satisfy so that ``new`` takes them."""
        source = {fold(n): fold(o) for n, o in self.kept.items()}
        new = {fold(c.name): c for c in self.new.columns}
        old_types = {fold(c.name): c.type for c in self.old.columns}
        replaced = set(map(fold, self.replacements))
        return Restriction(
            self.foreign_keys,
            frozenset(o for n, o in source.items() if (new[n].notnull and n not in replaced) or n in self.rowid),
            {source[n]: values for n, values in literals(self.new).items() if n in source},
            {o: new[n].type for n, o in source.items() if fold(old_types[o]) != fold(new[n].type)},
            self.echoes,
            successors={o: (self.new, n) for n, o in source.items()},
        )


@dataclass(frozen=True, slots=True)
class Destination:
    """Where made-up rows go in the end: the schema after the migration, and the successor of each table. A table
    without a successor takes any row. With ``foreign_keys`` the shadow enforces them too."""

    schema: Schema
    successors: tuple[Successor, ...]
    foreign_keys: bool = False


def concerned(schema: Schema, text: str) -> Schema:
    """The part of ``schema`` that matters to a migration with this ``text``: see neighbours(), and whatever these
    tables refer to."""
    return with_parents(schema, neighbours(schema, text))


def with_parents(schema: Schema, names: frozenset[str]) -> Schema:
    """The tables of ``schema`` that ``names`` has, in lower case, and whatever they refer to; without views."""
    tables = schema.tables.values()
    chosen = set(names)
    while True:
        parents = {fold(k.parent) for t in tables if fold(t.name) in chosen for k in t.foreign_keys}
        if parents <= chosen:
            break
        chosen |= parents
    part = {n: t for n, t in sorted(schema.tables.items()) if fold(n) in chosen and t.kind != "view"}
    return Schema(part, schema.objects)


def neighbours(schema: Schema, text: str) -> frozenset[str]:
    """The tables that ``text`` names, or an index or trigger of theirs, those that refer to them, those that share a
    view with them or that their triggers reach, and their full-text indexes; in lower case."""
    tables = schema.tables.values()
    names = frozenset(fold(t.name) for t in tables)
    words = {fold(t.name): identifiers(t.sql) for t in tables if t.kind in ("view", "virtual")}
    named = identifiers(text)
    chosen = set(names & named)
    chosen |= {fold(o.table) for o in schema.objects if o.type in ("index", "trigger") and fold(o.name) in named}
    for table in tables:
        # The rows of a view are those of the tables that it reads.
        if table.kind == "view" and not chosen.isdisjoint({fold(table.name), *words[fold(table.name)]}):
            chosen |= names & words[fold(table.name)]
    triggers = [o for o in schema.objects if o.type == "trigger" and fold(o.table) in chosen]
    for trigger in triggers:
        chosen |= names & identifiers(trigger.sql)
    chosen |= {fold(t.name) for t in tables if any(fold(k.parent) in chosen for k in t.foreign_keys)}
    # The rows of a table fill its full-text index, and may break it.
    virtual = {fold(t.name): words[fold(t.name)] for t in tables if t.kind == "virtual"}
    chosen |= {name for name, listed in virtual.items() if not chosen.isdisjoint(listed)}
    chosen |= {word for name, listed in virtual.items() if name in chosen for word in listed}
    return frozenset(chosen)


def destination(part: Schema, after: Schema) -> Destination:
    """Where the rows of ``part`` go in the schema ``after`` a migration that is known by its result only: a table or
    column becomes the one of the same name."""
    successors = []
    for old in part.tables.values():
        new = after.table(old.name)
        if old.kind == "table" and new is not None and new.kind == "table":
            names = {fold(c.name): c.name for c in old.columns}
            kept = {c.name: names[fold(c.name)] for c in new.columns if not c.hidden and fold(c.name) in names}
            successors.append(Successor(old, new, kept, new.sql != old.sql, tuple(new_keys(old, new))))
    return Destination(after, tuple(successors))


def populate(
    conn: SQLiteConnection,
    part: Schema,
    goal: Destination | None,
    *,
    rows: int | Amount,
    seed: int,
    asked: Mapping[str, Wanted] | None = None,
) -> dict[str, int]:
    """Fill each table of ``part`` with up to ``rows`` rows that fit ``goal`` too, the same rows for the same ``seed``.

    Without a ``goal`` the rows fit the schema that is there, and no other. ``asked`` is what conditions want of them,
    by table in lower case. Returns the number of rows of each table, by name. AUTOINCREMENT goes on a little higher
    than the last row, as after a deletion.
    """
    successors = goal.successors if goal is not None else ()
    restrictions = {fold(s.old.name): s.restriction() for s in successors if s.changed}
    for table, wanted in (asked or {}).items():
        restrictions[table] = replace(restrictions.get(table, Restriction()), wanted=wanted)
    if goal is None:
        counts = fill(conn, part, rows, seed, restrictions=restrictions)
    else:
        with closing(Shadow(conn, goal)) as shadow:
            counts = fill(conn, part, rows, seed, accept=shadow.accepts, restrictions=restrictions)
    if conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").rows:
        conn.execute("UPDATE sqlite_sequence SET seq = seq + 7")
    return counts


class Shadow:
    """The tables as a migration leaves them, with the rows that were accepted so far. It has no triggers: only
    constraints decide."""

    def __init__(self, conn: SQLiteConnection, goal: Destination) -> None:
        self._conn = memory()
        created = set(self._create(goal))
        self._successors = {fold(s.old.name): s for s in goal.successors if fold(s.new.name) in created}
        for successor in self._successors.values():
            names = [c.name for c in successor.old.columns if c.hidden != 1]
            for row in conn.execute(f"SELECT * FROM {quote(successor.old.name)}").rows:
                self.accepts(successor.old.name, dict(zip(names, row, strict=False)))
        if goal.foreign_keys:
            self._conn.execute("PRAGMA foreign_keys = on")

    def accepts(self, table: str, row: Mapping[str, Value]) -> bool:
        """Whether ``row`` of the old ``table`` fits beside the rows that were accepted before; then it is kept."""
        successor = self._successors.get(fold(table))
        if successor is None:
            return True
        before = {**{name: self._value(sql) for name, sql in successor.defaults.items() if name not in row}, **row}
        after = {
            column.name: self._replaced(successor, column.name, before[successor.kept[column.name]])
            for column in successor.new.columns
            if not column.hidden and column.name in successor.kept and successor.kept[column.name] in before
        }
        if not after:
            return True
        if any(value is None and fold(name) in successor.rowid for name, value in after.items()):
            return False
        names, marks = ", ".join(map(quote, after)), ", ".join("?" * len(after))
        try:
            self._conn.execute(
                f"INSERT INTO {quote(successor.new.name)} ({names}) VALUES ({marks})", list(after.values())
            )
        except StatementError as e:
            # A column that only the migration fills says nothing about this row; one that is computed does.
            judged = [*after, *(column.name for column in successor.new.columns if column.hidden)]
            return e.code == "SQLITE_CONSTRAINT_NOTNULL" and not any(e.message.endswith(f".{name}") for name in judged)
        return True

    def close(self) -> None:
        """Forget everything."""
        self._conn.close()

    def _create(self, goal: Destination) -> Iterable[str]:
        """Create the tables with their unique indexes; yield the names of those that can be created, in lower case."""
        tables = goal.schema.tables.values() if goal.foreign_keys else [s.new for s in goal.successors]
        for table in tables:
            if table.kind != "table":
                continue
            try:
                self._conn.execute(table.sql)
                for index in goal.schema.of(table.name, "index"):
                    if index.sql[:13].lower() == "create unique":
                        self._conn.execute(index.sql)
            except StatementError:
                continue
            yield fold(table.name)

    def _replaced(self, successor: Successor, column: str, value: Value) -> Value:
        replacement = successor.replacements.get(column) if value is None else None
        return value if replacement is None else self._value(replacement)

    def _value(self, sql: str) -> Value:
        return self._conn.execute(f"SELECT {sql}").one()


def new_keys(old: Table, new: Table) -> list[ForeignKey]:
    """Foreign keys of ``new`` over columns that ``old`` has too, and that ``old`` does not have."""
    existing = {(tuple(map(fold, k.columns)), fold(k.parent)) for k in old.foreign_keys}
    names = {fold(c.name) for c in old.columns}
    return [
        k
        for k in new.foreign_keys
        if (tuple(map(fold, k.columns)), fold(k.parent)) not in existing and names.issuperset(map(fold, k.columns))
    ]
