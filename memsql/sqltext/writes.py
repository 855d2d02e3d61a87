"""What INSERT, UPDATE, DELETE and CREATE TABLE … AS write. Text alone is read.

The grammar comes from https://sqlite.org/lang_insert.html, lang_update.html and lang_delete.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from memsql.sqltext.selects import COMPOUND, Select, Source, list_items, parse_ctes, parse_from, parse_select
from memsql.sqltext.tokens import Token, outside, tokenize

_BEHIND_SET = ("FROM", "WHERE", "RETURNING", "ORDER", "LIMIT", "ON")
_BEHIND_WHERE = frozenset({"RETURNING", "ORDER", "LIMIT"})


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that writes rows of one table. Names are folded.

    ``columns``: those it names: the list of an INSERT (empty: all columns in order), or those that an UPDATE sets.
    ``upserts``: columns that ON CONFLICT DO UPDATE sets, as often as it does. ``replaces``: OR REPLACE, or REPLACE
    INTO. ``some``: WHERE or LIMIT chooses the rows. ``ignores``: rows that clash are left out. ``values``: for an
    UPDATE, what each column is set to. ``select``: the SELECT whose rows are written, None for VALUES alone; of an
    UPDATE or DELETE it has only the common table expressions. ``sources``: the tables behind FROM of an UPDATE.
    ``conditions``: what is behind them, or behind the table of a DELETE.
    """

    verb: Literal["insert", "update", "delete", "create"]
    table: str
    schema: str | None = None
    columns: tuple[str, ...] = ()
    upserts: tuple[str, ...] = ()
    replaces: bool = False
    some: bool = False
    values: tuple[tuple[str, tuple[Token, ...]], ...] = ()
    ignores: bool = False
    select: Select | None = None
    sources: tuple[Source, ...] = ()
    conditions: tuple[Token, ...] = ()
    alias: str | None = None

    @property
    def condition(self) -> tuple[Token, ...]:
        """The expression behind WHERE of an UPDATE or DELETE; empty where there is none."""
        return where_expression(self.conditions)

    @property
    def sets(self) -> frozenset[str]:
        """The columns that it may change in a row that was there before."""
        return frozenset(self.columns if self.verb == "update" else self.upserts)


def where_expression(clauses: Sequence[Token]) -> tuple[Token, ...]:
    """The expression behind the WHERE of ``clauses``, up to RETURNING, ORDER BY or LIMIT; empty where there is none."""
    words = [token.word for token in clauses]
    outside = list(accumulate((word == "(") - (word == ")") for word in words))
    starts = (n for n, word in enumerate(words) if word == "WHERE" and outside[n] == 0)
    start = next(starts, len(words)) + 1
    ends = (n for n in range(start, len(words)) if words[n] in _BEHIND_WHERE and outside[n] == 0)
    return tuple(clauses[start : next(ends, len(words))])


def read_write(text: str) -> Write | None:
    """Read one statement; None where it is none of these."""
    return parse_write(tokenize(text))


def parse_write(statement: Sequence[Token]) -> Write | None:
    """Read the tokens of one statement; None where it is none of these."""
    ctes, rest = parse_ctes(statement)
    outer = Select(ctes=ctes)
    tokens = list(rest)
    match tokens[0].word if tokens else "":
        case "INSERT" | "REPLACE":
            return _insert(tokens, outer)
        case "UPDATE":
            return _update(tokens, outer)
        case "DELETE":
            schema, table, rest = _qualified(tokens[2:])
            return Write("delete", table, schema, some=_has(rest, "WHERE", "LIMIT"), conditions=tuple(rest))
        case "CREATE":
            return _create(tokens)
    return None


def read_trigger(text: str) -> Iterator[Write]:
    """The writes in the body of a trigger, from its CREATE TRIGGER."""
    writes = map(parse_write, trigger_statements(tokenize(text)))
    return (write for write in writes if write is not None)


