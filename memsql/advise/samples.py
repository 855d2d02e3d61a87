"""Sample values for the variables of a query for which its file gives none: a value of the column with which a variable
is compared, taken from the database, or one of the column's type where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from memsql.db import Connection
from memsql.project.queries import Query
from memsql.schema import Schema, Table, read
from memsql.sqltext import ROWIDS, fold, quote
from memsql.sqltext.affinity import affinity
from memsql.sqltext.tokens import Token, tokenize

_COMPARISONS = frozenset(
    {"=", "==", "<>", "!=", "<", ">", "<=", ">=", "IS", "NOT", "LIKE", "GLOB", "MATCH", "REGEXP", "BETWEEN"}
)
_BEFORE_TABLE = frozenset({"FROM", "JOIN", ",", "UPDATE", "INTO", "("})
_COUNTS = {"LIMIT": "20", "OFFSET": "0"}
_BY_AFFINITY = {"integer": "1", "real": "1.0", "numeric": "1"}
_ANY = "'a'"
_LOOK_AT = 1000


def with_samples(conn: Connection, queries: Sequence[Query]) -> list[Query]:
    """``queries``; those with variables that have no value get sample values. Reads the schema where there are any."""
    if not any(_missing(query) for query in queries):
        return list(queries)
    schema = read(conn)
    return [sampled(query, schema) if _missing(query) else query for query in queries]


def sampled(query: Query, schema: Schema) -> Query:
    """``query`` with a SELECT for each variable that has no value."""
    missing = _missing(query)
    reader = _Reader(query.text, schema)
    selects = tuple((variable, reader.sample(variable)) for variable in missing)
    return replace(query, selects=(*query.selects, *selects), samples=missing)


def _missing(query: Query) -> tuple[str, ...]:
    known = {name for name, _ in (*query.literals, *query.selects)}
    return tuple(variable for variable in query.variables if variable not in known)


@dataclass(frozen=True, slots=True)
class _Compared:
    """With what a variable is compared: a column of a table, or a function of it (``function`` and the text behind the
    column)."""

    table: Table
    column: str
    function: str = ""
    rest: str = ""


class _Reader:
    """Reads with which columns the variables of one statement are compared."""

    def __init__(self, sql: str, schema: Schema) -> None:
        self._sql, self._tokens = sql, tokenize(sql)
        self._tables = list(_tables(self._tokens, schema))
        self._places: dict[str, list[int]] = {}
        # The last parenthesis that opens up to each token.
        self._opened: list[int] = []
        for place, token in enumerate(self._tokens):
            if token.kind == "variable":
                self._places.setdefault(token.text[1:], []).append(place)
            self._opened.append(place if token.text == "(" else self._opened[-1] if place else 0)

    def sample(self, variable: str) -> str:
        """A SELECT that gives a value for ``variable``."""
        for place in self._places.get(variable, ()):
            before = self._tokens[place - 1].word if place else ""
            if before in _COUNTS:
                return f"SELECT {_COUNTS[before]}"
            compared = self._compared(place)
            if compared is not None:
                return _select(compared)
        return f"SELECT {_ANY}"

    def _compared(self, place: int) -> _Compared | None:
        """With what the token at ``place`` is compared."""
        tokens = self._tokens
        # lower(:name): what the function is compared with.
        if place >= 2 and tokens[place - 1].text == "(" and tokens[place - 2].kind == "word":
            if tokens[place - 2].word != "IN":
                return self._compared(place - 2)
            return self._operand(self._without_not(place - 3))
        before = tokens[place - 1].word if place else ""
        if before == "AND" and place >= 3 and tokens[place - 3].word == "BETWEEN":
            return self._operand(self._without_not(place - 4))
        if before in _COMPARISONS:
            place -= 1
            while place >= 0 and tokens[place].word in _COMPARISONS:
                place -= 1
            return self._operand(place)
        if before == ",":
            return self._listed(place)
        if place + 2 < len(tokens) and tokens[place + 1].word in _COMPARISONS:
            return self._leading(place + 2)
        return None

    def _listed(self, place: int) -> _Compared | None:
        """The same for one of the values behind IN."""
        place = self._opened[place]
        if place >= 1 and self._tokens[place - 1].word == "IN":
            return self._operand(self._without_not(place - 2))
        return None

    def _without_not(self, place: int) -> int:
        return place - 1 if place >= 0 and self._tokens[place].word == "NOT" else place

    def _operand(self, end: int) -> _Compared | None:
        """The column, or function of a column, whose last token is at ``end``."""
        tokens = self._tokens
        if end < 0:
            return None
        if tokens[end].text != ")":
            qualifier = tokens[end - 2].name if end >= 2 and tokens[end - 1].text == "." else ""
            return self._column(tokens[end], qualifier)
        start, depth = end, 0
        while start >= 0:
            depth += (tokens[start].text == ")") - (tokens[start].text == "(")
            if depth == 0:
                break
            start -= 1
        if start < 1 or tokens[start - 1].kind != "word":
            return None
        compared = self._leading(start + 1)
        if compared is None:
            return None
        column_ends = start + 1 if tokens[start + 2].text != "." else start + 3
        rest = self._sql[tokens[column_ends].end : tokens[end].end]
        return replace(compared, function=tokens[start - 1].text, rest=rest)

    def _leading(self, start: int) -> _Compared | None:
        """The column whose first token is at ``start``."""
        tokens = self._tokens
        if start + 2 < len(tokens) and tokens[start + 1].text == ".":
            return self._column(tokens[start + 2], tokens[start].name)
        return self._column(tokens[start], "")

    def _column(self, token: Token, qualifier: str) -> _Compared | None:
        if token.kind not in ("word", "quoted"):
            return None
        for alias, table in self._tables:
            if qualifier and qualifier not in (alias, fold(table.name)):
                continue
            for column in table.columns:
                if fold(column.name) == token.name and column.hidden != 1:
                    return _Compared(table, column.name)
            if token.name in ROWIDS and table.kind == "table" and not table.without_rowid:
                return _Compared(table, token.name)
        return None


def _tables(tokens: Sequence[Token], schema: Schema) -> Iterator[tuple[str, Table]]:
    """The tables and views that a statement names, each with its folded alias."""
    tables = {fold(name): table for name, table in schema.tables.items()}
    for place, token in enumerate(tokens):
        table = tables.get(token.name)
        if table is None or (place and tokens[place - 1].word not in _BEFORE_TABLE):
            continue
        after = place + 1
        if after < len(tokens) and tokens[after].word == "AS":
            after += 1
        yield (tokens[after].name if after < len(tokens) else ""), table


def _select(compared: _Compared) -> str:
    column = quote(compared.column)
    kind = next((c.type for c in compared.table.columns if c.name == compared.column), "INTEGER")
    value = f"{compared.function}({column}{compared.rest}" if compared.function else column
    some = f"SELECT {column} FROM {quote(compared.table.name)} LIMIT {_LOOK_AT}"
    dated = "date" in fold(kind) or "time" in fold(kind)
    default = "'2026-01-01'" if dated else _BY_AFFINITY.get(affinity(kind), _ANY)
    return f"SELECT coalesce((SELECT {value} FROM ({some}) WHERE {value} IS NOT NULL LIMIT 1), {default})"
