"""Rehearsal: the very same run, on a clone that is thrown away."""

from __future__ import annotations

import time
from dataclasses import dataclass

from memsql.config import Settings
from memsql.db import Connection
from memsql.db.clone import clone
from memsql.db.queries import load
from memsql.engine import guard
from memsql.engine import project as projects
from memsql.engine.conduct import down_on, up_on
from memsql.engine.state import Report, Watcher, Wish
from memsql.errors import MemsqlError
from memsql.insight import Plan, plan_changes, query_plans
from memsql.schema import SchemaDiff, diff, read


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
    with clone(settings.target, settings.busy_timeout, watcher.note) as conn:
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
