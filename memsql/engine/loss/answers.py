"""What comparisons of a table with its copies answer: what is missing, and in which columns. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from memsql.db import Value

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Difference:
    """Of a column: in how many rows a value is ``lost``, in how many it was ``changed`` by an expression, and an
    ``example`` of a lost one, such as ``id 3: 'c at x', now NULL``. ``is_key``: it is a key that was not copied."""

    lost: int = 0
    changed: int = 0
    example: str = ""
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is not in the copies: ``rows`` that are missing, of ``total``, with an ``example``, and the ``columns`` that
    differ."""

    rows: int = 0
    example: str = ""
    columns: dict[str, Difference] = field(default_factory=dict)
    total: int = 0

    @property
    def loses(self) -> bool:
        """Whether anything is missing."""
        return bool(self.rows) or any(difference.lost for difference in self.columns.values())

    def beyond(self, before: Comparison, columns: Collection[str], rows: int) -> Comparison:
        """What is missing since ``before``, without ``columns`` and without so many ``rows``."""
        nothing = Difference()
        more = {
            name: replace(now, lost=max(0, now.lost - before.columns.get(name, nothing).lost), changed=0)
            for name, now in self.columns.items()
            if name not in columns
        }
        return Comparison(max(0, self.rows - before.rows - rows), self.example, more, self.total)

    def plus(self, other: Comparison) -> Comparison:
        """What is missing here or there."""
        nothing = Difference()
        columns = dict(self.columns)
        for name, more in other.columns.items():
            mine = columns.get(name, nothing)
            changed = mine.changed + more.changed
            columns[name] = replace(
                more, lost=mine.lost + more.lost, changed=changed, example=mine.example or more.example
            )
        return Comparison(self.rows + other.rows, self.example or other.example, columns, self.total)

    def least(self, other: Comparison) -> Comparison:
        """What both miss: only that was lost at neither moment."""
        columns = {
            name: replace(mine, lost=min(mine.lost, theirs.lost))
            for name, mine in self.columns.items()
            if (theirs := other.columns.get(name)) is not None
        }
        return Comparison(min(self.rows, other.rows), self.example, columns, self.total)


@dataclass(frozen=True, slots=True)
class Query:
    """A comparison as SQL. ``columns``: those compared, in the order of the answer. ``quick``: SQL for the number of
    rows, and of those that differ in anything, which takes half the time."""

    sql: str
    columns: tuple[str, ...]
    quick: str = ""

    def comparison(self, row: Sequence[Value]) -> Comparison:
        """What the one row of the answer says."""
        rows, example, total = integer(row[0]), shown_text(row[1]), integer(row[2])
        columns = {}
        for place, name in enumerate(self.columns):
            lost, changed, shown = row[3 + 3 * place : 6 + 3 * place]
            if lost or changed:
                columns[name] = Difference(integer(lost), integer(changed), shown_text(shown))
        return Comparison(rows, example, columns, total)


def integer(value: Value) -> int:
    """A number of an answer; SQLite's total() gives it as REAL, and NULL stands for none."""
    return int(value) if isinstance(value, (int, float)) else 0


def shown_value(value: str) -> str:
    """SQL: the beginning of ``value`` as a person reads it, NULL too."""
    # The whole of a long one in quotes may be longer than SQLite allows.
    beginning = f"CASE WHEN typeof({value}) IN ('text', 'blob') THEN substr({value}, 1, {_SHOWN}) ELSE {value} END"
    return f"substr(quote({beginning}), 1, {_SHOWN})"


def least_text(sql: str) -> str:
    """SQL: the least of the texts ``sql``, in bytes, for they may be no UTF-8, and then a server could not answer."""
    return f"CAST(min({sql}) AS BLOB)"


def shown_text(value: Value) -> str:
    """The answer to least_text()."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
