"""Line ends of Windows in the files of other tools: those between tokens become "\\n", as in every file of memsql;
those in a value belong to the value, which is kept. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from memsql.sqltext.classify import effect
from memsql.sqltext.split import Statement, statements
from memsql.sqltext.tokens import BLOCK_COMMENT, LINE_COMMENT, QUOTED_NAME, STRING, VARIABLE, tokenize

WINDOWS = "\r\n"
_parts = re.compile(rf"(?P<quoted>{STRING}|{QUOTED_NAME})|(?:{LINE_COMMENT}\n?|{BLOCK_COMMENT}|{VARIABLE}|\r\n)")
# Where every string is an expression, another expression may take its place.
_OF_ROWS = frozenset({"insert", "replace", "update", "delete", "select"})


class Kept(NamedTuple):
    """A text with "\\n" at the end of its lines, and a sentence about each statement whose values have other ones."""

    text: str
    notes: tuple[str, ...]


def outside_values(text: str) -> str:
    """``text`` with "\\n" for the line ends of Windows, but in strings and quoted names."""
    if WINDOWS not in text:
        return text
    return _parts.sub(lambda match: match[0] if match["quoted"] else match[0].replace(WINDOWS, "\n"), text)


def kept(text: str) -> Kept:
    """``text`` with the line ends of Windows in its values written so that no editor and no git changes them."""
    if WINDOWS not in text:
        return Kept(text, ())
    pieces, position, notes = [], 0, []
    for statement in statements(text):
        if WINDOWS not in statement.text:
            continue
        written, other = _written(statement)
        pieces += [text[position : statement.start], written]
        position = statement.end
        notes.append(f"line {statement.line} has a value with line ends of Windows: {other}")
    return Kept("".join([*pieces, text[position:]]).replace(WINDOWS, "\n"), tuple(notes))


def _written(statement: Statement) -> tuple[str, str]:
    text = statement.text
    values = [token for token in tokenize(text) if WINDOWS in token.text]
    if effect(text).kind not in _OF_ROWS or any(token.kind != "string" for token in values):
        return text, 'it has "\\n" now, as the text of a schema has'
    pieces, position = [], 0
    for token in values:
        # The end of the line stays where it was, so that line numbers stay.
        expression = token.text.replace(WINDOWS, "'||char(13,10)||\n'")
        pieces += [text[position : token.start], f"({expression})"]
        position = token.end
    return "".join([*pieces, text[position:]]), "they are written as char(13,10)"
