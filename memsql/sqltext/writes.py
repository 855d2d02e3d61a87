"""What INSERT, UPDATE, DELETE and CREATE TABLE … AS write, and from which columns the values come. Text alone is read.

The grammar comes from https://sqlite.org/lang_insert.html, lang_update.html, lang_delete.html and lang_select.html.
What cannot be read (or is no SQL) yields fewer sources, never more: who trusts this may miss where a value comes
from, and does not take a value for copied that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from memsql.sqltext.names import ROWIDS, fold
from memsql.sqltext.selects import Arm, Item, Source, list_items, parse_select, without_parentheses
from memsql.sqltext.tokens import Token, tokenize

Columns = Callable[[str], Sequence[str]]
"""The columns, folded, that ``SELECT *`` has of a table or view; empty where there is no such table."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that gives a value to a column.

    ``kind``: bare (a column alone), cast (CAST of a column alone) or other. ``reads``: the columns it reads, as
    (table, column), folded; for bare and cast that one column.
    """

    kind: Literal["bare", "cast", "other"] = "other"
    reads: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that writes rows of one table. Names are folded.

    ``columns``: those it names: the list of an INSERT (empty: all columns in order), or those that an UPDATE sets.
    ``upserts``: columns that ON CONFLICT DO UPDATE sets. ``replaces``: OR REPLACE, or REPLACE INTO. ``some``: WHERE or
    LIMIT chooses the rows. ``values``: for an UPDATE, what each column is set to.
    """

    verb: Literal["insert", "update", "delete", "create"]
    table: str
    schema: str | None = None
    columns: tuple[str, ...] = ()
    upserts: frozenset[str] = frozenset()
    replaces: bool = False
    some: bool = False
    values: tuple[tuple[str, tuple[Token, ...]], ...] = ()
    arms: tuple[Arm, ...] = ()
    ctes: Mapping[str, tuple[Arm, ...]] = field(default_factory=dict)

    @property
    def sets(self) -> frozenset[str]:
        """The columns that it may change in a row that was there before."""
        return frozenset(self.columns) if self.verb == "update" else self.upserts


def read_write(text: str) -> Write | None:
    """Read one statement; None where it is none of these."""
    tokens = tokenize(text)
    ctes, tokens = _ctes(tokens)
    match tokens[0].word if tokens else "":
        case "INSERT" | "REPLACE":
            return _insert(tokens, ctes)
        case "UPDATE":
            return _update(tokens, ctes)
        case "DELETE":
            schema, table, rest = _qualified(tokens[2:])
            return Write("delete", table, schema, some=_has(rest, "WHERE", "LIMIT"))
        case "CREATE":
            return _create(tokens)
    return None


def read_trigger(text: str) -> Iterator[Write]:
    """The writes in the body of a trigger, from its CREATE TRIGGER."""
    tokens = tokenize(text)
    begin = next((n for n, token in enumerate(tokens) if token.word == "BEGIN" and tokens[n - 1].word != "."), None)
    start = None if begin is None else tokens[begin].end
    for token in tokens[begin:] if begin is not None else ():
        if token.word == ";":
            write = read_write(text[start : token.start])
            start = token.end
            if write is not None:
                yield write


def named_rows(text: str) -> str:
    """The SELECT that counts the rows that ``text``, a DELETE, names. Raises ValueError where it is none."""
    tokens, depth, start, end = tokenize(text), 0, None, None
    for n, token in enumerate(tokens):
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and start is None and token.word == "DELETE" and n + 1 < len(tokens):
            start = n
        elif depth == 0 and start is not None and token.word in ("RETURNING", ";"):
            break
        end = token.end
    if start is None:
        raise ValueError(text)
    return f"{text[: tokens[start].start]}SELECT count(*) FROM (SELECT 1 {text[tokens[start + 1].start : end]})"


def origins(write: Write, columns: Columns) -> Iterator[tuple[Expression, ...]]:
    """For each SELECT of an INSERT or CREATE TABLE … AS, where the value of each written column comes from, in the
    order of the written columns."""
    for arm in write.arms:
        outputs = _Resolver(columns, write.ctes).outputs(arm)
        yield tuple(expression for _, expression in outputs)


def output_names(write: Write, columns: Columns) -> tuple[str, ...]:
    """The names, folded, of the columns of the first SELECT: those of a table that CREATE TABLE … AS makes."""
    if not write.arms:
        return ()
    return tuple(name for name, _ in _Resolver(columns, write.ctes).outputs(write.arms[0]))


