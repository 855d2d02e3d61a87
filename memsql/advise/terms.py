"""What a query asks of a table: the columns and expressions that it compares, sorts and groups by, and how conditions
are read from the point of view of one table. Text and schema alone are read; whether an index helps, the planner of
SQLite says later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from memsql.schema import Schema, Table
from memsql.schema.meaning import expression_text
from memsql.schema.read_rules import rules_of
from memsql.sqltext import fold
from memsql.sqltext.expressions import qualified_name
from memsql.sqltext.names import is_reserved, quote_if_needed
from memsql.sqltext.selects import parse_select, without_parentheses
from memsql.sqltext.tokens import Token, outside

Comparison = Literal["equal", "range", "other"]
_EQUAL = frozenset({"=", "==", "IS"})
_RANGE = frozenset({"<", ">", "<=", ">="})
SUBQUERY_WORDS = frozenset({"SELECT", "WITH", "VALUES"})
"""How a query begins."""
# By which collation an index serves each, and with what its patterns are uncertain from the beginning.
_PATTERNS = {"LIKE": ("nocase", "%_"), "GLOB": ("binary", "*?[")}
_WORDS = frozenset({"ASC", "DESC", "NULLS", "FIRST", "LAST", "LIKE", "GLOB", "MATCH", "REGEXP", "ESCAPE", "END"})


@dataclass(frozen=True, slots=True)
class TermUse:
    """A column or an expression over one table: its canonical ``text``, its ``collation``, and how to write it as part
    of an index, ``sql``."""

    text: str
    sql: str
    collation: str = "binary"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that a row must meet, one of those that AND joins. ``sql`` is its text without the alias of the
    table, with the values of the query in place; empty where it is about other tables too. ``constant``: what the term
    is compared with stands in the query and is no variable of it. ``varies``: how many rows meet it depends on a
    variable that is compared in another way, such as the pattern of a LIKE. ``others``: the labels of the other tables
    that it is about. ``text``: ``sql`` in canonical form, where it is constant."""

    kind: Comparison
    sql: str
    term: TermUse | None = None
    constant: bool = False
    varies: bool = False
    others: frozenset[str] = frozenset()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """One table as one SELECT of a query reads it. ``order``: the terms of ORDER BY, or else of GROUP BY, with their
    direction; none where they are about other tables too. ``grouped``: they are those of GROUP BY. ``columns`` are
    those that the query reads, None for all. ``limit``: after how many rows the query ends, None where it reads all.
    ``extreme``: it looks for one min() or max() alone, which is the first or last row in ``order``. ``alternatives``:
    the conditions of each branch of an OR.
    """

    table: str
    label: str
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[TermUse, bool], ...] = ()
    grouped: bool = False
    columns: frozenset[str] | None = None
    limit: int | None = None
    extreme: bool = False
    alternatives: tuple[tuple[Condition, ...], ...] = ()

    def of(self, kind: Comparison) -> tuple[Condition, ...]:
        """The conditions of one ``kind`` that are about a term."""
        return tuple(c for c in self.conditions if c.kind == kind and c.term is not None)


@dataclass(slots=True)
class Scope:
    """The tables behind one FROM, by label, and those around it."""

    schema: Schema
    tables: dict[str, Table | None]
    outer: Scope | None = None

    def owner(self, reference: tuple[str | None, str]) -> str | None:
        """The label of the table of a column; "" where it is one of a SELECT around, None where nobody knows."""
        qualifier, name = reference
        for label, table in self.tables.items():
            if qualifier is not None and qualifier not in (label, fold(table.name) if table else label):
                continue
            if qualifier is not None or (table is not None and _has(table, name)):
                return label
        if self.outer is not None and self.outer.owner(reference) is not None:
            return ""
        return None


