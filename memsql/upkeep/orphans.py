"""Rows that refer to no row: how many, and examples. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memsql.db import Connection, Value
from memsql.errors import StatementError
from memsql.schema import Schema
from memsql.sqltext import quote
from memsql.upkeep.references import Reference, identity, orphaned

_EXAMPLES = 3
_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Orphans:
    """The rows that refer to no row by ``reference``: their number, and examples in words. ``problem``: why that is not
    known."""

    reference: Reference
    rows: int = 0
    examples: tuple[str, ...] = ()
    problem: str | None = None


def followed(conn: Connection, references: Sequence[Reference]) -> list[Reference]:
    """``references``; foreign keys of a table that SQLite cannot check, because the parent of one of them has no unique
    key, are judged like keys that the schema does not declare."""
    tables = list(dict.fromkeys(one.child for one in references if one.number is not None and one.problem is None))
    answers = conn.read_each([("SELECT count(*) FROM pragma_foreign_key_check(?)", (table,)) for table in tables])
    broken = {t for t, answer in zip(tables, answers, strict=True) if isinstance(answer, StatementError)}
    return [replace(one, number=None) if one.child in broken else one for one in references]


def orphans(conn: Connection, schema: Schema, references: Sequence[Reference]) -> list[Orphans]:
    """What each of ``references`` leads to nothing for."""
    usable = [one for one in references if one.problem is None]
    reads = [(sql, ()) for one in usable for sql in (_count(one, schema), _some(one, schema))]
    answers = iter(conn.read_each(reads))
    result = []
    for one in references:
        if one.problem is not None:
            result.append(Orphans(one, problem=one.problem))
            continue
        number, rows = next(answers), next(answers)
        if isinstance(number, StatementError) or isinstance(rows, StatementError):
            error = number if isinstance(number, StatementError) else rows
            assert isinstance(error, StatementError)
            result.append(Orphans(one, problem=error.message))
            continue
        columns = rows.columns
        result.append(Orphans(one, int(str(number.one())), tuple(_example(columns, row) for row in rows.rows)))
    return result


def shown(value: Value) -> str:
    """``value`` as SQL would write it, at most forty characters of it."""
    if value is None:
        return "NULL"
    text = f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _count(reference: Reference, schema: Schema) -> str:
    return f"SELECT count(*) FROM {quote(reference.child)} AS c WHERE {orphaned(reference, schema)}"


def _some(reference: Reference, schema: Schema) -> str:
    table = schema.tables[reference.child]
    rowid = identity(table)
    keys = list(table.primary_key) or ([rowid] if rowid else [])
    columns = list(dict.fromkeys([*keys, *reference.columns]))
    listed = ", ".join(f"c.{quote(column)}" for column in columns)
    where = orphaned(reference, schema)
    return f"SELECT {listed} FROM {quote(reference.child)} AS c WHERE {where} LIMIT {_EXAMPLES}"


def _example(columns: Sequence[str], row: Sequence[Value]) -> str:
    return ", ".join(f"{column} {shown(value)}" for column, value in zip(columns, row, strict=True))
