"""What a migration assumes about the rows that exist, and a row that breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from memsql.db import Value
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import StatementError
from memsql.review.keys import Unique
from memsql.schema import Schema, Table
from memsql.schema.definition import read_definition
from memsql.schema.meaning import expression_text
from memsql.schema.read_rules import rules_of
from memsql.scratch.fitting import new_keys
from memsql.scratch.values import around
from memsql.sqltext import fold, free_rowid, identifiers, quote
from memsql.sqltext.tokens import Token, tokenize
from memsql.words import whole_number

_ROWS = 6
_ODD: tuple[Value, ...] = (
    "memsql: no such value",
    "",
    -987654321,
    0,
    987654321987,
    0.5,
    "x" * 400,
    b"\x00",
    None,
    "{}",
)
_SHORT = 300
LONGEST = 2_000_000
"""The longest text that is made up to break a CHECK, in characters."""
_STRICT = {"int": "integer", "integer": "integer", "real": "real", "text": "text", "blob": "blob"}


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that every row of ``table`` must satisfy after the migration. ``broken_by`` names, in the plural, the
    rows that do not; ``count`` is a query that counts them. ``columns`` are the columns that break it when they change.
    ``among`` is a condition on the rows that it concerns, empty for all; ``condition`` is the expression of a CHECK."""

    kind: str
    table: str
    columns: tuple[str, ...]
    broken_by: str
    count: str
    among: str = ""
    condition: str = ""


@dataclass(frozen=True, slots=True)
class _RowKey:
    """A row: a condition with parameters, and their values."""

    condition: str
    values: tuple[Value, ...]


def assumptions(
    before: Schema, after: Schema, keys_before: Sequence[Unique], keys_after: Sequence[Unique]
) -> list[Assumption]:
    """What the schema after the migration requires and the one before it does not, in tables that both have."""
    result: list[Assumption] = []
    for old in before.tables.values():
        new = after.table(old.name)
        if old.kind != "table" or new is None or new.kind != "table":
            continue
        added = _added(old, new)
        result += _unique(
            old,
            [key for key in keys_before if fold(key.table) == fold(old.name)],
            [key for key in keys_after if fold(key.table) == fold(old.name)],
            added,
        )
        result += _not_null_and_types(old, new)
        result += _generated(old, new, added)
        result += _references(old, new, after)
        result += _checks(old, new, added)
    return sorted(result, key=lambda a: (a.table, a.kind, a.columns, a.count))


def breaks(conn: SQLiteConnection, assumption: Assumption) -> bool:
    """Whether a row of ``conn`` breaks ``assumption``."""
    try:
        return bool(conn.execute(assumption.count).one())
    except StatementError:
        return False


def break_one(conn: SQLiteConnection, schema: Schema, assumption: Assumption) -> bool:
    """Change a row so that ``assumption`` no longer holds. False where the schema does not permit that, or there are no
    rows."""
    table = schema.table(assumption.table)
    if table is None:
        return False
    conn.execute("PRAGMA foreign_keys = off")
    try:
        rows = list(_rows(conn, table))
        if assumption.kind == "unique":
            pairs = product(_rows(conn, table, assumption.among), rows)
            return breaks(conn, assumption) or any(
                _breaks(conn, assumption, target, values)
                for source, target in pairs
                if source != target
                for values in _alike(_values(conn, table, source, assumption.columns))
            )
        if not assumption.columns:
            return breaks(conn, assumption)
        values: Sequence[Value] = (None, *_ODD) if assumption.kind == "null" else _ODD
        if assumption.kind == "orphan":
            values = (*_other_parents(conn, schema, table, assumption.columns), *_ODD)
        if assumption.kind == "check":
            values = (*(v for t in tokenize(assumption.condition) for v in (*around(t), *_long(t))), *_ODD)
        return breaks(conn, assumption) or any(
            _breaks(conn, assumption, row, change)
            for change in (
                *({c: v} for v in values for c in assumption.columns),
                *_equal(conn, table, assumption, rows),
            )
            for row in rows
        )
    finally:
        conn.execute("PRAGMA foreign_keys = on")


def _equal(
    conn: SQLiteConnection, table: Table, assumption: Assumption, rows: Sequence[_RowKey]
) -> Iterator[dict[str, Value]]:
    """Changes that give each two columns of ``assumption`` the same value."""
    for row in rows if assumption.kind == "check" else ():
        for value in _values(conn, table, row, assumption.columns).values():
            for one, two in combinations(assumption.columns, 2):
                yield {one: value, two: value}


