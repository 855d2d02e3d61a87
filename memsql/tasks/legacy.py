"""invoke legacy.*"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoke import Collection, Context, task

from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.harness import COMMON_HELP, Options, Outcome, refuse_without_dry_run, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from memsql.config import Settings
    from memsql.db import Connection
    from memsql.engine.session import Session

_HELP = {
    **CHANGE_HELP,
    "dry-run": "do it on a clone, report what happened there, change nothing",
    "with-data": "with --dry-run on a server: on a clone with all rows, not on one of the schema alone",
    "allow-data-loss": "go on where rows would be lost, and say which",
}


@task(help=COMMON_HELP, auto_shortflags=False)
def status(
    c: Context,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Say which release made this database, how that is known, and what an adoption would do.

    The schema is compared with every prefix of the migrations and every era in sql/legacy, each also after
    its upgrades. Reads only. Exit codes: 0 recognised, 1 no shape fits.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.db import connection
        from memsql.engine import state as states
        from memsql.legacy.adopt import detect
        from memsql.legacy.eras import known_shapes
        from memsql.project import load as projects
        from memsql.report import legacy as report

        project_ = projects.load(settings)
        shapes = known_shapes(project_)
        with connection(settings.target, "ro", settings.busy_timeout) as conn:
            state = states.read_state(project_, conn)
            found = detect(conn, shapes) if state.has_tables else None
        bad = found is not None and found.fit is None
        return Outcome(report.text(state, found, str(settings.target)), report.data(state, found), int(bad))

    run("legacy.status", Options(project, env, database, json), work)


@task(help=_HELP, auto_shortflags=False)
def adopt(
    c: Context,
    dry_run: bool = False,
    with_data: bool = False,
    allow_data_loss: bool = False,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Take a legacy database over: run the upgrades it needs and write the ledger, in one transaction.

    migrate.up does the same before it applies what comes after; this task stops there. Nothing is
    changed where no era fits.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.engine import state as states
        from memsql.legacy.adopt import adopt as take_over
        from memsql.project import load as projects

        project_ = projects.load(settings)
        projects.refuse_stale_sum(project_)

        def act(session: Session) -> tuple[str, ...]:
            state = states.read_state(project_, session.conn)
            if not state.is_legacy:
                return (
                    "nothing to do: the ledger knows this database"
                    if state.has_tables
                    else "nothing to do: the database is empty; see: invoke migrate.up",
                )
            return take_over(session, state)

        def needed(conn: Connection) -> bool:
            return states.read_state(project_, conn).is_legacy

        change = _Change("adopt it, a legacy database", needed, yes)
        return _act(settings, act, change, dry_run, with_data, allow_data_loss)

    run("legacy.adopt", Options(project, env, database, json), work)


def _phase_task(number: int, name: str, what: str) -> Any:
    @task(name=name, help=_HELP, auto_shortflags=False)
    def phase(
        c: Context,
        dry_run: bool = False,
        with_data: bool = False,
        allow_data_loss: bool = False,
        yes: bool = False,
        database: str | None = None,
        env: str | None = None,
        project: str | None = None,
        json: bool = False,
    ) -> None:
        def work(settings: Settings) -> Outcome:
            from memsql.legacy.adopt import phase_waits, run_phase
            from memsql.project import load as projects

            project_ = projects.load(settings)
            change = _Change(f"run legacy upgrade {number}", lambda conn: phase_waits(conn, project_, number), yes)
            return _act(
                settings,
                lambda session: run_phase(session, project_, number),
                change,
                dry_run,
                with_data,
                allow_data_loss,
            )

        run(f"legacy.{name}", Options(project, env, database, json), work)

    phase.__doc__ = what
    return phase


phase1 = _phase_task(1, "phase1", "Run legacy upgrade 1 by itself, proven, in one transaction: the low-risk one.")
phase2 = _phase_task(2, "phase2", "Run legacy upgrade 2 by itself, proven, in one transaction: the medium-risk one.")
align = _phase_task(3, "align", "Run legacy upgrade 3 by itself, proven: add what the baseline has and this lacks.")


@task(
    help={**_HELP, "phase": "number of the upgrade to undo; the latest one that ran comes first"}, auto_shortflags=False
)
def rollback(
    c: Context,
    phase: str,
    dry_run: bool = False,
    with_data: bool = False,
    allow_data_loss: bool = False,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Undo a legacy upgrade: the schema is again what it was before it, every row kept.

    Where the database was adopted, the adoption is taken back with it; migrations that ran since must
    be rolled back first.

    Example:  invoke legacy.rollback --phase 3
    """

    def work(settings: Settings) -> Outcome:
        from memsql.errors import UsageError
        from memsql.legacy.adopt import phase_exists, rollback_phase
        from memsql.project import load as projects

        if not (phase.isascii() and phase.isdigit()):
            raise UsageError(f"--phase {phase}: not a number")
        project_ = projects.load(settings)
        change = _Change(f"undo legacy upgrade {phase}", lambda _: phase_exists(project_, int(phase)), yes)
        return _act(
            settings,
            lambda session: rollback_phase(session, project_, int(phase)),
            change,
            dry_run,
            with_data,
            allow_data_loss,
        )

    run("legacy.rollback", Options(project, env, database, json), work)


