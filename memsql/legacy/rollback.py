"""The way back from legacy upgrades: one of them, or all that ran here in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from memsql import deadline, hints, ledger
from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.db.sqlite import memory
from memsql.engine.analysis import analyse
from memsql.engine.job import Job
from memsql.engine.schema_replica import make
from memsql.engine.session import Session
from memsql.engine.statements import run_guarded
from memsql.errors import Location, MemsqlError, Refused, UsageError
from memsql.ledger import corrections
from memsql.legacy import upgrades
from memsql.legacy.eras import Phase, read_phases
from memsql.progress import SILENT
from memsql.project.files import SqlFile
from memsql.project.load import Project
from memsql.sandbox import isolated
from memsql.schema import diff, read


@upgrades.or_nothing
def rollback_phase(session: Session, project: Project, phase: Phase) -> tuple[str, ...]:
    """Undo one legacy upgrade, the latest first. Takes the adoption back where there was one.

    An upgrade that another tool ran is undone as far as its rollback recognises it; where it recognises nothing,
    nothing is done. Returns what was done, in sentences. Raises Refused where migrations stand on it or the rollback is
    missing, UsageError for the order.
    """
    recorded: set[str] = set()

    def is_there(conn: Connection) -> bool | None:
        # What another tool ran left no record that could go.
        return phase.name not in upgrades.recorded(conn) if phase.name in recorded else None

    with upgrades.transaction(session, is_there=is_there) as session:
        recorded = upgrades.recorded(session.conn)
        phases = read_phases(project.settings).values()
        later = [p.name for p in phases if p.number > phase.number and p.name in recorded]
        if later:
            raise UsageError(
                f"{later[-1]} was run after {phase.name}",
                hint=f"roll {later[-1]} back first: {hints.command(f'legacy.rollback --phase {later[-1]}')}; "
                f"or all of them: {hints.command('legacy.rollback')}",
            )
        if not phase_ran(session.conn, phase):
            raise upgrades.Idle(f"nothing to undo: {phase.name} did not run in this database")
        return _undo(session, project, [phase])


def rollback_jobs(conn: Connection, project: Project, phase: Phase | None = None) -> list[Job]:
    """The rollbacks of ``phase``, or of all upgrades that ran here, as far as there are files. Reads only."""
    recorded = upgrades.recorded(conn)
    phases = [phase] if phase is not None else [p for p in read_phases(project.settings).values() if p.name in recorded]
    return [upgrades.job_of(p, down=True) for p in phases if p.down is not None]


@upgrades.or_nothing
def rollback_all(session: Session, project: Project) -> tuple[str, ...]:
    """Undo every legacy upgrade that ran here, the latest first, and take the adoption back, in one transaction.

    Returns what was done, in sentences. Raises Refused where migrations stand on them, or a rollback is missing.
    """
    with upgrades.transaction(session, is_there=lambda conn: not upgrades.recorded(conn)) as session:
        recorded = upgrades.recorded(session.conn)
        phases = read_phases(project.settings)
        lost = sorted(recorded - phases.keys())
        if lost:
            raise Refused(
                f"the legacy upgrade {lost[0]} ran here, and its files are gone",
                hint=f"bring migrations/legacy/L…_{lost[0]}.sql and its rollback back from version control",
            )
        if not recorded:
            raise upgrades.Idle("nothing to undo: memsql ran no legacy upgrade here")
        return _undo(session, project, [p for p in reversed(phases.values()) if p.name in recorded])


def upgrades_ran(conn: Connection) -> bool:
    """Whether rollback_all() would find something to do. Reads only."""
    return bool(upgrades.recorded(conn))


def phase_ran(conn: Connection, phase: Phase) -> bool:
    """Whether rollback_phase() would find something to undo. Reads only.

    memsql records what it ran. What another tool ran is known to the rollback alone, so it is tried on the schema in
    memory.
    """
    if phase.down is None or phase.name in upgrades.recorded(conn):
        return True
    return isolated(_changes_schema, conn.execute(load("engine/stored_schema")).rows, phase.down)


def _changes_schema(objects: Sequence[tuple[Value, ...]], rollback: SqlFile) -> bool:
    """Whether ``rollback`` changes the schema ``objects``, or cannot be tried."""
    with closing(memory()) as trial:
        make(trial, objects)
        before = read(trial)
        trial.begin()
        try:
            with deadline.part(rollback.path):
                trial.execute(load("legacy/create_objects"))
                run_guarded(trial, rollback, SILENT)
        except (MemsqlError, deadline.Stopped):
            # It does not run without rows, or not on this SQLite. The run itself says what is wrong.
            return True
        return bool(diff(before, read(trial)))


def _undo(session: Session, project: Project, phases: Sequence[Phase]) -> tuple[str, ...]:
    """Undo ``phases``, which come latest first, in the open transaction."""
    for phase in phases:
        if phase.down is None or analyse(phase.down, mode="legacy").empty:
            raise Refused(f"{phase.name} has no rollback", where=Location(phase.up.path))
    conn = session.conn
    lines = _take_adoption_back(conn, project)
    for phase in phases:
        session.progress.start(f"rolling back legacy upgrade {phase.name}")
        conn.write([(load("legacy/create_objects"), ())])
        lines += upgrades.run_rollback(session, phase)
        conn.write([(load("legacy/forget_objects"), (phase.name,))])
    if not upgrades.recorded(conn):
        conn.execute(load("legacy/drop_objects"))
    return tuple(lines)


def _take_adoption_back(conn: Connection, project: Project) -> list[str]:
    """Forget the migrations that count as applied because the database was adopted. Raises Refused where others ran."""
    books = ledger.read(conn)
    if not books.yoyo:
        return []
    adopted = {str(r[0]) for r in conn.execute(load("legacy/adopted")).rows}
    later = sorted(i for i in books.yoyo if i not in adopted)
    if later:
        last = max((m.version for m in project.ordered if m.id in adopted), default=0)
        raise Refused(
            f"{', '.join(later)} {'stands' if len(later) == 1 else 'stand'} on the legacy upgrades",
            hint=f"roll back first what came later: {hints.command(f'migrate.down --to {last}')}; then the "
            f"same command again",
        )
    lines = []
    for migration in project.ordered:
        if migration.id in books.yoyo:
            entry = ledger.Entry(migration.version, migration.name, migration.id, None, None, datetime.now(UTC), 0)
            corrections.forget(conn, entry, "adoption taken back")
            lines.append(f"{migration.id} no longer counts as applied")
    return lines