def _long(token: Token) -> Iterator[str]:
    """A text that is longer than a number of a CHECK says, where that is no everyday length."""
    number = whole_number(token.text) if token.kind == "number" else None
    if number is not None and _SHORT < number <= LONGEST:
        yield "x" * (number + 1)


def _alike(values: Mapping[str, Value]) -> Iterator[Mapping[str, Value]]:
    """``values``, and what a collation may take for the same: other letters, white space at the end."""
    yield values
    if any(isinstance(value, str) for value in values.values()):
        yield {name: value.swapcase() if isinstance(value, str) else value for name, value in values.items()}
        yield {name: f"{value} " if isinstance(value, str) else value for name, value in values.items()}


def _other_parents(conn: SQLiteConnection, schema: Schema, table: Table, columns: Sequence[str]) -> tuple[Value, ...]:
    """Values that the parents have to which ``columns`` refer until now."""
    values: list[Value] = []
    for key in table.foreign_keys:
        parent = schema.table(key.parent)
        names = key.referred(parent)
        if parent is not None and len(names) == 1 and [*map(fold, key.columns)] == [*map(fold, columns)]:
            name = quote(names[0])
            rows = conn.execute(f"SELECT {name} FROM {quote(parent.name)} WHERE {name} IS NOT NULL LIMIT 50").rows
            values += [row[0] for row in rows]
    return tuple(values)


def _added(old: Table, new: Table) -> dict[str, str]:
    """For each column that only ``new`` has, in lower case, SQL of its value in a row that was there before: of what it
    is generated from, its default, or NULL."""
    existing, rules = {fold(c.name) for c in old.columns}, rules_of(new).columns
    added: dict[str, str] = {}
    for column in new.columns:
        name = fold(column.name)
        if name in existing:
            continue
        rule = rules.get(name)
        if rule is not None and rule.generated:
            added[name] = substitute(rule.generated.rpartition(" ")[0], added)
        else:
            added[name] = f"({column.default})" if column.default is not None else "NULL"
    return added


def substitute(expression: str, values: Mapping[str, str]) -> str:
    """``expression`` with SQL in place of the columns that ``values`` has, in lower case."""
    tokens = tokenize(expression)
    text, end = "", 0
    for number, token in enumerate(tokens):
        following = tokens[number + 1].text if number + 1 < len(tokens) else ""
        if token.kind not in ("word", "quoted") or token.name not in values or following in ("(", "."):
            continue
        start = token.start
        if number > 1 and tokens[number - 1].text == ".":
            start = tokens[number - 2].start
        text += expression[end:start] + values[token.name]
        end = token.end
    return text + expression[end:]


def _old_columns(old: Table, expression: str) -> tuple[str, ...]:
    """The columns of ``old`` that ``expression`` names."""
    named = identifiers(expression)
    return tuple(c.name for c in old.columns if fold(c.name) in named)


def _unique(
    old: Table, keys_before: Sequence[Unique], keys_after: Sequence[Unique], added: Mapping[str, str]
) -> Iterator[Assumption]:
    existing = {fold(c.name) for c in old.columns}
    for key in keys_after:
        if not {fold(c) for c in key.columns} <= {*existing, *added} or any(key.implied_by(k) for k in keys_before):
            continue
        # A column that is new has one value in all rows, unless that is NULL, which is like no other.
        terms = [substitute(by, added) for by in key.by]
        listed = [term for term in terms if existing & identifiers(term)]
        fixed = [term for term in terms if term not in listed]
        if "NULL" in fixed:
            continue
        where = substitute(key.where, added)
        among = " AND ".join([*(f"{b} IS NOT NULL" for b in (*listed, *fixed)), *([f"({where})"] if where else [])])
        groups = f"SELECT 1 FROM {quote(old.name)} WHERE {among}"
        groups += f" GROUP BY {', '.join(listed)} HAVING count(*) > 1" if listed else " LIMIT -1 OFFSET 1"
        yield Assumption(
            "unique",
            old.name,
            _old_columns(old, " ".join(listed)),
            f"rows that are alike in {', '.join(key.by)}",
            f"SELECT count(*) FROM ({groups})",
            among,
        )


def _generated(old: Table, new: Table, added: Mapping[str, str]) -> Iterator[Assumption]:
    """NOT NULL of generated columns that are new, or were nullable."""
    before = {fold(c.name): c for c in old.columns}
    for column in new.columns:
        was = before.get(fold(column.name))
        rule = rules_of(new).columns.get(fold(column.name))
        if not column.notnull or column.hidden not in (2, 3) or rule is None or (was is not None and was.notnull):
            continue
        expression = substitute(rule.generated.rpartition(" ")[0], added)
        yield Assumption(
            "null",
            old.name,
            _old_columns(old, expression),
            f"rows for which {column.name} has no value",
            f"SELECT count(*) FROM {quote(old.name)} WHERE {expression} IS NULL",
        )


