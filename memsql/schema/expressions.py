"""Expressions in their canonical text: all spellings that SQLite reads as the same expression become the same text.

The grammar is that of SQLite's parse.y (https://sqlite.org/lang_expr.html). The canonical text is SQL itself: keywords
and names in lower case, parentheses only where precedence needs them, one spelling of each operator and number, and
double quotes only around names. A name in double quotes that is no column is a string
(https://sqlite.org/quirks.html), so its letters count.
"""

from __future__ import annotations

from memsql.schema.token_reader import Scope, TokenReader, Unreadable, literal
from memsql.sqltext.names import fold, quote_if_needed, quote_string, unquote
from memsql.sqltext.tokens import Token, join, tokenize

# How tightly an operator binds: https://sqlite.org/lang_expr.html#operators_and_parse_affecting_attributes.
_OR, _AND, _NOT, _EQUAL, _COMPARE, _BITS, _ADD, _MULTIPLY, _CONCAT, _COLLATE, _SIGN, _SINGLE = range(1, 13)
_BINARY = {
    "OR": (_OR, "or"),
    "AND": (_AND, "and"),
    "=": (_EQUAL, "="),
    "==": (_EQUAL, "="),
    "<>": (_EQUAL, "<>"),
    "!=": (_EQUAL, "<>"),
    **{operator: (_COMPARE, operator) for operator in ("<", "<=", ">", ">=")},
    **{operator: (_BITS, operator) for operator in ("&", "|", "<<", ">>")},
    **{operator: (_ADD, operator) for operator in ("+", "-")},
    **{operator: (_MULTIPLY, operator) for operator in ("*", "/", "%")},
    **{operator: (_CONCAT, operator) for operator in ("||", "->", "->>")},
}
_ASSOCIATIVE = frozenset({"AND", "OR"})
_LIKE = frozenset({"LIKE", "GLOB", "REGEXP", "MATCH"})
_CONSTANTS = frozenset({"NULL", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"})
# Keywords that can start no operand, although a name may stand there.
_NO_OPERAND = frozenset(
    [
        "AND",
        "OR",
        "FROM",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "THEN",
        "WHEN",
        "ELSE",
        "IS",
        "IN",
        "ISNULL",
        "NOTNULL",
        "AS",
        "ON",
        "SELECT",
        "SET",
        "VALUES",
        "USING",
        "COLLATE",
        "BETWEEN",
    ]
)
# Words that stand for a value in DEFAULT; every other word is a string there (https://sqlite.org/quirks.html).
_VALUES = {"true": "1", "false": "0"} | {
    word: word for word in ("null", "current_date", "current_time", "current_timestamp")
}


class ExpressionReader(TokenReader):
    """Reads expressions, and what queries and statements share with them. Every method raises Unreadable where the
    text is not in the grammar."""

    def expression(self, least: int = _OR) -> str:
        """An expression whose operators bind at least as tightly as ``least``; with parentheses where it needs them."""
        text, power = self._expression(least)
        return f"({text})" if power < least else text

    def _expression(self, least: int) -> tuple[str, int]:
        self.deeper()
        left, power = self._operand()
        while (step := self._operator(left, power, least)) is not None:
            left, power = step
        self.higher()
        return left, power

    def _operator(self, left: str, power: int, least: int) -> tuple[str, int] | None:
        """``left`` with the next operator and its right side; None where no operator of this level comes."""
        word = self.peek().word
        if word in _BINARY:
            binds, operator = _BINARY[word]
            if binds < least:
                return None
            self.at += 1
            right = self._right(binds, word)
            return f"{_wrapped(left, power, binds)} {operator} {right}", binds
        if word == "COLLATE" and least <= _COLLATE:
            self.at += 1
            return f"{_wrapped(left, power, _COLLATE)} collate {self.name()}", _COLLATE
        if least <= _EQUAL:
            condition = self._condition(word)
            if condition is not None:
                return f"{_wrapped(left, power, _EQUAL)} {condition}", _EQUAL
        return None

    def _right(self, binds: int, word: str) -> str:
        text, power = self._expression(binds + 1)
        # ``a and (b and c)`` means what ``(a and b) and c`` means.
        return _wrapped(text, power, binds if word in _ASSOCIATIVE else binds + 1)

    def _condition(self, word: str) -> str | None:
        """What can follow an operand at the level of ``=``: IS, IN, LIKE, BETWEEN and their negations."""
        if self.accept("ISNULL"):
            return "is null"
        if self.accept("NOTNULL") or self.accept("NOT", "NULL"):
            return "is not null"
        if self.accept("IS"):
            negated = self.accept("NOT")
            if self.accept("DISTINCT", "FROM"):
                negated = not negated
            return f"is {'not ' * negated}{self.expression(_COMPARE)}"
        negation = ""
        if word == "NOT":
            if self.peek(1).word not in _LIKE | {"IN", "BETWEEN"}:
                return None
            self.at += 1
            negation = "not "
        if self.accept("BETWEEN"):
            low = self.expression(_NOT)
            self.expect("AND")
            return f"{negation}between {low} and {self.expression(_COMPARE)}"
        if self.accept("IN"):
            return f"{negation}in {self._set()}"
        if self.peek().word in _LIKE:
            operator = fold(self.take().text)
            text = f"{negation}{operator} {self.expression(_COMPARE)}"
            return f"{text} escape {self.expression(_COMPARE)}" if self.accept("ESCAPE") else text
        return None

    def _set(self) -> str:
        """What is behind IN: a list, a query, a table or a table-valued function."""
        if self.is_next("("):
            if self._is_query(1):
                return self.subquery()
            return self.in_parentheses(self.expression)
        table = self.table_name()
        return f"{table}{self.in_parentheses(self.expression)}" if self.is_next("(") else table

    def _operand(self) -> tuple[str, int]:
        token = self.peek()
        word = token.word
        if word == "NOT":
            self.at += 1
            return f"not {self.expression(_NOT)}", _NOT
        if word in ("-", "+", "~"):
            self.at += 1
            text = self.expression(_SIGN)
            return f"{word}{' ' * (text[:1] == word)}{text}", _SIGN
        if word == "(":
            return self._parenthesised()
        if token.kind in ("number", "blob", "string", "variable") and self.peek(1).text != ".":
            self.at += 1
            return literal(token), _SINGLE
        if word in _CONSTANTS:
            self.at += 1
            return fold(token.text), _SINGLE
        if word in _NO_OPERAND or not token.name:
            self.fail()
        return self._named(word), _SINGLE

    def _parenthesised(self) -> tuple[str, int]:
        if self._is_query(1):
            return self.subquery(), _SINGLE
        self.expect("(")
        text, power = self._expression(_OR)
        if not self.is_next(","):
            self.expect(")")
            return text, power
        items = [text]
        while self.accept(","):
            items.append(self.expression())
        self.expect(")")
        return f"({', '.join(items)})", _SINGLE

    def _is_query(self, ahead: int) -> bool:
        return self.peek(ahead).word in ("SELECT", "WITH", "VALUES")

    def _named(self, word: str) -> str:
        """An operand that starts with a name or a keyword."""
        if word == "CASE":
            return self._case()
        if self.peek(1).text == "(":
            if word == "CAST":
                return self._cast()
            if word == "EXISTS":
                self.at += 1
                return f"exists {self.subquery()}"
            if word == "RAISE":
                self.at += 2
                return f"raise({self._raised()})"
            if self.peek().kind != "string":
                return self._call()
        return self._column()

    def _case(self) -> str:
        self.expect("CASE")
        parts = ["case"] + ([] if self.is_next("WHEN") else [self.expression()])
        while self.accept("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            parts.append(f"when {condition} then {self.expression()}")
        if self.accept("ELSE"):
            otherwise = self.expression()
            parts += [] if otherwise == "null" else [f"else {otherwise}"]
        self.expect("END")
        return " ".join([*parts, "end"])

    def _cast(self) -> str:
        self.expect("CAST", "(")
        value = self.expression()
        self.expect("AS")
        declared = self.raw_until_closed()
        self.expect(")")
        return f"cast({value} as {declared})"

    def _raised(self) -> str:
        action = self.name()
        text = f"{action}, {self.expression()}" if self.accept(",") else action
        self.expect(")")
        return text

    def _call(self) -> str:
        name = self.name()
        self.expect("(")
        distinct = "distinct " if self.accept("DISTINCT") else ""
        self.accept("ALL")
        if self.is_next(")"):
            arguments = ""
        else:
            arguments = "*" if self.accept("*") else self.listed(self.expression)
        order = f" {self.order_by()}" if self.is_next("ORDER", "BY") else ""
        self.expect(")")
        text = f"{name}({distinct}{arguments}{order})"
        if self.is_next("FILTER", "("):
            self.at += 2
            self.expect("WHERE")
            text += f" filter (where {self.expression()})"
            self.expect(")")
        if self.is_next("OVER", "("):
            self.at += 1
            return f"{text} over {self.window()}"
        if self.is_next("OVER") and self.peek(1).kind in ("word", "quoted") and self.peek(1).word not in _NO_OPERAND:
            self.at += 1
            return f"{text} over {self.name()}"
        return text

    def _column(self) -> str:
        """A column with what qualifies it, TRUE or FALSE, or a string in double quotes."""
        token = self.take()
        if self.peek().text != ".":
            return self._resolved(token)
        parts = [token.name]
        while self.accept("."):
            parts.append(self.identifier())
        if len(parts) == 3 and parts[0] == "main":
            del parts[0]
        if len(parts) == 2 and parts[0] == self.scope.table:
            del parts[0]
        *qualifiers, column = parts
        return ".".join(quote_if_needed(n) for n in (*qualifiers, self.scope.renamed.get(column, column)))

    def _resolved(self, token: Token) -> str:
        name = token.name
        is_column = name in self.scope.columns
        if token.text[:1] == '"' and not is_column:
            if self.scope.closed:
                return quote_string(unquote(token.text))
            return '"' + unquote(token.text).replace('"', '""') + '"'
        if token.word in ("TRUE", "FALSE") and not is_column:
            return name
        return quote_if_needed(self.scope.renamed.get(name, name))

    # What only whole statements have.

    def table_name(self) -> str:
        """The name of a table as canonical text; ``main.`` before it says nothing."""
        name = self.identifier()
        if self.accept("."):
            qualifier, name = name, self.identifier()
            if qualifier != "main":
                return f"{quote_if_needed(qualifier)}.{quote_if_needed(name)}"
        return quote_if_needed(name)

    def order_by(self) -> str:
        """``order by`` with its terms; ASC and the usual place of NULL are left out."""
        self.expect("ORDER", "BY")
        return f"order by {self.listed(self.ordered)}"

    def ordered(self) -> str:
        """A term of ORDER BY."""
        text = self.expression()
        descending = self.accept("DESC")
        text += " desc" * descending
        if not descending:
            self.accept("ASC")
        if self.accept("NULLS"):
            place = fold(self.take().text)
            text += f" nulls {place}" * (place != ("last" if descending else "first"))
        return text

    def window(self) -> str:
        """The definition of a window with its parentheses."""
        self.expect("(")
        parts = []
        if self.peek().name and self.peek().word not in ("PARTITION", "ORDER", "RANGE", "ROWS", "GROUPS"):
            parts.append(self.name())
        if self.accept("PARTITION", "BY"):
            parts.append(f"partition by {self.listed(self.expression)}")
        if self.is_next("ORDER"):
            parts.append(self.order_by())
        frame = self.raw_until_closed()
        self.expect(")")
        return f"({' '.join([*parts, *([frame] if frame else [])])})"

    def subquery(self) -> str:
        """A query with its parentheses."""
        self.fail()


def read_expression(sql: str, scope: Scope) -> str:
    """The canonical text of the expression ``sql``; it has no subquery. Raises Unreadable."""
    reader = ExpressionReader(tokenize(sql), scope)
    text = reader.expression()
    if not reader.at_end():
        reader.fail()
    return text


def canonical_default(text: str | None) -> str | None:
    """The text of a DEFAULT, as pragma_table_xinfo has it, in its canonical form; None for NULL."""
    tokens = tokenize(text or "null")
    if tokens[0].text == "+" and len(tokens) == 2:
        # SQLite drops a plus sign here.
        del tokens[0]
    if len(tokens) == 1 and tokens[0].kind in ("word", "quoted"):
        value = _VALUES.get(fold(tokens[0].text)) or quote_string(unquote(tokens[0].text))
    else:
        try:
            value = read_expression(join(tokens), Scope())
        except Unreadable:
            value = join(tokens)
    return None if value == "null" else value


def canonical_type(declared: str) -> str:
    """A declared type in lower case, without needless white space."""
    return join(Token(t.kind, fold(t.text), t.start) for t in tokenize(declared))


def _wrapped(text: str, power: int, least: int) -> str:
    return f"({text})" if power < least else text
