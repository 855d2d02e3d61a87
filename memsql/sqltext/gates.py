"""What a text certainly does not do, told at the speed of one regular expression and without splitting it.

Every statement starts at the beginning of the text or after a ``;``, with only white space and comments between. So it is
enough to look behind each ``;`` character, whether it is a token or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from memsql.sqltext.names import WORD_END, keywords
from memsql.sqltext.split import skip_to_code

_CONTROL = ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM")
_LOSS = ("DROP", "ALTER", "DELETE", "REPLACE", "WITH", "PRAGMA")
_MAY_REPLACE = ("INSERT", "UPDATE")
# With these, all that a statement can begin with (cmd in SQLite's parse.y).
_REST = ("ANALYZE", "CREATE", "EXPLAIN", "REINDEX", "SELECT", "VALUES")
_bulk_head = re.compile(r'INSERT INTO ([A-Za-z_][A-Za-z0-9_]*|"[^"]+") ?(?:\(|VALUES ?\()').match


def _behind_semicolons(passed: str, words: Sequence[str], source: str) -> Callable[[str], Iterator[re.Match[str]]]:
    """A search for each ``;`` with ``source``, which begins with one of ``words``, behind it; group 1 is a comment there
    or a U+FEFF, which may hide one. What ``passed`` matches, the commonest statement of large files, is passed over
    first, then whatever none of the words begins like."""
    columns = map("".join, zip(*words, strict=False))
    letters = "".join(f"[{column}{column.lower()}]" for column in columns)
    return re.compile(rf";(?!\n{passed})[\t-\r ]*+(?:(?={letters})(?!{passed})(?:{source})|(--|/\*|\ufeff))").finditer


class _Gate:
    """Looks for statements that begin with one of ``words``, or with one of ``replacing`` and OR."""

    def __init__(self, words: tuple[str, ...], replacing: tuple[str, ...] = ()) -> None:
        source = rf"(?:{keywords(*words)}){WORD_END}"
        if replacing:
            # A comment may hide the OR.
            source += rf"|(?:{keywords(*replacing)})(?=[\t-\r ]*+(?:{keywords('OR')}{WORD_END}|--|/\*))"
        self._first = re.compile(source).match
        self._next = _behind_semicolons("INSERT INTO ", words + replacing, source)

    def may_open(self, text: str) -> bool:
        """Whether some statement of ``text`` might begin so. False is certain."""
        if self._first(text, skip_to_code(text, 0)) is not None:
            return True
        budget = len(text)
        for match in self._next(text):
            if match[1] is None:
                return True
            after = skip_to_code(text, match.start())
            if self._first(text, after) is not None:
                return True
            # A `;` in each of many comment lines would make this quadratic; "maybe" is always a right answer.
            budget -= after - match.start()
            if budget < 0:
                return True
        return False


_control_gate = _Gate(_CONTROL)
_concern_gate = _Gate(_CONTROL + _LOSS, _MAY_REPLACE)


def may_control_transactions(text: str) -> bool:
    """Whether some statement of ``text`` might be one that ``forbidden_in_transaction`` names.

    False is certain: no statement starts with BEGIN, COMMIT, END, ROLLBACK, SAVEPOINT, RELEASE, ATTACH,
    DETACH or VACUUM. True means that only ``split`` can tell: ``;`` in strings and trigger bodies count too.
    """
    return _control_gate.may_open(text)


def may_concern(text: str) -> bool:
    """Whether some statement might control the transaction, drop, alter or delete something, replace rows or
    set a pragma. False is certain: then ``text`` only creates, inserts, updates and reads."""
    return _concern_gate.may_open(text)


def bulk_table(text: str) -> str | None:
    """The table, as it is spelled, into which every statement of ``text`` inserts; None where that is not certain.

    All of them begin like the first, up to the bracket or the VALUES behind the name. What follows any other ``;`` is the
    middle of a string, or SQLite will not accept it.
    """
    head = _bulk_head(text, skip_to_code(text, 0))
    if head is None or next(_other_statements(head[0])(text), None) is not None:
        return None
    return head[1]


@cache
def _other_statements(head: str) -> Callable[[str], Iterator[re.Match[str]]]:
    words = _CONTROL + _LOSS + _MAY_REPLACE + _REST
    return _behind_semicolons(re.escape(head), words, keywords(*words))