def _not_null_and_types(old: Table, new: Table) -> Iterator[Assumption]:
    name, columns, rowid = quote(old.name), {fold(c.name): c for c in old.columns}, rules_of(old).rowid
    for column in new.columns:
        was = columns.get(fold(column.name))
        if was is None or column.hidden or was.hidden:
            continue
        if column.notnull and not was.notnull and fold(was.name) not in rowid:
            yield Assumption(
                "null",
                old.name,
                (was.name,),
                f"rows without {was.name}",
                f"SELECT count(*) FROM {name} WHERE {quote(was.name)} IS NULL",
            )
        strict_type = _STRICT.get(fold(column.type)) if new.strict else None
        if strict_type and (not old.strict or fold(was.type) != fold(column.type)):
            yield Assumption(
                "type",
                old.name,
                (was.name,),
                f"rows whose {was.name} is not of type {column.type}",
                f"SELECT count(*) FROM {name} WHERE typeof({quote(was.name)}) NOT IN ('{strict_type}', 'null')",
            )


def _references(old: Table, new: Table, after: Schema) -> Iterator[Assumption]:
    for key in new_keys(old, new):
        parent = after.table(key.parent)
        parent_columns = key.referred(parent)
        not_null = " AND ".join(f"t.{quote(c)} IS NOT NULL" for c in key.columns)
        same = " AND ".join(f"p.{quote(p)} = t.{quote(c)}" for c, p in zip(key.columns, parent_columns, strict=False))
        parents = f"SELECT 1 FROM {quote(key.parent)} AS p WHERE {same}"
        yield Assumption(
            "orphan",
            old.name,
            key.columns,
            f"rows whose {', '.join(key.columns)} is not in {key.parent}",
            f"SELECT count(*) FROM {quote(old.name)} AS t WHERE {not_null} AND NOT EXISTS ({parents})",
        )


def _checks(old: Table, new: Table, added: Mapping[str, str]) -> Iterator[Assumption]:
    old_checks = {check.expression for check in rules_of(old).checks}
    names = [c.name for c in new.columns]
    for check in read_definition(new.sql).checks:
        if expression_text(check, new.name, names) not in old_checks:
            condition = substitute(check, added)
            yield Assumption(
                "check",
                old.name,
                _old_columns(old, condition),
                f"rows that break CHECK ({' '.join(check.split())})",
                f"SELECT count(*) FROM {quote(old.name)} WHERE NOT ({condition})",
                condition=condition,
            )


def _rows(conn: SQLiteConnection, table: Table, among: str = "") -> Iterator[_RowKey]:
    """The first rows of ``table``, or of those that satisfy the condition ``among``."""
    rowid = free_rowid(c.name for c in table.columns)
    keys = [quote(c.name) for c in table.columns if c.pk] if table.without_rowid or rowid is None else [rowid]
    condition = " AND ".join(f"{k} IS ?" for k in keys)
    for row in conn.execute(
        f"SELECT {', '.join(keys)} FROM {quote(table.name)} WHERE {among or 1} ORDER BY {', '.join(keys)} LIMIT {_ROWS}"
    ).rows:
        yield _RowKey(condition, row)


def _values(conn: SQLiteConnection, table: Table, row: _RowKey, columns: Sequence[str]) -> dict[str, Value]:
    """The values of ``columns`` in a row; empty where the row is not there."""
    rows = conn.execute(
        f"SELECT {', '.join(map(quote, columns))} FROM {quote(table.name)} WHERE {row.condition}", row.values
    ).rows
    return dict(zip(columns, rows[0], strict=True)) if rows else {}


def _breaks(conn: SQLiteConnection, assumption: Assumption, row: _RowKey, values: Mapping[str, Value]) -> bool:
    """Write ``values``, by column, into a row; keep them and return True if that breaks the assumption."""
    if not values:
        return False
    conn.begin()
    try:
        listed = ", ".join(f"{quote(c)} = ?" for c in values)
        conn.execute(
            f"UPDATE {quote(assumption.table)} SET {listed} WHERE {row.condition}", (*values.values(), *row.values)
        )
        if conn.execute(assumption.count).one():
            conn.commit()
            return True
    except StatementError:
        pass
    conn.rollback()
    return False
