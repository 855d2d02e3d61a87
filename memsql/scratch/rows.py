"""Made-up rows for any schema that satisfy its constraints: the same rows for the same seed.

No constraint is interpreted: a row is tried, and where SQLite refuses it, another one is made. The values that a CHECK
names are tried most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import KW_ONLY, dataclass
from random import Random
from typing import TYPE_CHECKING

from memsql.db import Connection, Value, transaction
from memsql.errors import StatementError
from memsql.schema import Schema, Table
from memsql.scratch.candidates import Candidates, Values
from memsql.scratch.odd import NotUtf8
from memsql.scratch.orphans import remove_orphans
from memsql.scratch.restriction import Amount, Restriction
from memsql.scratch.values import Kind, random_value
from memsql.sqltext import fold, identifiers, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRIES = 40
# After so many rows that were refused one after the other, a table gets no more: before its first row, and behind it.
_IN_VAIN_AT_ALL, _IN_VAIN = 1500, 120
# Of the values of a column so many are odd; more in a table of few rows, so that some are.
_ODD_SHARE, _ODD_ROWS = 0.14, 8
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
        remove_orphans(conn, schema, restrictions or {})
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

    def table(self, table: Table, count: int) -> int:
        odd_share = max(_ODD_SHARE, min(0.4, _ODD_ROWS / max(1, count))) if self.odd else 0.0
        done = in_vain = 0
        with closing(
            Candidates(self.conn, self.schema, self.rng, self.restrictions, table=table, odd_share=odd_share)
        ) as candidates:
            for _ in range(count * _TRIES):
                if done == count or in_vain == (_IN_VAIN_AT_ALL if done == 0 else _IN_VAIN):
                    break
                is_taken = self._try(table, candidates.row(done + 1))
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
                self.conn.rollback()
                self.conn.begin()
                return False
            self.conn.execute("ROLLBACK TO memsql_sample")
        finally:
            # Where a trigger ended the transaction, the savepoint is gone too.
            with suppress(StatementError):
                self.conn.execute("RELEASE memsql_sample")
        return False

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
