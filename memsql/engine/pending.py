"""What waits, and the one loop: plan, run, and plan again where another process changed the ledger in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile

from memsql import hints, ledger
from memsql.db import Connection, transaction
from memsql.db.queries import load
from memsql.engine.job import Direction, Done, Job, LedgerMoved, down_jobs, entry_of, up_jobs
from memsql.engine.permits import refuse_unscoped
from memsql.engine.run import Runner
from memsql.engine.session import Session, trial_on
from memsql.engine.state import Completed, Report, RunOptions, State, read_state, report, takes_late
from memsql.engine.transaction import Transaction
from memsql.errors import LockedError, Refused, UsageError
from memsql.ledger import corrections
from memsql.progress import SILENT, Progress
from memsql.project import plan
from memsql.project.load import Project
from memsql.project.plan import Status

# For how many seconds migrations on a file go on sharing a transaction: less than another writer notices.
_PATIENCE = 0.05


@dataclass(frozen=True)
class Pending:
    """The jobs that wait, and the state of files and ledger from which they were planned.

    ``completed``: rows of the ledger that were written or moved before planning. ``whole``: all jobs share one
    transaction. ``more``: something waits behind them that cannot share theirs, so that it is planned when they ran.
    """

    state: State
    jobs: tuple[Job, ...]
    completed: tuple[Completed, ...] = ()
    whole: bool = False
    more: bool = False


Planner = Callable[[State, Sequence[Done]], Pending]
"""Plans again from the state that another process left, after this run has ``done`` some."""

RunnerFactory = Callable[[Session, Pending], Runner]


def pending_up(state: State, options: RunOptions) -> Pending:
    """What an up applies. Raises FileError for files that must not run, UsageError for an unknown version."""
    late = takes_late(options, state.project.settings)
    migrations = plan.to_apply(state.statuses, to=options.to, out_of_order=late)
    return with_scripts(state, up_jobs(state.project, migrations, replayed=options.replayed), options)


def with_scripts(state: State, jobs: Sequence[Job], options: RunOptions) -> Pending:
    """What an up runs: ``jobs``, those of migrations, and the repeatable scripts behind the last one."""
    seeds = seed_jobs(state, jobs, options) if state.seeds and options.seeds and options.to is None else []
    if options.to is not None or not state.waiting_scripts or options.seeds == "only":
        return Pending(state, (*jobs, *seeds))
    from memsql.engine.repeating import jobs_of

    run = jobs_of(state.scripts, jobs)
    if run.behind:
        return Pending(state, tuple(jobs), more=True)
    if run.whole:
        return Pending(state, (*run.first, *jobs, *run.last), whole=True, more=bool(seeds))
    return Pending(state, (*jobs, *run.last, *seeds))


def seed_jobs(state: State, jobs: Sequence[Job], options: RunOptions) -> list[Job]:
    """The jobs of the seeds that wait. Raises UsageError where they are all that is to run, and others wait too."""
    from memsql.engine.seeding import jobs_of

    if options.seeds == "only" and (jobs or state.waiting_scripts):
        raise UsageError(
            "migrations or repeatable scripts wait, and seeds come behind them",
            state="nothing was changed",
            hint=f"first: {hints.command('migrate.up')}",
        )
    return jobs_of(state.seeds)


def pending_down(state: State, options: RunOptions) -> Pending:
    """What a down rolls back, latest first. Raises Refused where a rollback file is missing or empty."""
    migrations = plan.to_roll_back(state.statuses, steps=options.steps, to=options.to)
    return Pending(state, tuple(down_jobs(migrations, state.project.ordered, replayed=options.replayed)))


def still_down(first: Pending, options: RunOptions) -> Planner:
    """Plans a down again: what is still applied of what was chosen first is rolled back, and nothing else.

    The planner raises LockedError where another process has applied a migration since that stands above it.
    """
    chosen = {job.migration.id for job in first.jobs}

    def planner(state: State, done: Sequence[Done]) -> Pending:
        plan.to_roll_back(state.statuses, steps=options.steps, to=options.to)
        applied = [s.migration for s in reversed(state.statuses) if s.state == plan.APPLIED and s.migration]
        leaving = list(takewhile(lambda migration: migration.id in chosen, applied))
        rest = [migration for migration in applied if migration.id in chosen]
        if len(leaving) < len(rest):
            raise _overtaken([m.id for m in applied if m.id not in chosen and m.version > rest[-1].version], done)
        return Pending(state, tuple(down_jobs(leaving, state.project.ordered)))

    return planner


def _overtaken(newer: Sequence[str], done: Sequence[Done]) -> LockedError:
    before = ", ".join(one.id for one in done)
    return LockedError(
        f"another process has applied {', '.join(reversed(newer))} meanwhile, on top of what was to be rolled back",
        state=f"finished: {before}; the rest was not begun" if before else "nothing was changed",
        hint=f"see what is applied now, and decide anew: {hints.command('migrate.status')}",
    )


def run_on(
    conn: Connection, project: Project, direction: Direction, options: RunOptions, *, progress: Progress = SILENT
) -> Report:
    """Apply what waits in ``project``, or roll back what ``options`` say, on a database that is thrown away."""
    with trial_on(conn, options, progress) as session:
        state = read_state(project, conn)
        return run_up(session, state) if direction == "up" else run_down(session, state)


def run_up(session: Session, state: State, pending: Pending | None = None) -> Report:
    """Apply what waits. ``pending``: what the caller has planned already from ``state``.

    Raises LedgerMoved where another process left a database that has to be adopted first.
    """

    def planner(now: State, done: Sequence[Done]) -> Pending:
        if now.must_be_adopted and not done:
            raise LedgerMoved
        return pending_up(now, session.options)

    first = _first(session, state, pending, lambda now, _: pending_up(now, session.options))
    return run(session, first, _completing(session, planner))


def run_down(session: Session, state: State, pending: Pending | None = None) -> Report:
    """Roll back what the options say; ``pending`` as for run_up(). The report names no completed rows."""
    first = _first(session, state, pending, lambda now, _: pending_down(now, session.options))
    return replace(run(session, first, _completing(session, still_down(first, session.options))), completed=())


def run(session: Session, pending: Pending, planner: Planner, runner: RunnerFactory | None = None) -> Report:
    """Run what is ``pending``; where another process changed the ledger in between, let ``planner`` plan again.

    ``runner`` makes the runner of a plan, by default the one for the database of ``session``. Raises what stopped
    the run; its ``state`` says what the database holds.
    """
    if not session.options.old_permits:
        refuse_unscoped(session.conn, pending.jobs)
    done: tuple[Done, ...] = ()
    completed = pending.completed
    while pending.jobs:
        whole = session.options.all_or_nothing or pending.whole
        part = session.all_or_nothing() if whole else session
        attempt = (runner or _runner)(part, pending)
        attempt.earlier = done
        try:
            attempt.run(pending.jobs, whole=whole)
            if pending.more:
                raise LedgerMoved
        except LedgerMoved:
            done += tuple(attempt.done)
            pending = planner(
                read_state(pending.state.project, session.conn, to_run=True, beside=pending.state.beside), done
            )
            completed += pending.completed
        else:
            end = report(pending.state, (*done, *attempt.done), newly=attempt.done, completed=completed)
            return replace(end, locked_ms=attempt.locked_ms)
    return report(pending.state, done, completed=completed)


def complete(conn: Connection, state: State) -> tuple[Completed, ...]:
    """Write the ledger's rows for what yoyo applied or rolled back by itself, move those of migrations that got another
    number, and let one row stand for those that were folded into one, in one transaction."""
    if not state.incomplete:
        return ()
    with transaction(conn, lambda: not read_state(state.project, conn).incomplete):
        # Inside the lock: another process may have done it.
        state = read_state(state.project, conn, beside=state.beside)
        incomplete = state.incomplete
        ledger.create_tables(conn, state.ledger)
        moves = [(s.former, _moved_entry(state, s), s.applied_by) for s in incomplete if s.former is not None]
        if moves:
            corrections.move_all(conn, moves)
        for status in incomplete:
            if status.folded:
                corrections.fold(conn, _entry_of(status), status.applied_by, status.folded)
            elif status.former is None:
                corrections.complete(conn, _entry_of(status), status.state, status.applied_by)
    return tuple(Completed(s.id, s.former, s.folded) for s in incomplete)


def _refuse_taken_rows(conn: Connection, state: State) -> None:
    """Raise Refused where a row that memsql wrote is gone, which yoyo never deletes: what is there now nobody knows."""
    lacking = [
        s.id for s in state.incomplete if s.former is None and not s.folded and s.version not in state.ledger.rows
    ]
    if not lacking or "memsql_history" not in state.ledger.tables:
        return
    last = {str(row[0]): str(row[1]) for row in conn.execute(load("ledger/read_last_operations")).rows}
    taken = [name for name in lacking if last.get(name, "rollback") != "rollback"]
    if taken:
        raise Refused(
            "another program deleted rows of the ledger, and may have rolled these migrations back: "
            + ", ".join(taken),
            details=(
                "memsql applied them, and yoyo still has its mark of them; schema_migrations has no row any more",
            ),
            state="nothing was changed",
            hint=f"see what is there: {hints.command('verify')}; where the changes are there, let the ledger follow: "
            f"{hints.command('migrate.repair')}; where they are not, take yoyo's mark away: yoyo unmark -r {taken[0]}",
        )


def _completing(session: Session, planner: Planner) -> Planner:
    """``planner``, after the ledger was completed for what yoyo did by itself."""

    def planned(state: State, done: Sequence[Done]) -> Pending:
        _refuse_taken_rows(session.conn, state)
        completed = complete(session.conn, state)
        if completed:
            state = read_state(state.project, session.conn, to_run=True, beside=state.beside)
        return replace(planner(state, done), completed=completed)

    return planned


def _first(session: Session, state: State, pending: Pending | None, planner: Planner) -> Pending:
    if pending is None or state.incomplete:
        return _completing(session, planner)(state, ())
    return pending


def _runner(session: Session, pending: Pending) -> Runner:
    """The runner for the kind of database that ``session`` is on."""
    planned, whole = pending.state, session.options.all_or_nothing
    on_server = session.conn.target.path is None
    if on_server or session.options.for_server:
        from memsql.engine.isolation import refuse_on_server

        refuse_on_server(pending.jobs)
    if on_server:
        from memsql.engine.on_server import OnServer

        server = OnServer(session, planned, whole=whole)
        return Runner(session, server, lambda: server, defers=server.defers)
    from memsql.engine.on_file import OnFile

    # On an empty database nobody waits for the lock.
    patience = math.inf if whole or not pending.state.has_tables else _PATIENCE
    file = OnFile(session, planned, patience)

    def stepwise() -> Transaction:
        from memsql.engine.stepwise import Stepwise

        steps = Stepwise(session, planned, file)
        return steps if meter is None else Metered(steps, meter, holds_lock=False)

    meter = session.meter
    if meter is None:
        return Runner(session, file, stepwise)
    from memsql.engine.metered import Metered

    return Runner(session, Metered(file, meter, whole=whole or not meter.divides), stepwise)


def _entry_of(status: Status) -> ledger.Entry:
    migration = status.migration
    assert migration is not None
    started = datetime.now(UTC)
    if status.applied_at:
        applied = datetime.fromisoformat(status.applied_at)
        started = applied if applied.tzinfo else applied.replace(tzinfo=UTC)
    return entry_of(migration, started, status.duration_ms or 0)


def _moved_entry(state: State, status: Status) -> ledger.Entry:
    """The entry under the new number: what was applied stays what it was, comments and rollback too, except for the
    names of files that moved."""
    from memsql.project.renaming import under_other_names

    assert status.former is not None
    version = ledger.version_of(status.former)
    assert version is not None
    row, entry = state.ledger.rows[version], _entry_of(status)
    assert status.migration is not None
    formers = {s.id: s.former for s in state.statuses if s.former is not None}
    before = under_other_names(status.migration, formers)
    hashes = state.history.get((version, row.checksum or ""))
    # With the checksum of then, a directive that names another file now would count as an edit of the statements.
    if row.checksum in (entry.checksum, before.checksum) or hashes is None or hashes.up != status.migration.hashes.up:
        return replace(entry, description=row.description)
    return replace(entry, description=row.description, checksum=row.checksum, hashes=hashes)