def assigned(write: Write, columns: Columns) -> Mapping[str, Expression]:
    """What an UPDATE sets each column to. The columns of the table itself count as (table, column)."""
    resolver = _Resolver(columns, write.ctes)
    sources = (Source(write.table), *(source for arm in write.arms for source in arm.sources))
    return {column: resolver.expression(tokens, sources, nested=True) for column, tokens in write.values}


class _Resolver:
    """Finds out which column of which table a name in a SELECT means."""

    def __init__(self, columns: Columns, ctes: Mapping[str, tuple[Arm, ...]], depth: int = 0) -> None:
        self._columns, self._ctes, self._depth = columns, ctes, depth

    def outputs(self, arm: Arm) -> list[tuple[str, Expression]]:
        """Name and expression of each column of ``arm``."""
        columns: list[tuple[str, Expression]] = []
        for item in arm.items:
            if item.star:
                for source in arm.sources:
                    if item.of is None or item.of == source.label:
                        columns += self._fields(source)
            else:
                columns.append((item.name, self.expression(item.tokens, arm.sources)))
        return columns

    def expression(self, tokens: Sequence[Token], sources: Sequence[Source], *, nested: bool = False) -> Expression:
        """Resolve ``tokens``. ``nested``: also read the names in a nested SELECT that its own tables bring."""
        tokens = without_parentheses(tokens)
        single = _reference(tokens)
        kind: Literal["bare", "cast"] = "bare"
        if single is None and len(tokens) > 4 and tokens[0].word == "CAST":
            inside = tokens[2:-1]
            place = next((n for n, token in enumerate(inside) if token.word == "AS"), 0)
            single, kind = _reference(without_parentheses(inside[:place])), "cast"
        if single is not None:
            inner = self._field(single, sources)
            if inner is None:
                return Expression()
            return inner if kind == "bare" or inner.kind == "other" else Expression("cast", inner.reads)
        return Expression("other", self._reads(tokens, sources, nested=nested))

    def _reads(self, tokens: Sequence[Token], sources: Sequence[Source], *, nested: bool) -> frozenset[tuple[str, str]]:
        reads: set[tuple[str, str]] = set()
        place = 0
        while place < len(tokens):
            token = tokens[place]
            following = tokens[place + 1].word if place + 1 < len(tokens) else ""
            if token.word == "(" and following in ("SELECT", "WITH", "VALUES"):
                end = list_items(tokens, place)[1]
                if nested:
                    for arm in parse_select(tokens[place + 1 : end - 1]):
                        for _, inner in self.outputs(arm):
                            reads |= inner.reads
                place = end
                continue
            if token.kind in ("word", "quoted") and following != "(" and not (place and tokens[place - 1].word == "."):
                reference: tuple[str | None, str] = (None, token.name)
                if following == "." and place + 2 < len(tokens):
                    reference = (token.name, tokens[place + 2].name)
                field_ = self._field(reference, sources)
                reads |= field_.reads if field_ is not None else frozenset()
            place += 1
        return frozenset(reads)

    def _field(self, reference: tuple[str | None, str], sources: Sequence[Source]) -> Expression | None:
        label, name = reference
        for source in sources:
            if label is not None and label != source.label:
                continue
            for column, expression in self._fields(source):
                if column == name:
                    return expression
            if source.select is None and name in (*ROWIDS, "docid") and source.table not in self._ctes:
                return Expression("bare", frozenset({(source.table, "rowid")}))
        return None

    def _fields(self, source: Source) -> list[tuple[str, Expression]]:
        """The columns of ``source`` and where they come from."""
        arms = source.select if source.select is not None else self._ctes.get(source.table)
        if arms is None:
            return [(c, Expression("bare", frozenset({(source.table, c)}))) for c in self._columns(source.table)]
        if self._depth > 20 or not arms:
            return []
        # Without the name itself: a recursive part adds rows and no new origin.
        ctes = {name: select for name, select in self._ctes.items() if name != source.table}
        return _Resolver(self._columns, ctes, self._depth + 1).outputs(arms[0])


def _ctes(tokens: list[Token]) -> tuple[dict[str, tuple[Arm, ...]], list[Token]]:
    """The common table expressions at the beginning of a statement, and the tokens behind them."""
    ctes: dict[str, tuple[Arm, ...]] = {}
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
        arms = parse_select(tokens[place + 1 : end - 1])
        ctes[name] = tuple(_renamed(arm, names) for arm in arms)
        place = end
        if place >= len(tokens) or tokens[place].word != ",":
            break
        place += 1
    return ctes, tokens[place:]


