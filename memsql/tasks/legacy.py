"""memsql legacy.*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from memsql import hints
from memsql.tasks.gate import LEDGER_HELP
from memsql.tasks.legacy_run import HELP, Change, Manner, outcome
from memsql.tasks.manner import manner_of
from memsql.tasks.task import Outcome, number, task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memsql.config import Settings
    from memsql.db import Connection
    from memsql.engine.job import Job
    from memsql.engine.session import Session
    from memsql.legacy.upgrades import Nothing
    from memsql.report.progress import Bar
    from memsql.tasks.command_line import MemsqlTask


@task("legacy.status", reads_only=True)
def status(settings: Settings, progress: Bar) -> Outcome:
    """Say which release made this database, how that is known, and what an adoption would do.

    The schema is compared with every prefix of the migrations and every era in sql/legacy, each also after
    its upgrades. Reads only. Exit codes: 0 recognised, 1 no shape fits, or several fit equally well, 2 a
    file of an era does not run, 3 there is no such database.
    """
    from memsql.db import connection
    from memsql.engine.state import read_state
    from memsql.legacy.claims import outlook
    from memsql.legacy.eras import known_shapes
    from memsql.legacy.recognise import detect
    from memsql.project.links import refuse_linked_folders
    from memsql.project.load import load_project
    from memsql.report.legacy import data, text

    project = load_project(settings)
    refuse_linked_folders(settings)
    settings.target.expect_file()
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
        seen = outlook(state)
        if seen is not None and seen.decides:
            shown = text(state, None, str(settings.target), outlook=seen)
            return Outcome(shown, data(state, None, outlook=seen), int(seen.problem is not None))
        known = known_shapes(project)
        detection = detect(conn, known, state.ledger) if state.has_tables else None
    fits = detection is None or (detection.fit is not None and not (state.is_legacy and detection.unknown))
    shown = text(state, detection, str(settings.target), known.unknown, outlook=seen)
    return Outcome(shown, data(state, detection, known.unknown, outlook=seen), int(not fits))


@task(
    "legacy.adopt",
    help={
        **HELP,
        "version": "the newest migration that counts as applied afterwards, where the schema does not say",
        "accept-drift": "with --version: take it over although its schema differs, and say how",
        **LEDGER_HELP,
    },
)
def adopt(
    settings: Settings,
    progress: Bar,
    *,
    version: str | None = None,
    accept_drift: bool = False,
    take_over: bool = False,
    ledger: str | None = None,
    dry_run: bool = False,
    with_data: bool = False,
    allow_data_loss: bool = False,
    maintenance_window: str | None = None,
    yes: bool = False,
    disk_check: bool = True,
) -> Outcome:
    """Take a legacy database over: run the upgrades it needs and write the ledger, in one transaction.

    migrate.up does the same before it applies what comes after; this task stops there. Nothing is
    changed where no era fits, or where several versions fit equally well: then say which with --version N.
    """
    manner = manner_of(locals(), Manner)
    from memsql.engine.state import RunOptions, read_state
    from memsql.errors import UsageError
    from memsql.legacy.adopt import Choice, adopt
    from memsql.legacy.claims import decide
    from memsql.legacy.upgrades import Nothing, adoption_jobs
    from memsql.project.load import load_project, refuse_stale_sum
    from memsql.project.plan import WAITING

    choice = None if version is None else Choice(number("--version", version), accept_drift)
    if accept_drift and choice is None:
        raise UsageError("--accept-drift goes with --version N", state="nothing was changed")
    project = load_project(settings)
    refuse_stale_sum(project)

    def is_needed(conn: Connection) -> bool:
        return read_state(project, conn).must_be_adopted

    def run(session: Session) -> tuple[str, ...] | Nothing:
        state = read_state(project, session.conn)
        adoption = adopt(session, state, choice) if state.must_be_adopted else None
        if adoption is not None:
            waiting = [s.id for s in read_state(project, session.conn).statuses if s.state in WAITING]
            more = (f"not applied yet: {', '.join(waiting)}; next: {hints.command('migrate.up')}",) if waiting else ()
            return (*adoption.lines, *more)
        if state.has_tables:
            return Nothing("nothing to do: the ledger knows this database")
        return Nothing(f"nothing to do: the database is empty; see: {hints.command('migrate.up')}")

    def jobs(conn: Connection) -> Sequence[Job]:
        state = read_state(project, conn)
        options = RunOptions(take_over=take_over, ledger=ledger)
        if not state.is_legacy or (choice is None and decide(state, options) is not None):
            return ()
        return adoption_jobs(conn, state)[0]

    change = Change("adopt it, a legacy database", is_needed, run, jobs)
    return outcome(
        settings,
        change,
        manner,
        progress,
    )


def _upgrade_task(phase: int, name: str, doc: str) -> MemsqlTask:
    """Make the task ``legacy.NAME``, which runs one of the legacy upgrades."""

    @task(f"legacy.{name}", help=HELP, audience="legacy")
    def upgrade(
        settings: Settings,
        progress: Bar,
        *,
        dry_run: bool = False,
        with_data: bool = False,
        allow_data_loss: bool = False,
        maintenance_window: str | None = None,
        yes: bool = False,
        disk_check: bool = True,
    ) -> Outcome:
        manner = manner_of(locals(), Manner)
        from memsql.legacy.upgrades import phase_jobs, phase_waits, run_phase
        from memsql.project.load import load_project

        project = load_project(settings)
        change = Change(
            f"run legacy upgrade {phase}",
            lambda conn: phase_waits(conn, project, phase),
            lambda session: run_phase(session, project, phase),
            lambda conn: phase_jobs(conn, project, phase),
        )
        return outcome(
            settings,
            change,
            manner,
            progress,
        )

    upgrade.__doc__ = doc
    return upgrade


phase1 = _upgrade_task(1, "phase1", "Run legacy upgrade 1 by itself, proven, in one transaction: the low-risk one.")
phase2 = _upgrade_task(2, "phase2", "Run legacy upgrade 2 by itself, proven, in one transaction: the medium-risk one.")
align = _upgrade_task(3, "align", "Run legacy upgrade 3 by itself, proven: add what the baseline has and this lacks.")


@task(
    "legacy.rollback",
    help={
        **HELP,
        "phase": "the upgrade to undo, by number or name (1, phase1, align); the latest one that ran comes first",
        "all": "undo all that ran here, in one transaction; the same as without --phase",
    },
    bare_word="--phase",
    audience="legacy",
)
def rollback(
    settings: Settings,
    progress: Bar,
    *,
    phase: str | None = None,
    all_: bool = False,
    dry_run: bool = False,
    with_data: bool = False,
    allow_data_loss: bool = False,
    maintenance_window: str | None = None,
    yes: bool = False,
    disk_check: bool = True,
) -> Outcome:
    """Undo legacy upgrades: the schema is again what it was before them, every row kept.

    Without --phase every upgrade that memsql ran in this database, the latest first, in one transaction. Where the
    database was adopted, the adoption is taken back too; migrations that ran since must be rolled back first.

    Examples:  memsql legacy.rollback --dry-run     memsql legacy.rollback     memsql legacy.rollback --phase align
    Exit codes: 0 done or nothing to undo, 2 no such upgrade or another comes first, 6 refused to protect data.
    """
    manner = manner_of(locals(), Manner)
    from memsql.errors import UsageError
    from memsql.legacy.rollback import phase_ran, rollback_all, rollback_jobs, rollback_phase, upgrades_ran
    from memsql.legacy.upgrades import phase_called
    from memsql.project.load import load_project

    if phase is not None and all_:
        raise UsageError("--phase and --all do not go together", state="nothing was changed")
    project = load_project(settings)
    if phase is None:
        change = Change(
            "undo every legacy upgrade that ran here, the latest first",
            upgrades_ran,
            lambda session: rollback_all(session, project),
            lambda conn: rollback_jobs(conn, project),
        )
    else:
        upgrade = phase_called(project, phase)
        change = Change(
            f"undo legacy upgrade {upgrade.name}",
            lambda conn: phase_ran(conn, upgrade),
            lambda session: rollback_phase(session, project, upgrade),
            lambda conn: rollback_jobs(conn, project, upgrade),
        )
    return outcome(
        settings,
        change,
        manner,
        progress,
    )


ns = Collection("legacy", status, adopt, phase1, phase2, align, rollback)
