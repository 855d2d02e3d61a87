"""Queries and the statements of triggers in their canonical text (https://sqlite.org/lang_select.html)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memsql.schema.expressions import ExpressionReader
from memsql.schema.token_reader import Scope
from memsql.sqltext.names import fold, quote_if_needed, unquote
from memsql.sqltext.tokens import Token, join

# Words behind which a query goes on, so that they are no alias without AS.
_BEHIND_RESULT = frozenset(
    [
        "FROM",
        "WHERE",
        "GROUP",
        "HAVING",
        "WINDOW",
        "ORDER",
        "LIMIT",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "ON",
        "RETURNING",
        "DO",
        "SET",
    ]
)
_JOINS = frozenset(["NATURAL", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER"])
_BEHIND_SOURCE = _BEHIND_RESULT | _JOINS | {"JOIN", "USING", "INDEXED", "NOT", "SELECT", "VALUES", "DEFAULT"}
_COMPOUND = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_KEYWORDS = frozenset(
    [
        "AND",
        "AS",
        "BETWEEN",
        "BY",
        "CASE",
        "CAST",
        "COLLATE",
        "DISTINCT",
        "ELSE",
        "END",
        "ESCAPE",
        "EXISTS",
        "FILTER",
        "FROM",
        "GLOB",
        "GROUP",
        "HAVING",
        "IN",
        "IS",
        "ISNULL",
        "LIKE",
        "LIMIT",
        "MATCH",
        "NOT",
        "NOTNULL",
        "NULL",
        "OR",
        "ORDER",
        "OVER",
        "PARTITION",
        "REGEXP",
        "SELECT",
        "THEN",
        "WHEN",
        "WHERE",
    ]
)


class StatementReader(ExpressionReader):
    """Reads queries too. Every method raises Unreadable where the text is not in the grammar.

    ``sources`` are the tables that the text reads or writes, ``aliases`` the names that it defines itself, ``places``
    the names of what is behind each FROM and JOIN; all in lower case. ``sources_known`` is False where it reads a
    table-valued function, whose columns are in no schema.
    """

    def __init__(self, tokens: list[Token], scope: Scope) -> None:
        super().__init__(tokens, scope)
        self.sources: set[str] = set()
        self.aliases: set[str] = set()
        self.places: list[str] = []
        self.sources_known = True
        self._labels = scope.labels
        self._cte: set[str] = set()

    def subquery(self) -> str:
        """A query inside an expression, with its parentheses. Nobody sees the names of its results."""
        return self._unlabelled(self._query_in_parentheses)

    def _unlabelled(self, item: Callable[[], str]) -> str:
        """``item``, of whose results nobody sees the names."""
        labels, self._labels = self._labels, False
        text = item()
        self._labels = labels
        return text

    def _query_in_parentheses(self) -> str:
        self.expect("(")
        self.deeper()
        text = self.query()
        self.higher()
        self.expect(")")
        return f"({text})"

    def query(self) -> str:
        """SELECT or VALUES, with WITH, UNION and its like, ORDER BY and LIMIT."""
        parts = [self._with()] if self.is_next("WITH") else []
        parts.append(self._core())
        while self.peek().word in _COMPOUND:
            parts.append(fold(self.take().text) + " all" * self.accept("ALL"))
            # The names of the results are those of the first SELECT.
            parts.append(self._unlabelled(self._core))
        if self.is_next("ORDER"):
            parts.append(self.order_by())
        if self.accept("LIMIT"):
            parts.append(self._limit())
        return " ".join(parts)

    def _limit(self) -> str:
        first = self.expression()
        if self.accept(","):
            return f"limit {self.expression()} offset {first}"
        return f"limit {first} offset {self.expression()}" if self.accept("OFFSET") else f"limit {first}"

    def _with(self) -> str:
        self.expect("WITH")
        # Every WITH may be recursive; the word says nothing.
        self.accept("RECURSIVE")
        return f"with {self.listed(self._common_table)}"

    def _common_table(self) -> str:
        name = self.identifier()
        self._cte.add(name)
        columns = ""
        if self.is_next("("):
            columns = self.in_parentheses(self._alias_name)
        self.expect("AS")
        hint = ""
        if self.accept("NOT", "MATERIALIZED"):
            hint = " not materialized"
        elif self.accept("MATERIALIZED"):
            hint = " materialized"
        query = self._unlabelled(self._query_in_parentheses) if columns else self._query_in_parentheses()
        return f"{quote_if_needed(name)}{columns} as{hint} {query}"

    def _core(self) -> str:
        if self.accept("VALUES"):
            return f"values {self.listed(lambda: self.in_parentheses(self.expression))}"
        self.expect("SELECT")
        distinct = " distinct" if self.accept("DISTINCT") else ""
        self.accept("ALL")
        parts = [f"select{distinct} {self.listed(self._result)}"]
        if self.accept("FROM"):
            parts.append(f"from {self._sources()}")
        if self.accept("WHERE"):
            parts.append(f"where {self.expression()}")
        if self.accept("GROUP", "BY"):
            parts.append(f"group by {self.listed(self.expression)}")
        if self.accept("HAVING"):
            parts.append(f"having {self.expression()}")
        if self.accept("WINDOW"):
            parts.append(f"window {self.listed(self._named_window)}")
        return " ".join(parts)

    def _named_window(self) -> str:
        name = self.name()
        self.expect("AS")
        return f"{name} as {self.window()}"

    def _result(self) -> str:
        if self.accept("*"):
            return "*"
        if self.peek().name and self.peek(1).text == "." and self.peek(2).text == "*":
            name = self.identifier()
            self.at += 2
            return "*" if name == self.scope.table else f"{quote_if_needed(name)}.*"
        start = self.at
        text = self.expression()
        tokens = self.tokens[start : self.at]
        alias = self._alias(_BEHIND_RESULT)
        column = _plain_column(tokens)
        if not self._labels:
            alias = fold(alias)
        if alias:
            # Without an alias, a column has the name of its definition.
            is_own = column == fold(alias) and (not self._labels or alias in self.scope.spelled)
            return text if is_own else f"{text} as {quote_if_needed(alias)}"
        return text if column or not self._labels else f"{text} as {quote_if_needed(_label(tokens))}"

    def _alias(self, terminators: frozenset[str]) -> str:
        """An alias as it is spelled, with or without AS; empty where none comes."""
        if not self.accept("AS") and not self._is_alias_next(terminators):
            return ""
        return unquote(self._alias_token().text)

    def _is_alias_next(self, terminators: frozenset[str] = _BEHIND_SOURCE) -> bool:
        token = self.peek()
        return token.kind in ("word", "quoted", "string") and token.word not in terminators

    def _alias_name(self) -> str:
        name = unquote(self._alias_token().text)
        return quote_if_needed(name if self._labels else fold(name))

    def _alias_token(self) -> Token:
        token = self.take()
        if not token.name:
            self.at -= 1
            self.fail()
        self.aliases.add(token.name)
        return token

    def _sources(self) -> str:
        text = self._source()
        while True:
            join_words = self._join_words()
            if join_words is None:
                return text
            text += f" {join_words} {self._source()}"
            if self.accept("ON"):
                text += f" on {self.expression()}"
            elif self.accept("USING"):
                text += f" using {self.in_parentheses(self.column_name)}"

    def _join_words(self) -> str | None:
        """The words of a join; a comma is an inner join. None where no join comes."""
        if self.accept(","):
            return "join"
        words = []
        start = self.at
        while self.peek().word in _JOINS:
            words.append(fold(self.take().text))
        if not self.accept("JOIN"):
            self.at = start
            return None
        return " ".join([*sorted(set(words) - {"inner", "outer"}), "join"])

    def _source(self) -> str:
        name = ""
        if not self.is_next("("):
            text = self._table()
            name = unquote(text.rpartition(".")[2]) if self.sources_known else ""
        elif self._is_query(1):
            text = self._query_in_parentheses()
        else:
            self.expect("(")
            self.deeper()
            text = self._sources()
            self.higher()
            self.expect(")")
            is_needed = " join " in text or self._is_alias_next()
            text = f"({text})" if is_needed else text
        alias = fold(self._alias(_BEHIND_SOURCE))
        self.places.append(alias or name)
        if alias and alias not in (name, self.scope.table):
            text += f" as {quote_if_needed(alias)}"
        if self.accept("NOT", "INDEXED"):
            return f"{text} not indexed"
        return f"{text} indexed by {self.name()}" if self.accept("INDEXED", "BY") else text

    def _table(self) -> str:
        name = self.table_name()
        if self.is_next("("):
            # The columns of a table-valued function are in no schema.
            self.sources_known = False
            return name + self.in_parentheses(self.expression)
        self.sources |= {unquote(name)} - self._cte
        return name

    # The statements of triggers.

    def statements(self) -> str:
        """BEGIN, the statements of a trigger, END."""
        self.expect("BEGIN")
        texts = []
        while not self.accept("END"):
            texts.append(self._statement())
            self.expect(";")
        return f"begin {'; '.join(texts)}; end"

    def _statement(self) -> str:
        start = self.at
        prefix = f"{self._with()} " if self.is_next("WITH") else ""
        word = self.peek().word
        if word in ("INSERT", "REPLACE"):
            return prefix + self._insert()
        if word == "UPDATE":
            return prefix + self._update()
        if word == "DELETE":
            return prefix + self._delete()
        self.at = start
        return self.query()

    def _insert(self) -> str:
        conflict = " or replace" if self.take().word == "REPLACE" else self._conflict()
        self.expect("INTO")
        text = f"insert{conflict} into {self._target()}"
        if self.is_next("("):
            text += f" {self.in_parentheses(self.column_name)}"
        if self.accept("DEFAULT", "VALUES"):
            return f"{text} default values"
        text += f" {self.query()}"
        while self.accept("ON", "CONFLICT"):
            text += f" {self._upsert()}"
        return text

    def _upsert(self) -> str:
        text = "on conflict"
        if self.is_next("("):
            text += f" {self.in_parentheses(self.ordered)}"
            text += f" where {self.expression()}" if self.accept("WHERE") else ""
        self.expect("DO")
        if self.accept("NOTHING"):
            return f"{text} do nothing"
        self.expect("UPDATE")
        return f"{text} do update {self._assignments()}"

    def _update(self) -> str:
        self.expect("UPDATE")
        conflict = self._conflict()
        text = f"update{conflict} {self._target()} "
        if self.accept("NOT", "INDEXED"):
            text += "not indexed "
        elif self.accept("INDEXED", "BY"):
            text += f"indexed by {self.name()} "
        return text + self._assignments()

    def _assignments(self) -> str:
        self.expect("SET")
        text = f"set {self.listed(self._assignment)}"
        if self.accept("FROM"):
            text += f" from {self._sources()}"
        return f"{text} where {self.expression()}" if self.accept("WHERE") else text

    def _assignment(self) -> str:
        column = self.in_parentheses(self.column_name) if self.is_next("(") else self.column_name()
        if not self.accept("="):
            self.expect("==")
        return f"{column} = {self.expression()}"

    def _delete(self) -> str:
        self.expect("DELETE", "FROM")
        text = f"delete from {self._target()}"
        return f"{text} where {self.expression()}" if self.accept("WHERE") else text

    def _conflict(self) -> str:
        return f" or {fold(self.take().text)}" if self.accept("OR") else ""

    def _target(self) -> str:
        name = self.table_name()
        self.sources.add(unquote(name))
        return f"{name} as {quote_if_needed(fold(unquote(self._alias_token().text)))}" if self.accept("AS") else name


def _plain_column(tokens: Sequence[Token]) -> str:
    """The name of the column, in lower case, where an expression is nothing else; empty otherwise."""
    while len(tokens) > 2 and tokens[0].text == "(" and tokens[-1].text == ")":
        tokens = tokens[1:-1]
    names, dots = tokens[::2], tokens[1::2]
    is_column = all(t.kind in ("word", "quoted") for t in names) and all(t.text == "." for t in dots)
    return tokens[-1].name if is_column else ""


def _label(tokens: Sequence[Token]) -> str:
    """The name that SQLite makes of an expression without alias: its text. White space and the case of keywords are
    left out of it."""
    return join(t if t.word not in _KEYWORDS else Token("word", fold(t.text), t.start) for t in tokens)
