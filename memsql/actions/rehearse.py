"""Rehearsal: the very same run, on a clone that is thrown away, or in a transaction that is rolled back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from memsql.config import Settings, Target
from memsql.db import Connection, connect
from memsql.db.clone import Clone, clone
from memsql.db.many import answers
from memsql.db.queries import load
from memsql.engine.loss import guard
from memsql.engine.pending import down_on, up_on
from memsql.engine.state import Report, Watcher, Wish
from memsql.errors import MemsqlError, StatementError, UsageError
from memsql.progress import Labels
from memsql.project import load as projects
from memsql.project.load import Project
from memsql.project.queries import Plan, plan_changes, query_plans
from memsql.schema import Schema, SchemaDiff, diff, read
from memsql.sqltext import quote

Place = Literal["clone", "schema", "server"]
"""Where a rehearsal runs: on a clone of everything, on one of the schema and the ledger without rows, or on the server
itself in a transaction that is rolled back."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run would do. ``problem`` is what would stop it; ``rows`` maps a table to its rows before
    and after (None: not there); ``seconds`` includes the cloning, ``run_seconds`` is the run alone, an adoption
    included; ``omitted`` says what a clone of a server lacks."""

    direction: str
    report: Report | None
    problem: MemsqlError | None
    schema: SchemaDiff
    rows: dict[str, tuple[int | None, int | None]]
    plans: tuple[str, ...]
    seconds: float
    place: Place = "clone"
    omitted: tuple[str, ...] = ()
    run_seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return self.problem.exit_code if self.problem else 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A database as a rehearsal compares it."""

    schema: Schema
    rows: dict[str, int]
    plans: list[Plan]


def place_for(target: Target, *, with_data: bool = False, on_server: bool = False) -> Place:
    """Where to rehearse. The clone of a file always has its rows. Raises UsageError for what does not go together."""
    if with_data and on_server:
        raise UsageError(
            "--with-data and --on-server do not go together: the server has the data", state="nothing was changed"
        )
    if target.path is not None:
        if on_server:
            raise UsageError(
                f"--on-server: {target} is a file, which is rehearsed on a copy with everything in it",
                state="nothing was changed",
                hint="leave --on-server out",
            )
        return "clone"
    return "server" if on_server else "clone" if with_data else "schema"


@contextmanager
def copy_for(settings: Settings, place: Place, watcher: Watcher) -> Iterator[Clone]:
    """The clone to rehearse on."""
    from memsql.db.copying import no_rows

    choice = no_rows if place == "schema" else None
    with clone(settings.target, settings.busy_timeout, Labels(watcher.note), choice=choice) as copy:
        yield copy


def rehearse(settings: Settings, direction: str, wish: Wish, watcher: Watcher, *, place: Place = "clone") -> Rehearsal:
    """Run ``up`` or ``down`` where ``place`` says, and report every difference.

    The database itself is only read, but for a transaction on the server that is rolled back where that is the
    place. Raises what prevents the rehearsal itself (unreadable files, no access, no space for the clone); what would
    stop the run is in the result.
    """
    started = time.perf_counter()
    project = projects.load(settings)
    projects.refuse_stale_sum(project)
    omitted: tuple[str, ...] = ()
    report, problem, run_seconds = None, None, 0.0
    if place == "server":
        conn = connect(settings.target, "rw", settings.busy_timeout)
        try:
            before = after = _look(conn, settings)
            try:
                report, after = _on_server(conn, settings, project, direction, wish, watcher, before)
            except UsageError:
                raise
            except MemsqlError as e:
                e.state = "this was a rehearsal: the transaction on the server was rolled back"
                problem = e
        finally:
            conn.close()
    else:
        with copy_for(settings, place, watcher) as copy:
            conn, omitted = copy.connection, tuple(map(str, copy.omitted))
            before = _look(conn, settings)
            began = time.perf_counter()
            try:
                act = up_on if direction == "up" else down_on
                report = act(conn, project, wish, watcher, timed=True)
            except MemsqlError as e:
                problem = _of_a_clone(e, settings.target)
            run_seconds = time.perf_counter() - began
            after = _look(conn, settings)
    return Rehearsal(
        direction,
        report,
        problem,
        diff(before.schema, after.schema),
        _changed(before.rows, after.rows),
        _plan_lines(before.plans, after.plans),
        time.perf_counter() - started,
        place,
        omitted,
        run_seconds,
    )


def _look(conn: Connection, settings: Settings) -> _Seen:
    return _Seen(read(conn), row_counts(conn), query_plans(conn, settings.sql / "queries"))


def _on_server(
    conn: Connection, settings: Settings, project: Project, direction: str, wish: Wish, watcher: Watcher, before: _Seen
) -> tuple[Report, _Seen]:
    from memsql.actions.rehearse_on_server import try_on

    seen = [before]
    report = try_on(conn, project, direction, wish, watcher, lambda: seen.append(_look(conn, settings)))
    return report, seen[-1]


def _of_a_clone(error: MemsqlError, target: Target) -> MemsqlError:
    """``error`` as a rehearsal tells it."""
    error.state = "this was a rehearsal: the database was not touched"
    said = " ".join((error.message, *error.details))
    if target.path is None and ("no such function" in said or "no such module" in said):
        error.hint = (
            "the SQLite of this machine is not the server's; where only that one has it, rehearse with --on-server"
        )
    return error


def row_counts(conn: Connection) -> dict[str, int]:
    """Rows of every table that is the user's own, by name; three requests to a server."""
    names = [str(r[0]) for r in conn.execute(load("engine/user_tables")).rows]
    virtual = guard.virtual_tables(conn)
    names = [name for name in names if guard.is_user_table(name, virtual)]
    counts = {}
    for name, answer in zip(
        names, answers(conn, [(f"SELECT count(*) FROM {quote(n)}", ()) for n in names]), strict=True
    ):
        if isinstance(answer, StatementError):
            raise answer
        value = answer.one()
        assert isinstance(value, int)
        counts[name] = value
    return counts


def _changed(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int | None, int | None]]:
    names = sorted(before.keys() | after.keys())
    return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


def _plan_lines(before: list[Plan], after: list[Plan]) -> tuple[str, ...]:
    return tuple(str(change) for change in plan_changes(before, after))
