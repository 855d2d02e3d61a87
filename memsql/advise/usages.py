"""Reads queries: which tables each SELECT reads, at whatever depth, and what it asks of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from memsql.advise.terms import (
    SUBQUERY_WORDS,
    Scope,
    TableReader,
    Usage,
    subqueries,
)
from memsql.project.queries import Query
from memsql.schema import Schema, Table
from memsql.sqltext.expressions import without_effect
from memsql.sqltext.names import quote_if_needed
from memsql.sqltext.selects import Arm, Select, Source, parse_from, parse_select, without_parentheses
from memsql.sqltext.tokens import Token, outside, split_outside, tokenize
from memsql.sqltext.writes import read_view
from memsql.words import whole_number

_AGGREGATES = frozenset({"COUNT", "SUM", "TOTAL", "AVG", "MIN", "MAX", "GROUP_CONCAT", "STRING_AGG"})
_SECTIONS = frozenset({"WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "RETURNING"})


def usages_of(query: Query, schema: Schema) -> list[Usage]:
    """What ``query``, which is filled, asks of the tables of ``schema``; nothing of a text that cannot be read."""
    reader = _Reader(schema, dict(query.literals))
    tokens = tokenize(query.text)
    while tokens and tokens[-1].word == ";":
        tokens.pop()
    return list(reader.statement(tokens))


@dataclass(slots=True)
class _Parts:
    """The sections behind FROM."""

    conditions: list[list[Token]] = field(default_factory=list)
    group: list[list[Token]] = field(default_factory=list)
    order: list[list[Token]] = field(default_factory=list)
    limit: list[Token] = field(default_factory=list)


class _Reader:
    def __init__(self, schema: Schema, values: Mapping[str, str]) -> None:
        self._schema = schema
        self._values = values

    def statement(self, tokens: Sequence[Token]) -> Iterator[Usage]:
        """The usages of a SELECT, a DELETE or an UPDATE."""
        word = tokens[0].word if tokens else ""
        if word in ("SELECT", "WITH", "VALUES"):
            yield from self._select(parse_select(tokens), None)
        elif word == "DELETE" and len(tokens) > 1 and tokens[1].word == "FROM":
            sources, conditions = parse_from(tokens[1:])
            yield from self._arm(Arm((), sources, conditions=tuple(conditions)), {}, None, alone=True)
        elif word == "UPDATE" and len(tokens) > 1:
            where = next((n for n, t in outside(tokens) if t.word == "WHERE"), len(tokens))
            source = Source(tokens[1].name)
            yield from self._arm(Arm((), (source,), conditions=tuple(tokens[where:])), {}, None, alone=True)
        elif word in ("INSERT", "REPLACE"):
            start = next((n for n, t in outside(tokens) if t.word in SUBQUERY_WORDS), len(tokens))
            yield from self._select(parse_select(tokens[start:]), None)

    def _select(self, select: Select, outer: Scope | None, ctes: Mapping[str, Select] | None = None) -> Iterator[Usage]:
        known = {**(ctes or {}), **select.ctes}
        for name, cte in select.ctes.items():
            yield from self._select(cte, outer, {n: c for n, c in known.items() if n != name})
        for arm in select.arms:
            yield from self._arm(arm, known, outer, alone=len(select.arms) == 1)

    def _arm(self, arm: Arm, ctes: Mapping[str, Select], outer: Scope | None, *, alone: bool) -> Iterator[Usage]:
        tables: dict[str, Table | None] = {}
        for source in arm.sources:
            if source.select is not None:
                yield from self._select(source.select, outer, ctes)
            table = None if source.select is not None or source.table in ctes else self._schema.table(source.table)
            tables[source.label] = table if table is not None and table.kind == "table" else None
            if table is not None and table.kind == "view":
                yield from self._select(read_view(table.sql), None)
        scope = Scope(self._schema, tables, outer)
        parts = _sections(arm.conditions)
        for tokens in [*(item.tokens for item in arm.items), arm.conditions]:
            for inner in subqueries(tokens):
                yield from self._select(parse_select(inner), scope, ctes)
        joined = list(_shared(arm.sources))
        for label, table in tables.items():
            if table is not None:
                yield self._usage(label, table, arm, _with(parts, joined), scope, alone=alone)

    def _usage(self, label: str, table: Table, arm: Arm, parts: _Parts, scope: Scope, *, alone: bool) -> Usage:
        one = TableReader(label, table, scope, self._values)
        conditions, alternatives = [], []
        for tokens in parts.conditions:
            branches = split_outside(without_parentheses(tokens), "OR")
            if len(branches) > 1:
                parsed = [[one.condition(part) for part in split_outside(branch, "AND")] for branch in branches]
                alternatives += [tuple(filter(None, branch)) for branch in parsed]
            condition = one.condition(tokens)
            if condition is not None:
                conditions.append(condition)
        aggregates = not parts.group and any(_aggregates(item.tokens) for item in arm.items)
        keys = parts.group or parts.order
        extreme = _extreme(arm) if aggregates and not keys else ()
        order = one.order(_named(keys, arm), extreme) if alone else ()
        whole = any(item.star and item.of in (None, label) for item in arm.items)
        return Usage(
            table.name,
            label,
            tuple(conditions),
            order,
            bool(parts.group),
            None if whole or not arm.items else one.columns([*(i.tokens for i in arm.items), arm.conditions]),
            None if aggregates or parts.group or not alone else self._number(parts.limit),
            bool(extreme and order),
            tuple(alternatives),
        )

    def _number(self, tokens: Sequence[Token]) -> int | None:
        texts = [self._values.get(t.text[1:], "") if t.kind == "variable" else t.text for t in tokens[:1]]
        return whole_number(texts[0]) if texts else None


def _with(parts: _Parts, conditions: list[list[Token]]) -> _Parts:
    """``parts`` with more ``conditions``."""
    return replace(parts, conditions=[*parts.conditions, *conditions])


def _sections(tokens: Sequence[Token]) -> _Parts:
    """The conditions of ON and WHERE, and the lists of GROUP BY, ORDER BY and LIMIT."""
    parts = _Parts()
    section, start, depth = "WHERE", 0, 0
    pieces: list[tuple[str, Sequence[Token]]] = []
    for place, token in enumerate(tokens):
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and token.word in _SECTIONS:
            pieces.append((section, tokens[start:place]))
            section, start = token.word, place + 1 + (token.word in ("GROUP", "ORDER"))
    pieces.append((section, tokens[start:]))
    for name, piece in pieces:
        if name == "WHERE":
            parts.conditions += [part for part in split_outside(piece, "AND") if part]
        elif name == "GROUP":
            parts.group = [part for part in split_outside(piece, ",") if part]
        elif name == "ORDER":
            parts.order = [part for part in split_outside(piece, ",") if part]
        elif name == "LIMIT":
            parts.limit = list(piece)
    return parts


def _named(keys: Sequence[Sequence[Token]], arm: Arm) -> list[Sequence[Token]]:
    """``keys`` of ORDER BY or GROUP BY with the expression for the name or number of a result column."""
    names = {item.name: item.tokens for item in arm.items if item.name and not item.star}
    resolved: list[Sequence[Token]] = []
    for key in keys:
        words, rest = list(key), list[Token]()
        while words and words[-1].word in ("ASC", "DESC"):
            rest.insert(0, words.pop())
        if len(words) == 1 and words[0].kind == "number" and 0 < int(words[0].text) <= len(arm.items):
            words = list(arm.items[int(words[0].text) - 1].tokens)
        elif len(words) == 1 and words[0].name in names:
            words = list(names[words[0].name])
        resolved.append([*without_effect(words), *rest] if words and words[0].word != "+" else key)
    return resolved


def _aggregates(tokens: Sequence[Token]) -> bool:
    return any(t.word in _AGGREGATES and n.word == "(" for t, n in pairwise(tokens))


def _extreme(arm: Arm) -> Sequence[Token]:
    """What a SELECT of one min() or max() alone looks for; nothing for another one."""
    tokens = arm.items[0].tokens if len(arm.items) == 1 else ()
    is_one = len(tokens) > 3 and tokens[0].word in ("MIN", "MAX") and tokens[1].word == "(" and tokens[-1].word == ")"
    return tokens[2:-1] if is_one else ()


def _shared(sources: Sequence[Source]) -> Iterator[list[Token]]:
    """The conditions that USING means."""
    for place, source in enumerate(sources):
        for column in sorted(source.using):
            before = sources[place - 1].label
            yield [
                *(Token("quoted", quote_if_needed(before), 0), Token("op", ".", 0)),
                *(Token("quoted", quote_if_needed(column), 0), Token("op", "=", 0)),
                *(Token("quoted", quote_if_needed(source.label), 0), Token("op", ".", 0)),
                Token("quoted", quote_if_needed(column), 0),
            ]
