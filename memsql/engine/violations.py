"""The rows that break a constraint: what a person needs to know beside SQLite's name of the constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.engine.loss.answers import least_text, shown_text, shown_value
from memsql.errors import StatementError, TransactionUndone
from memsql.schema.definition import split_at_commas
from memsql.sqltext import quote
from memsql.sqltext.names import fold, quote_if_needed
from memsql.sqltext.tokens import Token, outside, tokenize
from memsql.sqltext.writes import read_write
from memsql.words import count

_SAVEPOINT = "memsql_violations"
_WITHOUT_KEYS = "memsql_without_keys"
# With the line that counts the others these are ten.
_SHOWN = 9


def violations(conn: Connection, error: StatementError, interrupted: Callable[[], bool]) -> tuple[str, ...]:
    """Sentences about the rows for which the statement of ``error`` failed, an INSERT, an UPDATE or a CREATE UNIQUE
    INDEX; none where they cannot be told.

    ``conn`` is in the transaction in which the statement failed. What is tried there is undone. ``interrupted`` says
    whether somebody asked to stop.
    """
    text, kind = error.statement or "", (error.code or "").removeprefix("SQLITE_CONSTRAINT_")
    if kind not in ("UNIQUE", "PRIMARYKEY", "ROWID", "NOTNULL", "CHECK") or not conn.in_transaction:
        return ()
    # Where what is tried ends the transaction, the error that is to be explained is still the one to tell.
    with suppress(StatementError, TransactionUndone):
        conn.execute(f"SAVEPOINT {_SAVEPOINT}")
        try:
            with conn.observe(interrupted):
                copy, constrained = _copy(conn, text), _constrained(error.message)
                if copy is not None:
                    return tuple(_of_copy(conn, copy, kind, constrained))
                if tokenize(text)[0].word == "UPDATE":
                    return tuple(_of_update(conn, text, constrained) if kind in ("UNIQUE", "PRIMARYKEY") else ())
                return tuple(_of_index(conn, text))
        finally:
            conn.execute(f"ROLLBACK TO {_SAVEPOINT}")
            conn.execute(f"RELEASE {_SAVEPOINT}")
    return ()


@dataclass(frozen=True, slots=True)
class _Copy:
    """An INSERT: the table, the columns that it fills, and where the rows come from, a SELECT or VALUES."""

    table: str
    columns: tuple[str, ...]
    select: str

    @property
    def rows(self) -> str:
        """SQL: the rows of the SELECT, as a table ``r`` with these columns."""
        return f"WITH r ({', '.join(map(quote, self.columns))}) AS ({self.select})"

    @property
    def again(self) -> str:
        """The same INSERT, without the rows that break something."""
        return f"INSERT OR IGNORE INTO {quote(self.table)} ({', '.join(map(quote, self.columns))}) {self.select}"


def _copy(conn: Connection, text: str) -> _Copy | None:
    write, tokens = read_write(text), tokenize(text)
    if write is None or write.verb != "insert" or write.ignores or write.replaces or write.schema is not None:
        return None
    start = next((token.start for _, token in outside(tokens) if token.word in ("SELECT", "VALUES", "WITH")), None)
    if start is None or tokens[0].word != "INSERT":
        return None
    columns = write.columns or tuple(str(row[0]) for row in conn.execute(load("engine/columns"), (write.table,)).rows)
    return _Copy(write.table, columns, text[start : tokens[-1].end].rstrip(";"))


def _constrained(message: str) -> list[str]:
    """The columns that SQLite names in ``message``."""
    return [name.rpartition(".")[2] for name in message.rpartition(": ")[2].split(", ")]


def _of_update(conn: Connection, text: str, columns: Sequence[str]) -> Iterator[str]:
    """The values that several rows have after the UPDATE, which runs on a copy of the table without its keys."""
    write, tokens = read_write(text), tokenize(text)
    place = next((n for n, token in enumerate(tokens) if token.word == "SET"), 0)
    if write is None or write.schema is not None or not place:
        return
    target = next(n for n, token in enumerate(tokens[:place]) if token.name == fold(write.table) and n)
    name = "" if target + 1 < place else f" AS {quote(write.table)}"
    conn.execute(f"CREATE TABLE {_WITHOUT_KEYS} AS SELECT * FROM {quote(write.table)}")
    conn.execute(f"UPDATE {_WITHOUT_KEYS}{name}{text[tokens[target].end :]}")
    quoted = ", ".join(map(quote, columns))
    values = " || ', ' || ".join(shown_value(quote(c)) for c in columns)
    known = " AND ".join(f"{quote(c)} IS NOT NULL" for c in columns)
    rows = conn.execute(
        f"SELECT count(*), count(*) OVER (), {least_text(values)}, CAST(max({values}) AS BLOB) FROM {_WITHOUT_KEYS}"
        f" WHERE {known} GROUP BY {quoted} HAVING count(*) > 1 ORDER BY 1 DESC LIMIT {_SHOWN}"
    ).rows
    yield from _equal(rows, ", ".join(map(quote_if_needed, columns)))


def _of_copy(conn: Connection, copy: _Copy, kind: str, constrained: Sequence[str]) -> Iterator[str]:
    total = conn.execute(f"{copy.rows} SELECT count(*) FROM r").one()
    known = {fold(c) for c in copy.columns}
    if not all(fold(c) in known for c in constrained) and kind != "CHECK":
        return
    if kind == "NOTNULL":
        column = constrained[0]
        nulls = conn.execute(f"{copy.rows} SELECT count(*) FROM r WHERE {quote(column)} IS NULL").one()
        yield f"{column} is NULL in {int(nulls or 0)} of {_rows(total)}"
    elif kind == "CHECK":
        fit = conn.execute(copy.again).changes
        yield f"{int(total or 0) - fit} of {_rows(total)} do not satisfy it"
    else:
        yield from _duplicates(conn, copy, constrained)


def _duplicates(conn: Connection, copy: _Copy, columns: Sequence[str]) -> Iterator[str]:
    """The values that several rows have. The table itself compares them, by its types and collations."""
    target = quote(copy.table)
    same = " AND ".join(f"t.{quote(c)} = r.{quote(c)}" for c in columns)
    values = " || ', ' || ".join(shown_value(f"r.{quote(c)}") for c in columns)
    grouped = f"FROM r JOIN {target} AS t ON {same} GROUP BY {', '.join(f't.{quote(c)}' for c in columns)}"
    shown = f"count(*), count(*) OVER (), {least_text(values)}, CAST(max({values}) AS BLOB)"
    name = ", ".join(map(quote_if_needed, columns))
    there = conn.execute(f"{copy.rows} SELECT {shown} {grouped} LIMIT {_SHOWN}").rows
    for _, _, least, _ in there:
        yield f"{copy.table} has a row with this {name} already: {shown_text(least)}"
    yield from _rest(there)
    conn.execute(copy.again)
    order = f"HAVING count(*) > 1 ORDER BY 1 DESC LIMIT {_SHOWN}"
    several = conn.execute(f"{copy.rows} SELECT {shown} {grouped} {order}").rows
    yield from _equal(several, name)


def _of_index(conn: Connection, text: str) -> Iterator[str]:
    """The values that several rows have in the terms of a unique index."""
    tokens = tokenize(text)
    words = [token.word for token in tokens]
    if words[:3] != ["CREATE", "UNIQUE", "INDEX"] or "ON" not in words or "(" not in words:
        return
    opening = words.index("(")
    groups, closing = split_at_commas(tokens, opening)
    # Strings and names of several parts are rare here.
    table = tokens[opening - 1].name
    terms = [_term(text, group) for group in groups]
    where = text[tokens[closing].end : tokens[-1].end].rstrip(";") if closing < len(tokens) else ""
    values = " || ', ' || ".join(map(shown_value, terms))
    known = " AND ".join(f"({term}) IS NOT NULL" for term in terms)
    rows = conn.execute(
        f"SELECT n, count(*) OVER (), a, b FROM (SELECT count(*) AS n, {least_text(values)} AS a,"
        f" CAST(max({values}) AS BLOB) AS b, {known} AS known FROM {quote(table)} {where} GROUP BY {', '.join(terms)})"
        f" WHERE n > 1 AND known ORDER BY 1 DESC LIMIT {_SHOWN}"
    ).rows
    yield from _equal(rows, ", ".join(terms))


def _rest(rows: Sequence[tuple[Value, ...]]) -> Iterator[str]:
    """How many values there are beside those of ``rows``, whose second column counts all of them."""
    more = int(str(rows[0][1])) - len(rows) if rows else 0
    if more:
        yield f"… and {count(more, 'more value')}"


def _term(text: str, tokens: Sequence[Token]) -> str:
    end = -1 if tokens[-1].word in ("ASC", "DESC") and len(tokens) > 1 else None
    return text[tokens[0].start : tokens[:end][-1].end]


def _equal(rows: Sequence[tuple[Value, ...]], name: str) -> Iterator[str]:
    """That rows have the same value of ``name``. Each of ``rows``: how many, the number of such values, examples."""
    for number, _, *examples in rows:
        shown = " and ".join(dict.fromkeys(map(shown_text, examples)))
        yield f"{_rows(number)} have the same {name}: {shown}"
    yield from _rest(rows)


def _rows(total: object) -> str:
    return count(total if isinstance(total, int) else 0, "row")
