"""Rehearsal: the very same run, on a clone that is thrown away, or in a transaction that is rolled back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from memsql.actions.up import prove_seeds, up_on
from memsql.advise.disk import Disk, Journal, disk_for
from memsql.advise.queries import QueryPlan, change_lines, query_plans
from memsql.config import Settings, Target
from memsql.db import Connection, connection
from memsql.db.clone import Clone, clone, refuse_full
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.db.tally import Tally
from memsql.engine.job import Direction
from memsql.engine.loss import counting
from memsql.engine.meter import Cost, Meter, Sampling
from memsql.engine.pending import run_down
from memsql.engine.session import trial_on
from memsql.engine.state import Report, RunOptions, read_state
from memsql.errors import MemsqlError, StatementError, UsageError
from memsql.progress import Progress
from memsql.project.load import Project, load_project, refuse_stale_sum
from memsql.schema import Schema, SchemaDiff, diff, read
from memsql.sqltext import quote

Place = Literal["clone", "schema", "server"]
"""Where a rehearsal runs: on a clone of everything, on one of the schema and the ledger without rows, or on the server
itself in a transaction that is rolled back."""

Flag = Literal["with-data", "on-server"]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run would do. ``problem`` is what would stop it; ``rows`` maps a table to its rows before
    and after (None: not there), empty where no row was copied; ``seconds`` includes the cloning, ``run_seconds`` is the
    run alone, an adoption included; ``omitted`` says what a clone of a server lacks. ``costs`` is what each transaction
    took on a clone with rows, ``disk`` what they need together beside a file, and ``tally`` what a server counted for
    the run, the proof included."""

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
    costs: tuple[Cost, ...] = ()
    disk: Disk | None = None
    tally: Tally | None = None

    @property
    def exit_code(self) -> int:
        return self.problem.exit_code if self.problem else 0


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What a rehearsal compares of a database before and after the run."""

    schema: Schema
    rows: dict[str, int]
    plans: list[QueryPlan]


@dataclass(frozen=True, slots=True)
class _Run:
    """The run of a rehearsal: the snapshots around it, its report or its problem, and how long it took alone, in
    seconds."""

    before: _Snapshot
    after: _Snapshot
    report: Report | None
    problem: MemsqlError | None
    seconds: float
    omitted: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()
    journal: Journal | None = None
    tally: Tally | None = None


def place_for(target: Target, flags: frozenset[Flag]) -> Place:
    """Where to rehearse a run on ``target``. The clone of a file always has its rows.

    Raises UsageError for flags that do not go together, or not with a file.
    """
    if flags == {"with-data", "on-server"}:
        raise UsageError(
            "--with-data and --on-server do not go together: the server has the data", state="nothing was changed"
        )
    if target.path is not None:
        if "on-server" in flags:
            raise UsageError(
                f"--on-server: {target} is a file, which is rehearsed on a copy with everything in it",
                state="nothing was changed",
                hint="leave --on-server out",
            )
        return "clone"
    return "server" if "on-server" in flags else "clone" if "with-data" in flags else "schema"


@contextmanager
def copy_for(settings: Settings, progress: Progress, *, rows: bool) -> Iterator[Clone]:
    """The clone to rehearse on; with ``rows`` of a server or without, of a file always with them."""
    from memsql.db.copying import no_rows

    choice = None if rows else no_rows
    with clone(settings.target, settings.busy_timeout, progress, choice=choice) as copy:
        yield copy


def rehearse(
    settings: Settings, direction: Direction, options: RunOptions, progress: Progress, *, place: Place = "clone"
) -> Rehearsal:
    """Run an up or a down where ``place`` says, and report every difference.

    The database itself is only read, but for a transaction on the server that is rolled back where that is the
    place. Raises what prevents the rehearsal itself (unreadable files, no access, no space for the clone); what
    would stop the run is in the result.
    """
    started = time.perf_counter()
    project = load_project(settings)
    refuse_stale_sum(project)
    options = replace(options, trial_ms=settings.rehearsal_timeout)
    if place == "server":
        run = _on_server(project, direction, options, progress)
    else:
        run = _on_clone(project, direction, options, progress, rows=place == "clone")
    return Rehearsal(
        direction=direction,
        report=run.report,
        problem=run.problem,
        schema=diff(run.before.schema, run.after.schema),
        rows={} if place == "schema" else _changed(run.before.rows, run.after.rows),
        plans=tuple(change_lines(run.before.plans, run.after.plans)),
        seconds=time.perf_counter() - started,
        place=place,
        omitted=run.omitted,
        run_seconds=run.seconds,
        costs=run.costs,
        tally=run.tally,
        disk=disk_for(run.costs, settings.target, run.journal) if run.journal else None,
    )


def _on_clone(project: Project, direction: Direction, options: RunOptions, progress: Progress, *, rows: bool) -> _Run:
    settings = project.settings
    report, problem, meter = None, None, None
    with copy_for(settings, progress, rows=rows) as copy:
        conn = copy.connection
        assert isinstance(conn, SQLiteConnection)
        before = _snapshot(conn, settings)
        began = time.perf_counter()
        try:
            options = replace(options, timed=True, for_server=settings.target.path is None, without_rows=not rows)
            meter = Meter.on(conn, copy.journal_mode) if rows else None
            seen = progress if meter is None else Sampling(progress, meter)
            with trial_on(conn, options, seen, meter=meter) as session:
                state = read_state(project, conn, beside=options.beside)
                prove_seeds(state, options)
                report = up_on(session, state) if direction == "up" else run_down(session, state)
        except MemsqlError as e:
            refuse_full(e, conn.target)
            problem = of_a_clone(e, settings.target)
        seconds = time.perf_counter() - began
        return _Run(
            before,
            _snapshot(conn, settings),
            report,
            problem,
            seconds,
            tuple(map(str, copy.omitted)),
            tuple(meter.costs) if meter else (),
            Journal(meter.journal_mode, meter.page_size) if meter and meter.costs else None,
        )


def _on_server(project: Project, direction: Direction, options: RunOptions, progress: Progress) -> _Run:
    from memsql.actions.rehearse_on_server import rehearse_on_server
    from memsql.db.libsql import LibsqlConnection

    settings = project.settings
    report, problem = None, None
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        before = after = _snapshot(conn, settings)

        assert isinstance(conn, LibsqlConnection)
        tally: Tally | None = None

        def look() -> None:
            nonlocal after, tally
            tally, conn.tally = conn.tally, None
            after = _snapshot(conn, settings)

        try:
            with trial_on(conn, replace(options, all_or_nothing=True), progress) as session:
                state = read_state(project, conn, beside=options.beside)
                conn.tally = Tally()
                report = rehearse_on_server(session, state, direction, look)
        except UsageError:
            raise
        except MemsqlError as e:
            e.state = "this was a rehearsal: the transaction on the server was rolled back"
            problem = e
        costs = _counted(project, direction, report, tally) if report and tally else ()
        return _Run(before, after, report, problem, 0.0, tally=tally, costs=costs)


def _counted(project: Project, direction: Direction, report: Report, tally: Tally) -> tuple[Cost, ...]:
    """What the server counted for each migration of ``report``."""
    checksums = {migration.id: migration.checksum for migration in project.ordered}
    return tuple(
        Cost(
            ids=(done.id,),
            checksums=(checksums[done.id],),
            direction=direction,
            seconds=done.duration_ms / 1000,
            locked_seconds=None,
            journal_bytes=None,
            growth_bytes=None,
            temporary_bytes=None,
            rows_read=part.rows_read,
            rows_written=part.rows_written,
        )
        for done in report.done
        if (part := tally.parts.get(done.id)) is not None and not part.uncounted
    )


def _snapshot(conn: Connection, settings: Settings) -> _Snapshot:
    return _Snapshot(read(conn), row_counts(conn), query_plans(conn, settings))


def of_a_clone(error: MemsqlError, target: Target) -> MemsqlError:
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
    virtual = counting.virtual_tables(conn)
    names = [name for name in names if virtual.is_user_table(name)]
    counts = {}
    for name, answer in zip(
        names, conn.read_each([(f"SELECT count(*) FROM {quote(n)}", ()) for n in names]), strict=True
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
