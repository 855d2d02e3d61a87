"""Rows made up for any schema, that satisfy its constraints: the same ones for the same seed.

What a constraint demands is found by trial: SQLite refuses a row, and another is made. So no expression needs to
be understood; the values that a CHECK names are tried most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from memsql.db import Connection, Value
from memsql.errors import StatementError
from memsql.schema import ForeignKey, Schema, Table
from memsql.scratch.values import Kind, kind_of, literals, make
from memsql.sqltext import fold, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRIES = 40
_SHOWN_KEYS = 500
# Keys that every table numbered by its rowid gets, so that others can refer to them before it has rows.
_PLANNED = 5
Row = dict[str, Value]
Accept = Callable[[str, Row], bool]


@dataclass(frozen=True, slots=True)
class Extra:
    """What the rows of a table are to satisfy beside its own definition: ``foreign_keys``, columns that may not be NULL,
    ``literals`` worth trying, and the types that the values are to fit; columns in lower case."""

    foreign_keys: tuple[ForeignKey, ...] = ()
    required: frozenset[str] = frozenset()
    literals: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)


def fill(
    conn: Connection,
    schema: Schema,
    rows_per_table: int,
    seed: int,
    *,
    accept: Accept | None = None,
    extra: Mapping[str, Extra] | None = None,
) -> dict[str, int]:
    """Insert up to ``rows_per_table`` rows into every table of ``schema``, which ``conn`` has, and return how many each
    took, by name.

    Triggers fire, so that full-text indexes are filled by them; those without triggers are filled directly. ``accept`` may
    refuse a row (table, values); ``extra``, by table name in lower case, narrows what is tried. A table whose constraints no
    trial satisfied gets fewer rows, or none. Begins and commits a transaction unless one is open. Foreign keys hold afterwards.
    """
    filler = _Filler(conn, schema, Random(seed), accept, extra or {})
    with _without_keys(conn):
        tables = _parents_first(schema, extra or {})
        counts = {table.name: filler.table(table, rows_per_table) for table in tables}
        filler.remove_orphans()
        for table in schema.tables.values():
            if table.kind == "virtual":
                counts[table.name] = filler.virtual(table, rows_per_table)
    return {name: min(n, filler.count(name)) for name, n in counts.items()}


@contextmanager
def _without_keys(conn: Connection) -> Iterator[None]:
    """A transaction in which foreign keys are not enforced: rows that refer to each other come one by one."""
    if conn.in_transaction:
        yield
        return
    on = conn.execute("PRAGMA foreign_keys").one()
    conn.execute("PRAGMA foreign_keys = off")
    conn.begin()
    try:
        yield
        conn.commit()
    except BaseException:
        conn.rollback()
        raise
    finally:
        if on:
            conn.execute("PRAGMA foreign_keys = on")


@dataclass
class _Filler:
    conn: Connection
    schema: Schema
    rng: Random
    accept: Accept | None
    extra: Mapping[str, Extra]
    _known: dict[ForeignKey, list[tuple[Value, ...]]] = field(default_factory=dict)

    def table(self, table: Table, wanted: int) -> int:
        kinds = self._kinds(table)
        self._known.clear()
        done = 0
        for _ in range(wanted * _TRIES):
            if done == wanted:
                break
            done += self._try(table, self._row(table, kinds, done + 1))
        return done

    def _try(self, table: Table, row: Row) -> bool:
        self.conn.execute("SAVEPOINT memsql_sample")
        try:
            columns = ", ".join(map(quote, row))
            values = f"({columns}) VALUES ({', '.join('?' * len(row))})" if row else "DEFAULT VALUES"
            # ABORT wins over an ON CONFLICT clause of the table, which could end the transaction.
            self.conn.execute(f"INSERT OR ABORT INTO {quote(table.name)} {values}", list(row.values()))
            if self.accept is None or self.accept(table.name, row):
                return True
            self.conn.execute("ROLLBACK TO memsql_sample")
        except StatementError:
            if not self.conn.in_transaction:
                self.conn.begin()
                return False
            self.conn.execute("ROLLBACK TO memsql_sample")
        finally:
            # Where a trigger ended the transaction the savepoint is gone too.
            with suppress(StatementError):
                self.conn.execute("RELEASE memsql_sample")
        return False

    def _row(self, table: Table, kinds: Mapping[str, Kind], number: int) -> Row:
        row: Row = {}
        for column in table.columns:
            if column.hidden:
                continue
            kind = kinds[column.name]
            # A key of the rowid is given, with gaps, so that a copy that numbers rows anew is found out.
            if column.default is not None and not column.pk and self.rng.random() < 0.15:
                continue
            if kind.serial and number <= _PLANNED and self.rng.random() < 0.8:
                row[column.name] = number
                continue
            optional = not column.pk and not kind.required
            row[column.name] = None if optional and self.rng.random() < 0.2 else make(self.rng, kind)
        for key in self._keys(table):
            self._refer(table, key, kinds, row)
        return row

    def _refer(self, table: Table, key: ForeignKey, kinds: Mapping[str, Kind], row: Row) -> None:
        found = self._known.get(key)
        if found is None:
            found = self._parents(key)
            # The rows of another table stay as they are while this one is filled.
            if fold(key.parent) != fold(table.name):
                self._known[key] = found
        names = [next((c.name for c in table.columns if fold(c.name) == fold(n)), n) for n in key.columns]
        optional = not any(kinds[n].required for n in names if n in kinds)
        own = fold(key.parent) == fold(table.name)
        if not found and optional and not own and self.rng.random() < 0.5 and self._comes(key):
            row[names[0]] = self.rng.randint(1, _PLANNED)
        elif optional and (not found or self.rng.random() < 0.2):
            row.update(dict.fromkeys(names, None))
        elif found:
            row.update(zip(names, self.rng.choice(found), strict=False))
        elif own:
            # The first row can only refer to itself.
            row.update({n: row.get(o) for n, o in zip(names, key.parent_columns or _key(table), strict=False)})

    def _comes(self, key: ForeignKey) -> bool:
        """Whether the parent, still empty, will have the keys from 1 to _PLANNED."""
        parent = self.schema.table(key.parent)
        own = (
            [c for c in parent.columns if c.pk]
            if parent and parent.kind == "table" and not parent.without_rowid
            else []
        )
        named = not key.parent_columns or [fold(c) for c in key.parent_columns] == [fold(c.name) for c in own]
        return len(key.columns) == len(own) == 1 and fold(own[0].type) == "integer" and named

    def _parents(self, key: ForeignKey) -> list[tuple[Value, ...]]:
        parent = self.schema.table(key.parent)
        columns = key.parent_columns or (_key(parent) if parent else ())
        if parent is None or not columns:
            return []
        listed = ", ".join(map(quote, columns))
        there = " AND ".join(f"{quote(c)} IS NOT NULL" for c in columns)
        try:
            return self.conn.execute(
                f"SELECT DISTINCT {listed} FROM {quote(parent.name)} WHERE {there} ORDER BY {listed} LIMIT {_SHOWN_KEYS}"
            ).rows
        except StatementError:
            return []

    def _keys(self, table: Table) -> tuple[ForeignKey, ...]:
        more = self.extra.get(fold(table.name))
        return table.foreign_keys + (more.foreign_keys if more else ())

    def _kinds(self, table: Table) -> dict[str, Kind]:
        more = self.extra.get(fold(table.name), Extra())
        named = literals(table)
        found = {}
        for column in table.columns:
            name = fold(column.name)
            found[column.name] = kind_of(
                column,
                table,
                required=column.notnull or name in more.required,
                pool=(*named.get(name, ()), *more.literals.get(name, ())),
                declared=more.types.get(name),
            )
        return found

    def remove_orphans(self) -> None:
        """Delete rows that refer to nothing until there are none."""
        before: set[tuple[Value, ...]] = set()
        # One that is deleted may leave others behind; one that is there again will not go.
        while (broken := set(self._orphans())) and broken != before:
            before = broken
            for name, rowid, *_ in sorted(broken, key=repr):
                sql = f"DELETE FROM {quote(str(name))}" + (" WHERE rowid = ?" if rowid is not None else "")
                self.conn.execute(sql, () if rowid is None else (rowid,))

    def _orphans(self) -> list[tuple[Value, ...]]:
        try:
            return self.conn.execute("PRAGMA foreign_key_check").rows
        except StatementError:
            # A parent lacks the key that a child names, so that no row of the child can be proven.
            return []

    def virtual(self, table: Table, wanted: int) -> int:
        from memsql.fts.discover import parse
        from memsql.schema.internal import module_of

        module = module_of(table.sql)
        if module == "fts5":
            found = parse(table.name, table.sql)
            columns: Sequence[str] = found.all_columns
            if found.kind == "external":
                if not self._kept_by_triggers(table):
                    self.conn.execute(f"INSERT INTO {quote(table.name)} ({quote(table.name)}) VALUES ('rebuild')")
                return wanted
        elif module.startswith("rtree"):
            columns = [c.name for c in table.columns if not c.hidden]
        else:
            return 0
        if self._kept_by_triggers(table):
            return wanted
        done = 0
        for number in range(wanted):
            row: Row = (
                {c: _text(self.rng) for c in columns}
                if module == "fts5"
                else {c: number + place for place, c in enumerate(columns)}
            )
            done += self._try(table, {"rowid": 2 * number + 1, **row} if module == "fts5" else row)
        return done

    def _kept_by_triggers(self, table: Table) -> bool:
        from memsql.sqltext import identifiers

        return any(o.type == "trigger" and fold(table.name) in identifiers(o.sql) for o in self.schema.objects)

    def count(self, name: str) -> int:
        try:
            value = self.conn.execute(f"SELECT count(*) FROM {quote(name)}").one()
        except StatementError:
            return 0
        return value if isinstance(value, int) else 0


def _text(rng: Random) -> Value:
    return make(rng, Kind("text", required=True))


def _key(table: Table) -> tuple[str, ...]:
    return tuple(c.name for c in sorted(table.columns, key=lambda c: c.pk) if c.pk)


def _parents_first(schema: Schema, extra: Mapping[str, Extra]) -> list[Table]:
    left = sorted((t for t in schema.tables.values() if t.kind == "table"), key=lambda t: t.name)
    found: list[Table] = []

    def waits(table: Table, required: bool) -> bool:
        more = extra.get(fold(table.name), Extra())
        needed = {fold(c.name) for c in table.columns if c.notnull or c.pk} | more.required
        names = {fold(t.name) for t in left} - {fold(table.name)}
        return any(
            fold(k.parent) in names and (not required or not needed.isdisjoint(map(fold, k.columns)))
            for k in table.foreign_keys + more.foreign_keys
        )

    while left:
        free = [t for t in left if not waits(t, False)] or [t for t in left if not waits(t, True)][:1] or left[:1]
        found += free
        left = [t for t in left if t not in free]
    return found
