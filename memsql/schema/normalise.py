"""The canonical text of a CREATE statement, so that two that mean the same compare equal."""

from __future__ import annotations

import re
from functools import lru_cache

from memsql.sqltext.lexis import BLOCK_COMMENT, LINE_COMMENT

_TOKEN = re.compile(
    rf"(?P<comment>{LINE_COMMENT}|{BLOCK_COMMENT})|(?P<space>\s+)|(?P<string>'(?:[^']|'')*')"
    r'|(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|(?P<word>[^\W\d][\w$]*)|(?P<number>\d[\w.]*)|(?P<other>.)',
    re.DOTALL,
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@lru_cache(maxsize=8192)
def normalise(sql: str) -> str:
    """``sql`` without comments, in lower case outside strings, names unquoted where they need no quotes,
    one space between words and none around punctuation, without IF NOT EXISTS and final semicolon."""
    parts: list[str] = []
    for token in _TOKEN.finditer(sql):
        kind, text = token.lastgroup, token.group()
        if kind in ("comment", "space"):
            continue
        if kind == "quoted":
            text = _unquote(text)
        elif kind == "word":
            text = text.lower()
        parts.append(text)
    joined = " ".join(parts)
    joined = re.sub(r"^(create (?:temp |temporary |unique |virtual )?\w+) if not exists ", r"\1 ", joined)
    return re.sub(r" ?([(),;=<>|+*/.-]) ?", r"\1", joined).rstrip(";")


def _unquote(text: str) -> str:
    inner = text[1:-1]
    if text[0] != "[":
        inner = inner.replace(text[0] * 2, text[0])
    lower = inner.lower()
    return lower if _PLAIN.fullmatch(lower) else '"' + lower.replace('"', '""') + '"'
