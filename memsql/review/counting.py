"""Writes the queries that count in production the rows which a statement of a migration runs into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from memsql.db import Value
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import StatementError
from memsql.review.assumptions import substitute
from memsql.review.keys import Unique
from memsql.schema import ForeignKey, Schema, read
from memsql.sqltext import fold, quote
from memsql.sqltext.names import quote_string
from memsql.sqltext.selects import constant_of
from memsql.sqltext.tokens import Token, outside, tokenize
from memsql.sqltext.writes import Write, named_keys

_LISTED = 4
_LONGEST = 60


def listed(columns: Sequence[str], key: Sequence[Value]) -> str:
    """A key in words: ``k = 'colour'``."""
    values = (_literal(v) for v in key)
    shown = (v if len(v) <= _LONGEST else f"{v[:_LONGEST]}…" for v in values)
    return ", ".join(f"{c} = {v}" for c, v in zip(columns, shown, strict=True))


def count_of_keys(
    conn: SQLiteConnection, text: str, write: Write, at: tuple[str, Unique], keys: Sequence[Sequence[Value]]
) -> str:
    """The query that counts the rows which have a unique key that ``text``, an INSERT or UPDATE, writes; empty where
    none can be written that finds one on ``conn``. ``at`` is the table with the key, ``keys`` are keys it writes."""
    queries = (_joined(conn, text, write, at), _by_values(at, keys))
    if _writes_constants(write, at[1]):
        queries = (queries[1], queries[0])
    return next((query for query in queries if query and _counts(conn, query)), "")


def count_of_children(conn: SQLiteConnection, text: str, write: Write, at: tuple[str, ForeignKey]) -> str:
    """The query that counts the rows of a table, ``at``, that refer to rows which ``text``, an UPDATE or DELETE, takes
    away; empty where none can be written."""
    table, key = at
    columns = ", ".join(map(quote, key.referred(read(conn).table(write.table))))
    if write.verb == "delete":
        keys = named_keys(text, columns)
    elif write.sources or write.alias:
        return ""
    else:
        keys = f"SELECT {columns} FROM {quote(write.table)}{_where(text, write)}"
    query = f"SELECT count(*) FROM {quote(table)} WHERE ({', '.join(map(quote, key.columns))}) IN ({keys})"
    return query if _counts(conn, query) else ""


def _counts(conn: SQLiteConnection, query: str) -> bool:
    try:
        return bool(conn.execute(query).one())
    except StatementError:
        return False


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return quote_string(value)
    return f"x'{value.hex()}'" if isinstance(value, bytes) else "NULL" if value is None else str(value)


def _writes_constants(write: Write, key: Unique) -> bool:
    if write.verb == "insert":
        return write.select is None
    values = dict(write.values)
    return all(constant_of(values.get(fold(c), ())) is not None for c in key.columns)


def _by_values(at: tuple[str, Unique], keys: Sequence[Sequence[Value]]) -> str:
    """The query of the rows that have one of ``keys``, as they are."""
    table, key = at
    rows = []
    for values in keys[:_LISTED]:
        by_name = {fold(c): _literal(v) for c, v in zip(key.columns, values, strict=True)}
        rows.append(" AND ".join(f"{by} = {substitute(by, by_name)}" for by in key.by))
    condition = rows[0] if len(rows) == 1 else " OR ".join(f"({row})" for row in rows)
    among = f"{key.where} AND " if key.where else ""
    return f"SELECT count(*) FROM {quote(table)} WHERE {among}{f'({condition})' if among else condition}"


def _joined(conn: SQLiteConnection, text: str, write: Write, at: tuple[str, Unique]) -> str:
    """The query of the rows that have a key which the statement makes of the rows that it reads."""
    table, key = at
    here = read(conn)
    if write.verb == "insert":
        tokens = tokenize(text)
        start = next(islice((t for _, t in outside(tokens) if t.word in ("SELECT", "WITH")), 1), None)
        if start is None or not write.columns or tokens[0].word == "WITH":
            return ""
        rows, own = text[start.start :].rstrip().rstrip(";"), ""
        new = f"WITH written ({', '.join(map(quote, write.columns))}) AS ({rows}) "
        source = "written"
    elif write.verb == "update" and not write.sources and not write.alias:
        values = dict(write.values)
        terms = [
            f"{_slice(text, values[fold(c)]) if fold(c) in values else quote(c)} AS {quote(c)}" for c in key.columns
        ]
        rowid = _row(here, table)
        own = " AND ".join(f"t.{r} <> written.own" for r in rowid)
        terms += [f"{r} AS own" for r in rowid]
        new, source = "", f"(SELECT {', '.join(terms)} FROM {quote(write.table)}{_where(text, write)}) AS written"
    else:
        return ""
    pairs = [f"{_of('t', by, key)} = {_of('written', by, key)}" for by in key.by]
    condition = " AND ".join([*pairs, own] if own else pairs)
    return f"{new}SELECT count(*) FROM {quote(table)} AS t JOIN {source} ON {condition}"


def _of(source: str, by: str, key: Unique) -> str:
    names: Mapping[str, str] = {fold(c): f"{source}.{quote(c)}" for c in key.columns}
    return substitute(by, names)


def _row(schema: Schema, table: str) -> list[str]:
    here = schema.table(table)
    return ["rowid"] if here is not None and not here.without_rowid else []


def _slice(text: str, tokens: Sequence[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end] if tokens else "NULL"


def _where(text: str, write: Write) -> str:
    return f" WHERE {_slice(text, write.condition)}" if write.condition else ""
