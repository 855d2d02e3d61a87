"""Rules about literal values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from memsql.lint.model import DATABASE, Hit, rule
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.sqltext.tokens import Token

# A value or a name begins after each of these: only the schema says which.
_BEFORE_VALUE_OR_NAME = frozenset(
    {
        "=",
        "==",
        "<>",
        "!=",
        "<",
        ">",
        "<=",
        ">=",
        "||",
        "+",
        "(",
        ",",
        "LIKE",
        "GLOB",
        "IN",
        "IS",
        "NOT",
        "AND",
        "OR",
        "THEN",
        "ELSE",
        "WHEN",
        "SELECT",
        "WHERE",
        "BETWEEN",
        "DISTINCT",
        "RETURNING",
        "MATCH",
        "ON",
        "HAVING",
    }
)
_BEFORE_VALUE = frozenset({"=", "==", "<>", "!=", "LIKE", "GLOB", "THEN", "ELSE", "||"})
_BEFORE_NEW_NAME = frozenset(
    {
        "AS",
        "TABLE",
        "INDEX",
        "VIEW",
        "TRIGGER",
        "COLUMN",
        "ADD",
        "RENAME",
        "TO",
        "CONSTRAINT",
        "WITH",
        "EXISTS",
        "RECURSIVE",
    }
)


@rule("MS26", "double_quoted_string", "error", (*DATABASE, "check", "query", "smoke", "snapshot"))
def double_quoted_string(script: Script) -> Iterator[Hit]:
    """A string in double quotes.

    **Anti-pattern** Double quotes are for names. SQLite takes a name that it does not know for a string, so a
    mistake in a name passes unseen, and a column added later changes what the statement means. Newer builds of SQLite
    and servers refuse it, and a backup of a schema with one cannot be restored there.

        UPDATE users SET plan = "free" WHERE plan IS NULL;

    **Best practice** Single quotes for strings.

        UPDATE users SET plan = 'free' WHERE plan IS NULL;
    """
    if '"' not in script.text:
        return
    for step in script.steps:
        if '"' not in step.text or step.kind in ("pragma", "attach") or step.is_making("virtual"):
            continue
        sqlite_decides = step.number not in script.failures and not (
            step.is_making("trigger", "view") or step.kind == "alter_add_column"
        )
        for token in _candidates(step):
            if (
                token.at in script.strings
                or token.before == "DEFAULT"
                or (not sqlite_decides and _looks_like_string(step, token, script))
            ):
                value = token.text[1:-1].replace('""', '"').replace("'", "''")
                yield Hit(
                    token.at,
                    f"{token.text[:60]} is no name here, so SQLite takes it for a string",
                    f"write '{value[:60]}'",
                )


@dataclass(frozen=True, slots=True)
class _Quoted:
    """A token in double quotes with its neighbours.

    ``place`` is its index among the statement's tokens, ``at`` its offset in the file; ``before`` and ``after`` are
    the words next to it, empty where there is none.
    """

    place: int
    at: int
    text: str
    name: str
    before: str
    after: str


def _candidates(step: Step) -> Iterator[_Quoted]:
    tokens = step.tokens
    for i, token in enumerate(tokens):
        if token.kind == "quoted" and token.text.startswith('"'):
            yield _Quoted(
                i,
                token.start,
                token.text,
                token.name,
                tokens[i - 1].word if i else "",
                tokens[i + 1].word if i + 1 < len(tokens) else "",
            )


def _looks_like_string(step: Step, token: _Quoted, script: Script) -> bool:
    """Whether it stands where a value may stand, and neither the schema nor the statement has that name."""
    tokens = step.tokens
    if token.before not in _BEFORE_VALUE_OR_NAME or token.after in (".", "("):
        return False
    if script.after.knows(token.name) or (script.before is not None and script.before.knows(token.name)):
        return False
    own = {t.name for before, t in pairwise(tokens) if t.name and before.word in _BEFORE_NEW_NAME}
    if token.name in own:
        return False
    return script.after.exact or token.before in _BEFORE_VALUE or _in_values(tokens, token.place)


def _in_values(tokens: tuple[Token, ...], place: int) -> bool:
    """Whether the token stands in the parentheses of VALUES (…)."""
    depth = 0
    for i in range(place - 1, -1, -1):
        depth += (tokens[i].word == ")") - (tokens[i].word == "(")
        if depth == -1:
            return i > 0 and tokens[i - 1].word in ("VALUES", ",")
    return False


RULES = (double_quoted_string,)
