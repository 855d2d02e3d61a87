"""Rehearsal: the very same run, on a clone that is thrown away."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from memsql.insight import Plan, plan_changes, query_plans
from memsql.schema import SchemaDiff, diff, read

from memsql.config import Settings
from memsql.db import Connection, connect
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.engine import guard
from memsql.engine import project as projects
from memsql.engine.conduct import down_on, up_on
from memsql.engine.state import Report, Watcher, Wish
from memsql.errors import ConnectError, MemsqlError

_SPARE = 1.5


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run would do. ``problem`` is what would stop it; ``rows`` maps a table to its rows before
    and after (None: not there); ``seconds`` includes the cloning."""

    direction: str
    report: Report | None
    problem: MemsqlError | None
    schema: SchemaDiff
    rows: dict[str, tuple[int | None, int | None]]
    plans: tuple[str, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        return self.problem.exit_code if self.problem else 0


def rehearse(settings: Settings, direction: str, wish: Wish, watcher: Watcher) -> Rehearsal:
    """Clone the database, run ``up`` or ``down`` on the clone, and report every difference.

    The database itself is only read. Raises what prevents the rehearsal itself (unreadable files, no
    access, no space for the clone); what would stop the run is in the result.
    """
    started = time.perf_counter()
    project = projects.load(settings)
    projects.refuse_stale_sum(project)
    with clone(settings, watcher.note) as conn:
        before, counts, plans = read(conn), row_counts(conn), query_plans(conn, settings.sql / "queries")
        report, problem = None, None
        try:
            act = up_on if direction == "up" else down_on
            report = act(conn, project, wish, watcher, timed=True)
        except MemsqlError as e:
            e.state = "this was a rehearsal: the database was not touched"
            problem = e
        after = row_counts(conn)
        return Rehearsal(
            direction, report, problem, diff(before, read(conn)), _changed(counts, after),
            _plan_lines(plans, query_plans(conn, settings.sql / "queries")), time.perf_counter() - started,
        )


@contextmanager
def clone(settings: Settings, note: Callable[[str], None] = lambda _: None) -> Iterator[Connection]:
    """A writable copy of the database in a temporary folder, gone when the block ends.

    The copy is made by SQLite's backup API from one consistent state. Raises ConnectError where there
    is no space for it.
    """
    source = connect(settings.target, "ro", settings.busy_timeout)
    folder = Path(tempfile.mkdtemp(prefix="memsql-rehearsal-"))
    try:
        assert isinstance(source, SQLiteConnection)
        pages = source.execute("PRAGMA page_count").one()
        page_size = source.execute("PRAGMA page_size").one()
        assert isinstance(pages, int) and isinstance(page_size, int)
        need = int(pages * page_size * _SPARE)
        free = shutil.disk_usage(folder).free
        if need > free:
            raise ConnectError(
                f"no space to rehearse: the clone needs about {need >> 20} MiB in {folder.parent}, {free >> 20} MiB are free",
                hint="point TMPDIR at a larger disk",
            )
        note(f"cloning {settings.target}")
        target = replace(settings.target, path=folder / "clone.db")
        conn = connect(target, "rwc", settings.busy_timeout)
        try:
            assert isinstance(conn, SQLiteConnection)
            source.copy_to(conn)
            source.close()
            conn.execute("PRAGMA synchronous = off")
            conn.execute("PRAGMA journal_mode = delete")
            yield conn
        finally:
            conn.close()
    finally:
        source.close()
        shutil.rmtree(folder, ignore_errors=True)


def row_counts(conn: Connection) -> dict[str, int]:
    """Rows of every table that is the user's own, by name."""
    names = [str(r[0]) for r in conn.execute(load("engine/user_tables")).rows]
    virtual = guard.virtual_tables(conn)
    counts = {}
    for name in names:
        if guard.is_user_table(name, virtual):
            value = conn.execute(f"SELECT count(*) FROM {guard.quote(name)}").one()
            assert isinstance(value, int)
            counts[name] = value
    return counts


def _changed(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int | None, int | None]]:
    names = sorted(before.keys() | after.keys())
    return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


def _plan_lines(before: list[Plan], after: list[Plan]) -> tuple[str, ...]:
    return tuple(str(change) for change in plan_changes(before, after))
