"""The tokens of a CREATE statement: cut, compared and put together again. Facts about tokens are in sqltext."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memsql.sqltext.lexis import BLOCK_COMMENT, LINE_COMMENT, NAME, NAME_CHAR, VARIABLE, fold

__all__ = [
    "RESERVED",
    "Token",
    "comments",
    "fold",
    "join",
    "positions",
    "quoted",
    "tokenize",
    "unquoted",
    "without_tail",
]

Token = tuple[str, str]
"""Kind (word, quoted, string, number, variable or op) and text."""

_TOKEN = re.compile(
    rf"(?P<skip>{LINE_COMMENT}|{BLOCK_COMMENT}|[\t-\r ]+|\ufeff)|(?P<blob>[xX]'[^']*'?)"
    r"|(?P<string>'[^']*+(?:''[^']*+)*'?)"
    r'|(?P<quoted>"[^"]*+(?:""[^"]*+)*"?|`[^`]*+(?:``[^`]*+)*`?|\[[^\]]*+\]?)'
    rf"|(?P<word>{NAME})|(?P<number>(?:0[xX][0-9a-fA-F]+|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?){NAME_CHAR}*+)"
    r"|(?P<variable>" + VARIABLE + r")|(?P<op>\|\||->>|->|<<|>>|<=|>=|<>|==|!=|.)",
    re.DOTALL,
)
_PLAIN = re.compile(NAME)
_TIGHT = frozenset("(),;=<>|+*/.-") | {"||", "->", "->>", "<<", ">>", "<=", ">=", "<>", "=="}
_NAMES = ("word", "quoted")

# Words that cannot stand as a bare name, tried one by one as a column's name, and those that mean a value.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        "add all alter and as autoincrement between case check collate commit constraint create default deferrable"
        " delete distinct drop else escape except exists foreign from group having in index insert intersect into is"
        " isnull join limit not nothing notnull null on or order primary references returning select set table then"
        " to transaction union unique update using values when where"
        " true false current_date current_time current_timestamp",
    )
)


def tokenize(sql: str) -> list[Token]:
    """The tokens of ``sql`` without white space and comments, in linear time. Every text is accepted."""
    return [(m.lastgroup or "", m[0]) for m in _TOKEN.finditer(sql) if m.lastgroup != "skip"]


def positions(sql: str) -> list[tuple[str, str, int]]:
    """Like tokenize(), each token with its offset in ``sql``."""
    return [(m.lastgroup or "", m[0], m.start()) for m in _TOKEN.finditer(sql) if m.lastgroup != "skip"]


def comments(sql: str) -> Iterator[tuple[str, int, int]]:
    """The comments of ``sql`` with their marks, each with where it begins and ends."""
    return ((m[0], m.start(), m.end()) for m in _TOKEN.finditer(sql) if m.lastgroup == "skip" and m[0][0] in "-/")


def unquoted(token: Token) -> str:
    """The name that a word, a quoted name or a string used as a name spells, as it is spelled."""
    kind, text = token
    if kind == "word":
        return text
    quote = "]" if text[0] == "[" else text[0]
    inner = text[1:-1] if len(text) > 1 and text.endswith(quote) else text[1:]
    return inner if quote == "]" else inner.replace(quote * 2, quote)


def quoted(name: str) -> str:
    """``name`` as it stands in SQL: with quotes only where it needs them."""
    if _PLAIN.fullmatch(name) and fold(name) not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def join(tokens: Iterable[Token]) -> str:
    """Tokens as text: one space between words, none around punctuation unless two tokens would become one."""
    parts: list[str] = []
    before: Token = ("op", "(")
    for token in tokens:
        if parts and not _touching(before, token):
            parts.append(" ")
        parts.append(token[1])
        before = token
    return "".join(parts)


def without_tail(sql: str) -> str:
    """``sql`` without the semicolons, white space and comments at its end."""
    end = 0
    for match in _TOKEN.finditer(sql):
        if match.lastgroup != "skip" and match[0] != ";":
            end = match.end()
    return sql[:end]


def _touching(one: Token, two: Token) -> bool:
    if one[1] == "." or two[1] == ".":
        other = two if one[1] == "." else one
        return other[0] in _NAMES
    if one[0] == "op" and two[0] == "op":
        # Two minus signs would be a comment, a bar and a bar another operator.
        return bool({one[1], two[1]} & {"(", ")", ",", ";"})
    if one[0] == "variable" and two[1] == "(":
        return False
    return one[1] in _TIGHT or two[1] in _TIGHT
