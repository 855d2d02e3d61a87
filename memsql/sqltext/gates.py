"""What a text certainly does not do, found by one regular expression and without splitting the text.

Every statement starts at the beginning of the text or after a ``;``, with only white space and comments between. So it
is enough to look behind each ``;`` character, whether it ends a statement or is part of a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from memsql.sqltext.names import WORD_END, keywords
from memsql.sqltext.split import skip_to_code

_CONTROL = ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM")
_LOSS = ("DROP", "ALTER", "DELETE", "REPLACE", "WITH", "PRAGMA", "EXPLAIN")
_MAY_REPLACE = ("INSERT", "UPDATE")
# With these, all that a statement can begin with (cmd in SQLite's parse.y).
_REST = ("ANALYZE", "CREATE", "REINDEX", "SELECT", "VALUES")
_bulk_head = re.compile(r'INSERT INTO ([A-Za-z_][A-Za-z0-9_]*|"[^"]+") ?(?:\(|VALUES ?\()').match

Search = Callable[[str], Iterator[re.Match[str]]]


def may_control_transactions(text: str) -> bool:
    """Whether some statement of ``text`` might be one that ``forbidden_in_transaction`` names.

    False is certain: no statement starts with BEGIN, COMMIT, END, ROLLBACK, SAVEPOINT, RELEASE, ATTACH, DETACH or
    VACUUM. True means that only ``split`` can tell, because a ``;`` in a string or a trigger counts here too.
    """
    return _control_gate.may_open(text)


def may_concern(text: str) -> bool:
    """Whether some statement of ``text`` might control the transaction, drop, alter, delete, replace, or set a pragma.

    False is certain: then ``text`` only creates, inserts, updates and reads.
    """
    return _concern_gate.may_open(text)


def bulk_table(text: str) -> str | None:
    """The table, as it is spelled, into which every statement of ``text`` inserts; None where that is not certain.

    All statements begin like the first one, up to the parenthesis or the VALUES behind the name. What follows any other
    ``;`` is the middle of a string, or something that SQLite will not accept.
    """
    head = _bulk_head(text, skip_to_code(text, 0))
    if head is None or next(_other_statements(head[0])(text), None) is not None:
        return None
    return head[1]


class _StatementGate:
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


def _behind_semicolons(common: str, words: Sequence[str], source: str) -> Search:
    """A search for each ``;`` that the expression ``source`` follows. ``source`` begins with one of ``words``.

    It also finds a ``;`` with a comment or U+FEFF behind it, which may hide what follows; group 1 is set then. To be
    fast it first skips statements that match ``common``, the start of most statements in a large file, and then
    whatever has other first letters than all of ``words``.
    """
    columns = map("".join, zip(*words, strict=False))
    letters = "".join(f"[{column}{column.lower()}]" for column in columns)
    return re.compile(rf";(?!\n{common})[\t-\r ]*+(?:(?={letters})(?!{common})(?:{source})|(--|/\*|\ufeff))").finditer


@cache
def _other_statements(head: str) -> Search:
    """A search for statements that do not begin with ``head``."""
    words = _CONTROL + _LOSS + _MAY_REPLACE + _REST
    return _behind_semicolons(re.escape(head), words, keywords(*words))


_control_gate = _StatementGate(_CONTROL)
_concern_gate = _StatementGate(_CONTROL + _LOSS, _MAY_REPLACE)
