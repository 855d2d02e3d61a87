"""Reading expressions: the columns that conditions make equal, and what changes no value. Text alone is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memsql.sqltext.selects import reference_of, without_parentheses
from memsql.sqltext.tokens import Token


def equations(tokens: Sequence[Token]) -> Iterator[tuple[tuple[str | None, str], tuple[str | None, str]]]:
    """The pairs of columns that must be equal where the conditions ``tokens`` hold: none where there is an OR."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and token.word == "OR":
            return
        if depth == 0 and token.word in ("AND", "WHERE", "GROUP", "ORDER", "LIMIT", "RETURNING", "HAVING"):
            parts.append([])
        else:
            parts[-1].append(token)
    for part in parts:
        condition = without_parentheses(part)
        sign = next((n for n, token in enumerate(condition) if token.word in ("=", "==", "IS")), 0)
        left = reference_of(without_parentheses(condition[:sign]))
        right = reference_of(without_parentheses(condition[sign + 1 :]))
        if sign and left is not None and right is not None:
            yield left, right


def without_effect(tokens: Sequence[Token]) -> Sequence[Token]:
    """``tokens`` without what changes no value: parentheses, + before a column, and COLLATE behind it."""
    while True:
        inner = without_parentheses(tokens)
        if len(inner) > 2 and inner[-2].word == "COLLATE":
            inner = inner[:-2]
        elif len(inner) > 1 and inner[0].word == "+" and inner[1].kind in ("word", "quoted"):
            inner = inner[1:]
        if len(inner) == len(tokens):
            return inner
        tokens = inner


def qualified_name(tokens: Sequence[Token], place: int) -> tuple[tuple[str | None, str] | None, int]:
    """The column whose name begins at ``place``, None where that is a keyword; and the place of its last token."""
    end = place
    while end + 2 < len(tokens) and tokens[end + 1].word == ".":
        end += 2
    return reference_of(tokens[place : end + 1]), end
