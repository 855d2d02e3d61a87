"""The parts of a CREATE TABLE or ALTER TABLE ADD COLUMN, read from its tokens, with their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memsql.lint.step import Step, Token

_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
# What ends the type of a column.
_AFTER_TYPE = _CONSTRAINTS | {"NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"}


@dataclass(frozen=True, slots=True)
class Part:
    """A column (``name`` in lower case) or a constraint of the table (no name): its tokens, those behind the name."""

    name: str
    tokens: tuple[Token, ...]

    def find(self, *words: str) -> Token | None:
        """The first token, outside parentheses, from which on these words follow each other."""
        depth = 0
        for i, token in enumerate(self.tokens):
            if depth == 0 and [t.word for t in self.tokens[i : i + len(words)]] == list(words):
                return token
            depth += (token.word == "(") - (token.word == ")")
        return None

    def behind(self, word: str) -> tuple[Token, ...]:
        """What follows the first ``word`` outside parentheses."""
        found = self.find(word)
        return () if found is None else self.tokens[self.tokens.index(found) + 1 :]

    @property
    def type(self) -> str:
        """The declared type of a column, in upper case, without what stands in parentheses."""
        words = []
        for token in self.tokens:
            if token.word in _AFTER_TYPE or token.word == "(":
                break
            words.append(token.text.upper())
        return " ".join(words)


def parts(step: Step) -> tuple[list[Part], tuple[Token, ...]]:
    """The columns and constraints of a CREATE TABLE, and the tokens behind the closing parenthesis (its options)."""
    tokens = step.tokens
    start = next((i for i, t in enumerate(tokens) if t.word == "("), None)
    if start is None or any(t.word == "AS" for t in tokens[:start]):
        return [], ()
    groups, end = _groups(tokens, start)
    return [_part(group) for group in groups], tokens[end + 1 :]


def added_column(step: Step) -> Part | None:
    """The column of an ALTER TABLE … ADD COLUMN."""
    place = step.find("ADD")
    if place is None:
        return None
    tokens = step.tokens[place + 1 :]
    if tokens and tokens[0].word == "COLUMN" and len(tokens) > 1:
        tokens = tokens[1:]
    return Part(tokens[0].name, tuple(tokens[1:])) if tokens else None


def listed(tokens: Sequence[Token], start: int) -> list[list[Token]]:
    """What stands between the commas of the parentheses that open at token ``start``."""
    return _groups(tokens, start)[0]


def _part(group: list[Token]) -> Part:
    if group and group[0].word in _CONSTRAINTS:
        return Part("", tuple(group))
    return Part(group[0].name if group else "", tuple(group[1:]))


def _groups(tokens: Sequence[Token], start: int) -> tuple[list[list[Token]], int]:
    groups: list[list[Token]] = [[]]
    depth = 0
    for i in range(start, len(tokens)):
        word = tokens[i].word
        depth += (word == "(") - (word == ")")
        if depth == 0:
            return [g for g in groups if g], i
        if word == "," and depth == 1:
            groups.append([])
        elif i > start:
            groups[-1].append(tokens[i])
    return [g for g in groups if g], len(tokens) - 1
