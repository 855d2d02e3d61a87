"""Decides whether a migration that fails on some rows fails on all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memsql.errors import MemsqlError
from memsql.review.assumptions import LONGEST, Assumption
from memsql.scratch.database import result_code_of
from memsql.sqltext.tokens import Token, tokenize
from memsql.words import whole_number

_ENOUGH = 10
"""Rows of a table that are enough to say that none of them fits."""
_WORDS = {
    "CHECK constraint failed": "check",
    "UNIQUE constraint failed": "unique",
    "NOT NULL constraint failed": "null",
    "FOREIGN KEY constraint failed": "orphan",
}
_KINDS = {
    "SQLITE_CONSTRAINT_CHECK": "check",
    "SQLITE_CONSTRAINT_UNIQUE": "unique",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "unique",
    "SQLITE_CONSTRAINT_ROWID": "unique",
    "SQLITE_CONSTRAINT_NOTNULL": "null",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "orphan",
    "SQLITE_CONSTRAINT_DATATYPE": "type",
}
# With these, and with comparisons, the literals of an expression and the values around them are every sort of value
# there is. Of anything else, such as num * 7919 % 1000003, nobody knows which value it wants.
_PLAIN = frozenset(
    {"<", ">", "<=", ">=", "=", "==", "<>", "!=", "(", ")", ",", ".", "-"}
    | {"AND", "OR", "NOT", "IS", "NULL", "IN", "BETWEEN", "LENGTH", "COALESCE", "IFNULL", "TYPEOF", "TRIM"}
)


def kind_of_error(error: MemsqlError) -> str:
    """The kind of assumption that ``error`` speaks of; empty where it speaks of none."""
    kind = _KINDS.get(result_code_of(error), "")
    # ALTER TABLE ADD COLUMN has no result code for what rows break.
    return kind or next((kind for words, kind in _WORDS.items() if words in error.message), "")


def breaking_table(
    kind: str, free: Mapping[str, int], fitting: Mapping[str, int], broken: Sequence[Assumption]
) -> str | None:
    """The table of which every row breaks a constraint of the migration, None where some may satisfy it.

    ``kind`` is the kind of assumption at which the migration failed. ``free`` and ``fitting`` are numbers of made-up
    rows by table: of those that the schema permits, and of those that the schema behind the migration permits too.
    ``broken`` are the assumptions that the free ones break.
    """
    if not kind:
        return None
    few = 1 if kind == "unique" else 0
    for table, count in free.items():
        if count < _ENOUGH or fitting.get(table, 0) > few:
            continue
        concerned = [a for a in broken if a.table == table and a.kind == kind]
        if concerned and (kind != "check" or all(is_plain(a) for a in concerned)):
            return table
    return None


def is_plain(assumption: Assumption) -> bool:
    """Whether the made-up values are every sort of value that matters to ``assumption``, a CHECK."""
    if not assumption.columns:
        return True
    tokens = tokenize(assumption.condition)
    if any(token.word == "LENGTH" for token in tokens) and any(_is_too_long(token) for token in tokens):
        return False
    return all(
        token.kind not in ("word", "op") or token.word in _PLAIN or token.name in map(str.lower, assumption.columns)
        for token in tokens
    )


def _is_too_long(token: Token) -> bool:
    # int() refuses thousands of digits, and a number of more than a hundred is long enough.
    return token.kind == "number" and token.text.isdecimal() and (whole_number(token.text) or LONGEST + 1) > LONGEST


def may_be_broken(assumption: Assumption) -> bool:
    """Whether rows may break ``assumption`` although none could be made up that does."""
    # What every sort of value satisfies, the schema of today demands already.
    return bool(assumption.columns) and (
        assumption.kind in ("unique", "orphan") or (assumption.kind == "check" and not is_plain(assumption))
    )
