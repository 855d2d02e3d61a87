"""The parts of a SELECT: what it returns and from which tables. Text alone is read.

The grammar comes from https://sqlite.org/lang_select.html and https://sqlite.org/lang_with.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from memsql.sqltext.names import fold, is_reserved
from memsql.sqltext.tokens import Token

COMPOUND = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_BEHIND_FROM = frozenset({"WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "RETURNING"}) | COMPOUND
_JOIN = frozenset({"JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "OUTER"})
_LOGIC = frozenset({"NOT", "AND", "OR", "IS", "BETWEEN", "IN", "COLLATE", "DISTINCT", "FROM"})
_OPERATORS = _LOGIC | {"LIKE", "GLOB", "REGEXP", "MATCH", "ESCAPE"}
_NO_ALIAS = _JOIN | _BEHIND_FROM | {"ON", "USING", "INDEXED", "NOT", ",", ")", ""}
# Rows of VALUES that are read one by one.
_ROWS = 20


@dataclass(frozen=True, slots=True)
class Item:
    """A column that a SELECT returns: its expression, and its name, folded ("" where only SQLite knows it). ``star``:
    ``*``, or ``of.*``; its only token is the ``*``. No tokens: an expression that was not read."""

    tokens: tuple[Token, ...]
    name: str = ""
    star: bool = False
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A table behind FROM, or a SELECT in parentheses; folded names. ``using``: columns that it shares with the tables
    before it, which ``*`` returns once; ``natural``: these are all of the same name."""

    table: str
    alias: str | None = None
    select: Select | None = None
    schema: str | None = None
    using: frozenset[str] = frozenset()
    natural: bool = False

    @property
    def label(self) -> str:
        """The name by which an expression refers to it."""
        return self.alias or self.table