@dataclass(frozen=True, slots=True)
class _Change:
    """What a task is about to do, whether it is ``needed``, and whether it was agreed to already."""

    what: str
    needed: Callable[[Connection], bool]
    yes: bool

    def ask(self, settings: Settings) -> None:
        """Where the database is protected, let somebody agree."""
        if not settings.protected:
            return
        from memsql.db import connect

        conn = connect(settings.target, "ro", settings.busy_timeout)
        try:
            needed = self.needed(conn)
        finally:
            conn.close()
        if needed:
            admit(settings, self.what, yes=self.yes)


def _act(
    settings: Settings,
    act: Callable[[Session], tuple[str, ...]],
    change: _Change,
    dry_run: bool,
    with_data: bool,
    allow_data_loss: bool,
) -> Outcome:
    from memsql.db import connect
    from memsql.engine.session import session_on
    from memsql.engine.state import RunOptions
    from memsql.report.progress import Bar

    def on(conn: Connection) -> tuple[str, ...]:
        with Bar() as bar, session_on(conn, RunOptions(allow_data_loss=allow_data_loss), bar) as session:
            return act(session)

    if dry_run:
        from memsql.actions.rehearse import copy_for, place_for, row_counts
        from memsql.progress import SILENT
        from memsql.report.rehearsal import PLACES
        from memsql.schema import diff, read

        place = place_for(settings.target, with_data=with_data)
        with copy_for(settings, place, SILENT) as copy:
            conn, omitted = copy.connection, list(map(str, copy.omitted))
            before, counts = read(conn), row_counts(conn)
            lines = on(conn)
            changes, after = diff(before, read(conn)).lines(), row_counts(conn)
        rows = [
            f"{n}: {counts.get(n)} -> {after.get(n)}"
            for n in sorted(counts.keys() | after.keys())
            if counts.get(n) != after.get(n)
        ]
        text = [PLACES[place], *(f"left out: {what}" for what in omitted), *lines]
        text += ["", "schema:", *("  " + line for line in changes)] if changes else []
        text += ["", "rows:", *("  " + line for line in rows)] if rows else []
        return Outcome(
            "\n".join(text),
            {
                "dry_run": True,
                "place": place,
                "omitted": omitted,
                "steps": list(lines),
                "schema": changes,
                "rows": rows,
            },
        )
    refuse_without_dry_run(with_data=with_data)
    change.ask(settings)
    conn = connect(settings.target, "rw", settings.busy_timeout)
    try:
        lines = on(conn)
    finally:
        conn.close()
    return Outcome("\n".join(lines), {"dry_run": False, "steps": list(lines)})


ns = Collection("legacy")
for one in (status, adopt, phase1, phase2, align, rollback):
    ns.add_task(one)
