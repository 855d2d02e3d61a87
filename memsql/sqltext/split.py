"""Cut SQL text into statements exactly where SQLite does, in linear time.

SQLite's parser ends a statement at every ``;`` token but those inside a trigger, and a trigger at the ``;`` after an
``END`` that itself follows a ``;``. So one regular expression jumps from one ``;`` token to the next; words matter only
at the start of a statement.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from memsql.sqltext.names import WORD_END, keywords
from memsql.sqltext.tokens import BLOCK_COMMENT, LINE_COMMENT, QUOTED_PART, TRIVIA, VARIABLE


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a text.

    ``text`` goes from the first character that is neither white space nor comment up to the ``;``, which is left out.
    White space and comments between the last word and the ``;`` (or the end of the input) stay in, because SQLite
    stores them in ``sqlite_schema.sql`` of an index. ``start`` and ``end`` are its offsets in the input, in characters.
    ``line`` is the line on which ``text`` starts and ``number`` its place among the statements, both from 1.
    """

    text: str
    start: int
    end: int
    line: int
    number: int


# `re` keeps a record for each round of a repeated group until the match is over. The limits keep that memory
# small for a statement of any size: the loops below just go on where a match stopped.
_PLAIN = r"""[^;'"`\[\-/$@:#]*+"""
_OPAQUE = rf"{QUOTED_PART}|{LINE_COMMENT}|{BLOCK_COMMENT}|{VARIABLE}|[-/$@:#]"
_CODE = rf"{_PLAIN}(?:(?:{_OPAQUE}){_PLAIN}){{0,1000}}"
_SKIP = rf"(?:{TRIVIA}|;){{0,100}}"

_skip = re.compile(_SKIP).match
_code = re.compile(_CODE).match
_statement = re.compile(rf"{_SKIP}({_CODE})").match
_SKIPPABLE = frozenset(" \t\n\f\r;-/\ufeff")

# Any order of these words will do, as it does for sqlite3_complete: in another order it is a syntax error,
# wherever the statement is cut.
_trigger = re.compile(
    rf"(?:(?:{keywords('EXPLAIN', 'QUERY', 'PLAN', 'CREATE', 'TEMP', 'TEMPORARY')}){WORD_END}|{TRIVIA})*"
    rf"{keywords('TRIGGER')}{WORD_END}"
).match
_trigger_end = re.compile(rf";{TRIVIA}*{keywords('END')}{WORD_END}").match


def skip_to_code(text: str, position: int) -> int:
    """The first offset from ``position`` on that is no white space, comment or empty statement."""
    size = len(text)
    while position < size and text[position] in _SKIPPABLE and (match := _skip(text, position)):
        if match.end() == position:
            break
        position = match.end()
    return position


def _semicolon(text: str, position: int) -> int:
    """The offset of the first ``;`` token from ``position`` on, or the length of the text."""
    size = len(text)
    while position < size and text[position] != ";" and (match := _code(text, position)):
        position = match.end()
    return position


def _end_of_trigger(text: str, semicolon: int) -> int:
    """The offset of the ``;`` that ends the trigger whose first ``;`` is at ``semicolon``."""
    size = len(text)
    while semicolon < size:
        match = _trigger_end(text, semicolon)
        if match is not None:
            return _semicolon(text, match.end())
        semicolon = _semicolon(text, semicolon + 1)
    return size


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every statement, the end being its ``;`` or the length of the text."""
    size = len(text)
    position = 0
    while position < size and (match := _statement(text, position)):
        start, end = match.span(1)
        if start == size:
            return
        first = text[start]
        if first in _SKIPPABLE:
            start = end = skip_to_code(text, start)
            if start == size:
                return
            first = text[start]
        if end < size and text[end] != ";":
            end = _semicolon(text, end)
        if first in "cCeE" and _trigger(text, start):
            end = _end_of_trigger(text, end)
        yield start, end
        position = end + 1


def statements(text: str, *, without: Container[str] = ()) -> Iterator[Statement]:
    """Yield the statements of ``text`` one by one, for texts that are too large to hold all of them at once.

    They are those of ``split``, but for statements whose first six letters, in lower case, are in ``without``.
    """
    line = 1
    counted = 0
    for number, (start, end) in enumerate(_spans(text), 1):
        if without and text[start : start + 6].lower() in without:
            continue
        line += text.count("\n", counted, start)
        counted = start
        yield Statement(text[start:end], start, end, line, number)


def split(text: str) -> list[Statement]:
    """The statements of ``text``, in order. White space and comments without a statement are left out.

    Every text is accepted and nothing is raised: what SQLite would reject is returned as a statement for SQLite to
    reject. A NUL is an ordinary character here. To cut the text there, as SQLite's C interface does, would drop
    statements silently; Python's ``sqlite3`` refuses to run such a statement.
    """
    return list(statements(text))


def ended(statement: str) -> str:
    """``statement`` with a semicolon, which a line comment at its end does not swallow. White space before it stays:
    SQLite stores it with an index."""
    ends_in_comment = "--" in statement.rpartition("\n")[2]
    return f"{statement}\n;" if ends_in_comment else f"{statement};"


def pieces(text: str) -> list[str]:
    """Cut ``text`` into statements without dropping anything: ``"".join(pieces(text)) == text``.

    The piece at index ``n - 1`` is statement ``n`` with its ``;`` and the text before it. What follows the last ``;``
    without being a statement is one more piece, if there is any.
    """
    cuts = []
    position = 0
    for _, end in _spans(text):
        cuts.append(text[position : end + 1])
        position = end + 1
    if position < len(text):
        cuts.append(text[position:])
    return cuts
