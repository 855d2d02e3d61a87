"""The canonical text of a CREATE statement, so that two that mean the same compare equal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from memsql.sqltext.tokens import Token, fold, join, quoted, tokenize, unquoted

_IF_NOT_EXISTS = ["if", "not", "exists"]


@lru_cache(maxsize=8192)
def normalise(sql: str) -> str:
    """``sql`` without comments, in lower case outside strings, names unquoted where they need no quotes,
    one space between words and none around punctuation, without IF NOT EXISTS and final semicolons."""
    tokens = list(_canonical(tokenize(sql)))
    while tokens and tokens[-1] == ("op", ";"):
        tokens.pop()
    for place in (2, 3):
        while [text for _, text in tokens[place : place + 3]] == _IF_NOT_EXISTS and tokens[0][1] == "create":
            del tokens[place : place + 3]
    return join(tokens)


def _canonical(tokens: list[Token]) -> Iterator[Token]:
    before = ""
    for kind, text in tokens:
        if kind == "quoted" and before == "default":
            # A default in double quotes is a string, whose case counts (https://sqlite.org/quirks.html).
            yield "string", "'" + unquoted((kind, text)).replace("'", "''") + "'"
        elif kind == "quoted":
            yield "quoted", quoted(fold(unquoted((kind, text))))
        else:
            yield kind, text if kind in ("string", "variable") else fold(text)
        before = fold(text)