def trigger_statements(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of each statement in the body of a trigger, from those of its CREATE TRIGGER."""
    begin = next((n for n, token in enumerate(tokens) if token.word == "BEGIN" and tokens[n - 1].word != "."), None)
    start = None if begin is None else begin + 1
    for place in range(start or 0, len(tokens) if start is not None else 0):
        if tokens[place].word == ";":
            yield tokens[start:place]
            start = place + 1


def read_view(text: str) -> Select:
    """The SELECT of a view, from its CREATE VIEW."""
    tokens = tokenize(text)
    place = next((n for n, token in enumerate(tokens) if token.word == "VIEW"), 0) + 1
    if [token.word for token in tokens[place : place + 3]] == ["IF", "NOT", "EXISTS"]:
        place += 3
    rest = _qualified(tokens[place:])[2]
    names: list[str] = []
    if rest and rest[0].word == "(":
        items, end = list_items(rest, 0)
        names, rest = [item[0].name for item in items if item], rest[end:]
    return parse_select(rest[1:], names)


def named_rows(text: str) -> str:
    """The SELECT that counts the rows that ``text``, a DELETE, names. Raises ValueError where it is none."""
    before, rows = _named(text)
    return f"{before}SELECT count(*) FROM (SELECT 1 {rows})"


def named_keys(text: str, columns: str) -> str:
    """The SELECT of ``columns``, as SQL, of the rows that ``text``, a DELETE, names. Raises ValueError where it is
    none."""
    before, rows = _named(text)
    return f"{before}SELECT {columns} {rows}"


def _named(text: str) -> tuple[str, str]:
    """What stands before the DELETE, its common table expressions, and the clauses that name its rows."""
    tokens = tokenize(text)
    places = [n for n, token in outside(tokens[:-1]) if token.word == "DELETE"]
    if not places:
        raise ValueError(text)
    start = places[0]
    ends = (n for n, token in outside(tokens) if n > start and token.word in ("RETURNING", ";"))
    last = next(ends, len(tokens)) - 1
    return text[: tokens[start].start], text[tokens[start + 1].start : tokens[last].end]


def _insert(tokens: Sequence[Token], outer: Select) -> Write:
    resolution, place = "", 1
    if len(tokens) > 2 and tokens[1].word == "OR":
        resolution, place = tokens[2].word, 3
    place += int(place < len(tokens) and tokens[place].word == "INTO")
    schema, table, rest = _qualified(tokens[place:])
    if len(rest) > 1 and rest[0].word == "AS":
        rest = rest[2:]
    columns: tuple[str, ...] = ()
    if rest and rest[0].word == "(" and not (len(rest) > 1 and rest[1].word in ("SELECT", "WITH", "VALUES")):
        items, end = list_items(rest, 0)
        columns = tuple(item[0].name for item in items if item)
        rest = rest[end:]
    conflict = next((n for n in range(len(rest) - 1) if rest[n].word == "ON" and rest[n + 1].word == "CONFLICT"), None)
    body, clause = (rest, rest[:0]) if conflict is None else (rest[:conflict], rest[conflict:])
    return Write(
        "insert",
        table,
        schema,
        columns,
        upserts=tuple(column for column, _ in _upserted(clause)),
        replaces="REPLACE" in (tokens[0].word, resolution),
        ignores=resolution == "IGNORE" or bool(clause),
        select=_rows_of(body, outer),
    )


def _rows_of(tokens: Sequence[Token], outer: Select) -> Select | None:
    """The SELECT of an INSERT; None where there are only VALUES, of which no row is from before."""
    word = tokens[0].word if tokens else ""
    if word not in ("SELECT", "WITH") and not (word == "VALUES" and any(t.word in COMPOUND for t in tokens)):
        return None
    returning = next((n for n, token in enumerate(tokens) if token.word == "RETURNING"), len(tokens))
    select = parse_select(tokens[:returning])
    return replace(select, ctes={**outer.ctes, **select.ctes}) if outer.ctes else select


def _upserted(clause: Sequence[Token]) -> Iterator[tuple[str, tuple[Token, ...]]]:
    for place in range(len(clause) - 1):
        if clause[place].word == "UPDATE" and clause[place + 1].word == "SET":
            yield from _assignments(clause[place + 2 :])[0]


def _update(tokens: Sequence[Token], outer: Select) -> Write | None:
    place, replaces = 1, False
    if len(tokens) > 2 and tokens[1].word == "OR":
        replaces, place = tokens[2].word == "REPLACE", 3
    schema, table, rest = _qualified(tokens[place:])
    start = next((n for n, token in enumerate(rest) if token.word == "SET"), None)
    if start is None:
        return None
    named = rest[1:start] if rest[0].word == "AS" else rest[:start]
    is_alias = len(named) == 1 and named[0].kind in ("word", "quoted", "string")
    assignments, tail = _assignments(rest[start + 1 :])
    some = _has(tail, "WHERE", "LIMIT")
    sources, conditions = parse_from(tail) if tail and tail[0].word == "FROM" else ((), tail)
    return Write(
        "update",
        table,
        schema,
        tuple(column for column, _ in assignments),
        replaces=replaces,
        some=some or bool(sources),
        values=tuple(assignments),
        select=outer,
        sources=sources,
        conditions=tuple(conditions),
        alias=named[0].name if is_alias else None,
    )


def _assignments(tokens: Sequence[Token]) -> tuple[list[tuple[str, tuple[Token, ...]]], Sequence[Token]]:
    """The pairs of column and expression behind SET, and the tokens behind them."""
    end = depth = 0
    while end < len(tokens):
        depth += (tokens[end].word == "(") - (tokens[end].word == ")")
        is_operator = tokens[end].word == "FROM" and end > 0 and tokens[end - 1].word == "DISTINCT"
        if depth == 0 and tokens[end].word in _BEHIND_SET and not is_operator:
            break
        end += 1
    pairs: list[tuple[str, tuple[Token, ...]]] = []
    items, _ = list_items([Token("op", "(", 0), *tokens[:end], Token("op", ")", 0)], 0)
    for item in items:
        sign = next((n for n, token in enumerate(item) if token.word == "="), 0)
        if not sign:
            continue
        left, right = item[:sign], item[sign + 1 :]
        if left[0].word != "(":
            pairs.append((left[0].name, tuple(right)))
            continue
        names = [name[0].name for name in list_items(left, 0)[0] if name]
        values = _row_values(right)
        same = len(values) == len(names)
        pairs += [(name, tuple(values[n]) if same else ()) for n, name in enumerate(names)]
    return pairs, tokens[end:]


def _row_values(tokens: Sequence[Token]) -> list[list[Token]]:
    """The expressions of a row value; of one that a SELECT returns, a SELECT for each."""
    if not tokens or tokens[0].word != "(":
        return []
    if len(tokens) < 3 or tokens[1].word != "SELECT":
        return [list(item) for item in list_items(tokens, 0)[0]]
    inside = tokens[2:-1]
    end = next((n for n, token in outside(inside) if token.word == "FROM"), len(inside))
    items, _ = list_items([tokens[0], *inside[:end], tokens[-1]], 0)
    return [[*tokens[:2], *item, *inside[end:], tokens[-1]] for item in items]


def _create(tokens: Sequence[Token]) -> Write | None:
    words = [token.word for token in tokens[:8]]
    if "TABLE" not in words:
        return None
    place = words.index("TABLE") + 1
    temporary = any(word in ("TEMP", "TEMPORARY") for word in words[:place])
    if words[place : place + 3] == ["IF", "NOT", "EXISTS"]:
        place += 3
    schema, table, rest = _qualified(tokens[place:])
    if not rest or rest[0].word != "AS":
        return None
    return Write("create", table, "temp" if temporary else schema, select=parse_select(rest[1:]))


def _qualified(tokens: Sequence[Token]) -> tuple[str | None, str, Sequence[Token]]:
    """``name`` or ``schema.name`` at the beginning: schema, name, and the tokens behind."""
    if len(tokens) > 2 and tokens[1].word == ".":
        return tokens[0].name, tokens[2].name, tokens[3:]
    return None, tokens[0].name if tokens else "", tokens[1:]


def _has(tokens: Sequence[Token], *words: str) -> bool:
    """Whether one of ``words`` stands outside parentheses."""
    return any(token.word in words for _, token in outside(tokens))
