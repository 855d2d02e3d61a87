"""What is known of the rows of a table: how many there are, and a sample of what conditions and terms give for them.

A small table is read whole. Of a larger one rows are taken at places that a seeded generator chooses, by their rowid;
never is a large table read from end to end.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from memsql.advise.terms import TermUse
from memsql.db import Connection, Value
from memsql.errors import StatementError
from memsql.schema import Table
from memsql.schema.keys import Term
from memsql.sqltext import fold, quote
from memsql.sqltext.names import free_rowid, is_reserved
from memsql.sqltext.tokens import tokenize

_ASSUMED_ROWS = 10_000
_ASSUMED_VALUES = 100
# What is compared with a constant is often true of most rows: not archived, not deleted.
_ASSUMED_CONSTANTS = 1.5
_PLACES = 2_000
# Operators that are functions, and may fail.
_FUNCTIONS = frozenset({"->", "->>", "MATCH", "REGEXP"})


@dataclass(frozen=True, slots=True)
class TableSample:
    """The rows of a table. ``rows``: how many there are; ``source`` says how that is known. ``sample``: what each of
    ``expressions`` (SQL) gives for some of them, or for all. A table without rows is assumed to have some, of which
    each term has 100 values, or hardly two where it is one of ``constants``, which are compared with constants."""

    table: str
    rows: int
    source: str
    expressions: Mapping[str, int] = field(default_factory=dict)
    sample: tuple[tuple[Value, ...], ...] = ()
    constants: frozenset[str] = frozenset()
    # The same questions are asked for each index that is tried.
    _answers: dict[Hashable, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def is_assumed(self) -> bool:
        """Whether nothing is known, because there are no rows."""
        return not self.sample

    def share(self, conditions: Sequence[str]) -> float:
        """The part of the rows for which all ``conditions`` hold; of a table without rows, most for each."""
        if not self.sample:
            return 1.0 / _ASSUMED_CONSTANTS ** len(conditions)
        return self._remembered(("share", *conditions), lambda: self._share(conditions))

    def _share(self, conditions: Sequence[str]) -> float:
        places = [self.expressions[sql] for sql in conditions if sql in self.expressions]
        hits = sum(1 for row in self.sample if all(row[place] for place in places))
        # What no row of the sample shows may be there all the same, where it is not all rows.
        return max(hits, 0.5 if self.rows > len(self.sample) else 0) / len(self.sample)

    def distinct(self, terms: Sequence[TermUse | Term], where: Sequence[str] = ()) -> float:
        """How many different values ``terms`` together have, in the rows for which ``where`` holds."""
        if not self.sample:
            values = (_ASSUMED_CONSTANTS if term.text in self.constants else _ASSUMED_VALUES for term in terms)
            return float(min(self.rows, math.prod(values)))
        question = ("distinct", *((term.text, term.collation) for term in terms), *where)
        return self._remembered(question, lambda: self._distinct(terms, where))

    def _distinct(self, terms: Sequence[TermUse | Term], where: Sequence[str]) -> float:
        rows = self._where(where)
        if not rows:
            return 1.0
        places = [(self.expressions[t.text], t.collation) for t in terms if t.text in self.expressions]
        counts: dict[tuple[Value, ...], int] = {}
        for row in rows:
            key = tuple(_compared(row[place], collation) for place, collation in places)
            counts[key] = counts.get(key, 0) + 1
        total = self.rows * len(rows) / len(self.sample)
        once = sum(1 for number in counts.values() if number == 1)
        # Haas and Stokes, "Estimating the number of classes in a finite population" (1998), the estimator Duj1.
        return min(total, len(rows) * len(counts) / (len(rows) - once + once * len(rows) / max(total, 1)))

    def entries(self, where: Sequence[str] = ()) -> int:
        """How many rows an index has whose conditions are ``where``."""
        return round(self.rows * (self.share(where) if where else 1))

    def row_of_stat1(self, terms: Sequence[TermUse | Term], where: Sequence[str] = (), *, unique: bool = False) -> str:
        """What sqlite_stat1 says of an index on ``terms`` (https://sqlite.org/fileformat2.html#stat1tab): its entries,
        and how many have the same first term, the same first two terms and so on."""
        entries = self.entries(where)
        numbers = [max(1, math.ceil(entries / self.distinct(terms[:n], where))) for n in range(1, len(terms) + 1)]
        if unique and numbers:
            numbers[-1] = 1
        return " ".join(map(str, [entries, *numbers]))

    def width(self, terms: Sequence[TermUse | Term]) -> float:
        """How many bytes an entry of an index on ``terms`` takes, on average."""
        total = 0.0
        for term in terms:
            total += self._remembered(("width", term.text), partial(self._width, term.text))
        # The rowid, the header of the record, its place in the page.
        return total + len(terms) + 8

    def _width(self, text: str) -> float:
        place = self.expressions.get(text)
        return (
            sum(_width(row[place]) for row in self.sample) / len(self.sample)
            if place is not None and self.sample
            else 8
        )

    def _remembered(self, question: Hashable, answer: Callable[[], float]) -> float:
        if question not in self._answers:
            self._answers[question] = answer()
        return self._answers[question]

    def _where(self, where: Sequence[str]) -> Sequence[tuple[Value, ...]]:
        places = [self.expressions[sql] for sql in where if sql in self.expressions]
        return [row for row in self.sample if all(row[place] for place in places)] if places else self.sample


@dataclass(slots=True)
class Sampler:
    """Reads rows of tables. ``budget``: how many rows may be read for one table; ``read`` counts them."""

    conn: Connection
    budget: int
    read: int = 0

    def sample_of(
        self, table: Table, expressions: Mapping[str, str], known: int | None, constants: frozenset[str] = frozenset()
    ) -> TableSample:
        """The rows of ``table``. ``expressions``: SQL by the name under which the sample has it. ``known``: how many
        rows there are, where that is known already. ``constants``: terms that are compared with constants."""
        try:
            whole, rows = self._rows(table, _columns(expressions), known)
        except StatementError:
            # A function may fail for a value: what calls none is read all the same.
            expressions = {name: sql for name, sql in expressions.items() if not _calls_function(sql)}
            try:
                whole, rows = self._rows(table, _columns(expressions), known)
            except StatementError as e:
                return TableSample(table.name, known or _ASSUMED_ROWS, f"unknown: {e.message}", {}, (), constants)
        places = {name: place for place, name in enumerate(expressions)}
        if not rows:
            source = f"no rows: {_ASSUMED_ROWS:,} are assumed"
            return TableSample(table.name, _ASSUMED_ROWS, source, places, (), constants)
        part = f"{len(rows):,} of {'' if known else 'about '}{whole:,} rows read"
        return TableSample(table.name, whole, "read whole" if whole == len(rows) else part, places, tuple(rows))

    def _rows(self, table: Table, columns: str, known: int | None) -> tuple[int, list[tuple[Value, ...]]]:
        """How many rows there are, and those of the sample."""
        name, few = quote(table.name), max(1, self.budget // 2)
        if known is None or known <= few:
            rows = self._read(f"SELECT {columns} FROM {name} LIMIT {few + 1}")
            if len(rows) <= few:
                return len(rows), rows
        rowid = None if table.without_rowid else free_rowid(c.name for c in table.columns)
        if rowid is None:
            return known or self.budget, self._read(f"SELECT {columns} FROM {name} LIMIT {few}")
        return self._scattered(name, rowid, columns, known)

    def _scattered(self, name: str, rowid: str, columns: str, known: int | None) -> tuple[int, list[tuple[Value, ...]]]:
        # Asked for together, SQLite would read all rows.
        ((first, last),) = self._read(f"SELECT (SELECT min({rowid}) FROM {name}), (SELECT max({rowid}) FROM {name})")
        assert isinstance(first, int)
        assert isinstance(last, int)
        # Each takes one step to find the place, and one to read the row.
        number = max(1, min(_PLACES, self.budget // 8))
        generator = random.Random(0)
        chosen = sorted({generator.randint(first, last) for _ in range(number)})
        rows = self._read(
            f"SELECT {columns} FROM {name} WHERE {rowid} IN (SELECT (SELECT {rowid} FROM {name} WHERE {rowid} >="
            " place.value LIMIT 1) FROM json_each(?) AS place)",
            (json.dumps(chosen),),
        )
        return known or last + 1 - first, rows

    def _read(self, sql: str, params: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        answer = self.conn.execute(sql, params)
        self.read += len(answer.rows) if answer.rows_read is None else answer.rows_read
        return answer.rows


def _calls_function(sql: str) -> bool:
    words = [token.word for token in tokenize(sql)]
    is_call = any(two == "(" and one.isidentifier() and not is_reserved(one) for one, two in pairwise(words))
    return is_call or not _FUNCTIONS.isdisjoint(words)


def _columns(expressions: Mapping[str, str]) -> str:
    return ", ".join(f"({sql})" for sql in expressions.values()) or "1"


def loaded(rows: Sequence[tuple[Value, ...]]) -> dict[tuple[str, str], str]:
    """What sqlite_stat1 says, by the folded names of table and index ("" where it is about a table without one)."""
    return {(fold(str(table)), fold(str(index or ""))): str(stat) for table, index, stat in rows}


def _compared(value: Value, collation: str) -> Value:
    """A value that is equal for all that the collation finds equal."""
    if isinstance(value, str) and collation != "binary":
        return _COLLATIONS.get(collation, fold)(value)
    return value


def _width(value: Value) -> int:
    if isinstance(value, str):
        return len(value.encode(errors="replace"))
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, int):
        return 0 if value in (0, 1) else max(1, (value.bit_length() + 8) // 8)
    return 0 if value is None else 8


_COLLATIONS: Mapping[str, Callable[[str], str]] = {"nocase": fold, "rtrim": lambda text: text.rstrip(" ")}
