"""Whether a condition holds for every row there can be, such as ``1 = 1``, ``NOT 0`` or ``id = id``.

SQLite decides: the condition is tried on rows whose values lie on every side of the constants that it names. So only
conditions are tried in which each column stands alone beside a comparison; what a function or a sum makes of a value,
no sample tells.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice, product

from memsql.db.sqlite import memory
from memsql.sqltext.names import ROWIDS, quote, unquote
from memsql.sqltext.selects import list_items
from memsql.sqltext.tokens import Token, join

_LITERALS = frozenset({"number", "string", "blob"})
_BESIDE = frozenset({"=", "==", "<>", "!=", "<", ">", "<=", ">=", "IS", "NOT", "ISNULL", "NOTNULL", "LIKE", "IN"})
_BETWEEN = frozenset({"BETWEEN", "AND", "OR", "(", ")", ",", "SELECT", "FROM", "DISTINCT"})
_SIDES = _BESIDE | _BETWEEN
_CONSTANTS = frozenset({"NULL", "TRUE", "FALSE"})
# What they return is one of their arguments, so that a sample tells as much as of a column alone.
_CHOICES = frozenset({"COALESCE", "IFNULL"})
_COUNT = "memsql_count"
_ALLOWED = _CHOICES | _SIDES | _CONSTANTS | {"EXISTS", "WHERE", ".", "AS"}
_CASE = frozenset({"CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "TEXT", "INTEGER", "GLOB"})
_CONSTANT_WORDS = _CASE | {
    "ABS",
    "COALESCE",
    "IFNULL",
    "NULLIF",
    "IIF",
    "LENGTH",
    "LOWER",
    "UPPER",
    "LIKELY",
    "UNLIKELY",
}
_SIGNS = frozenset("+-")
_BEFORE_SIGN = _SIDES - {")"}
_BASE: tuple[object, ...] = (-(10**12), -1, 0, 0.5, 1, 10**12, "", "zz")
_MOST_ROWS = 4000


def always_true(condition: Sequence[Token], table: str, not_null: Collection[str] = ()) -> bool:
    """Whether ``condition``, the tokens behind WHERE of a statement that changes ``table``, holds for every row.

    ``not_null`` names columns, folded, that are never NULL. A column is NULL in the sample only where the condition
    speaks of NULL: nobody writes ``name = name`` to leave out rows without a name. False where it cannot be told.
    """
    condition, counts = _without_counts(condition)
    names = _columns(condition, table)
    if names is None:
        return False
    columns = sorted(set(names))
    words = {token.word for token in condition}
    speaks_of_null = not words.isdisjoint(("NULL", "NOTNULL", "ISNULL"))
    if columns and len(columns) == len(names) and not (speaks_of_null or counts) and words.isdisjoint(("LIKE", "OR")):
        # Each column is compared once, with a constant, and so some value does not pass.
        return False
    values = list(dict.fromkeys([*_BASE, *_around(condition)]))
    nullable = [speaks_of_null and column not in (*not_null, *ROWIDS, _COUNT) for column in columns]
    numbers = [value for value in values if isinstance(value, int | float) and value >= 0]
    sides = [numbers if name == _COUNT else values for name in columns]
    rows = list(
        islice(product(*([*v, None] if null else v for v, null in zip(sides, nullable, strict=True))), _MOST_ROWS + 1)
    )
    return len(rows) <= _MOST_ROWS and _holds_for(condition, table, columns, rows)


def _without_counts(condition: Sequence[Token]) -> tuple[Sequence[Token], bool]:
    """``condition`` with a column in place of each ``(SELECT count(…) …)``, which is a number from 0 on; and whether
    there was one."""
    kept: list[Token] = []
    place = 0
    while place < len(condition):
        words = [token.word for token in condition[place : place + 4]]
        end = list_items(condition, place)[1] if words == ["(", "SELECT", "COUNT", "("] else place
        inside = condition[place:end]
        # A GROUP BY may return no row, and then it is NULL.
        if end > place and not any(t.word in ("GROUP", "HAVING", "LIMIT", "UNION") for t in inside):
            kept.append(Token("word", _COUNT, condition[place].start))
            place = end
        else:
            kept.append(condition[place])
            place += 1
    return kept, len(kept) < len(condition)


def holds_where_null(expression: str, columns: Iterable[str]) -> bool:
    """Whether an expression is true in every row that has NULL in ``columns``. False where it reads other columns."""
    fields = ", ".join(f"NULL AS {quote(column)}" for column in columns)
    with closing(memory()) as conn:
        try:
            row = conn.raw.execute(f"SELECT ({expression}) IS TRUE FROM (SELECT {fields})").fetchone()
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return False
    return bool(row[0])


def _holds_for(
    condition: Sequence[Token], table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> bool:
    """Whether SQLite finds that the condition holds for each of ``rows`` of ``table``."""
    name, fields = quote(table or "t"), ", ".join(map(quote, columns)) or "a"
    query = f"SELECT count(*) FROM {name} WHERE ({join(condition)}) IS NOT TRUE"
    with closing(memory()) as conn:
        try:
            conn.raw.execute(f"CREATE TABLE {name} ({fields})")
            marks = ", ".join("?" * len(columns)) or "NULL"
            conn.raw.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
            return bool(conn.raw.execute(query).fetchone()[0] == 0)
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError):
            return False


def _columns(condition: Sequence[Token], table: str) -> list[str] | None:
    """The columns that the condition names, folded, as often as it does; None where it is of another sort than those
    that a sample can decide."""
    if all(_is_constant(token) for token in condition):
        return []
    columns: list[str] = []
    words = ["(", *(token.word if token.kind not in _LITERALS else "literal" for token in condition), ")"]
    labels = {table, *_aliases(condition, table)}
    for place, token in enumerate(condition, 1):
        word, before, after = words[place], words[place - 1], words[place + 1]
        if token.kind in _LITERALS or word in _ALLOWED or (word in _SIGNS and before in _BEFORE_SIGN):
            continue
        if token.kind not in ("word", "quoted"):
            return None
        if token.name in labels and (before in ("FROM", "AS") or after == "." or words[place - 2] == "FROM"):
            continue
        before = words[place - 3] if before == "." and place > 2 else before
        if before == "FROM" or not {before, after} <= _SIDES or after == "(":
            return None
        columns.append(token.name)
    return columns


def _is_constant(token: Token) -> bool:
    """Whether the token can stand in an expression that reads nothing and has always the same value."""
    if token.kind in _LITERALS or token.kind == "op":
        return True
    return token.word in _ALLOWED - {"FROM"} or token.word in _CONSTANT_WORDS


def _aliases(condition: Sequence[Token], table: str) -> Iterator[str]:
    """The other names that nested SELECTs give the table."""
    for place, token in enumerate(condition[:-2]):
        if token.word == "FROM" and condition[place + 1].name == table:
            following = condition[place + 2 : place + 4]
            alias = following[-1] if following[0].word == "AS" else following[0]
            if alias.kind in ("word", "quoted") and alias.word not in _ALLOWED:
                yield alias.name


def _around(condition: Sequence[Token]) -> Iterator[object]:
    """Values on both sides of each constant, and texts that fit each pattern."""
    for token in condition:
        if token.kind == "number" and len(token.text) < 16:
            try:
                number = float(token.text.replace("_", ""))
            except ValueError:
                continue
            for value in (number, -number):
                yield from (value - 1, value, value + 1)
        elif token.kind == "string" and len(token.text) < 1000:
            text = unquote(token.text)
            yield from (text, text + "~", text.replace("%", "").replace("_", "x"))
