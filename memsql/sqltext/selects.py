"""The parts of a SELECT: what it returns and from which tables. Text alone is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memsql.sqltext.tokens import Token

_COMPOUND = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_BEHIND_FROM = frozenset({"WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "RETURNING"}) | _COMPOUND
_JOIN = frozenset({"JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "OUTER"})
_NO_ALIAS = _JOIN | _BEHIND_FROM | {"ON", "USING", "INDEXED", "NOT", ",", ")", ""}


@dataclass(frozen=True, slots=True)
class Item:
    """A column that a SELECT returns: its expression, and its name, folded ("" where only SQLite knows it). ``star``:
    ``*``, or ``of.*``."""

    tokens: tuple[Token, ...]
    name: str = ""
    star: bool = False
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A table behind FROM, or a SELECT in parentheses; folded names."""

    table: str
    alias: str | None = None
    select: tuple[Arm, ...] | None = None

    @property
    def label(self) -> str:
        """The name by which an expression refers to it."""
        return self.alias or self.table


@dataclass(frozen=True, slots=True)
class Arm:
    """One SELECT of a compound one. ``some``: it may leave out rows (WHERE, LIMIT, a join, DISTINCT, GROUP BY)."""

    items: tuple[Item, ...]
    sources: tuple[Source, ...] = ()
    some: bool = False


def parse_select(tokens: Sequence[Token]) -> tuple[Arm, ...]:
    """The SELECTs of a compound SELECT, in order. VALUES has neither columns nor sources that matter here."""
    arms, start, depth = [], 0, 0
    for place, token in enumerate(tokens):
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and token.word in _COMPOUND:
            arms.append(_arm(tokens[start:place]))
            start = place + 1 + int(place + 1 < len(tokens) and tokens[place + 1].word == "ALL")
    arms.append(_arm(tokens[start:]))
    return tuple(arm for arm in arms if arm.items)


def list_items(tokens: Sequence[Token], place: int) -> tuple[list[list[Token]], int]:
    """The items, separated by commas, of the list in parentheses that opens at ``place``; and the place behind it."""
    items: list[list[Token]] = [[]]
    depth = 0
    for end in range(place, len(tokens)):
        token = tokens[end]
        if token.word == "(":
            depth += 1
            if depth == 1:
                continue
        elif token.word == ")":
            depth -= 1
            if depth == 0:
                return items, end + 1
        if depth == 1 and token.word == ",":
            items.append([])
        else:
            items[-1].append(token)
    return items, len(tokens)


def without_parentheses(tokens: Sequence[Token]) -> Sequence[Token]:
    """``tokens`` without parentheses around all of them."""
    while len(tokens) > 2 and tokens[0].word == "(" and list_items(tokens, 0)[1] == len(tokens):
        if tokens[1].word in ("SELECT", "WITH", "VALUES") or len(list_items(tokens, 0)[0]) > 1:
            break
        tokens = tokens[1:-1]
    return tokens


def _arm(tokens: Sequence[Token]) -> Arm:
    if not tokens or tokens[0].word != "SELECT":
        return Arm(())
    place = 1
    distinct = len(tokens) > 1 and tokens[1].word == "DISTINCT"
    if len(tokens) > 1 and tokens[1].word in ("DISTINCT", "ALL"):
        place = 2
    parts: list[list[Token]] = [[]]
    depth = 0
    while place < len(tokens):
        token = tokens[place]
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and (token.word == "FROM" or token.word in _BEHIND_FROM):
            break
        if depth == 0 and token.word == ",":
            parts.append([])
        else:
            parts[-1].append(token)
        place += 1
    sources: list[Source] = []
    behind: Sequence[Token] = tokens[place:]
    if behind and behind[0].word == "FROM":
        sources, behind = _sources(behind[1:])
    some = distinct or len(sources) > 1 or any(token.word in _BEHIND_FROM - {"ORDER"} for token in behind)
    return Arm(tuple(_item(part) for part in parts if part), tuple(sources), some)


def _item(tokens: list[Token]) -> Item:
    if tokens[-1].word == "*" and len(tokens) in (1, 3):
        return Item((), star=True, of=tokens[0].name if len(tokens) == 3 else None)
    if len(tokens) > 2 and tokens[-2].word == "AS":
        return Item(tuple(tokens[:-2]), tokens[-1].name)
    last, before = tokens[-1], tokens[-2] if len(tokens) > 1 else None
    is_alias = before is not None and (before.word == ")" or before.kind != "op") and before.word != "END"
    if is_alias and last.kind in ("word", "quoted", "string") and last.word not in ("END", "NULL", "ISNULL", "NOTNULL"):
        return Item(tuple(tokens[:-1]), last.name)
    return Item(tuple(tokens), last.name if last.kind in ("word", "quoted") and last.word != "END" else "")


def _sources(tokens: Sequence[Token]) -> tuple[list[Source], Sequence[Token]]:
    """The tables behind FROM, and the tokens behind these."""
    sources: list[Source] = []
    place, expected = 0, True
    while place < len(tokens):
        word = tokens[place].word
        if word in _BEHIND_FROM:
            break
        if expected and word not in _JOIN:
            part, place = _source(tokens, place)
            sources += part
            expected = False
            continue
        if word == "(":
            place = list_items(tokens, place)[1]
            continue
        expected = expected or word == "," or word == "JOIN"
        place += 1
    return sources, tokens[place:]


def _source(tokens: Sequence[Token], place: int) -> tuple[list[Source], int]:
    """The table, SELECT or join in parentheses at ``place``; and the place behind it and its alias."""
    if tokens[place].word == "(":
        end = list_items(tokens, place)[1]
        inside = tokens[place + 1 : end - 1]
        is_select = bool(inside) and inside[0].word in ("SELECT", "VALUES")
        alias, behind = _alias(tokens, end)
        if is_select:
            return [Source(alias or "", alias, parse_select(inside))], behind
        return _sources(inside)[0], behind
    name = tokens[place].name
    place += 1
    if place + 1 < len(tokens) and tokens[place].word == ".":
        name = tokens[place + 1].name
        place += 2
    alias, place = _alias(tokens, place)
    return [Source(name, alias)], place


def _alias(tokens: Sequence[Token], place: int) -> tuple[str | None, int]:
    if place < len(tokens) and tokens[place].word == "AS" and place + 1 < len(tokens):
        return tokens[place + 1].name, place + 2
    is_name = place < len(tokens) and tokens[place].kind in ("word", "quoted", "string")
    if is_name and tokens[place].word not in _NO_ALIAS:
        return tokens[place].name, place + 1
    return None, place
