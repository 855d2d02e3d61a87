"""Statements that differ only in their values, and therefore reach the same tables in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import BLOCK_COMMENT, LINE_COMMENT, QUOTED_NAME

_HEAD = rf"INTO\s+({QUOTED_NAME}|[^\s(\"`\[]+)\s*(?:\(([^()]*)\)\s*)?VALUES\b"
_inserts = re.compile(rf"INSERT\s+{_HEAD}", re.IGNORECASE).match
_replaces = re.compile(rf"(?:INSERT\s+OR\s+REPLACE|REPLACE)\s+{_HEAD}", re.IGNORECASE).match
_changes = re.compile(r"(?:INSERT|UPDATE|DELETE)\b", re.IGNORECASE).match
_COMPOUND = ("union", "except", "intersect")
_compound = re.compile(rf"\b(?:{'|'.join(_COMPOUND)})\b", re.IGNORECASE).search
_values = re.compile(
    rf"({LINE_COMMENT}|{BLOCK_COMMENT}|{QUOTED_NAME})|[xX]?'(?:[^']|'')*'|(?<![\w$.])[0-9][0-9a-zA-Z.]*"
).sub


def inserts_values(text: str) -> bool:
    """Whether a statement adds rows and does nothing to those that are there, but by triggers and constraints.

    A full-text index takes an INSERT into the column of its own name as a command
    (https://sqlite.org/fts5.html#special_insert_commands).
    """
    head = _inserts(text)
    if head is None or does_more(text):
        return False
    return fold(unquote(head[1])) not in [fold(unquote(name.strip())) for name in (head[2] or "").split(",")]


def does_more(text: str) -> bool:
    """Whether INSERTs of VALUES may have a conflict clause, or rows of a SELECT besides."""
    lower = text.lower()
    # A search for words takes ten times as long as one for letters, and there are many statements.
    return "conflict" in lower or (any(word in lower for word in _COMPOUND) and _compound(text) is not None)


def shape(text: str) -> str | None:
    """What is equal in statements that differ only in their values; None for a statement that is like no other."""
    if not does_more(text):
        head = _inserts(text) or _replaces(text)
        if head is not None:
            return fold(head[0])
    if _changes(text) is None or "select" in text.lower():
        return None
    return _values(lambda match: match[1] or "?", text)


def runs(texts: Iterable[str]) -> Iterator[list[str]]:
    """The statements ``texts`` in runs of neighbours of one shape."""
    run: list[str] = []
    last: str | None = None
    for text in texts:
        this = shape(text)
        if run and (this is None or this != last):
            yield run
            run = []
        run.append(text)
        last = this
    if run:
        yield run
