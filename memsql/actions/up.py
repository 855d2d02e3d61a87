"""Up and down: what a task calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from memsql import hints, words
from memsql.config import Settings
from memsql.db import Connection, Visit
from memsql.engine.state import Proposal, Report, RunOptions, State, read_state, report, takes_late
from memsql.errors import MemsqlError
from memsql.interrupts import untouched
from memsql.progress import SILENT, Progress
from memsql.project import plan
from memsql.project.files import Migration
from memsql.project.load import load_project, refuse_stale_sum

if TYPE_CHECKING:
    from memsql.engine.job import Job
    from memsql.engine.pending import Pending
    from memsql.engine.session import Session
    from memsql.legacy.adoption import Adoption

_SHOWN = 10
_NOTHING = "nothing was changed"

Gate = Callable[[Proposal], None]
"""Hears what will be done before anything is done, and only where there is something to do; what it raises stops
the run."""


def open_gate(proposal: Proposal) -> None:
    """A gate that lets everything pass."""


def up(
    settings: Settings,
    options: RunOptions,
    progress: Progress = SILENT,
    gate: Gate = open_gate,
    *,
    visit: Visit | None = None,
) -> Report:
    """Apply every waiting migration up to ``options.to``; adopt a legacy database first.

    ``visit`` opens the database, where that is not the one of ``settings`` opened anew; it is closed. Raises any
    MemsqlError; its ``state`` says what the database holds.
    """
    with closing(visit or Visit(settings.target, settings.busy_timeout)) as visit:
        return _up(settings, visit, options, progress, gate)


def _up(settings: Settings, visit: Visit, options: RunOptions, progress: Progress, gate: Gate) -> Report:
    project = load_project(settings)
    with visit.open("ro", meanwhile=_prepare) as conn:
        state = read_state(project, conn, to_run=True, beside=options.beside)
    migrations = []
    if state.must_be_adopted:
        from memsql.legacy.claims import decide

        decide(state, options)
    else:
        migrations = plan.to_apply(state.statuses, to=options.to, out_of_order=takes_late(options, settings))
        waits = (state.waiting_scripts or (options.seeds and state.waiting_seeds)) and options.to is None
        if not migrations and not state.incomplete and not waits:
            refuse_stale_sum(project)
            idle = report(state)
            return replace(idle, notices=(*idle.notices, *_seeds_left(state, options)))
    # Imported only where there is work, so that an idle run is as quick as a status.
    from memsql.engine.job import up_jobs
    from memsql.engine.pending import with_scripts

    pending = with_scripts(state, up_jobs(project, migrations), options)
    refuse_stale_sum(project)
    if options.disk_check:
        _refuse_without_room(settings, state, pending.jobs, options)
    notices = _seeds_left(state, options) + prove_seeds(state, options)
    with untouched():
        scripts = [job.migration.name for job in pending.jobs if job.alone and job.alone.operation]
        gate(_proposal(state, migrations, scripts))
    with visit.open("rwc") as conn, _measured(settings, conn, options, progress) as session:
        ran = _with_costs(up_on(session, state, pending), session)
        return replace(ran, notices=(*ran.notices, *notices))


def prove_seeds(state: State, options: RunOptions) -> tuple[str, ...]:
    """What of the seeds that are to run was not proven. Raises Refused where one would change something if it ran
    twice."""
    if not options.seeds or not state.waiting_seeds:
        return ()
    from memsql.actions.seeds import refuse_repeating

    return refuse_repeating(state.project, state.waiting_seeds)


def _seeds_left(state: State, options: RunOptions) -> tuple[str, ...]:
    """What to say of the seeds that do not run."""
    changed = tuple(f"{s.seed.name} ran with another text; it does not run again" for s in state.seeds if s.is_changed)
    if options.seeds or not state.waiting_seeds:
        return changed
    command = hints.command("seed")
    return (*changed, f"the seeds {', '.join(state.waiting_seeds)} have not run here; they are run by: {command}")


def up_on(session: Session, state: State, pending: Pending | None = None) -> Report:
    """Adopt a legacy database and apply what waits, on a connection that may write: the database, or a clone of it.

    ``pending``: what the caller has planned already from ``state``. The adoption is a transaction of its own; what
    stops the migrations after it leaves it, and says so.
    """
    from memsql.engine.job import LedgerMoved
    from memsql.engine.pending import run_up

    adoption: Adoption | None = None
    try:
        while True:
            try:
                if state.must_be_adopted:
                    from memsql.legacy.adopt import adopt

                    adoption = adopt(session, state) or adoption
                else:
                    return replace(run_up(session, state, pending), adopted=adoption.lines if adoption else ())
            except LedgerMoved:
                pass
            state, pending = read_state(state.project, session.conn, to_run=True, beside=state.beside), None
    except MemsqlError as e:
        if adoption:
            e.state = _beside_adoption(e.state, adoption)
        raise


@contextmanager
def _measured(settings: Settings, conn: Connection, options: RunOptions, progress: Progress) -> Iterator[Session]:
    """A session on ``conn``, which measures what its transactions cost where a dry run has forecast some."""
    from memsql.advise.disk import FORECASTS
    from memsql.engine.session import session_on

    meter = None
    if (settings.runs / FORECASTS).exists():
        from memsql.advise.outcomes import meter_on

        meter = meter_on(conn)
    with session_on(conn, options, progress, meter=meter) as session:
        yield session


def _with_costs(report: Report, session: Session) -> Report:
    return report if session.meter is None else replace(report, costs=tuple(session.meter.costs))


def _refuse_without_room(settings: Settings, state: State, jobs: Sequence[Job], options: RunOptions) -> None:
    """Raise Refused where the disk of a file has no room for ``jobs``, or for an adoption and what waits behind it."""
    if settings.target.path is None or not (jobs or state.is_legacy):
        return
    from memsql.advise.room import refuse_adoption_without_room, refuse_without_room

    if not state.is_legacy:
        refuse_without_room(settings, jobs, whole=options.all_or_nothing)
        return
    from memsql.engine.job import up_jobs
    from memsql.legacy.claims import decide
    from memsql.legacy.upgrades import adoption_jobs

    takeover = decide(state, options)

    def planned(conn: Connection) -> list[Job]:
        if takeover is None:
            upgrades, counted = adoption_jobs(conn, state)
        else:
            upgrades, counted = [], frozenset(m.version for m in takeover.migrations)
        most = math.inf if options.to is None else options.to
        rest = [m for m in state.project.ordered if m.version not in counted and m.version <= most]
        return [*upgrades, *up_jobs(state.project, rest)]

    with untouched():
        refuse_adoption_without_room(settings, planned)


def _beside_adoption(state: str | None, adoption: Adoption) -> str:
    """``state`` of a run that was stopped after the ``adoption``, which was committed before and stays."""
    if state is None:
        state = "no migration was applied"
    elif state.startswith(_NOTHING):
        state = f"nothing else was changed{state.removeprefix(_NOTHING)}"
    return f"{state}; the adoption before it stays: {adoption.summary}"


def down(settings: Settings, options: RunOptions, progress: Progress = SILENT, gate: Gate = open_gate) -> Report:
    """Roll back ``options.steps`` migrations, or all above ``options.to``, latest first. Raises like up()."""
    with closing(Visit(settings.target, settings.busy_timeout)) as visit:
        return _down(settings, visit, options, progress, gate)


def _down(settings: Settings, visit: Visit, options: RunOptions, progress: Progress, gate: Gate) -> Report:
    project = load_project(settings)
    refuse_stale_sum(project)
    with visit.open("ro", meanwhile=_prepare) as conn:
        state = read_state(project, conn, to_run=True)
    if not plan.to_roll_back(state.statuses, steps=options.steps, to=options.to):
        return replace(report(state), notices=_not_adopted(state))
    from memsql.engine.pending import pending_down, run_down

    pending = pending_down(state, options)
    if options.disk_check:
        _refuse_without_room(settings, state, pending.jobs, options)
    with untouched():
        migrations = [job.migration for job in pending.jobs]
        checksums = tuple(m.checksum for m in migrations)
        gate(Proposal("down", f"roll back {_listed(migrations)}", checksums=checksums))
    with visit.open("rw") as conn, _measured(settings, conn, options, progress) as session:
        return _with_costs(run_down(session, state, pending), session)


def _prepare() -> None:
    """Import what a run on a server needs: it takes as long as a server that is far away to answer."""
    from memsql.engine import job, on_server, pending, session  # noqa: F401


def _not_adopted(state: State) -> tuple[str, ...]:
    """Why nothing can be rolled back, where somebody else applied migrations."""
    if not state.is_legacy:
        return ()
    names = " and ".join(other.says for other in state.others if other.counts)
    lists = f"{names} says what is applied" if names else "it was made without memsql"
    return (f"memsql keeps no ledger of this database yet, {lists}: first {hints.command('legacy.adopt')}",)


def _proposal(state: State, migrations: Sequence[Migration], scripts: Sequence[str]) -> Proposal:
    if any(other.counts for other in state.others):
        names = " and ".join(other.says for other in state.others if other.counts)
        return Proposal("up", f"go on from the ledger {names}, and apply what waits then")
    if state.must_be_adopted:
        return Proposal("up", "adopt it, a legacy database, and apply what waits then")
    script_words = f"run {words.count(len(scripts), 'script')}: {', '.join(scripts)}" if scripts else ""
    if not migrations:
        return Proposal("up", script_words or "complete the ledger")
    checksums = tuple(m.checksum for m in migrations)
    what = " and ".join(filter(None, [f"apply {_listed(migrations)}", script_words]))
    return Proposal("up", what, empty=not state.has_tables, checksums=checksums)


def _listed(migrations: Sequence[Migration]) -> str:
    names = ", ".join(m.id for m in migrations[:_SHOWN])
    more = f" and {len(migrations) - _SHOWN} more" if len(migrations) > _SHOWN else ""
    return f"{words.count(len(migrations), 'migration')}: {names}{more}"
