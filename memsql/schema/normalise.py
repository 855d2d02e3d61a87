"""The canonical text of a CREATE statement, so that two texts that mean the same compare equal."""

from __future__ import annotations

from functools import lru_cache

from memsql.sqltext.names import fold, quote_if_needed, unquote
from memsql.sqltext.tokens import Token, join, tokenize

_IF_NOT_EXISTS = ["if", "not", "exists"]


@lru_cache(maxsize=8192)
def normalise(sql: str) -> str:
    """The canonical text of ``sql``.

    It is in lower case outside strings. It has quotes only around names that need them, one space between words, none
    around operators, and no comments, no IF NOT EXISTS, and no semicolons at its end.
    """
    tokens = _canonical(sql)
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    # Behind CREATE TABLE, or behind CREATE UNIQUE INDEX and CREATE VIRTUAL TABLE.
    for place in (2, 3):
        while [token.text for token in tokens[place : place + 3]] == _IF_NOT_EXISTS and tokens[0].text == "create":
            del tokens[place : place + 3]
    return join(tokens)


def _canonical(sql: str) -> list[Token]:
    # Folding changes no token but its letters, so a token of the folded text is where it was.
    tokens = tokenize(fold(sql))
    for place, (kind, text, start) in enumerate(tokens):
        written = sql[start : start + len(text)]
        if kind == "quoted" and place and tokens[place - 1].text == "default":
            # A default in double quotes is a string, whose case counts (https://sqlite.org/quirks.html).
            tokens[place] = Token("string", "'" + unquote(written).replace("'", "''") + "'", start)
        elif kind == "quoted":
            tokens[place] = Token(kind, quote_if_needed(unquote(text)), start)
        elif kind in ("string", "variable"):
            tokens[place] = Token(kind, written, start)
    return tokens