def _renamed(arm: Arm, names: Sequence[str]) -> Arm:
    """``arm`` with the names that a common table expression lists."""
    if len(names) != len(arm.items) or any(item.star for item in arm.items):
        return arm
    return Arm(tuple(Item(i.tokens, n) for i, n in zip(arm.items, names, strict=True)), arm.sources, arm.some)


def _insert(tokens: Sequence[Token], ctes: Mapping[str, tuple[Arm, ...]]) -> Write:
    replaces, place = tokens[0].word == "REPLACE", 1
    if len(tokens) > 2 and tokens[1].word == "OR":
        replaces, place = tokens[2].word == "REPLACE", 3
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
    select, clause = (rest, rest[:0]) if conflict is None else (rest[:conflict], rest[conflict:])
    inner, select = _ctes(list(select))
    arms = parse_select(select) if select and select[0].word in ("SELECT", "VALUES") else ()
    upserts = frozenset(column for column, _ in _upserted(clause))
    return Write(
        "insert", table, schema, columns, upserts=upserts, replaces=replaces, arms=arms, ctes={**ctes, **inner}
    )


def _upserted(clause: Sequence[Token]) -> Iterator[tuple[str, tuple[Token, ...]]]:
    for place in range(len(clause) - 1):
        if clause[place].word == "UPDATE" and clause[place + 1].word == "SET":
            yield from _assignments(clause[place + 2 :])[0]


def _update(tokens: Sequence[Token], ctes: Mapping[str, tuple[Arm, ...]]) -> Write | None:
    place, replaces = 1, False
    if len(tokens) > 2 and tokens[1].word == "OR":
        replaces, place = tokens[2].word == "REPLACE", 3
    schema, table, rest = _qualified(tokens[place:])
    start = next((n for n, token in enumerate(rest) if token.word == "SET"), None)
    if start is None:
        return None
    assignments, tail = _assignments(rest[start + 1 :])
    some = _has(tail, "WHERE", "LIMIT")
    arms: tuple[Arm, ...] = ()
    if tail and tail[0].word == "FROM":
        arms = parse_select([Token("word", "SELECT", 0), Token("number", "1", 0), *tail])
    return Write(
        "update",
        table,
        schema,
        tuple(column for column, _ in assignments),
        replaces=replaces,
        some=some or bool(arms),
        values=tuple(assignments),
        arms=arms,
        ctes=ctes,
    )


def _assignments(tokens: Sequence[Token]) -> tuple[list[tuple[str, tuple[Token, ...]]], Sequence[Token]]:
    """The pairs of column and expression behind SET, and the tokens behind them."""
    end = depth = 0
    while end < len(tokens):
        depth += (tokens[end].word == "(") - (tokens[end].word == ")")
        if depth == 0 and tokens[end].word in ("FROM", "WHERE", "RETURNING", "ORDER", "LIMIT", "ON"):
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
        values = list_items(right, 0)[0] if right and right[0].word == "(" else []
        same = len(values) == len(names)
        pairs += [(name, tuple(values[n]) if same else ()) for n, name in enumerate(names)]
    return pairs, tokens[end:]


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
    ctes, select = _ctes(list(rest[1:]))
    return Write("create", table, "temp" if temporary else schema, arms=parse_select(select), ctes=ctes)


def _qualified(tokens: Sequence[Token]) -> tuple[str | None, str, Sequence[Token]]:
    """``name`` or ``schema.name`` at the beginning: schema, name, and the tokens behind."""
    if len(tokens) > 2 and tokens[1].word == ".":
        return tokens[0].name, tokens[2].name, tokens[3:]
    return None, tokens[0].name if tokens else "", tokens[1:]


def _reference(tokens: Sequence[Token]) -> tuple[str | None, str] | None:
    """A column alone: ``name``, ``table.name`` or ``schema.table.name``."""
    names = tokens[::2]
    if len(tokens) not in (1, 3, 5) or any(token.word != "." for token in tokens[1::2]):
        return None
    if any(token.kind not in ("word", "quoted") for token in names):
        return None
    return (names[-2].name if len(names) > 1 else None), fold(names[-1].name)


def _has(tokens: Sequence[Token], *words: str) -> bool:
    """Whether one of ``words`` stands outside parentheses."""
    depth = 0
    for token in tokens:
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and token.word in words:
            return True
    return False
