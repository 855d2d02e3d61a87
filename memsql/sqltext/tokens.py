"""The lexer of SQL text: what a token is, cut as SQLite cuts it, and put together again.

The sources of regular expressions here are the only definition of tokens. Modules that must read 50 MB in a moment
build faster expressions from the same sources.

They follow ``sqlite3GetToken`` in SQLite's tokenize.c:

* a block comment does not nest; a comment, string or quoted name without an end runs to the end of the text;
* ``/*`` as the very last two characters is no comment but a syntax error;
* U+FEFF at the start of a token is white space; U+000B is white space only after other white space;
* ``$a(...)``, ``@a(...)``, ``:a(...)`` and ``#a(...)`` are one variable, whatever the parentheses contain.

No source repeats a *group* possessively: ``re`` gets that wrong before Python 3.11.5. A possessive repeat of one
character class is right in every version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from memsql.sqltext.names import NAME, NAME_CHAR, fold, unquote

LINE_COMMENT = r"--[^\n]*+"
BLOCK_COMMENT = r"/\*(?!\Z)[^*]*+(?:\*++(?!/)[^*]*+)*(?:\*++/)?"
"""There is no lazy ``.*?``: when what follows fails, that would go on to a later ``*/`` and take SQL for a comment."""

TRIVIA = rf"(?:[ \t\n\f\r][\t-\r ]*+|{LINE_COMMENT}|{BLOCK_COMMENT}|\ufeff)"
"""One run of white space, or one comment."""

QUOTED_PART = r"""'[^']*+'?|"[^"]*+"?|`[^`]*+`?|\[[^\]]*+\]?"""
"""A string or quoted name up to the next quote.

A doubled quote is the end of one part and the start of the next, so all parts side by side cover the whole.
"""

STRING = r"(?:'[^']*+'?)+"
QUOTED_NAME = r'(?:"[^"]*+"?)+|(?:`[^`]*+`?)+|\[[^\]]*+\]?'
BLOB = r"[Xx]'[^']*+'?"
NUMBER = rf"(?:0[xX][0-9a-fA-F]+|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?){NAME_CHAR}*+"
VARIABLE = rf"(?:(?<!{NAME_CHAR})\$|(?<!:)[@:#]):*+{NAME_CHAR}(?:{NAME_CHAR}++|::)*(?:\([^\t-\r )]*+\)?)?|\?[0-9]*+"
"""A variable, with its parentheses if it has any."""

scan = re.compile(
    rf"{TRIVIA}*(?:(?P<blob>{BLOB})|(?P<word>{NAME})|(?P<quoted>{QUOTED_NAME})|(?P<string>{STRING})"
    rf"|(?P<number>{NUMBER})|(?P<variable>{VARIABLE})|(?P<op>\|\||->>|->|<<|>>|<=|>=|<>|==|!=|(?s:.))|\Z)"
).finditer
"""A match for each token of a text. ``lastgroup`` is the kind; it is None for trivia at the end of the text."""

_comment_or_quoted = re.compile(
    rf"(?P<comment>{LINE_COMMENT}|{BLOCK_COMMENT})|{STRING}|{QUOTED_NAME}|{VARIABLE}"
).finditer
_TIGHT = frozenset("(),;=<>|+*/.-") | {"||", "->", "->>", "<<", ">>", "<=", ">=", "<>", "=="}
_CLOSED = frozenset("(),;")


class Token(NamedTuple):
    """One token of SQL text.

    ``kind`` is word, quoted (a name in quotes or brackets), string, blob, number, variable or op. ``start`` is the
    offset of ``text`` in characters.
    """

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset behind its last character."""
        return self.start + len(self.text)

    @property
    def word(self) -> str:
        """A bare word in upper case, or an operator; empty for every other kind."""
        if self.kind == "op":
            return self.text
        # str.upper would make S of U+017F.
        return self.text.upper() if self.kind == "word" and self.text.isascii() else ""

    @property
    def name(self) -> str:
        """The name it spells, in lower case; empty where it cannot be a name."""
        return fold(unquote(self.text)) if self.kind in ("word", "quoted", "string") else ""


# Twice as fast as Token(...).
_new = tuple.__new__


class Comment(NamedTuple):
    """One comment: its text with the comment marks, and its offsets in characters."""

    text: str
    start: int
    end: int


def outside(tokens: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """The tokens outside parentheses, each with its place in ``tokens``; a closing parenthesis is one of them."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0:
            yield place, token


def split_outside(tokens: Sequence[Token], separator: str) -> list[list[Token]]:
    """``tokens`` cut at each ``separator`` outside parentheses. The AND of a BETWEEN cuts nothing."""
    parts: list[list[Token]] = [[]]
    between = 0
    depth = 0
    for token in tokens:
        depth += (token.word == "(") - (token.word == ")")
        depth += (token.word == "CASE") - (token.word == "END")
        between += depth == 0 and token.word == "BETWEEN"
        if depth == 0 and token.word == "AND" and between:
            between -= 1
        elif depth == 0 and token.word == separator:
            parts.append([])
            continue
        parts[-1].append(token)
    return parts


def tokenize(sql: str, offset: int = 0) -> list[Token]:
    """The tokens of ``sql`` without white space and comments, in linear time. Every text is accepted.

    ``offset`` is added to each ``start``.
    """
    return [
        _new(Token, (kind, match[kind], match.start(kind) + offset))
        for match in scan(sql)
        if (kind := match.lastgroup) is not None
    ]


def comments(sql: str) -> Iterator[Comment]:
    """The comments of ``sql``."""
    return (Comment(m[0], m.start(), m.end()) for m in _comment_or_quoted(sql) if m.lastgroup)


def without_comments(sql: str) -> str:
    """``sql`` with a space in the place of each comment."""
    parts, end = [], 0
    for comment in comments(sql):
        parts += [sql[end : comment.start], " "]
        end = comment.end
    return "".join([*parts, sql[end:]])


def join(tokens: Iterable[Token]) -> str:
    """Tokens as text: one space between words, and around operators only where two tokens would become one."""
    parts: list[str] = []
    before, before_kind = "(", "op"
    for kind, text, _ in tokens:
        if parts and (kind != "op" != before_kind or not _touching(before_kind, before, kind, text)):
            parts.append(" ")
        parts.append(text)
        before, before_kind = text, kind
    return "".join(parts)


def without_tail(sql: str) -> str:
    """``sql`` without the semicolons, white space and comments at its end."""
    end = 0
    for match in scan(sql):
        if match.lastgroup is not None and match[match.lastgroup] != ";":
            end = match.end()
    return sql[:end]


def _touching(one_kind: str, one: str, two_kind: str, two: str) -> bool:
    """Whether two tokens, one of which is an operator, need no space between them."""
    if one == "." or two == ".":
        return (two_kind if one == "." else one_kind) in ("word", "quoted")
    if one_kind == "variable" and two == "(":
        return False
    if one in _CLOSED or two in _CLOSED:
        return True
    # Two minus signs would be a comment, a bar and a bar another operator.
    return one_kind != two_kind and (one in _TIGHT or two in _TIGHT)