class TableReader:
    """Reads conditions and keys from the point of view of one table."""

    def __init__(self, label: str, table: Table, scope: Scope, values: Mapping[str, str]) -> None:
        self._label, self._table, self._scope, self._values = label, table, scope, values
        self._collations = {fold(c.name): c.collation for c in rules_of(table).columns.values()}
        self._spelled = {fold(c.name): c.name for c in table.columns}

    def condition(self, tokens: Sequence[Token]) -> Condition | None:
        """``tokens`` as a condition on the table; None where it is not about it."""
        tokens = without_parentheses(tokens)
        owners = self._owners(tokens)
        if self._label not in owners or None in owners:
            return None
        correlated = any(owner == "" for owner, _ in _references(tokens, self._scope))
        alone = owners <= {self._label} and not correlated and not any(True for _ in subqueries(tokens))
        sql = self._filled(tokens) if alone else ""
        prefix = self._prefix(tokens) if sql else None
        if prefix is not None:
            return Condition("range", sql, prefix, constant=not any(t.kind == "variable" for t in tokens))
        for kind, left, right in _comparison(tokens):
            for one, other in ((left, right), (right, left)):
                term = self.term(one, collated=other)
                if term is not None and self._label not in self._owners(other):
                    constant = alone and not any(t.kind == "variable" for t in other)
                    others = frozenset(o for o in owners if o is not None) - {self._label}
                    text = expression_text(sql, self._table.name, self._spelled) if constant else ""
                    return Condition(kind, sql, term, constant, others=others, text=text)
        return Condition("other", sql, varies=any(t.kind == "variable" for t in tokens)) if sql else None

    def _prefix(self, tokens: Sequence[Token]) -> TermUse | None:
        """What LIKE or GLOB compares with a pattern that begins with something certain: SQLite then looks for a range,
        in an index without case for LIKE and in a binary one for GLOB (https://sqlite.org/optoverview.html)."""
        places = {token.word: place for place, token in outside(tokens)}
        word = next((word for word in _PATTERNS if word in places), None)
        if word is None or not places.keys().isdisjoint(("NOT", "OR")):
            return None
        collation, wildcards = _PATTERNS[word]
        pattern = tokens[places[word] + 1 : places.get("ESCAPE", len(tokens))]
        text = self._filled(without_parentheses(pattern)).strip("()")
        if len(pattern) != 1 or not text.startswith("'") or text[1:2] in ("", "'", *wildcards):
            return None
        left = tokens[: places[word]]
        term = self.term(left[:-2] if _collation(left) else left)
        if term is None or term.collation == collation:
            return term
        return TermUse(term.text, f"{term.sql} COLLATE {collation}", collation)

    def order(self, keys: Sequence[Sequence[Token]], extreme: Sequence[Token] = ()) -> tuple[tuple[TermUse, bool], ...]:
        """The terms of ORDER BY or GROUP BY, each with whether it is descending; nothing where one is not about the
        table. ``extreme``: what alone is looked for, by min() or max()."""
        terms = []
        for key in [*keys, *([extreme] if extreme else [])]:
            words = [token.word for token in key]
            if "NULLS" in words:
                return ()
            descending = words[-1] == "DESC"
            term = self.term(key[:-1] if words[-1] in ("ASC", "DESC") else key)
            if term is None:
                return ()
            terms.append((term, descending))
        return tuple(terms)

    def term(self, tokens: Sequence[Token], collated: Sequence[Token] = ()) -> TermUse | None:
        """``tokens`` as a term of an index of the table: a column, or an expression over its columns alone."""
        tokens = without_parentheses(tokens)
        collation = _collation(tokens) or _collation(collated)
        inner = without_parentheses(tokens[:-2] if _collation(tokens) else tokens)
        if not inner or self._owners(inner) != {self._label} or any(t.kind == "variable" for t in inner):
            return None
        if any(True for _ in subqueries(inner)) or inner[0].word == "+":
            return None
        bare = self._bare(inner)
        if len(bare) == 1 and bare[0].name in self._spelled:
            name = bare[0].name
            sql = quote_if_needed(self._spelled[name])
            text, default = quote_if_needed(name), self._collations.get(name, "binary")
        elif "(" in [token.word for token in bare] or len(bare) > 1:
            sql, default = _written([(t, t.text) for t in bare]), "binary"
            text = expression_text(sql, self._table.name, self._spelled)
        else:
            return None
        collation = collation or default
        return TermUse(text, sql if collation == default else f"{sql} COLLATE {collation}", collation)

    def columns(self, texts: Sequence[Sequence[Token]]) -> frozenset[str]:
        """The columns of the table, folded, that ``texts`` name."""
        return frozenset(
            name for tokens in texts for owner, name in _references(tokens, self._scope) if owner == self._label
        )

    def _owners(self, tokens: Sequence[Token]) -> set[str | None]:
        return {owner for owner, _ in _references(tokens, self._scope) if owner != ""}

    def _bare(self, tokens: Sequence[Token]) -> list[Token]:
        """``tokens`` without the alias or name of the table in front of its columns."""
        names = (self._label, fold(self._table.name))
        bare, place = [], 0
        while place < len(tokens):
            is_prefix = place + 2 < len(tokens) and tokens[place + 1].word == "." and tokens[place].name in names
            if is_prefix:
                place += 2
            bare.append(tokens[place])
            place += 1
        return bare

    def _filled(self, tokens: Sequence[Token]) -> str:
        """The SQL of ``tokens`` with values for its variables; empty where one has none."""
        texts = []
        for token in self._bare(tokens):
            value = self._values.get(token.text[1:]) if token.kind == "variable" else token.text
            if value is None:
                return ""
            texts.append((token, f"({value})" if token.kind == "variable" else value))
        return _written(texts)


