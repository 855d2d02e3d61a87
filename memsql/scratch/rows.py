"""Made-up rows for any schema that satisfy its constraints: the same rows for the same seed.

No constraint is interpreted: a row is tried, and where SQLite refuses it, another one is made. The values that a CHECK
names are tried most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING

from memsql.db import Connection, Value, transaction
from memsql.errors import StatementError
from memsql.schema import ForeignKey, Schema, Table
from memsql.scratch.odd import NotUtf8, odd_values
from memsql.scratch.restriction import NO_RESTRICTION, Amount, Restriction
from memsql.scratch.values import Kind, kind_of, literals, random_value
from memsql.sqltext import fold, identifiers, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRIES = 40
# After so many rows that were refused one after the other, a table gets no more: before its first row, and behind it.
_IN_VAIN_AT_ALL, _IN_VAIN = 1500, 120
_PARENT_KEYS = 500
# Every table whose key is its rowid gets the keys from 1 to this one, so that rows of other tables can refer to them
# before it has rows.
_PLANNED_KEYS = 5
# Of the values of a column so many are odd; more in a table of few rows, so that some are.
_ODD_SHARE, _ODD_ROWS = 0.14, 8
Values = dict[str, Value]
"""A made-up row: its values by column."""
Accept = Callable[[str, Values], bool]
"""Whether a row of the table of this name may be used."""


def fill(
    conn: Connection,
    schema: Schema,
    amount: int | Amount,
    seed: int,
    *,
    accept: Accept | None = None,
    restrictions: Mapping[str, Restriction] | None = None,
) -> dict[str, int]:
    """Insert up to ``amount`` rows into every table of ``schema``, which ``conn`` has. Returns the number of rows that
    each table got, by name.

    Triggers fire and fill the full-text indexes; an index without triggers is filled directly. ``accept`` may refuse a
    row; ``restrictions``, by table name in lower case, restricts the rows further. A table whose constraints few trials
    satisfied gets fewer rows, or none. Begins and commits a transaction unless one is open. Foreign keys hold at the
    end.
    """
    if isinstance(amount, int):
        amount = Amount(amount)
    filler = _Filler(conn, schema, Random(seed), accept, restrictions or {}, odd=amount.odd)
    with _without_keys(conn):
        tables = _parents_first(schema, restrictions or {})
        counts = {table.name: filler.table(table, amount.of(table.name)) for table in tables}
        filler.remove_orphans()
        for table in schema.tables.values():
            if table.kind == "virtual":
                counts[table.name] = filler.virtual(table, amount.of(table.name))
    return {name: min(n, filler.count(name)) for name, n in counts.items()}


@contextmanager
def _without_keys(conn: Connection) -> Iterator[None]:
    """A transaction without foreign keys, because rows that refer to each other are inserted one by one."""
    if conn.in_transaction:
        yield
        return
    on = conn.execute("PRAGMA foreign_keys").one()
    conn.execute("PRAGMA foreign_keys = off")
    try:
        with transaction(conn):
            yield
    finally:
        if on:
            conn.execute("PRAGMA foreign_keys = on")


@dataclass
class _Filler:
    """Fills the tables of a schema, one after the other."""

    conn: Connection
    schema: Schema
    rng: Random
    accept: Accept | None
    restrictions: Mapping[str, Restriction]
    _: KW_ONLY
    odd: bool = False
    _odd: dict[str, Iterator[Value]] = field(default_factory=dict)
    _odd_share: float = 0.0
    _others: dict[tuple[str, str], list[Value]] = field(default_factory=dict)
    _parent_keys: dict[ForeignKey, list[tuple[Value, ...]]] = field(default_factory=dict)

    def table(self, table: Table, count: int) -> int:
        kinds = self._kinds(table)
        read = self._read_columns(table)
        self._odd = {n: cycle(odd_values(kind, readable=fold(n) in read)) for n, kind in kinds.items()}
        self._odd_share = max(_ODD_SHARE, min(0.4, _ODD_ROWS / max(1, count)))
        self._parent_keys.clear()
        self._others.clear()
        done = in_vain = 0
        for _ in range(count * _TRIES):
            if done == count or in_vain == (_IN_VAIN_AT_ALL if done == 0 else _IN_VAIN):
                break
            is_taken = self._try(table, self._row(table, kinds, done + 1))
            done, in_vain = done + is_taken, 0 if is_taken else in_vain + 1
        return done

    def _try(self, table: Table, row: Values) -> bool:
        self.conn.execute("SAVEPOINT memsql_sample")
        try:
            columns = ", ".join(map(quote, row))
            marks = ", ".join("CAST(? AS TEXT)" if isinstance(v, NotUtf8) else "?" for v in row.values())
            values = f"({columns}) VALUES ({marks})" if row else "DEFAULT VALUES"
            # OR ABORT overrides an ON CONFLICT clause of the table, which could end the transaction.
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
            # Where a trigger ended the transaction, the savepoint is gone too.
            with suppress(StatementError):
                self.conn.execute("RELEASE memsql_sample")
        return False

    def _row(self, table: Table, kinds: Mapping[str, Kind], number: int) -> Values:
        row: Values = {}
        for column in table.columns:
            if column.hidden:
                continue
            kind = kinds[column.name]
            if column.default is not None and not column.pk and self.rng.random() < 0.15:
                continue
            # The rowid gets values with gaps, so that a rebuild which numbers the rows anew is noticed.
            if kind.serial and number <= _PLANNED_KEYS and self.rng.random() < 0.8:
                row[column.name] = number
                continue
            optional = not column.pk and not kind.required
            row[column.name] = None if optional and self.rng.random() < 0.2 else random_value(self.rng, kind)
            if self.odd and not kind.serial and self.rng.random() < self._odd_share:
                row[column.name] = next(self._odd[column.name])
        for key in self._keys(table):
            self._refer(table, key, kinds, row)
        self._echo(table, kinds, row)
        self._want(table, row)
        return row

    def _echo(self, table: Table, kinds: Mapping[str, Kind], row: Values) -> None:
        """Give some columns the value of another one."""
        for name, (other_table, other) in self._restriction(table).echoes.items():
            column = next((c for c in row if fold(c) == name), None)
            if column is None or kinds[column].serial or self.rng.random() < 0.3:
                continue
            if other_table == fold(table.name):
                row[column] = next((value for c, value in row.items() if fold(c) == other), row[column])
            elif values := self._values_of(other_table, other):
                row[column] = self.rng.choice(values)

    def _want(self, table: Table, row: Values) -> None:
        """Give ``row`` values that the conditions of the change name."""
        wanted = self._restriction(table).wanted
        if not wanted.presets and not wanted.alike:
            return
        names = {fold(c.name): c.name for c in table.columns if not c.hidden}
        keys = {fold(k.columns[0]): k for k in self._keys(table) if len(k.columns) == 1}
        for column, others in wanted.alike.items():
            if column in names and column not in keys and self.rng.random() < 0.5:
                other_table, other = self.rng.choice(others)
                if other_table == fold(table.name):
                    row[names[column]] = row.get(names.get(other, ""), row.get(names[column]))
                elif values := self._values_of(other_table, other):
                    row[names[column]] = self.rng.choice(values)
        if not wanted.presets or self.rng.random() < 0.5:
            return
        for column, listed in self.rng.choice(wanted.presets).items():
            key = keys.get(column)
            value = self.rng.choice(listed)
            refers = key is None or value is None or (value,) in (self._parent_keys.get(key) or self._parents(key))
            if column in names and refers and self.rng.random() < 0.9:
                row[names[column]] = value

    def _values_of(self, table: str, column: str) -> list[Value]:
        """Values of a column that other conditions compare with; empty before its table has rows."""
        key = (table, column)
        if key not in self._others:
            name = quote(column)
            sql = f"SELECT DISTINCT {name} FROM {quote(table)} WHERE typeof({name}) <> 'blob' LIMIT {_PARENT_KEYS}"
            try:
                self._others[key] = [row[0] for row in self.conn.execute(sql).rows if row[0] is not None]
            except StatementError:
                self._others[key] = []
        return self._others[key]

    def _refer(self, table: Table, key: ForeignKey, kinds: Mapping[str, Kind], row: Values) -> None:
        parents = self._parent_keys.get(key)
        if parents is None:
            parents = self._shared(table, key, self._parents(key))
            # Rows of another table do not change while this one is filled.
            if fold(key.parent) != fold(table.name):
                self._parent_keys[key] = parents
        names = [next((c.name for c in table.columns if fold(c.name) == fold(n)), n) for n in key.columns]
        optional = not any(kinds[n].required for n in names if n in kinds)
        own = fold(key.parent) == fold(table.name)
        if not parents and optional and not own and self.rng.random() < 0.5 and self._will_have_planned_keys(key):
            row[names[0]] = self.rng.randint(1, _PLANNED_KEYS)
        elif optional and (not parents or self.rng.random() < 0.2):
            row.update(dict.fromkeys(names, None))
        elif parents:
            row.update(zip(names, self.rng.choice(parents), strict=False))
        elif own:
            # The first row can only refer to itself.
            row.update({n: row.get(o) for n, o in zip(names, key.referred(table), strict=False)})

    def _shared(self, table: Table, key: ForeignKey, parents: list[tuple[Value, ...]]) -> list[tuple[Value, ...]]:
        """Those of ``parents`` that the other foreign keys over the same columns can refer to as well."""
        columns = tuple(map(fold, key.columns))
        for other in self._keys(table):
            if other != key and tuple(map(fold, other.columns)) == columns:
                # The parents may store the same value in another type.
                values = {tuple(map(str, row)) for row in self._parents(other)}
                parents = [row for row in parents if tuple(map(str, row)) in values]
        return parents

    def _will_have_planned_keys(self, key: ForeignKey) -> bool:
        """Whether the parent, which has no rows yet, will have the keys from 1 to _PLANNED_KEYS."""
        parent = self.schema.table(key.parent)
        own = (
            [c for c in parent.columns if c.pk]
            if parent and parent.kind == "table" and not parent.without_rowid
            else []
        )
        refers_to_it = not key.parent_columns or [fold(c) for c in key.parent_columns] == [fold(c.name) for c in own]
        return len(key.columns) == len(own) == 1 and fold(own[0].type) == "integer" and refers_to_it

    def _parents(self, key: ForeignKey) -> list[tuple[Value, ...]]:
        parent = self.schema.table(key.parent)
        columns = key.referred(parent)
        if parent is None or not columns:
            return []
        listed = ", ".join(map(quote, columns))
        not_null = " AND ".join(f"{quote(c)} IS NOT NULL" for c in columns)
        name = quote(parent.name)
        sql = f"SELECT DISTINCT {listed} FROM {name} WHERE {not_null} ORDER BY {listed} LIMIT {_PARENT_KEYS}"
        try:
            return self.conn.execute(sql).rows
        except StatementError:
            return []

    def _restriction(self, table: Table) -> Restriction:
        return self.restrictions.get(fold(table.name), NO_RESTRICTION)

    def _read_columns(self, table: Table) -> frozenset[str]:
        """The columns, in lower case, whose values other rows are to have too."""
        others = {c for wanted in self.restrictions.values() for v in wanted.wanted.alike.values() for _, c in v}
        parents = {fold(c) for t in self.schema.tables.values() for k in t.foreign_keys for c in k.parent_columns}
        return frozenset(others | parents | {fold(c.name) for c in table.columns if c.pk})

    def _keys(self, table: Table) -> tuple[ForeignKey, ...]:
        return table.foreign_keys + self._restriction(table).foreign_keys

    def _kinds(self, table: Table) -> dict[str, Kind]:
        restriction = self._restriction(table)
        own_literals = literals(table)
        kinds = {}
        for column in table.columns:
            name = fold(column.name)
            is_json = name in restriction.wanted.json
            kinds[column.name] = kind_of(
                column,
                table,
                required=column.notnull or name in restriction.required,
                pool=(
                    *own_literals.get(name, ()),
                    *restriction.literals.get(name, ()),
                    *(v for v in restriction.wanted.pool.get(name, ()) if v is not None and not is_json),
                ),
                declared=restriction.types.get(name),
                is_json=is_json,
            )
        return kinds

    def remove_orphans(self) -> None:
        """Delete rows that refer to no row, until there are none."""
        for _ in range(_TRIES):
            self._remove_orphans()
            if not self._remove_restricted():
                break

    def _remove_orphans(self) -> None:
        before: set[tuple[Value, ...]] = set()
        # A deletion may make other rows orphans. The same orphans again means that a trigger keeps them.
        while (broken := set(self._orphans())) and broken != before:
            before = broken
            for name, rowid, *_ in sorted(broken, key=repr):
                sql = f"DELETE FROM {quote(str(name))}" + (" WHERE rowid = ?" if rowid is not None else "")
                self.conn.execute(sql, () if rowid is None else (rowid,))

    def _remove_restricted(self) -> bool:
        """Delete rows that refer to no row by a foreign key of a restriction. Returns whether there were some."""
        removed = False
        for name, restriction in self.restrictions.items():
            for key in restriction.foreign_keys:
                parent = self.schema.table(key.parent)
                columns = key.referred(parent)
                table = quote(name)
                pairs = list(zip(map(quote, key.columns), map(quote, columns), strict=False))
                refers = " AND ".join(f"{table}.{c} IS NOT NULL" for c, _ in pairs) or "0"
                same = " AND ".join(f"p.{o} = {table}.{c}" for c, o in pairs)
                goal = f"SELECT 1 FROM {quote(key.parent)} AS p WHERE {same}"
                sql = f"DELETE FROM {table} WHERE {refers} AND NOT EXISTS ({goal})"
                with suppress(StatementError):
                    removed |= self.conn.execute(sql).changes > 0
        return removed

    def _orphans(self) -> list[tuple[Value, ...]]:
        try:
            return self.conn.execute("PRAGMA foreign_key_check").rows
        except StatementError:
            # A parent has no unique key for a foreign key, so that SQLite cannot check it.
            return []

    def virtual(self, table: Table, count: int) -> int:
        from memsql.fts.discover import parse
        from memsql.sqltext.internal import module_of

        module = module_of(table.sql)
        if module == "fts5":
            index = parse(table.name, table.sql)
            columns: Sequence[str] = index.all_columns
            if index.kind == "external":
                if not self._kept_by_triggers(table):
                    self.conn.execute(f"INSERT INTO {quote(table.name)} ({quote(table.name)}) VALUES ('rebuild')")
                return count
        elif module.startswith("rtree"):
            columns = [c.name for c in table.columns if not c.hidden]
        else:
            return 0
        if self._kept_by_triggers(table):
            return count
        done = 0
        for number in range(count):
            row: Values = (
                {c: _text(self.rng) for c in columns}
                if module == "fts5"
                else {c: number + place for place, c in enumerate(columns)}
            )
            done += self._try(table, {"rowid": 2 * number + 1, **row} if module == "fts5" else row)
        return done

    def _kept_by_triggers(self, table: Table) -> bool:
        return any(o.type == "trigger" and fold(table.name) in identifiers(o.sql) for o in self.schema.objects)

    def count(self, name: str) -> int:
        try:
            value = self.conn.execute(f"SELECT count(*) FROM {quote(name)}").one()
        except StatementError:
            return 0
        return value if isinstance(value, int) else 0


def _text(rng: Random) -> Value:
    return random_value(rng, Kind("text", required=True))


def _parents_first(schema: Schema, restrictions: Mapping[str, Restriction]) -> list[Table]:
    """The ordinary tables, those that others refer to first as far as that is possible."""
    left = sorted((t for t in schema.tables.values() if t.kind == "table"), key=lambda t: t.name)
    ordered: list[Table] = []

    def waits(table: Table, *, required: bool) -> bool:
        """Whether it refers to a table that is left, by a column that may not be NULL where ``required``."""
        restriction = restrictions.get(fold(table.name), Restriction())
        needed = {fold(c.name) for c in table.columns if c.notnull or c.pk} | restriction.required
        names = {fold(t.name) for t in left} - {fold(table.name)}
        return any(
            fold(k.parent) in names and (not required or not needed.isdisjoint(map(fold, k.columns)))
            for k in table.foreign_keys + restriction.foreign_keys
        )

    while left:
        free = (
            [t for t in left if not waits(t, required=False)]
            or [t for t in left if not waits(t, required=True)][:1]
            or left[:1]
        )
        ordered += free
        left = [t for t in left if t not in free]
    return ordered
