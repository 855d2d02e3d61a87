"""From which columns the values come that a statement writes. Text alone is read, the schema only for the columns of
tables and the texts of views.

What cannot be read (or is no SQL) yields fewer sources, never more: who trusts this may miss where a value comes
from, and does not take a value for copied that is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Literal, NamedTuple, Protocol

from memsql.sqltext.expressions import equations, qualified_name, without_effect
from memsql.sqltext.names import ROWIDS
from memsql.sqltext.selects import (
    Arm,
    Item,
    Select,
    Source,
    constant_of,
    list_items,
    parse_select,
    reference_of,
    without_parentheses,
)
from memsql.sqltext.tokens import Token
from memsql.sqltext.writes import Write

# So many ways to combine the SELECTs of compound ones are told apart.
_MOST = 64
_DEPTH = 20
# Words that an operand follows. Behind an operand any other word is an operator too, and no column.
_LOGIC = frozenset({"CASE", "WHEN", "THEN", "ELSE", "AND", "OR", "NOT", "IS", "BETWEEN", "IN", "DISTINCT"})
_PATTERNS = frozenset({"LIKE", "GLOB", "REGEXP", "MATCH", "ESCAPE"})
_CLAUSES = frozenset({"FROM", "ON", "WHERE", "GROUP", "ORDER", "BY", "HAVING", "LIMIT", "OFFSET"})
_OPENING = _LOGIC | _PATTERNS | _CLAUSES
# Words that a name follows which is no column: of a type, a collation or a window.
_NAMING = ("AS", "COLLATE", "OVER")


# The place of the table that an UPDATE changes.
UPDATED = (0,)


class Schema(Protocol):
    """What the schema says of tables and views. Names are folded."""

    def columns(self, name: str) -> Sequence[str]:
        """The columns, folded, that ``SELECT *`` has of a table or view; empty where there is no such table."""

    def view_select(self, name: str) -> Select | None:
        """The SELECT of a view; None where ``name`` is none."""


class Place(NamedTuple):
    """A column of a table, and which one of the times that the statement names the table."""

    table: str
    column: str
    source: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that gives a value to a column.

    ``kind``: bare (a column alone), cast (CAST of a column alone) or other. ``places``: the columns it reads; for bare
    and cast that one column, which USING makes equal to others. ``constant``: the SQL of a literal.
    ``links``: of an UPDATE, columns that a condition makes equal to a column of the table that it changes.
    """

    kind: Literal["bare", "cast", "other"] = "other"
    places: frozenset[Place] = frozenset()
    constant: str | None = None
    links: frozenset[tuple[Place, str]] = frozenset()

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        """The columns it reads, as (table, column), folded."""
        return frozenset((place.table, place.column) for place in self.places)


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the ways in which rows come about: a SELECT of a compound one, also of one that is nested. ``columns``:
    name, folded, and expression of each column. ``some``: it may leave out rows of its tables."""

    columns: tuple[tuple[str, Expression], ...]
    some: bool = False

    @property
    def values(self) -> tuple[Expression, ...]:
        """The expressions alone."""
        return tuple(expression for _, expression in self.columns)


class _Scope(NamedTuple):
    """The common table expressions that a SELECT sees."""

    ctes: Mapping[str, Select]
    outer: _Scope | None = None

    def find(self, name: str) -> tuple[Select, _Scope] | None:
        """The common table expression ``name``, and where it is defined."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name], scope
            scope = scope.outer
        return None


_NOWHERE = _Scope({})
# Of each source, in order: it, its columns.
_Fields = Sequence[tuple[Source, Branch]]
_Links = Set[tuple[Place, str]]


def branches(write: Write, schema: Schema) -> list[Branch]:
    """The ways in which rows of an INSERT … SELECT or a CREATE TABLE … AS come about."""
    if write.select is None:
        return []
    return _Resolver(schema).branches(write.select, _NOWHERE, ())


