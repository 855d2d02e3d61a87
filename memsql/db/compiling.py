"""Compile a statement without running it: SQLite then asks the authorizer, makes a plan, or says what is wrong."""

from __future__ import annotations

import sqlite3
from itertools import count

from memsql.db.protocol import Connection
from memsql.db.sqlite import SQLiteConnection, message_of

_EXPLAIN = "EXPLAIN QUERY PLAN "
_numbers = count()


def explained(sql: str) -> str:
    """The statement that compiles ``sql`` and answers with its query plan (https://sqlite.org/eqp.html).

    Each call returns another text, for it ends with a comment of its own. sqlite3 keeps prepared statements by their
    text, and a prepared EXPLAIN does not notice that the schema changed: a text that was used before would not ask
    the authorizer again, and would answer with the plan of an earlier schema.
    """
    return f"{_EXPLAIN}{sql}\n-- {next(_numbers)}"


def bytecode(sql: str) -> str:
    """The statement that compiles ``sql`` and answers with its bytecode (https://sqlite.org/opcode.html), of which
    holds what explained() says."""
    return f"EXPLAIN {sql}\n-- {next(_numbers)}"


def compile_only(conn: Connection, sql: str) -> None:
    """Compile one statement, with every trigger and foreign-key action that it reaches, and do not run it.

    Inside observe() the connection records what the statement would reach. Raises StatementError where it cannot be
    compiled.
    """
    conn.execute(explained(sql))


def compile_error(conn: SQLiteConnection, sql: str) -> str | None:
    """SQLite's message about a statement that cannot be compiled, None where it can. Variables need no values."""
    text = explained(sql)
    try:
        conn.raw.execute(text, _NoValues()).close()
    except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError) as e:
        message = message_of(e)
        # sqlite3 binds values after it compiled the statement.
        if message.startswith("Binding "):
            return None
        # A message may quote the rest of the text.
        return message.replace(text[len(_EXPLAIN) + len(sql) :], "")
    return None


class _NoValues(dict[str, None]):
    """NULL for every named variable."""

    def __missing__(self, key: str) -> None:
        return None
