"""Rebuilding an external-content index while others go on writing: the loop, with one engine for files and one for
servers under it. See memsql/fts/online.py for how it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from memsql import hints
from memsql.errors import Interrupted, MemsqlError
from memsql.fts.discover import FtsTable
from memsql.fts.online import Chunk, RebuildPlan, Tally, copied_rows, count_rows
from memsql.progress import Progress

if TYPE_CHECKING:
    from memsql.db import Connection

PAUSE = 0.25
"""How long to leave the lock to others after a chunk, as a part of the time that the chunk took. SQLite's lock has no
queue: without a pause, writers that wait would never get it."""


class Engine(Protocol):
    """The steps of a rebuild, on one kind of database. Each is a transaction of its own."""

    plan: RebuildPlan
    """The plan by the schema that the last step saw."""

    def begin(self) -> None:
        """Create the new index, or find the one that an earlier run left."""

    def copy(self, limit: int) -> Chunk:
        """Copy up to ``limit`` rows beyond the frontier into the new index."""

    def swap(self, *, sound: bool) -> bool:
        """Put the new index in the place of the old one; False where rows have to be copied first.

        Unless the new index is ``sound``, and no REPLACE came after that was proven, it is built in one statement
        and checked inside this transaction.
        """

    def explain(self, error: MemsqlError, reached: str) -> None:
        """Give ``error`` its state and its hint; ``reached`` is a sentence that says how far the rebuild came."""


def rebuild_online(
    conn: Connection,
    table: FtsTable,
    *,
    chunk: int,
    progress: Progress,
    prove: Callable[[str], bool],
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Rebuild ``table`` in chunks of ``chunk`` rows; return the number of rows that this run copied.

    ``prove`` takes the name of the new index and checks it on a copy of the database before the swap. Raises Refused
    or UsageError where ``table`` cannot be rebuilt online, LockedError where a writer holds the database for too
    long, and Interrupted when ``stopped`` returns True. After the last two the next run goes on from there.
    """
    engine = _engine_for(conn, table)
    engine.begin()
    tally, copied = Tally(copied_rows(conn, engine.plan), count_rows(conn, engine.plan)), 0
    progress.tick(tally.fraction)
    try:
        while True:
            _stop_if(stopped, table.name, tally)
            started = time.perf_counter()
            step = engine.copy(chunk)
            if step.recount:
                tally = replace(tally, done=copied_rows(conn, engine.plan))
            elif step.rows:
                tally = replace(tally, done=tally.done + step.rows)
            if step.rows:
                copied += step.rows
                progress.tick(tally.fraction)
            if not step.complete:
                time.sleep((time.perf_counter() - started) * PAUSE)
                continue
            sound = not step.replaced and prove(engine.plan.new)
            _stop_if(stopped, table.name, tally)
            if engine.swap(sound=sound):
                return copied
    except MemsqlError as e:
        engine.explain(e, str(tally))
        raise


def _engine_for(conn: Connection, table: FtsTable) -> Engine:
    if conn.target.is_server:
        from memsql.fts.online_server import ServerEngine

        return ServerEngine(conn, table)
    from memsql.fts.check import refuse_without_room
    from memsql.fts.online_file import FileEngine

    refuse_without_room(conn, table)
    return FileEngine(conn, table)


def _stop_if(stopped: Callable[[], bool], name: str, tally: Tally) -> None:
    if stopped():
        raise Interrupted(
            f"the rebuild of {name} was stopped",
            state=str(tally),
            hint=f"run it again to go on, or give up with: {hints.command('fts.rebuild --abort')}",
        )
