"""Names in SQL: how SQLite reads, compares and spells them.

The rules are those of ``sqlite3GetToken`` in SQLite's tokenize.c:

* only ASCII letters fold case, and every character from U+0080 on can be part of a name;
* ``[x]`` has no way to write ``]``; in ``'x'``, ``"x"`` and `` `x` `` the quote is doubled.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

NAME_CHAR = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
"""The source of one character that a bare name goes on with: every one but these of ASCII.

It lists what is left out, because ``re`` takes milliseconds to compile a class that lists what lies beyond U+00FF, and
every command imports this package.
"""

NAME = rf"(?!\ufeff)[^\x00-@\[-^`{{-\x7f]{NAME_CHAR}*+"
"""The source of a bare name or keyword."""

WORD_END = rf"(?!{NAME_CHAR})"
"""The source that matches where a keyword ends, so that ``ending`` is not END."""

# Words that cannot be a bare name (each was tried as the name of a column), and words that mean a value.
_RESERVED = frozenset(
    [
        "add",
        "all",
        "alter",
        "and",
        "as",
        "autoincrement",
        "between",
        "case",
        "check",
        "collate",
        "commit",
        "constraint",
        "create",
        "default",
        "deferrable",
        "delete",
        "distinct",
        "drop",
        "else",
        "escape",
        "except",
        "exists",
        "foreign",
        "from",
        "group",
        "having",
        "in",
        "index",
        "insert",
        "intersect",
        "into",
        "is",
        "isnull",
        "join",
        "limit",
        "not",
        "nothing",
        "notnull",
        "null",
        "on",
        "or",
        "order",
        "primary",
        "references",
        "returning",
        "select",
        "set",
        "table",
        "then",
        "to",
        "transaction",
        "union",
        "unique",
        "update",
        "using",
        "values",
        "when",
        "where",
        "true",
        "false",
        "current_date",
        "current_time",
        "current_timestamp",
    ]
)
_bare_name = re.compile(NAME).fullmatch

ROWIDS = ("rowid", "_rowid_", "oid")
"""The names of the rowid (https://sqlite.org/rowidtable.html)."""


def keywords(*words: str) -> str:
    """The source that matches one of ``words`` (ASCII letters) in any case, and nothing else.

    The flag ``re.IGNORECASE`` would let U+212A match K and U+017F match S, which SQLite does not. Put the source in a
    group and close the group with WORD_END.
    """
    return "|".join("".join(f"[{letter.upper()}{letter.lower()}]" for letter in word) for word in words)


def fold(text: str) -> str:
    """``text`` in lower case as SQLite compares names: ASCII letters only."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


def quote(name: str) -> str:
    """``name`` as a quoted identifier, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def quote_string(text: str) -> str:
    """``text`` as a string in SQL, whatever it contains."""
    return "'" + text.replace("'", "''") + "'"


def quote_if_needed(name: str) -> str:
    """``name`` as an identifier, with quotes only where SQL needs them."""
    return name if _bare_name(name) and fold(name) not in _RESERVED else quote(name)


def is_reserved(name: str) -> bool:
    """Whether ``name`` without quotes cannot be a column. TRUE and FALSE can."""
    return fold(name) in _RESERVED - {"true", "false"}


def unquote(text: str) -> str:
    """The name or string that ``text``, one token, stands for. A text that has no quotes, or does not end, is returned
    as it is."""
    opening = text[:1]
    closing = "]" if opening == "[" else opening
    if opening not in "'\"`[" or len(text) < 2 or text[-1] != closing:
        return text
    return text[1:-1] if opening == "[" else text[1:-1].replace(opening * 2, opening)


def free_rowid(columns: Iterable[str]) -> str | None:
    """A name of the rowid that none of the table's ``columns`` hides; None where they hide all."""
    taken = {fold(column) for column in columns}
    return next((name for name in ROWIDS if name not in taken), None)
