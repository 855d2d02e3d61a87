"""How upkeep is stopped, and what it then says of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memsql import hints
from memsql.db import Connection
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.signals import interruptible
from memsql.errors import CommitUnknown, Interrupted, MemsqlError

_EVERY = 100_000
ONE_TRANSACTION = "nothing was changed: all of it is one transaction"
"""The state after an error in what is one transaction."""


@contextmanager
def stating(command: str, state: Callable[[], str]) -> Iterator[Callable[[], bool]]:
    """While open, Ctrl-C and SIGTERM make the yielded function return True. An error that leaves the block says what
    ``state`` returns about the database; so does Interrupted, which a signal becomes at the end of the block, and which
    names ``command``."""
    try:
        with interruptible() as stopped:
            yield stopped
    except KeyboardInterrupt as e:
        raise Interrupted(f"{'SIGTERM' if e.args else 'Ctrl-C'} stopped {command}", state=state()) from None
    except CommitUnknown as e:
        e.hint = f"see: {hints.command(command)}"
        raise
    except MemsqlError as e:
        e.state = state()
        raise


@contextmanager
def watched(conn: Connection, stopped: Callable[[], bool]) -> Iterator[None]:
    """While open, a statement on a file ends as soon as ``stopped`` returns True. Unlike Connection.observe() it lets
    VACUUM and transactions through. A server is not asked: its statements run to their end."""
    if not isinstance(conn, SQLiteConnection):
        yield
        return
    conn.raw.set_progress_handler(stopped, _EVERY)
    try:
        yield
    finally:
        conn.raw.set_progress_handler(None, 0)
