"""Whether the CHECKs that read one column alone permit a value: it is tried before the rest of its row is made up.

A row with five such columns would else be refused nearly always, since each value is right by chance alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from memsql.db import Value
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.errors import StatementError
from memsql.schema import Table
from memsql.schema.read_rules import rules_of
from memsql.scratch.odd import NotUtf8
from memsql.sqltext import fold, quote


class Permitted:
    """Judges values by inserting them into tables of one column, in a database of its own."""

    def __init__(self, places: Iterable[tuple[str, Table, str]]) -> None:
        """``places`` are triples of a column, and a table and a column of it that have to take its values too."""
        self._conn: SQLiteConnection | None = None
        self._inserts: dict[str, list[str]] = defaultdict(list)
        for column, table, name in places:
            if checks := _checks_of(table, name):
                self._add(column, table, name, checks)

    def _add(self, column: str, table: Table, name: str, checks: Sequence[str]) -> None:
        if self._conn is None:
            self._conn = memory()
        probe = quote(f"probe {sum(map(len, self._inserts.values()))}")
        declared = next(c.type for c in table.columns if fold(c.name) == fold(name))
        collation = rules_of(table).columns[fold(name)].collation
        constraints = " ".join(f"CHECK ({check})" for check in checks)
        definition = f"{quote(name)} {quote(declared) if declared else ''} COLLATE {quote(collation)} {constraints}"
        try:
            self._conn.execute(f"CREATE TABLE {probe} ({definition}){' STRICT' if table.strict else ''}")
        except StatementError:
            # A CHECK that needs more than its column is left to the table itself.
            return
        self._inserts[column].append(f"INSERT OR REPLACE INTO {probe} (rowid, {quote(name)}) VALUES (1, ")

    def permits(self, column: str, value: Value) -> bool:
        """Whether every place for values of ``column`` takes ``value``; True where nothing is known of it."""
        mark = "CAST(? AS TEXT))" if isinstance(value, NotUtf8) else "?)"
        for insert in self._inserts.get(column, ()):
            assert self._conn is not None
            try:
                self._conn.execute(insert + mark, [value])
            except StatementError:
                return False
        return True

    def close(self) -> None:
        """Close its database."""
        if self._conn is not None:
            self._conn.close()


def _checks_of(table: Table, name: str) -> list[str]:
    if table.kind != "table":
        return []
    return [check.expression for check in rules_of(table).checks if check.columns == {fold(name)}]
