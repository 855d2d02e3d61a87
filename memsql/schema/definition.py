"""The one reader of CREATE TABLE in clauses: its columns and constraints as they are written.

What they mean, however they are written, is in ``schema/read_rules.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from memsql.schema.model import Table
from memsql.sqltext.names import fold, quote_if_needed
from memsql.sqltext.tokens import Token, tokenize

# The grammar of columns and constraints: https://sqlite.org/lang_createtable.html.
_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_AFTER_TYPE = _CONSTRAINTS | {"NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS", "("}


@dataclass(frozen=True, slots=True)
class Clause:
    """The definition of one column, or one constraint of the table.

    ``name`` is the column in lower case, empty for a constraint. ``text`` is the clause as it is written; ``tokens``
    are the tokens of ``text``.
    """

    name: str
    text: str
    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        """Where the clause starts."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Where the clause ends."""
        return self.tokens[-1].end

    @property
    def spelled(self) -> str:
        """The name of the column as its author spelled it, with quotes if it has some."""
        return self.tokens[0].text

    @property
    def body(self) -> tuple[Token, ...]:
        """The tokens of a constraint, or those behind the name of a column."""
        return self.tokens[1:] if self.name else self.tokens

    @property
    def type(self) -> str:
        """The declared type of a column in upper case, without parentheses: ``VARCHAR`` for ``name varchar(20)``."""
        words = []
        for token in self.body:
            if token.word in _AFTER_TYPE:
                break
            words.append(token.text.upper())
        return " ".join(words)

    @property
    def type_tokens(self) -> tuple[Token, ...]:
        """The tokens of the declared type of a column, its parentheses included; empty without a type."""
        for place, (token, outside) in enumerate(zip(self.body, self._outside(), strict=True)):
            if outside is not None and token.word in _AFTER_TYPE - {"("}:
                return self.body[:place]
        return self.body if self.name else ()

    def find(self, *words: str) -> Token | None:
        """The first token outside parentheses from which on these keywords (in upper case) follow each other."""
        place = self._place(words)
        return None if place is None else self.body[place]

    def has(self, *words: str) -> bool:
        """Whether these keywords (in upper case) follow each other outside parentheses."""
        return self._place(words) is not None

    def behind(self, word: str) -> tuple[Token, ...]:
        """The tokens behind the first keyword ``word`` (in upper case) outside parentheses; empty without it."""
        place = self._place((word,))
        return () if place is None else self.body[place + 1 :]

    @property
    def default(self) -> tuple[Token, ...]:
        """The tokens from its default on; empty without one. ``ON DELETE SET DEFAULT`` gives none."""
        places = (n for n, token in enumerate(self._outside()) if token is not None and token.word == "DEFAULT")
        place = next((n for n in places if n == 0 or self.body[n - 1].word != "SET"), None)
        return () if place is None else self.body[place + 1 :]

    @property
    def checks(self) -> tuple[str, ...]:
        """The expressions of its CHECK constraints as they are written, in order."""
        expressions, depth = [], 0
        opening: Token | None = None
        for before, token in pairwise(self.tokens):
            if depth == 0 and token.text == "(" and before.word == "CHECK":
                opening = token
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0 and opening:
                expressions.append(self.text[opening.end - self.start : token.start - self.start].strip())
                opening = None
        return tuple(expressions)

    def _outside(self) -> Iterator[Token | None]:
        """The tokens of the body; None for each that stands in parentheses."""
        depth = 0
        for token in self.body:
            depth -= token.text == ")"
            yield token if depth == 0 else None
            depth += token.text == "("

    def _place(self, words: Sequence[str]) -> int | None:
        for place, token in enumerate(self._outside()):
            if token is not None and [t.word for t in self.body[place : place + len(words)]] == list(words):
                return place
        return None


