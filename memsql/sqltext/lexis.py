"""The lexical facts of SQLite, as regular expression sources, for the other modules of this package.

They follow ``sqlite3GetToken`` in SQLite's tokenize.c, because what ends a statement is what SQLite's own
tokenizer says, not what looks like SQL:

* only ASCII letters fold case, and every character from U+0080 on can be part of a name;
* a block comment does not nest; an unterminated comment, string or quoted name runs to the end;
* ``/*`` as the very last two characters is no comment but a syntax error;
* U+FEFF at the start of a token is white space; U+000B is white space only after other white space;
* ``[x]`` has no way to write ``]``; in ``'x'``, ``"x"`` and `` `x` `` the quote is doubled;
* ``$a(...)``, ``@a(...)``, ``:a(...)`` and ``#a(...)`` are one variable, whatever the parentheses hold.

No source here repeats a *group* possessively: ``re`` gets that wrong before Python 3.11.5. A possessive
repeat of one character class is right everywhere.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

NAME_CHAR = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
"""One character that a bare name goes on with: every one but these of ASCII.

A class of what is left out, because ``re`` takes milliseconds to compile one that lists what lies beyond
U+00FF, and this package is imported by every command.
"""

NAME = rf"(?!\ufeff)[^\x00-@\[-^`{{-\x7f]{NAME_CHAR}*+"
"""A bare name or keyword."""

WORD_END = rf"(?!{NAME_CHAR})"
"""Matches where a keyword ends, so that ``ending`` is not END."""

LINE_COMMENT = r"--[^\n]*+"
BLOCK_COMMENT = r"/\*(?!\Z)[^*]*+(?:\*++(?!/)[^*]*+)*(?:\*++/)?"
"""No lazy ``.*?``: when what follows fails, that would go on to a later ``*/`` and call SQL a comment."""

TRIVIA = rf"(?:[ \t\n\f\r][\t-\r ]*+|{LINE_COMMENT}|{BLOCK_COMMENT}|\ufeff)"
"""One run of white space, or one comment."""

QUOTED_NAME = r'"[^"]*+"?|`[^`]*+`?|\[[^\]]*+\]?'
"""A doubled quote reads as two pieces side by side, which cover the same text."""

VARIABLE = rf"(?:(?<!{NAME_CHAR})\$|(?<!:)[@:#]):*+{NAME_CHAR}(?:{NAME_CHAR}++|::)*(?:\([^\t-\r )]*+\)?)?"
"""A named variable with its parentheses, if any."""


def keywords(*words: str) -> str:
    """The source that matches one of ``words`` (ASCII letters) in any case, and nothing else.

    The ``re.IGNORECASE`` flag would let U+212A match K and U+017F match S, which SQLite does not. Put it in a
    group and close it with WORD_END.
    """
    return "|".join("".join(f"[{letter.upper()}{letter.lower()}]" for letter in word) for word in words)


def fold(text: str) -> str:
    """``text`` in lower case as SQLite compares names: ASCII letters only."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


def quote(name: str) -> str:
    """``name`` as a quoted identifier, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


ROWIDS = ("rowid", "_rowid_", "oid")
"""The names of the rowid (https://sqlite.org/rowidtable.html)."""


def free_rowid(columns: Iterable[str]) -> str | None:
    """A name of the rowid that none of the table's ``columns`` hides; None where there is none."""
    taken = {fold(column) for column in columns}
    return next((name for name in ROWIDS if name not in taken), None)
