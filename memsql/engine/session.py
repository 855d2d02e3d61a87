"""What holds for all migrations of one run on one connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memsql.db import Connection, Touched
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.job import Job
from memsql.engine.loss import counting
from memsql.engine.loss.guard import Virtual
from memsql.engine.signals import Stop, bounded, listening, listening_once
from memsql.engine.state import RunOptions
from memsql.engine.structure.cache import StructureCache
from memsql.progress import Progress
from memsql.sqltext import fold

if TYPE_CHECKING:
    from memsql.db.counters import Counters
    from memsql.engine.meter import Meter


class SchemaCache:
    """Facts about the schema that a thousand migrations ask for and few change: each is read once, and again after
    a change."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.structure = StructureCache(conn)
        self._virtual: Virtual | None = None
        self._fts: dict[str, frozenset[str]] | None = None
        self._replaces: bool | None = None
        self._counts: bool | None = None
        self._counters: Counters | None = None

    def virtual(self) -> Virtual:
        """The virtual tables and their shadow tables."""
        if self._virtual is None:
            self._virtual = counting.virtual_tables(self._conn)
        return self._virtual

    def fts(self) -> dict[str, frozenset[str]]:
        """FTS5 table to the names, folded, of what it shows: its content table, or its view and the tables of that
        view."""
        if self._fts is None:
            self._fts = {}
            if self._conn.execute(load("engine/has_fts")).rows:
                from memsql.fts import discover, shown

                self._fts = shown(self._conn, discover(self._conn))
        return self._fts

    def replaces(self) -> bool:
        """Whether a constraint or a trigger replaces rows (ON CONFLICT REPLACE), so that any INSERT may delete."""
        if self._replaces is None:
            self._replaces = bool(self._conn.execute(load("engine/replaces")).rows)
        return self._replaces

    def counts(self) -> bool:
        """Whether a trigger, view or default value may ask last_insert_rowid(), changes() or total_changes()."""
        if self._counts is None:
            self._counts = bool(self._conn.execute(load("engine/names_counter")).rows)
        return self._counts

    def counters(self) -> Counters:
        """What these functions return, on a file."""
        if self._counters is None:
            from memsql.db.counters import Counters

            assert isinstance(self._conn, SQLiteConnection)
            self._counters = Counters(self._conn)
        return self._counters

    def defers(self) -> bool:
        """Whether a foreign key is DEFERRABLE, so that COMMIT may check it. Not remembered: it is asked once a run."""
        return bool(self._conn.execute(load("engine/has_deferred")).rows)

    def forget_counts(self) -> None:
        """The statements that ran may have created something that asks for the counters."""
        self._counts = None

    def forget_replaces(self) -> None:
        """The statements that ran may have created a constraint or trigger that replaces rows."""
        self._replaces = None

    def forget_changed(self, touched: Touched) -> None:
        """Forget the virtual tables where the statements that reached ``touched`` may have changed them."""
        self.structure.note(touched)
        shows_a_view = any(len(content) > 1 for content in (self._fts or {}).values())
        if touched.virtual or touched.altered or (touched.schema and shows_a_view):
            self._fts = None
        virtual = self._virtual
        if touched.virtual or (virtual is not None and any(fold(name) in virtual.tables for name in touched.altered)):
            self._virtual = None

    def forget(self) -> None:
        """Forget everything: another process changed the schema, or a ROLLBACK did."""
        self._fts = self._virtual = self._replaces = self._counts = None
        self.structure.forget()


@dataclass(frozen=True, slots=True)
class Session:
    """A connection with what every migration of the run on it needs. ``meter`` measures what each costs; a rehearsal
    has one, and a run of what was forecast."""

    conn: Connection
    stop: Stop
    options: RunOptions
    progress: Progress
    schema: SchemaCache
    meter: Meter | None = None

    def on(self, conn: Connection) -> Session:
        """The same session on ``conn``, another connection to its database."""
        return replace(self, conn=conn, schema=SchemaCache(conn))

    def all_or_nothing(self) -> Session:
        """The same session for jobs that share one transaction."""
        return replace(self, options=replace(self.options, all_or_nothing=True))

    def allows_all(self, job: Job) -> bool:
        """Whether the person, or an old permit without a name in a replay, permits ``job`` to lose anything."""
        return self.options.allow_data_loss or (self.options.old_permits and job.allows_loss)

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to stop."""
        return self.stop.name is not None

    def interrupted(self) -> bool:
        """Whether somebody asked to stop. The engine asks often while a statement runs, so the progress bar moves
        too."""
        self.progress.tick()
        return self.stopped


@contextmanager
def session_on(
    conn: Connection, options: RunOptions, progress: Progress, *, meter: Meter | None = None
) -> Iterator[Session]:
    """A session on ``conn`` that hears Ctrl-C and SIGTERM while the block runs. ``meter`` measures what each
    transaction costs."""
    with listening() as stop:
        yield Session(conn, stop, options, progress, SchemaCache(conn), meter)


@contextmanager
def trial_on(
    conn: Connection, options: RunOptions, progress: Progress, *, meter: Meter | None = None
) -> Iterator[Session]:
    """session_on() for a database that is thrown away: Ctrl-C and SIGTERM end the whole trial, as KeyboardInterrupt.

    They would be the result of the migration that ran otherwise, and who tries it would say that it fails. ``meter``
    measures what each migration costs.
    """
    with listening_once() as stop, bounded(stop, options.trial_ms):
        yield Session(conn, stop, options, progress, SchemaCache(conn), meter)