@dataclass(frozen=True, slots=True)
class Definition:
    """A CREATE TABLE, or CREATE VIRTUAL TABLE with its arguments as clauses.

    ``opening`` is the offset of the opening parenthesis, or of the end of a text without one. ``tail`` is the text
    behind the closing parenthesis, ``options`` are the tokens of that text.
    """

    opening: int
    clauses: tuple[Clause, ...]
    tail: str = ""
    options: tuple[Token, ...] = ()

    def column(self, name: str) -> Clause | None:
        """The clause that defines the column ``name``."""
        return next((clause for clause in self.clauses if clause.name == fold(name)), None)

    @property
    def checks(self) -> tuple[str, ...]:
        """The expressions of all CHECK constraints as they are written, in order."""
        return tuple(expression for clause in self.clauses for expression in clause.checks)

    @property
    def columns(self) -> tuple[Clause, ...]:
        """The clauses that define a column."""
        return tuple(clause for clause in self.clauses if clause.name)

    @property
    def constraints(self) -> tuple[Clause, ...]:
        """The constraints of the table itself."""
        return tuple(clause for clause in self.clauses if not clause.name)


def read_definition(sql: str, columns: Iterable[str] | None = None, *, offset: int = 0) -> Definition:
    """Read ``sql``, the text of a CREATE TABLE as SQLite stores it or as a person wrote it. Every text is accepted.

    ``columns`` are the names of its columns, where they are known; otherwise each clause that does not start like a
    constraint is a column. ``offset`` is added to every position. CREATE TABLE AS has no clauses.
    """
    names = None if columns is None else {fold(c) for c in columns}
    tokens = tokenize(sql, offset)
    opening = next((place for place, token in enumerate(tokens) if token.text == "("), len(tokens))
    if opening == len(tokens) or any(token.word == "AS" for token in tokens[:opening]):
        return Definition(len(sql) + offset, ())
    groups, closing = split_at_commas(tokens, opening)
    clauses = (
        Clause(_column(group[0], names), sql[group[0].start - offset : group[-1].end - offset], tuple(group))
        for group in groups
    )
    tail = sql[tokens[closing].end - offset :] if closing < len(tokens) else ""
    return Definition(tokens[opening].start, tuple(clauses), tail, tuple(tokens[closing + 1 :]))


def definition_of(table: Table) -> Definition:
    """The definition of ``table``."""
    return read_definition(table.sql, (c.name for c in table.columns))


def split_at_commas(tokens: Sequence[Token], opening: int) -> tuple[list[list[Token]], int]:
    """Split what is in the parentheses that open at index ``opening`` of ``tokens``.

    Returns the tokens between each two commas, without empty groups, and the index of the closing parenthesis, which is
    the number of tokens where it is missing. ``opening`` is -1 where ``tokens`` start behind the parenthesis.
    """
    groups: list[list[Token]] = [[]]
    depth = 1
    for place in range(opening + 1, len(tokens)):
        token = tokens[place]
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            return [group for group in groups if group], place
        if token.text == "," and depth == 1:
            groups.append([])
        else:
            groups[-1].append(token)
    return [group for group in groups if group], len(tokens)


def under_name(sql: str, name: str) -> str:
    """The CREATE TABLE or CREATE VIRTUAL TABLE ``sql``, as SQLite stores it, for a table called ``name``.

    A CHECK that names its own table, as in ``CHECK (member.age > 21)``, names the new one.
    """
    tokens = tokenize(sql)
    place = 3 if len(tokens) > 3 and tokens[1].word == "VIRTUAL" else 2
    own = tokens[place].name
    result, end = "", 0
    for number, token in enumerate(tokens):
        if number == place or (number > place and token.name == own and _qualifies_column(tokens, number)):
            result += sql[end : token.start] + quote_if_needed(name)
            end = token.end
    return result + sql[end:]


def _qualifies_column(tokens: Sequence[Token], place: int) -> bool:
    """Whether the name at ``place`` stands before the name of a column, as ``a`` does in ``a.b`` and ``main.a.b``."""
    dots = [token.text == "." for token in tokens[place + 1 : place + 4 : 2]]
    return dots[:1] == [True] and dots[1:] != [True]


def _column(first: Token, names: set[str] | None) -> str:
    if first.word in _CONSTRAINTS:
        return ""
    return first.name if names is None or first.name in names else ""