def _comparison(tokens: Sequence[Token]) -> Iterator[tuple[Comparison, Sequence[Token], Sequence[Token]]]:
    """How a condition compares, and its two sides; nothing for another condition."""
    places = {token.word: place for place, token in reversed(list(outside(tokens)))}
    if "NOT" in places or "OR" in places:
        return
    if "BETWEEN" in places:
        yield "range", tokens[: places["BETWEEN"]], tokens[places["BETWEEN"] + 1 :]
        return
    if "IN" in places:
        yield "equal", tokens[: places["IN"]], tokens[places["IN"] + 1 :]
        return
    for word in (*_EQUAL, *_RANGE):
        if word in places:
            yield "equal" if word in _EQUAL else "range", tokens[: places[word]], tokens[places[word] + 1 :]
            return


def _references(tokens: Sequence[Token], scope: Scope) -> Iterator[tuple[str | None, str]]:
    """The columns in ``tokens``: the label of the table of each ("" for one of a SELECT around), and its folded name.
    Also those that subqueries take from here."""
    place = 0
    while place < len(tokens):
        token = tokens[place]
        following = tokens[place + 1].word if place + 1 < len(tokens) else ""
        if token.word == "(" and following in SUBQUERY_WORDS:
            inner = next(subqueries(tokens[place:]))
            yield from _taken_from(inner, scope)
            place += len(inner) + 2
            continue
        is_name = token.kind == "quoted" or (token.kind == "word" and not is_reserved(token.text))
        if not is_name or following == "(" or (token.word in _WORDS and following != "."):
            place += 2 if token.word == "COLLATE" else 1
            continue
        reference, place = qualified_name(tokens, place)
        if reference is not None:
            owner = scope.owner(reference)
            if owner is not None or not _is_literal(token):
                yield owner, reference[1]
        place += 1


def _taken_from(tokens: Sequence[Token], scope: Scope) -> Iterator[tuple[str | None, str]]:
    """The columns around a subquery, those of ``scope``, that it reads."""
    pending, names, labels = [parse_select(tokens)], set[str](), set[str]()
    while pending:
        select = pending.pop()
        pending += select.ctes.values()
        for source in (source for arm in select.arms for source in arm.sources):
            table = scope.schema.table(source.table)
            labels |= {source.label, source.table}
            names |= {fold(column.name) for column in table.columns} if table is not None else set()
            pending += [source.select] if source.select is not None else []
    for owner, name in _references(tokens[1:], scope):
        if owner is not None and owner not in labels and name not in names:
            yield owner, name


def _is_literal(token: Token) -> bool:
    """Whether a name that no table has may be a string or a keyword."""
    return token.kind == "quoted" or token.word in ("TRUE", "FALSE")


def subqueries(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The SELECTs in parentheses among ``tokens``, the outermost ones."""
    place = 0
    while place + 1 < len(tokens):
        if tokens[place].word == "(" and tokens[place + 1].word in SUBQUERY_WORDS:
            depth, end = 0, place
            for end in range(place, len(tokens)):
                depth += (tokens[end].word == "(") - (tokens[end].word == ")")
                if depth == 0:
                    break
            yield tokens[place + 1 : end]
            place = end
        place += 1


def _collation(tokens: Sequence[Token]) -> str:
    return tokens[-1].name if len(tokens) > 2 and tokens[-2].word == "COLLATE" else ""


def _written(texts: Sequence[tuple[Token, str]]) -> str:
    """Tokens, each with its text, as a person writes them: ``lower(a) = 'x' AND b IN (1, 2)``."""
    parts: list[str] = []
    before: Token | None = None
    for token, text in texts:
        opens = before is not None and before.word in ("(", ".")
        calls = token.word == "(" and before is not None and before.kind == "word" and not is_reserved(before.text)
        if parts and not opens and not calls and token.word not in (")", ",", "."):
            parts.append(" ")
        parts.append(text)
        before = token
    return "".join(parts)


def _has(table: Table, name: str) -> bool:
    return any(fold(column.name) == name for column in table.columns)
