"""Tokens read one after the other, names and literals as canonical text: the base of all readers of a schema's SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import NoReturn

from memsql.sqltext.names import ROWIDS, fold, quote_if_needed, quote_string, unquote
from memsql.sqltext.tokens import Token, join

_END = Token("", "", -1)
_DEEPEST = 100
_MAX_INTEGER = 2**63 - 1


class Unreadable(Exception):
    """A text that is not in the grammar."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names in a text can mean; all names are in lower case.

    ``columns`` are the names that may be a column. ``closed``: every other name in double quotes is a string; otherwise
    such a name keeps its quotes and its letters. ``table`` is the only table of the text, whose name before a column
    says nothing; empty where there may be several. ``labels``: the names of results count with their letters, as those
    of a view do. ``spelled`` are the columns with the letters of their definitions. ``renamed`` are the new names
    of columns by their old ones.
    """

    columns: frozenset[str] = frozenset()
    _: KW_ONLY
    closed: bool = True
    table: str = ""
    labels: bool = False
    spelled: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)


def scope_of_table(table: str, columns: Iterable[str], renamed: Mapping[str, str] | None = None) -> Scope:
    """The scope of an expression that belongs to one ``table``: of a CHECK, an index, a generated column."""
    return Scope(frozenset(map(fold, columns)) | frozenset(ROWIDS), table=fold(table), renamed=renamed or {})


class TokenReader:
    """Reads the tokens of a text one after the other, and returns each construct as canonical text.

    Every method raises Unreadable where the text is not in the grammar.
    """

    def __init__(self, tokens: Sequence[Token], scope: Scope) -> None:
        self.tokens = tokens
        self.scope = scope
        self.at = 0
        self._depth = 0

    def deeper(self) -> None:
        """Note that a construct begins in another one. Raises Unreadable where that are too many: each takes a part of
        Python's stack, and SQLite's parser has room for about as many."""
        self._depth += 1
        if self._depth > _DEEPEST:
            self.fail()

    def higher(self) -> None:
        """Note that a construct ends. Who fails need not say so: nothing is read any more."""
        self._depth -= 1

    # The tokens.

    def peek(self, ahead: int = 0) -> Token:
        """The next token, or the one ``ahead`` of it; an empty token behind the end."""
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else _END

    def is_next(self, *words: str) -> bool:
        """Whether these keywords or operators (in upper case) come next."""
        return all(self.peek(ahead).word == word for ahead, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        """Pass these keywords or operators if they come next."""
        if not self.is_next(*words):
            return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Pass these keywords or operators."""
        if not self.accept(*words):
            self.fail()

    def take(self) -> Token:
        """Pass the next token."""
        token = self.peek()
        if token is _END:
            self.fail()
        self.at += 1
        return token

    def fail(self) -> NoReturn:
        """Raise Unreadable for the next token."""
        token = self.peek()
        raise Unreadable(f"{token.text or 'the end'} at {token.start}")

    def at_end(self) -> bool:
        """Whether nothing comes any more."""
        return self.at >= len(self.tokens)

    def identifier(self) -> str:
        """A name in lower case; a string counts as one where the grammar has a name."""
        token = self.take()
        if not token.name:
            self.at -= 1
            self.fail()
        return token.name

    def name(self) -> str:
        """A name as canonical text."""
        return quote_if_needed(self.identifier())

    def column_name(self) -> str:
        """The name of a column as canonical text, under its new name."""
        name = self.identifier()
        return quote_if_needed(self.scope.renamed.get(name, name))

    def listed(self, item: Callable[[], str]) -> str:
        """One or more of ``item`` with commas between them."""
        items = [item()]
        while self.accept(","):
            items.append(item())
        return ", ".join(items)

    def in_parentheses(self, item: Callable[[], str]) -> str:
        """``(item, item)``; the parentheses may be empty."""
        self.expect("(")
        text = "" if self.is_next(")") else self.listed(item)
        self.expect(")")
        return f"({text})"

    def raw_until_closed(self) -> str:
        """All tokens up to the parenthesis that closes the open one, as they are but for the case of words."""
        start, depth = self.at, 0
        while depth or not self.is_next(")"):
            token = self.take()
            depth += (token.text == "(") - (token.text == ")")
        return raw(self.tokens[start : self.at])


def literal(token: Token) -> str:
    """A number, string or blob as canonical text: numbers of the same value and type are equal."""
    if token.kind == "number":
        return _number(token.text.replace("_", ""))
    return quote_string(unquote(token.text)) if token.kind == "string" else fold(token.text)


def raw(tokens: Iterable[Token]) -> str:
    """Tokens as text, words in lower case and names without needless quotes."""
    return join(
        Token(
            "word" if t.kind == "quoted" else t.kind,
            quote_if_needed(t.name) if t.kind == "quoted" else fold(t.text) if t.kind == "word" else t.text,
            t.start,
        )
        for t in tokens
    )


def _number(text: str) -> str:
    if text.isascii() and text.isdigit():
        # int() refuses thousands of digits.
        return text.lstrip("0") or "0"
    try:
        if text[:2] in ("0x", "0X"):
            value = int(text, 16)
            return str(value - 2**64 if value > _MAX_INTEGER else value)
        return repr(float(text))
    except ValueError:
        raise Unreadable(text) from None