@dataclass(frozen=True, slots=True)
class Arm:
    """One SELECT of a compound one, or one row of VALUES. ``some``: it may leave out rows of its first table (WHERE,
    LIMIT, a join, DISTINCT, GROUP BY). ``conditions``: the tokens of ON and of everything behind FROM."""

    items: tuple[Item, ...]
    sources: tuple[Source, ...] = ()
    some: bool = False
    conditions: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT. ``arms``: those whose rows it returns, so not what stands behind EXCEPT or INTERSECT. ``ctes``: its
    common table expressions by name, folded. ``names``: what a common table expression or a view calls the columns."""

    arms: tuple[Arm, ...] = ()
    ctes: Mapping[str, Select] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def parse_select(tokens: Sequence[Token], names: Sequence[str] = ()) -> Select:
    """A SELECT or VALUES, compound or not, with WITH or without. ``names``: see Select."""
    ctes, tokens = parse_ctes(tokens)
    parts, start, depth = [], 0, 0
    for place, token in enumerate(tokens):
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and token.word in COMPOUND:
            parts.append(tokens[start:place])
            start = place
    parts.append(tokens[start:])
    arms: list[Arm] = []
    for part in parts:
        operator = part[0].word if part and part[0].word in COMPOUND else ""
        if operator in ("INTERSECT", "EXCEPT"):
            arms = [replace(arm, some=True) for arm in arms]
            continue
        arms += _arms(part[1 + (len(part) > 1 and part[1].word == "ALL") :] if operator else part)
    if len(parts) > 1 and any(token.word == "LIMIT" for token in parts[-1]):
        arms = [replace(arm, some=True) for arm in arms]
    return Select(tuple(arms), ctes, tuple(names))


def parse_ctes(tokens: Sequence[Token]) -> tuple[dict[str, Select], Sequence[Token]]:
    """The common table expressions at the beginning of a statement, and the tokens behind them."""
    ctes: dict[str, Select] = {}
    if not tokens or tokens[0].word != "WITH":
        return ctes, tokens
    place = 2 if len(tokens) > 1 and tokens[1].word == "RECURSIVE" else 1
    while place < len(tokens):
        name = tokens[place].name
        place += 1
        names: list[str] = []
        if place < len(tokens) and tokens[place].word == "(":
            items, place = list_items(tokens, place)
            names = [item[0].name for item in items if item]
        while place < len(tokens) and tokens[place].word in ("AS", "NOT", "MATERIALIZED"):
            place += 1
        if place >= len(tokens) or tokens[place].word != "(":
            break
        end = list_items(tokens, place)[1]
        ctes[name] = parse_select(tokens[place + 1 : end - 1], names)
        place = end
        if place >= len(tokens) or tokens[place].word != ",":
            break
        place += 1
    return ctes, tokens[place:]


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


def parse_from(tokens: Sequence[Token]) -> tuple[tuple[Source, ...], Sequence[Token]]:
    """The tables behind FROM, which is the first of ``tokens``, and the tokens of their conditions and behind them."""
    sources, conditions, behind, _ = _sources(tokens[1:])
    return tuple(sources), [*conditions, *behind]


def tables_of(select: Select) -> tuple[str, ...]:
    """The tables and views behind FROM, also of SELECTs that stand there, each once. Not those of expressions."""
    names: dict[str, None] = {}
    pending = [select]
    while pending:
        current = pending.pop(0)
        for source in [source for arm in current.arms for source in arm.sources]:
            if source.select is not None:
                pending.append(source.select)
            elif source.schema is None and source.table in current.ctes:
                # A recursive one reads itself, and those beside it.
                inner, others = current.ctes[source.table], {**current.ctes}
                del others[source.table]
                pending.append(replace(inner, ctes={**others, **inner.ctes}))
            else:
                names[source.table] = None
    return tuple(names)


def constant_of(tokens: Sequence[Token]) -> str | None:
    """The SQL of a literal; None where ``tokens`` are something else."""
    signs = [token.word for token in tokens[:-1]]
    if not tokens or len(signs) > 1 or any(sign not in ("-", "+") for sign in signs):
        return None
    last = tokens[-1]
    if last.kind not in ("string", "number", "blob") and last.word != "NULL":
        return None
    return "".join(signs) + last.text


def reference_of(tokens: Sequence[Token]) -> tuple[str | None, str] | None:
    """A column alone: ``name``, ``table.name`` or ``schema.table.name``."""
    names = tokens[::2]
    if len(tokens) not in (1, 3, 5) or any(token.word != "." for token in tokens[1::2]):
        return None
    if any(token.kind not in ("word", "quoted") for token in names):
        return None
    if len(names) == 1 and names[0].kind == "word" and is_reserved(names[0].text):
        return None
    return (names[-2].name if len(names) > 1 else None), fold(names[-1].name)


def _arms(tokens: Sequence[Token]) -> list[Arm]:
    if not tokens or tokens[0].word not in ("SELECT", "VALUES"):
        return []
    return [_arm(tokens)] if tokens[0].word == "SELECT" else _rows(tokens)


def _rows(tokens: Sequence[Token]) -> list[Arm]:
    """The rows of VALUES."""
    rows: list[Arm] = []
    place = 1
    while place < len(tokens) and tokens[place].word == "(":
        items, place = list_items(tokens, place)
        rows.append(Arm(tuple(Item(tuple(item), f"column{n}") for n, item in enumerate(items, 1))))
        if len(rows) > _ROWS:
            return [Arm(tuple(replace(item, tokens=()) for item in rows[0].items))]
        place += 1
    return rows


def _arm(tokens: Sequence[Token]) -> Arm:
    place = 1
    distinct = len(tokens) > 1 and tokens[1].word == "DISTINCT"
    if len(tokens) > 1 and tokens[1].word in ("DISTINCT", "ALL"):
        place = 2
    parts: list[list[Token]] = [[]]
    depth = 0
    while place < len(tokens):
        token = tokens[place]
        depth += (token.word == "(") - (token.word == ")")
        # IS DISTINCT FROM is an operator.
        is_from = token.word == "FROM" and (place < 3 or tokens[place - 1].word != "DISTINCT")
        if depth == 0 and (is_from or token.word in _BEHIND_FROM):
            break
        if depth == 0 and token.word == ",":
            parts.append([])
        else:
            parts[-1].append(token)
        place += 1
    sources: list[Source] = []
    conditions: Sequence[Token] = ()
    behind: Sequence[Token] = tokens[place:]
    leaves_out = False
    if behind and behind[0].word == "FROM":
        sources, conditions, behind, leaves_out = _sources(behind[1:])
    some = distinct or leaves_out or any(token.word in _BEHIND_FROM - {"ORDER"} for token in behind)
    return Arm(tuple(_item(part) for part in parts if part), tuple(sources), some, (*conditions, *behind))


def _item(tokens: list[Token]) -> Item:
    if tokens[-1].word == "*" and len(tokens) in (1, 3):
        return Item((tokens[-1],), star=True, of=tokens[0].name if len(tokens) == 3 else None)
    if len(tokens) > 2 and tokens[-2].word == "AS":
        return Item(tuple(tokens[:-2]), tokens[-1].name)
    last, before = tokens[-1], tokens[-2] if len(tokens) > 1 else None
    is_alias = before is not None and (before.word == ")" or before.kind != "op") and before.word not in _OPERATORS
    if is_alias and last.kind in ("word", "quoted", "string") and last.word not in ("END", "NULL", "ISNULL", "NOTNULL"):
        return Item(tuple(tokens[:-1]), last.name)
    return Item(tuple(tokens), last.name if last.kind in ("word", "quoted") and last.word != "END" else "")


def _sources(tokens: Sequence[Token]) -> tuple[list[Source], list[Token], Sequence[Token], bool]:
    """The tables behind FROM, the tokens of their conditions, the tokens behind these, and whether a join may leave
    out rows of the first one."""
    sources: list[Source] = []
    conditions: list[Token] = []
    place, expected, leaves_out = 0, True, False
    words: set[str] = set()
    while place < len(tokens):
        word = tokens[place].word
        if word in _BEHIND_FROM:
            break
        if expected and word not in _JOIN:
            leaves_out = leaves_out or (bool(sources) and ("LEFT" not in words or "NATURAL" in words))
            part, inside, place = _source(tokens, place)
            sources += [replace(source, natural="NATURAL" in words) for source in part]
            conditions += inside
            leaves_out = leaves_out or len(part) > 1
            expected, words = False, set()
            continue
        if word == "USING" and place + 1 < len(tokens) and tokens[place + 1].word == "(" and sources:
            items, place = list_items(tokens, place + 1)
            sources[-1] = replace(sources[-1], using=frozenset(item[0].name for item in items if item))
            continue
        expected = expected or word == "," or word == "JOIN"
        if word == "(":
            end = list_items(tokens, place)[1]
            conditions += tokens[place:end]
            place = end
            continue
        if word in _JOIN or word == ",":
            words.add(word)
        elif word == "ON":
            conditions.append(Token("word", "AND", tokens[place].start))
        elif word != "INDEXED":
            conditions.append(tokens[place])
        place += 1
    return sources, conditions, tokens[place:], leaves_out


def _source(tokens: Sequence[Token], place: int) -> tuple[list[Source], list[Token], int]:
    """The table, SELECT or join in parentheses at ``place``; the conditions of a join; and the place behind it and its
    alias."""
    if tokens[place].word == "(":
        end = list_items(tokens, place)[1]
        inside = tokens[place + 1 : end - 1]
        is_select = bool(inside) and inside[0].word in ("SELECT", "VALUES", "WITH")
        alias, behind = _alias(tokens, end)
        if is_select:
            return [Source(alias or "", alias, parse_select(inside))], [], behind
        sources, conditions, _, _ = _sources(inside)
        if alias is not None:
            # All of the join under one name; its columns are not read.
            return [Source(alias, alias, Select())], [], behind
        return sources, conditions, behind
    name, schema = tokens[place].name, None
    place += 1
    if place + 1 < len(tokens) and tokens[place].word == ".":
        name, schema = tokens[place + 1].name, name
        place += 2
    if place < len(tokens) and tokens[place].word == "(":
        # A table-valued function: what it returns is not known.
        end = list_items(tokens, place)[1]
        alias, behind = _alias(tokens, end)
        return [Source(name, alias, Select())], list(tokens[place:end]), behind
    alias, place = _alias(tokens, place)
    return [Source(name, alias, schema=schema)], [], place


def _alias(tokens: Sequence[Token], place: int) -> tuple[str | None, int]:
    if place < len(tokens) and tokens[place].word == "AS" and place + 1 < len(tokens):
        return tokens[place + 1].name, place + 2
    is_name = place < len(tokens) and tokens[place].kind in ("word", "quoted", "string")
    if is_name and tokens[place].word not in _NO_ALIAS:
        return tokens[place].name, place + 1
    return None, place
