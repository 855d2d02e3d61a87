"""Texts cut into statements, judged by sqlite3_complete and by the tail of SQLite's own parser."""

from __future__ import annotations

import sqlite3

from memsql.sqltext.classify import effect
from memsql.sqltext.split import ended, pieces, split, statements
from memsql.sqltext.tokens import comments, join, tokenize, without_comments, without_tail
from tests.fuzz.sql_grammar import SQL
from tests.fuzz.sqlite_parser import parser
from tests.fuzz.target import Repeated, Target

# sqlite3_complete knows no variables, byte order marks and vertical tabs, and stops at a NUL.
_UNKNOWN_TO_COMPLETE = frozenset("$@#:\v\ufeff\0")
_LONGEST_FOR_COMPLETE = 2000


def run(data: bytes) -> None:
    """Cut ``data``."""
    text = data.decode("utf-8", "replace")
    _is_whole(text)
    _agrees_with_parser(text)
    # Of a trigger that is not in the grammar the two have different ideas, and neither is right.
    if _is_known_to_complete(text) and len(text) <= _LONGEST_FOR_COMPLETE and "trigger" not in text.lower():
        _agrees_with_complete(text)
    _tokens_cover(text)


def _is_known_to_complete(text: str) -> bool:
    return not _UNKNOWN_TO_COMPLETE & set(text)


def _is_whole(text: str) -> None:
    parts, cut = split(text), pieces(text)
    assert "".join(cut) == text
    assert parts == list(statements(text))
    assert len(cut) - len(parts) in (0, 1)
    behind = 0
    for number, statement in enumerate(parts, 1):
        assert statement.number == number
        assert behind <= statement.start < statement.end
        assert text[statement.start : statement.end] == statement.text
        assert text[statement.end : statement.end + 1] in ("", ";")
        assert statement.line == text.count("\n", 0, statement.start) + 1
        assert [s.text for s in split(statement.text)] == [statement.text]
        behind = statement.end + 1
    assert all(not split(piece) for piece in cut[len(parts) :])


def _agrees_with_parser(text: str) -> None:
    asked = parser()
    if asked is None or "\0" in text:
        return
    ours, end = [], 0
    cut = pieces(text)
    for piece in cut:
        end += len(piece.encode())
        ours.append(end)
    parts = split(text)
    number = len(parts)
    for place, parsed in enumerate(asked.statements(text.encode())):
        if parsed.is_empty:
            assert place == number, "SQLite finds nothing where a statement is cut"
            return
        assert place < number, "SQLite finds a statement more"
        if ours[place] != parsed.end and effect(parts[place].text).object_type == "virtual":
            # SQLite's parser takes a semicolon for an argument of a module. sqlite3_complete does not, and nor do we.
            return
        assert ours[place] == parsed.end, f"statement {place + 1} ends at {ours[place]}, for SQLite at {parsed.end}"
        if parts[place].end < len(text) and _is_known_to_complete(cut[place]):
            assert sqlite3.complete_statement(cut[place])


def _agrees_with_complete(text: str) -> None:
    cut = {statement.end + 1 for statement in split(text) if statement.end < len(text)}
    seen = {at + 1 for at, sign in enumerate(text) if sign == ";" and sqlite3.complete_statement(text[: at + 1])}
    assert cut <= seen
    for at in seen - cut:
        assert split(text[:at]) == [s for s in split(text) if s.end < at], "an end that SQLite sees is none"


def _tokens_cover(text: str) -> None:
    position = 0
    for token in tokenize(text):
        assert text[token.start : token.end] == token.text
        assert not split(text[position : token.start]), "something between two tokens is SQL"
        position = token.end
    kinds = [(token.kind, token.text) for token in tokenize(text)]
    assert all(text[comment.start : comment.end] == comment.text for comment in comments(text))
    # A vertical tab is a token of its own only where no white space is before it.
    has_tab = ("op", "\v") in kinds
    if not has_tab and not text.endswith(("/", "*")):
        assert [(t.kind, t.text) for t in tokenize(without_comments(text))] == kinds or "/*" in without_comments(text)
    # What follows a variable without its closing parenthesis belongs to it.
    if not has_tab and not any(k == "variable" and "(" in t and t[-1] != ")" for k, t in kinds):
        assert [(t.kind, t.text) for t in tokenize(join(tokenize(text)))] == kinds
    assert not text or len(without_tail(text)) <= len(text)
    for statement in split(text):
        assert statement.text.endswith("/*") or split(ended(statement.text))[0].text.startswith(statement.text)


def _read(text: str) -> object:
    return [split(text), pieces(text), tokenize(text), without_comments(text), list(comments(text))]


TARGETS = [
    Target(
        "splitter",
        "cuts every text without loss, at the ends that SQLite's parser and sqlite3_complete have",
        run,
        SQL,
        seeds=[
            b"CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT ';'; END; INSERT INTO t VALUES (1);"
        ],
        work=_read,
        growing=[
            Repeated(";"),
            Repeated("a;"),
            Repeated("-"),
            Repeated("/*"),
            Repeated("'"),
            Repeated('"a'),
            Repeated("[", "SELECT "),
            Repeated("/**/", "CREATE "),
            Repeated("--\n"),
            Repeated("CREATE TEMP "),
            Repeated("CREATE TRIGGER "),
            Repeated("; END ", "CREATE TRIGGER a BEGIN SELECT 1"),
            Repeated("; /**/", "CREATE TRIGGER a BEGIN SELECT 1"),
            Repeated(";\n -- END\n", "CREATE TRIGGER a BEGIN SELECT 1"),
            Repeated("$a(", "SELECT "),
            Repeated("::", "SELECT $"),
            Repeated("@:#", "SELECT "),
            Repeated("\ufeff"),
            Repeated(" \v"),
            Repeated("0_", "SELECT "),
            Repeated("9e", "SELECT "),
        ],
    )
]
