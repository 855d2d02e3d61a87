"""Makes up the rows of a table that are tried: values of the right type, foreign keys that refer to rows that are
there, and the values that conditions name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from itertools import cycle
from random import Random

from memsql.db import Connection, Value
from memsql.errors import StatementError
from memsql.schema import ForeignKey, Schema, Table
from memsql.scratch.odd import odd_values
from memsql.scratch.permitted import Permitted
from memsql.scratch.restriction import NO_RESTRICTION, Restriction
from memsql.scratch.values import Kind, kind_of, literals, random_value
from memsql.sqltext import fold, quote

_PARENT_KEYS = 500
# Every table whose key is its rowid gets the keys from 1 to this one, so that rows of other tables can refer to them
# before it has rows.
_PLANNED_KEYS = 5
# So often a value is made up anew that the CHECKs of its column refuse.
_VALUE_TRIES = 40
Values = dict[str, Value]
"""A made-up row: its values by column."""


@dataclass
class Candidates:
    """Makes up rows of ``table`` for the database ``conn``, of which the other tables must not change meanwhile.
    ``odd_share`` of the values of a column are odd."""

    conn: Connection
    schema: Schema
    rng: Random
    restrictions: Mapping[str, Restriction]
    _: KW_ONLY
    table: Table
    odd_share: float = 0.0
    _restriction: Restriction = field(init=False)
    _keys: tuple[ForeignKey, ...] = field(init=False)
    _kinds: dict[str, Kind] = field(init=False)
    _odd: dict[str, Iterator[Value]] = field(init=False)
    _permitted: Permitted = field(init=False)
    _others: dict[tuple[str, str], list[Value]] = field(default_factory=dict)
    _parent_keys: dict[ForeignKey, list[tuple[Value, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._restriction = self.restrictions.get(fold(self.table.name), NO_RESTRICTION)
        self._keys = self.table.foreign_keys + self._restriction.foreign_keys
        self._kinds = self._kinds_of_columns()
        self._odd = self._odd_of_columns() if self.odd_share else {}
        own = [(fold(c.name), self.table, c.name) for c in self.table.columns]
        self._permitted = Permitted([*own, *((o, t, n) for o, (t, n) in self._restriction.successors.items())])

    def close(self) -> None:
        """Give back what it holds."""
        self._permitted.close()

    def row(self, number: int) -> Values:
        """A row that may become the row ``number`` of the table, from 1."""
        row: Values = {}
        for column in self.table.columns:
            if column.hidden:
                continue
            kind = self._kinds[column.name]
            if column.default is not None and not column.pk and self.rng.random() < 0.15:
                continue
            # The rowid gets values with gaps, so that a rebuild which numbers the rows anew is noticed.
            if kind.serial and number <= _PLANNED_KEYS and self.rng.random() < 0.8:
                row[column.name] = number
                continue
            optional = not column.pk and not kind.required
            row[column.name] = None if optional and self.rng.random() < 0.2 else self._value(column.name)
            if self._odd and not kind.serial and self.rng.random() < self.odd_share:
                odd = next(self._odd[column.name])
                if self._permitted.permits(fold(column.name), odd):
                    row[column.name] = odd
        for key in self._keys:
            self._refer(key, row)
        self._echo(row)
        self._want(row)
        return row

    def _value(self, column: str) -> Value:
        """A value of ``column`` that its CHECKs permit, as far as some trials give one."""
        for _ in range(_VALUE_TRIES - 1):
            value = random_value(self.rng, self._kinds[column])
            if self._permitted.permits(fold(column), value):
                return value
        return random_value(self.rng, self._kinds[column])

    def _echo(self, row: Values) -> None:
        """Give some columns the value of another one."""
        for name, (other_table, other) in self._restriction.echoes.items():
            column = next((c for c in row if fold(c) == name), None)
            if column is None or self._kinds[column].serial or self.rng.random() < 0.3:
                continue
            if other_table == fold(self.table.name):
                row[column] = next((value for c, value in row.items() if fold(c) == other), row[column])
            elif values := self._values_of(other_table, other):
                row[column] = self.rng.choice(values)

    def _want(self, row: Values) -> None:
        """Give ``row`` values that the conditions of the change name."""
        wanted = self._restriction.wanted
        if not wanted.presets and not wanted.alike:
            return
        names = {fold(c.name): c.name for c in self.table.columns if not c.hidden}
        keys = {fold(k.columns[0]): k for k in self._keys if len(k.columns) == 1}
        for column, others in wanted.alike.items():
            if column in names and column not in keys and self.rng.random() < 0.5:
                other_table, other = self.rng.choice(others)
                if other_table == fold(self.table.name):
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

    def _refer(self, key: ForeignKey, row: Values) -> None:
        parents = self._parent_keys.get(key)
        if parents is None:
            parents = self._shared(key, self._parents(key))
            # Rows of another table do not change while this one is filled.
            if fold(key.parent) != fold(self.table.name):
                self._parent_keys[key] = parents
        names = [next((c.name for c in self.table.columns if fold(c.name) == fold(n)), n) for n in key.columns]
        optional = not any(self._kinds[n].required for n in names if n in self._kinds)
        own = fold(key.parent) == fold(self.table.name)
        if not parents and optional and not own and self.rng.random() < 0.5 and self._will_have_planned_keys(key):
            row[names[0]] = self.rng.randint(1, _PLANNED_KEYS)
        elif optional and (not parents or self.rng.random() < 0.2):
            row.update(dict.fromkeys(names, None))
        elif parents:
            row.update(zip(names, self.rng.choice(parents), strict=False))
        elif own:
            # The first row can only refer to itself.
            row.update({n: row.get(o) for n, o in zip(names, key.referred(self.table), strict=False)})

    def _shared(self, key: ForeignKey, parents: list[tuple[Value, ...]]) -> list[tuple[Value, ...]]:
        """Those of ``parents`` that the other foreign keys over the same columns can refer to as well."""
        columns = tuple(map(fold, key.columns))
        for other in self._keys:
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

    def _odd_of_columns(self) -> dict[str, Iterator[Value]]:
        read = self._read_columns()
        return {name: cycle(odd_values(kind, readable=fold(name) in read)) for name, kind in self._kinds.items()}

    def _read_columns(self) -> frozenset[str]:
        """The columns, in lower case, whose values other rows are to have too."""
        others = {c for wanted in self.restrictions.values() for v in wanted.wanted.alike.values() for _, c in v}
        parents = {fold(c) for t in self.schema.tables.values() for k in t.foreign_keys for c in k.parent_columns}
        return frozenset(others | parents | {fold(c.name) for c in self.table.columns if c.pk})

    def _kinds_of_columns(self) -> dict[str, Kind]:
        restriction = self._restriction
        own_literals = literals(self.table)
        kinds = {}
        for column in self.table.columns:
            name = fold(column.name)
            is_json = name in restriction.wanted.json
            kinds[column.name] = kind_of(
                column,
                self.table,
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