def assigned(write: Write, schema: Schema) -> Mapping[str, Expression]:
    """What an UPDATE sets each column to. The columns of the table itself count as (table, column)."""
    resolver = _Resolver(schema)
    scope = _Scope(write.select.ctes if write.select is not None else {})
    sources = (Source(write.table, write.alias), *write.sources)
    fields = [(source, _only(resolver.of_source(source, scope, (n,)))) for n, source in enumerate(sources)]
    links = resolver.links(write.conditions, fields, fields[0])
    return {column: resolver.assigned(tokens, fields, scope, links) for column, tokens in write.values}


class _Resolver:
    """Finds out which column of which table a name in a SELECT means."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._active: list[Select] = []

    def branches(self, select: Select, scope: _Scope, path: tuple[int, ...]) -> list[Branch]:
        """The branches of ``select``, with the names of the first one."""
        inner = _Scope(select.ctes, scope) if select.ctes else scope
        arms = select.arms
        if any(select is active for active in self._active):
            # A recursive part adds rows to those of the others, which it reads.
            arms = tuple(arm for arm in arms if not any(_is_itself(source, select, inner) for source in arm.sources))
        if len(self._active) > _DEPTH:
            return []
        self._active.append(select)
        found = [branch for arm in arms for branch in self._of_arm(arm, inner, path)]
        self._active.pop()
        if not found:
            return []
        names = [name for name, _ in found[0].columns]
        if len(select.names) == len(names):
            names = list(select.names)
        return [replace(b, columns=tuple(zip(names, b.values, strict=False))) for b in found]

    def of_source(self, source: Source, scope: _Scope, path: tuple[int, ...]) -> list[Branch]:
        """The branches of a table, view or SELECT behind FROM."""
        if source.select is not None:
            return self.branches(source.select, scope, path)
        named = scope.find(source.table) if source.schema is None else None
        if named is not None:
            return self.branches(*named, path)
        view = self._schema.view_select(source.table)
        if view is not None:
            return self.branches(view, _NOWHERE, path)
        columns = self._schema.columns(source.table)
        return [Branch(tuple((c, Expression("bare", frozenset({Place(source.table, c, path)}))) for c in columns))]

    def assigned(self, tokens: Sequence[Token], fields: _Fields, scope: _Scope, links: _Links) -> Expression:
        """What an UPDATE sets a column to: ``tokens``. What a nested SELECT returns is read too."""
        tokens = without_parentheses(tokens)
        outer = self._expression(tokens, fields)
        places, links = set(outer.places), set(links)
        for place, token in enumerate(tokens):
            following = tokens[place + 1].word if place + 1 < len(tokens) else ""
            if token.word != "(" or following not in ("SELECT", "WITH"):
                continue
            end = list_items(tokens, place)[1]
            select = parse_select(tokens[place + 1 : end - 1])
            path = (len(fields), place)
            ways = self.branches(select, scope, path)
            if len(ways) != 1 or len(ways[0].columns) != 1:
                continue
            (inner,) = ways[0].values
            arm, own = select.arms[0], _Scope(select.ctes, scope)
            sources = [(s, _only(self.of_source(s, own, (*path, n)))) for n, s in enumerate(arm.sources)]
            links |= self.links(arm.conditions, sources, fields[0])
            if place == 0 and end == len(tokens) and inner.kind != "other":
                return replace(inner, links=frozenset(links))
            places |= inner.places
        return replace(outer, places=frozenset(places), links=frozenset(links))

    def links(self, conditions: Sequence[Token], fields: _Fields, changed: tuple[Source, Branch]) -> _Links:
        """The columns of ``fields`` that ``conditions`` make equal to a column of the table ``changed``."""
        links: set[tuple[Place, str]] = set()
        for left, right in equations(conditions):
            one, two = (self._field(name, fields) or self._field(name, [changed]) for name in (left, right))
            if one is None or two is None or one.kind != "bare" or two.kind != "bare":
                continue
            for here, there in ((one.places, two.places), (two.places, one.places)):
                links |= {(p, q.column) for p in here for q in there if q.source == UPDATED != p.source}
        equal = [*self._equal(conditions, fields), *_joined(fields)]
        return links | {
            (q, to) for p, to in links for places in equal if p in places for q in places if q.source != UPDATED
        }

    def _of_arm(self, arm: Arm, scope: _Scope, path: tuple[int, ...]) -> list[Branch]:
        parts = [self.of_source(source, scope, (*path, n)) for n, source in enumerate(arm.sources)]
        if prod(map(len, parts)) > _MOST:
            parts = [[_only(part)] for part in parts]
        # A source that cannot be read has no columns, and the others still have theirs.
        ways = product(*(part or [Branch(())] for part in parts))
        return [self._output(arm, list(zip(arm.sources, way, strict=True))) for way in ways]

    def _output(self, arm: Arm, fields: _Fields) -> Branch:
        columns: list[tuple[str, Expression]] = []
        for item in arm.items:
            columns += _starred(item, fields) if item.star else [(item.name, self._expression(item.tokens, fields))]
        equal = [*self._equal(arm.conditions, fields), *_joined(fields)]
        columns = [(name, _with_equal(expression, equal)) for name, expression in columns]
        return Branch(tuple(columns), arm.some or any(part.some for _, part in fields))

    def _equal(self, conditions: Sequence[Token], fields: _Fields) -> Iterator[frozenset[Place]]:
        """The columns that ``conditions`` make equal to each other."""
        for pair in equations(conditions):
            one, two = (self._field(name, fields) for name in pair)
            if one is not None and two is not None and one.kind == two.kind == "bare":
                yield one.places | two.places

    def _expression(self, tokens: Sequence[Token], fields: _Fields) -> Expression:
        tokens = without_effect(tokens)
        constant = constant_of(tokens)
        if constant is not None:
            return Expression(constant=constant)
        single = reference_of(tokens)
        if single is not None:
            return self._field(single, fields) or Expression()
        if len(tokens) > 4 and tokens[0].word == "CAST" and list_items(tokens, 1)[1] == len(tokens):
            inside = tokens[2:-1]
            place = next((n for n in reversed(range(len(inside))) if inside[n].word == "AS"), 0)
            inner = self._expression(inside[:place], fields)
            if inner.kind != "other":
                return Expression("cast", inner.places)
        return Expression("other", self._reads(tokens, fields))

    def _reads(self, tokens: Sequence[Token], fields: _Fields, hidden: _Hidden | None = None) -> frozenset[Place]:
        """The columns of ``fields`` that ``tokens`` read. ``hidden``: names that mean something else here, because they
        stand in a nested SELECT."""
        places: set[Place] = set()
        place, is_operand = 0, False
        while place < len(tokens):
            token = tokens[place]
            following = tokens[place + 1].word if place + 1 < len(tokens) else ""
            if token.word == "(" and following in ("SELECT", "WITH", "VALUES"):
                end = list_items(tokens, place)[1]
                places |= self._outer_reads(parse_select(tokens[place + 1 : end - 1]), fields, hidden)
                place, is_operand = end, True
                continue
            if token.word in _NAMING and following != "(":
                place, is_operand = place + 2, True
                continue
            if token.kind not in ("word", "quoted"):
                is_operand = token.kind != "op" or token.word == ")"
            elif following == "(" or token.word in _OPENING:
                is_operand = False
            elif is_operand:
                is_operand = token.word == "END"
            else:
                reference, place = qualified_name(tokens, place)
                if reference is not None and not (hidden is not None and hidden.covers(reference)):
                    column = self._field(reference, fields)
                    places |= column.places if column is not None else frozenset()
                is_operand = True
            place += 1
        return frozenset(places)

    def _outer_reads(self, select: Select, fields: _Fields, hidden: _Hidden | None) -> frozenset[Place]:
        """The columns of ``fields`` that a nested SELECT reads."""
        places: frozenset[Place] = frozenset()
        for arm in select.arms:
            own = _Hidden(tuple(arm.sources), self._schema, select.ctes, hidden)
            for item in arm.items:
                places |= self._reads(item.tokens, fields, own)
            aliases = _Hidden((), self._schema, {}, own, frozenset(item.name for item in arm.items))
            places |= self._reads(arm.conditions, fields, aliases)
        return places

    @staticmethod
    def _field(reference: tuple[str | None, str], fields: _Fields) -> Expression | None:
        label, name = reference
        for source, part in fields:
            if label is not None and label != source.label:
                continue
            for column, expression in part.columns:
                if column == name:
                    return expression if label is not None else _shared(name, expression, fields)
            row = _rowid(part) if source.select is None and name in (*ROWIDS, "docid") else None
            if row is not None and row.table == source.table:
                return Expression("bare", frozenset({row}))
        return None


class _Hidden(NamedTuple):
    """What the names in a nested SELECT mean instead of columns of the statement around it."""

    sources: tuple[Source, ...]
    schema: Schema
    ctes: Mapping[str, Select]
    outer: _Hidden | None
    names: frozenset[str] = frozenset()

    def covers(self, reference: tuple[str | None, str]) -> bool:
        """Whether ``reference`` means something here, or may do so."""
        label, name = reference
        if self.outer is not None and self.outer.covers(reference):
            return True
        if label is not None:
            return any(source.label == label for source in self.sources)
        return name in self.names or any(self._has(source, name) for source in self.sources)

    def _has(self, source: Source, name: str) -> bool:
        if source.select is not None or source.table in self.ctes:
            return True
        columns = self.schema.columns(source.table)
        return not columns or name in columns or name in ROWIDS


def _is_itself(source: Source, select: Select, scope: _Scope) -> bool:
    """Whether ``source`` is the common table expression ``select``."""
    if source.select is not None or source.schema is not None:
        return False
    named = scope.find(source.table)
    return named is not None and named[0] is select


def _only(part: Sequence[Branch]) -> Branch:
    """One branch for all of ``part``, of which nothing is known where there are several."""
    if len(part) == 1:
        return part[0]
    return Branch(tuple((name, Expression()) for name, _ in part[0].columns) if part else (), some=True)


def _starred(item: Item, fields: _Fields) -> Iterator[tuple[str, Expression]]:
    """The columns that ``*`` or ``table.*`` stands for."""
    seen: set[str] = set()
    for source, part in fields:
        if item.of is None or item.of == source.label:
            for name, expression in part.columns:
                if item.of is None and name in seen and (source.natural or name in source.using):
                    continue
                yield name, expression if item.of is not None else _shared(name, expression, fields)
        seen |= {name for name, _ in part.columns}


def _joined(fields: _Fields) -> Iterator[frozenset[Place]]:
    """The columns that USING and NATURAL make equal to each other."""
    for n, (source, part) in enumerate(fields):
        for column, expression in part.columns:
            if expression.kind != "bare" or not (source.natural or column in source.using):
                continue
            for _, earlier in fields[:n]:
                for name, other in earlier.columns:
                    if name == column and other.kind == "bare":
                        yield expression.places | other.places


def _with_equal(expression: Expression, equal: Sequence[frozenset[Place]]) -> Expression:
    """``expression``, a column, with those that are ``equal`` to it."""
    if expression.kind != "bare":
        return expression
    others = [places for places in equal if not places.isdisjoint(expression.places)]
    return replace(expression, places=expression.places.union(*others)) if others else expression


def _shared(name: str, expression: Expression, fields: _Fields) -> Expression:
    """``expression``, the first column ``name`` of a join, with those that are equal to it by USING or NATURAL."""
    if expression.kind != "bare":
        return expression
    places = set(expression.places)
    for source, part in fields:
        if source.natural or name in source.using:
            places |= {p for c, other in part.columns if c == name and other.kind == "bare" for p in other.places}
    return replace(expression, places=frozenset(places))


def _rowid(part: Branch) -> Place | None:
    """The rowid of the table whose columns ``part`` has as they are."""
    places = [place for _, expression in part.columns if expression.kind == "bare" for place in expression.places]
    return Place(places[0].table, "rowid", places[0].source) if places else None
