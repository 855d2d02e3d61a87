"""Finds the values that a new type of a column turns into others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from memsql.db import Value
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import StatementError
from memsql.lint import Finding
from memsql.review.case import Case
from memsql.review.findings import finding_of
from memsql.schema import Column, Schema, Table
from memsql.scratch.database import copy_of, try_run
from memsql.sqltext import fold, quote
from memsql.sqltext.affinity import affinity
from memsql.sqltext.names import quote_string

_SHOWN = 3


def conversions(case: Case, filled: SQLiteConnection, before: Schema, after: Schema) -> Iterator[Finding]:
    """A finding for each column that gets another type and, on the rows of ``filled``, other values."""
    changed = list(_retyped(before, after))
    if not changed:
        return
    with copy_of(filled) as conn:
        old = {(t.name, c.name): _values(conn, t.name, c.name) for t, c, _ in changed}
        if try_run(conn, case.without_checks().project, "up", allow=True) is not None:
            return
        for table, column, new in changed:
            was, now = old[table.name, column.name], _values(conn, table.name, new.name)
            gone, come = was - now, now - was
            if not gone or gone.total() != come.total():
                continue
            shown = ", ".join(sorted(gone)[:_SHOWN])
            yield finding_of(
                "MR16",
                case.up,
                f"{table.name}.{column.name} was {column.type or 'untyped'} and is {new.type or 'untyped'}: "
                f"{gone.total()} of {was.total()} made-up values become others, such as {shown}",
                fix=(
                    "count the values of each type in production first:\n"
                    f"SELECT typeof({quote(column.name)}), count(*) FROM {quote(table.name)} GROUP BY 1;"
                ),
            )


def _retyped(before: Schema, after: Schema) -> Iterator[tuple[Table, Column, Column]]:
    """The columns whose type stores values otherwise, before and after."""
    for table in before.tables.values():
        new = after.table(table.name)
        if table.kind != "table" or new is None or new.kind != "table":
            continue
        columns = {fold(c.name): c for c in new.columns if not c.hidden}
        for column in table.columns:
            other = columns.get(fold(column.name))
            if other is not None and not column.hidden and affinity(column.type) != affinity(other.type):
                yield table, column, other


def _values(conn: SQLiteConnection, table: str, column: str) -> Counter[str]:
    """The values of a column, and how often each occurs."""
    name = quote(column)
    sql = f"SELECT typeof({name}) = 'text', CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
    try:
        rows = conn.execute(f"{sql} FROM {quote(table)}").rows
    except StatementError:
        return Counter()
    return Counter(_literal(value, is_text=bool(is_text)) for is_text, value in rows)


def _literal(value: Value, *, is_text: bool) -> str:
    """``value`` as SQL, but a number and the text that SQLite makes of it alike."""
    if isinstance(value, bytes):
        if not is_text:
            return f"x'{value.hex()}'"
        text = value.decode("utf-8", "replace")
        return text if _is_number(text) else quote_string(text)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return "NULL" if value is None else str(value)


def _is_number(text: str) -> bool:
    """Whether ``text`` is how a number is written, so that it comes back from one as it was."""
    try:
        return str(int(text)) == text and abs(int(text)) < 2**63
    except ValueError:
        return False
