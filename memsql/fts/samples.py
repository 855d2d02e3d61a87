"""Made-up rows for the triggers of an index: rows that their guards let in, rows that they leave out, and rows beside
these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from memsql import deadline
from memsql.db.sqlite import ENGINE_ERRORS
from memsql.fts.discover import FtsTable
from memsql.fts.triggers import Trigger, with_row
from memsql.schema.definition import read_definition
from memsql.sqltext import fold, identifiers, quote
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import tokenize

Value = None | int | float | str
Row = Mapping[str, Value]

_TEXTS = ("alpha beta", "beta gamma")
_COMMON: tuple[Value, ...] = (None, 0, 1, "", "x")
# How many rows to take: at random, of each guard, beside one row; and how many literals of a text.
_TRIES, _CHOSEN, _BESIDE, _LITERALS = 200, 8, 300, 24
# How many instructions SQLite may spend to find rows that a guard lets in.
_STEPS = 2_000_000


@dataclass(frozen=True, slots=True)
class Samples:
    """Values to make rows of: some for each column that matters (``values``), one for each other column that needs one
    (``fixed``); ``guards`` are conditions on ``new``."""

    values: Mapping[str, Sequence[Value]]
    fixed: Mapping[str, Value]
    guards: Sequence[str]

    @classmethod
    def of(cls, db: sqlite3.Connection, table: FtsTable, content: str, triggers: Sequence[Trigger]) -> Samples:
        """The samples for the table ``content`` in ``db`` and the ``triggers`` on it that write to ``table``."""
        info = db.execute(
            'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)', (table.source,)
        )
        columns = info.fetchall()
        guards, literals = _guard_texts(table, triggers), _literals(content, triggers)
        used = _columns_of([*guards, *(w.text for t in triggers for w in t.writes_to(table.name))], content)
        choosing = _columns_of(guards, content)
        indexed = set(map(fold, table.columns))
        keys = [str(name) for name, type_, _, _, pk, _ in columns if pk and str(type_).upper() == "INTEGER"]
        key = keys[0] if len(keys) == 1 else "rowid"
        values: dict[str, Sequence[Value]] = {key: (1,)}
        fixed: dict[str, Value] = {}
        for name, type_, notnull, default, _, hidden in columns:
            folded = fold(str(name))
            if hidden or (name == key and folded not in choosing):
                continue
            if folded in used:
                texts = _TEXTS if folded in indexed else ()
                values[name] = (*texts, *_COMMON, *literals) if folded in choosing else (*_TEXTS, None)
            elif notnull and default is None:
                fixed[name] = "x" if "CHAR" in str(type_).upper() or "TEXT" in str(type_).upper() else 1
        if key in choosing:
            values[key] = tuple(value for value in values[key] if isinstance(value, int))
        return cls(values, fixed, _conditions(table, triggers))

    def insert(self, table: str, row: Row) -> tuple[str, Sequence[Value]]:
        """INSERT of ``row`` into ``table``, and its parameters."""
        whole = {**self.fixed, **row}
        return (
            f"INSERT INTO {table} ({', '.join(map(quote, whole))}) VALUES ({', '.join('?' * len(whole))})",
            list(whole.values()),
        )

    def rows(self, db: sqlite3.Connection) -> Iterator[Row]:
        """Rows, always the same ones: such as the guards let in, and others at random."""
        random = Random(0)
        chosen = [row for guard in self.guards for row in self._let_in(db, guard)]
        for part in [*chosen, *({} for _ in range(_TRIES))]:
            yield {name: part.get(name, random.choice(values)) for name, values in self.values.items()}

    def beside(self, row: Row) -> Sequence[Row]:
        """Rows that differ from ``row`` in one column."""
        rows = [{**row, n: v} for n, values in self.values.items() for v in values if not same(v, row[n])]
        return rows if len(rows) <= _BESIDE else Random(0).sample(rows, _BESIDE)

    def _let_in(self, db: sqlite3.Connection, guard: str) -> list[Row]:
        """Values of the columns in ``guard`` for which it is true. SQLite looks for them: it joins the columns and
        leaves a combination as soon as a part of the guard is false."""
        words = identifiers(guard)
        columns = {name: values for name, values in self.values.items() if fold(name) in words}
        if not columns:
            return []
        sources = ", ".join(
            f"(SELECT column1 AS v FROM (VALUES {', '.join('(?)' for _ in values)})) AS s{number}"
            for number, values in enumerate(columns.values())
        )
        listed = ", ".join(f"s{number}.v AS {quote(name)}" for number, name in enumerate(columns))
        text = f"SELECT new.* FROM (SELECT {listed} FROM {sources}) AS new WHERE ({guard}) LIMIT {_CHOSEN}"
        try:
            db.set_progress_handler(lambda: 1, _STEPS)
            rows = db.execute(text, [value for values in columns.values() for value in values]).fetchall()
        except ENGINE_ERRORS:
            return []
        finally:
            db.set_progress_handler(deadline.is_over, _STEPS)
        return [dict(zip(columns, values, strict=True)) for values in rows]


def same(one: Value, two: Value) -> bool:
    """Whether two values are the same, of the same type."""
    return one == two and type(one) is type(two)


def _conditions(table: FtsTable, triggers: Sequence[Trigger]) -> list[str]:
    """The guards and the WHERE of the triggers as conditions on ``new``, each once."""
    texts = []
    for trigger in triggers:
        texts.append(trigger.head().guard)
        texts += [w.choice[len("WHERE") :] for w in trigger.writes_to(table.name) if w.choice[:5].upper() == "WHERE"]
    return list(dict.fromkeys(with_row(text, "old", "new") for text in texts if text))


def _guard_texts(table: FtsTable, triggers: Sequence[Trigger]) -> list[str]:
    """The texts that decide whether a trigger writes, and what it writes where that is no plain column."""
    texts = []
    for trigger in triggers:
        head = trigger.head()
        texts += [head.guard, head.columns or ""]
        for write in trigger.writes_to(table.name):
            texts += [write.choice, *(e for _, e in write.values if len(tokenize(e)) != 3)]
    return texts


def _columns_of(texts: Iterable[str], content: str) -> set[str]:
    """The names in ``texts``, and those of which the generated columns among them are made."""
    names = set().union(*map(identifiers, texts))
    clauses = {clause.name: clause for clause in read_definition(content).columns if clause.has("AS")}
    new = names & clauses.keys()
    while new:
        words = set().union(*(identifiers(clauses[name].text) for name in new))
        new = (words - names) & clauses.keys()
        names |= words
    return names


def _literals(content: str, triggers: Sequence[Trigger]) -> Sequence[Value]:
    """The strings and numbers that the triggers and the CHECKs speak of, and values beside them."""
    texts = [*read_definition(content).checks, *(part for trigger in triggers for part in trigger.parts())]
    values: list[Value] = []
    for token in (token for text in texts for token in tokenize(text)):
        if token.kind == "string":
            values += [unquote(token.text), unquote(token.text) + "x"]
        elif token.kind == "number":
            with suppress(ValueError):
                number = float(token.text) if "." in token.text else int(token.text)
                values += [number, number - 1, number + 1, -number]
    return list(dict.fromkeys(value for value in values if value not in _COMMON))[:_LITERALS]
