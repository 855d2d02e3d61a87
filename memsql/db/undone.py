"""A transaction that the engine has rolled back by itself, which it does after some errors: an I/O error, a full disk,
no memory, an interrupt, ON CONFLICT ROLLBACK, RAISE(ROLLBACK) (https://sqlite.org/lang_transaction.html).

The connection is in autocommit then, where each further statement would be a change of its own. So it refuses all but
the settings of the connection until rollback(), which says that the caller knows.
"""

from __future__ import annotations

from collections.abc import Sequence

from memsql.config import Target
from memsql.db.protocol import Item
from memsql.errors import TransactionUndone
from memsql.sqltext.pragmas import changes, is_set_back, read_pragma


def undone(target: Target, cause: str | None) -> TransactionUndone:
    """The error of a connection whose transaction is over. ``cause``: the message of the statement that failed in it;
    None where a statement ended it and did not fail."""
    if cause is None:
        return TransactionUndone(
            f"{target}: a statement ended the open transaction, and what was to follow in it was not run",
            state="what came before that statement may be kept",
            hint="look at the database before you run it again",
        )
    engine = "the server" if target.is_server else "SQLite"
    return TransactionUndone(
        f"{target}: {engine} has rolled the open transaction back by itself: {cause}",
        state="nothing of the transaction is kept",
        hint="correct the cause and run it again",
    )


def are_settings(items: Sequence[Item]) -> bool:
    """Whether ``items`` read or make settings of the connection alone, which change no database."""
    return all(isinstance(item, tuple) and _is_setting(item[0]) for item in items)


def _is_setting(text: str) -> bool:
    pragma = read_pragma(text)
    if pragma is None:
        return False
    return not changes(pragma) or pragma.name == "foreign_keys" or is_set_back(pragma.name)
