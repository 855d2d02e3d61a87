"""What the conditions of SQL text ask of rows: the constants that columns are compared with, and the columns of other
tables.

A row that a statement does not reach proves nothing about it. So rows are made up with these values. The text alone is
read, and generously: a constant too many costs nothing.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from memsql.db import Value
from memsql.schema import Schema
from memsql.scratch.restriction import Wanted
from memsql.scratch.values import around
from memsql.sqltext import effect, fold, statements
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import Token, tokenize

_POSITIVE = frozenset({"=", "==", "IS", "IN", "LIKE", "GLOB", "BETWEEN", "<", ">", "<=", ">=", "WHEN"})
_NEGATIVE = frozenset({"<>", "!="})
_ORDERED = frozenset({"<", ">", "<=", ">=", "BETWEEN"})
_CONDITION_BEGINS = frozenset({"WHERE", "ON", "HAVING", "WHEN", "CASE", "USING", "CHECK"})
_CONDITION_ENDS = frozenset({"SET", "VALUES", "SELECT", "FROM", "GROUP", "ORDER", "THEN", "ELSE", "LIMIT", "RETURNING"})
_TYPED: Mapping[str, Value] = {"text": "x", "blob": b"\x01", "real": 0.5, "integer": 7, "null": None}
_WORDS: Mapping[str, Value] = {"TRUE": 1, "FALSE": 0, "NULL": None}
_DATE = re.compile(r"(\d{4})(-\d\d.*)", re.DOTALL)
_LONGEST, _STATEMENTS = 40_000, 500
_LONGEST_VALUE = 20_000
_PARENTS = 3


def wanted(text: str, schema: Schema) -> dict[str, Wanted]:
    """What the conditions in ``text`` ask, by table of ``schema`` in lower case.

    For example ``DELETE FROM jobs WHERE state = 'done' AND tries > 3`` gives the table jobs the preset
    ``{"state": ("done",), "tries": (3, 4, 2)}``.
    """
    named = {token.name for token in tokenize(text) if token.kind in ("word", "quoted")}
    tables = {fold(t.name): frozenset(fold(c.name) for c in t.columns) for t in schema.tables.values()}
    drafts = _Drafts()
    renames = dict(_renamed_columns(text))
    for number, statement in enumerate(statements(text)):
        if number == _STATEMENTS:
            break
        if len(statement.text) <= _LONGEST:
            _Reader(tokenize(statement.text), tables, frozenset(named & tables.keys()), drafts, renames).read()
            drafts.statement_ends()
    return _with_parents(drafts.wanted(), schema)


def _renamed_columns(text: str) -> Iterator[tuple[str, str]]:
    """The new names of columns that ``text`` renames, with the old ones."""
    if "rename" in text.lower():
        for statement in statements(text):
            what = effect(statement.text)
            if what.kind == "alter_rename_column" and what.column and what.new_name:
                yield fold(what.new_name), fold(what.column)


@dataclass(slots=True)
class _Drafts:
    """What was read so far, by table and then by column."""

    current: dict[str, dict[str, list[Value]]] = field(default_factory=dict)
    presets: dict[str, list[Mapping[str, tuple[Value, ...]]]] = field(default_factory=lambda: defaultdict(list))
    pool: dict[str, dict[str, list[Value]]] = field(default_factory=dict)
    alike: dict[str, dict[str, list[tuple[str, str]]]] = field(default_factory=dict)
    json: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def compare(self, column: tuple[str, str], others: Sequence[tuple[str, str]]) -> None:
        """Note that ``column`` is compared with each of ``others`` but itself, all as table and column."""
        table, name = column
        if unlike := [other for other in others if other != column]:
            self.alike.setdefault(table, {}).setdefault(name, []).extend(unlike)

    def statement_ends(self) -> None:
        """Make presets of what the statement compares."""
        for table, values in self.current.items():
            preset = {column: tuple(dict.fromkeys(listed)) for column, listed in values.items()}
            if preset not in self.presets[table]:
                self.presets[table].append(preset)
        self.current = {}

    def wanted(self) -> dict[str, Wanted]:
        """By table."""
        return {
            table: Wanted(
                tuple(self.presets.get(table, ())),
                {column: tuple(dict.fromkeys(v)) for column, v in self.pool.get(table, {}).items()},
                {column: tuple(dict.fromkeys(v)) for column, v in self.alike.get(table, {}).items()},
                frozenset(self.json.get(table, ())),
            )
            for table in {*self.presets, *self.pool, *self.alike, *self.json}
        }


@dataclass(frozen=True, slots=True)
class _Operand:
    """A column in a condition: the tables that may have it, and the place behind its last token. ``path`` leads into
    its JSON, ``inner`` are the texts that a function has beside it, ``function`` is the innermost one."""

    name: str
    tables: tuple[str, ...]
    end: int
    path: str = ""
    inner: tuple[Value, ...] = ()
    function: str = ""


class _Reader:
    """Reads the conditions of one statement."""

    def __init__(
        self,
        tokens: Sequence[Token],
        tables: Mapping[str, frozenset[str]],
        named: frozenset[str],
        drafts: _Drafts,
        renames: Mapping[str, str],
    ) -> None:
        self._tokens = tokens
        self._renames = renames
        self._tables = tables
        self._drafts = drafts
        here = {token.name for token in tokens if token.kind in ("word", "quoted")} & tables.keys()
        self._here, self._named = tuple(sorted(here)), tuple(sorted(named))
        self._aliases = dict(self._read_aliases())

    def read(self) -> None:
        """Read every condition of the statement."""
        states, cases, conditional = [False], [False], False
        for place, token in enumerate(self._tokens):
            word = token.word
            if word == "(":
                states.append(conditional)
            elif word == ")":
                conditional = states.pop() if len(states) > 1 else False
            elif word == "CASE":
                cases.append(conditional)
                conditional = True
                self._case(place)
            elif word == "END":
                conditional = cases.pop() if len(cases) > 1 else False
            elif word in _CONDITION_BEGINS:
                conditional = True
                if word == "USING":
                    self._using(place)
            elif word in _CONDITION_ENDS:
                conditional = False
            elif token.kind in ("word", "quoted") and (operand := self._operand(place)) is not None:
                if self._is_json(place):
                    for table in operand.tables:
                        self._drafts.json[table].add(operand.name)
                if conditional:
                    self._compare(operand, place)

    def _read_aliases(self) -> Iterator[tuple[str, str]]:
        for place, token in enumerate(self._tokens):
            if token.kind in ("word", "quoted") and token.name in self._tables:
                behind = place + 2 if self._word(place + 1) == "AS" else place + 1
                if behind < len(self._tokens) and self._tokens[behind].kind in ("word", "quoted"):
                    yield self._tokens[behind].name, token.name

    def _word(self, place: int) -> str:
        return self._tokens[place].word if 0 <= place < len(self._tokens) else ""

    def _operand(self, place: int) -> _Operand | None:
        """The column that is named at ``place``; None where there is none."""
        token = self._tokens[place]
        if token.kind not in ("word", "quoted") or self._word(place + 1) in (".", "("):
            return None
        qualifier = self._tokens[place - 2].name if self._word(place - 1) == "." else ""
        for name in (token.name, self._renames.get(token.name, token.name)):
            if tables := self._owners(name, qualifier):
                return self._behind(_Operand(name, tables, place + 1), place)
        return None

    def _owners(self, column: str, qualifier: str) -> tuple[str, ...]:
        if qualifier and (table := self._aliases.get(qualifier, qualifier)) in self._tables:
            return (table,) if column in self._tables[table] else ()
        here = tuple(t for t in self._here if column in self._tables[t])
        return here or tuple(t for t in self._named if column in self._tables[t])

    def _behind(self, operand: _Operand, place: int) -> _Operand:
        """``operand`` with the functions around it and the operators of JSON behind it left out."""
        opening = self._before(place)
        at, path, inner = place + 1, "", []
        function = ""
        while at < len(self._tokens):
            word = self._word(at)
            if word in ("->", "->>") and at + 1 < len(self._tokens):
                path = str(unquote(self._tokens[at + 1].text)) if self._tokens[at + 1].kind == "string" else ""
                at += 2
            elif word == "COLLATE":
                at += 2
            elif word == "AS" and self._word(opening - 1) == "CAST":
                at = self._closing(at)
            elif word == "," and self._word(opening) == "(" and self._is_function(opening - 1):
                end = self._closing(at)
                inner += [unquote(t.text) for t in self._tokens[at:end] if t.kind == "string"]
                at = end
            elif word == ")" and self._word(opening) == "(":
                function = function or (self._tokens[opening - 1].name if self._is_function(opening - 1) else "")
                opening -= 2 if self._is_function(opening - 1) else 1
                at += 1
            else:
                break
        if not path and function.startswith("json_") and inner:
            path = str(inner[0])
        return _Operand(operand.name, operand.tables, at, path, tuple(inner), function)

    def _before(self, place: int) -> int:
        """The place before the name at ``place``, and before the table that qualifies it."""
        return place - (3 if self._word(place - 1) == "." else 1)

    def _is_json(self, place: int) -> bool:
        """Whether the column that is named at ``place`` is read as JSON."""
        opening = self._before(place)
        called = self._word(opening) == "(" and self._tokens[opening - 1].name.startswith("json") if opening else False
        return called or self._word(place + 1) in ("->", "->>")

    def _is_function(self, place: int) -> bool:
        token = self._tokens[place] if place >= 0 else None
        keywords = {"IN", "AND", "OR", "NOT", "WHERE", "ON", "WHEN", "HAVING", "CHECK", "SELECT", "VALUES", "CASE"}
        return token is not None and token.kind == "word" and token.word not in keywords

    def _closing(self, place: int) -> int:
        """The place of the parenthesis that closes around ``place``."""
        depth = 0
        for at in range(place, len(self._tokens)):
            word = self._word(at)
            depth += (word == "(") - (word == ")")
            if depth < 0:
                return at
        return len(self._tokens)

    def _compare(self, operand: _Operand, place: int) -> None:
        """Note what ``operand``, which stands at ``place``, is compared with."""
        for text in operand.inner:
            if text != operand.path:
                self._add(operand, [text], preset=False)
        at, negative = operand.end, False
        sign = self._word(at)
        if sign in ("ISNULL", "NOTNULL"):
            self._add(operand, [None], preset=sign == "ISNULL")
            return
        if sign == "NOT" or (sign == "IS" and self._word(at + 1) == "NOT"):
            negative, at = True, at + 1
            sign = self._word(at) if sign == "NOT" else "IS"
        negative = negative or sign in _NEGATIVE
        if sign in _POSITIVE | _NEGATIVE and sign != "WHEN":
            self._right_side(operand, at + 1, sign, negative=negative)
            return
        before = self._before(place)
        if before > 0 and self._word(before) in _POSITIVE | _NEGATIVE:
            values = self._literals(self._tokens[before - 1], self._word(before))
            self._add(operand, values, preset=self._word(before) not in _NEGATIVE)

    def _right_side(self, operand: _Operand, at: int, sign: str, *, negative: bool) -> None:
        while self._word(at) in ("(", "+", "-", "NOT") and not (sign == "IN" and self._word(at) == "("):
            if self._word(at) == "-" and at + 1 < len(self._tokens) and self._tokens[at + 1].kind == "number":
                numbers = [v for v in self._literals(self._tokens[at + 1], sign) if isinstance(v, int | float)]
                self._add(operand, [-v for v in numbers], preset=not negative)
                return
            at += 1
        if at >= len(self._tokens):
            return
        if sign == "IN":
            end = self._closing(at + 1)
            listed = self._tokens[at + 1 : end]
            if listed and listed[0].word in ("SELECT", "WITH"):
                self._like_a_select(operand, at + 1, end)
                return
            self._add(operand, [v for t in listed for v in self._literals(t, sign)], preset=not negative)
            return
        if (other := self._other(at)) is not None:
            self._link(operand, other)
            return
        values = self._literals(self._tokens[at], sign)
        if sign == "BETWEEN" and at + 2 < len(self._tokens):
            values += self._literals(self._tokens[at + 2], sign)
        self._add(operand, values, preset=not negative)

    def _like_a_select(self, operand: _Operand, start: int, end: int) -> None:
        for at in range(start + 1, min(end, start + 8)):
            if (other := self._other(at)) is not None:
                self._link(operand, other)
                return

    def _other(self, at: int) -> _Operand | None:
        """The column of which the name, perhaps behind that of its table, stands at ``at``."""
        while self._word(at + 1) == "." and at + 2 < len(self._tokens):
            at += 2
        return self._operand(at) if at < len(self._tokens) else None

    def _link(self, one: _Operand, two: _Operand) -> None:
        for mine, theirs in ((one, two), (two, one)):
            for table in mine.tables:
                self._drafts.compare((table, mine.name), [(t, theirs.name) for t in theirs.tables])

    def _using(self, place: int) -> None:
        if self._word(place + 1) != "(":
            return
        for token in self._tokens[place + 2 : self._closing(place + 2)]:
            owners = self._owners(token.name, "") if token.kind in ("word", "quoted") else ()
            for table in owners:
                self._drafts.compare((table, token.name), [(t, token.name) for t in owners])

    def _case(self, place: int) -> None:
        """``CASE column WHEN value``: the values are no condition on the rows, and rows should have them."""
        operand = self._other(place + 1)
        if operand is None:
            return
        for at in range(operand.end, len(self._tokens)):
            if self._word(at) == "END":
                break
            if self._word(at) == "WHEN" and at + 1 < len(self._tokens):
                self._add(operand, self._literals(self._tokens[at + 1], "="), preset=False)

    def _literals(self, token: Token, sign: str) -> list[Value]:
        """The value of a literal; with values beside it where the ``sign`` orders, or wants a pattern."""
        match token.kind:
            case "string" | "quoted":
                # SQLite takes a name in double quotes that is no column for a text.
                if token.kind == "quoted" and not token.text.startswith('"'):
                    return []
                text = unquote(token.text)
                if sign in ("LIKE", "GLOB"):
                    return [v for v in around(token) if "%" not in str(v) and "*" not in str(v)]
                beside: list[Value] = []
                if sign in _ORDERED:
                    date = _DATE.fullmatch(text)
                    beside = [f"{int(date[1]) + n:04}{date[2]}" for n in (-1, 1)] if date else ["", f"{text}z"]
                return [text, *beside]
            case "number":
                numbers: list[Value] = [v for v in around(token) if not isinstance(v, str)]
                return numbers if sign in _ORDERED else numbers[:1]
            case "blob":
                try:
                    return [bytes.fromhex(token.text[2:-1])]
                except ValueError:
                    return []
        return [_WORDS[token.word]] if token.word in _WORDS else []

    def _add(self, operand: _Operand, values: Sequence[Value], *, preset: bool) -> None:
        values = [_inside(operand, value) for value in values]
        if not values:
            return
        for table in operand.tables:
            for goal in (self._drafts.pool, *([self._drafts.current] if preset else [])):
                goal.setdefault(table, {}).setdefault(operand.name, []).extend(values)


def _inside(operand: _Operand, value: Value) -> Value:
    """The value of a column whose JSON, length or type is ``value``."""
    if operand.function in ("typeof", "json_type"):
        value = _TYPED.get(str(value), value)
    if operand.function == "typeof":
        return value
    if operand.function in ("length", "octet_length") and isinstance(value, int):
        return "x" * max(0, min(value, _LONGEST_VALUE))
    if not operand.path or isinstance(value, bytes):
        return value
    content: object = value
    for name in reversed([part for part in operand.path.removeprefix("$").split(".") if part]):
        content = {name: content}
    return json.dumps(content)


def _with_parents(tables: dict[str, Wanted], schema: Schema) -> dict[str, Wanted]:
    """The same, where the parents of a table have rows with the values of its presets, so that it can refer to them."""
    for _ in range(_PARENTS):
        more: dict[str, list[Mapping[str, tuple[Value, ...]]]] = defaultdict(list)
        for table in schema.tables.values():
            for key in table.foreign_keys:
                parent = schema.table(key.parent)
                columns = key.referred(parent)
                if parent is None or len(key.columns) != 1 or len(columns) != 1:
                    continue
                for preset in tables.get(fold(table.name), Wanted()).presets:
                    values = tuple(v for v in preset.get(fold(key.columns[0]), ()) if v is not None)
                    extra = {fold(columns[0]): values}
                    if values and extra not in tables.get(fold(parent.name), Wanted()).presets:
                        more[fold(parent.name)].append(extra)
        if not more:
            break
        for name, presets in more.items():
            old = tables.get(name, Wanted())
            tables[name] = replace(old, presets=(*old.presets, *presets))
    return tables
