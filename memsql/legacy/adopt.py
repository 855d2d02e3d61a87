"""Taking over a legacy database: recognise it, run the upgrades it needs, write the ledger.

Upgrades and ledger are one transaction: a database is either adopted or as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from memsql import ledger, words
from memsql.db import Connection, transaction
from memsql.db.queries import load
from memsql.engine import verdict
from memsql.engine.analysis import analyse
from memsql.engine.job import Done, Job
from memsql.engine.loss.watched import SAVEPOINT
from memsql.engine.permits import refuse_unscoped
from memsql.engine.session import Session
from memsql.engine.state import State, read_state
from memsql.errors import (
    CommitUnknown,
    FileError,
    Location,
    MemsqlError,
    MigrationFailed,
    Refused,
    StatementError,
    UsageError,
)
from memsql.ledger import corrections
from memsql.legacy.eras import Phase, known_shapes, read_phases, record_objects, shapes_at
from memsql.legacy.recognise import accepting_drift, detect, differences, drift, extra, recognised, refuse_ahead
from memsql.legacy.shapes import Fit, Shape, fit_of
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import read
from memsql.schema.compare import definitions
from memsql.sqltext import fold, parse_migration_header, quote


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person says of a database: it is at ``version``, or will be after its upgrades. With ``accept_drift`` it
    may differ from the schema of that version."""

    version: int
    accept_drift: bool = False


def adopt(session: Session, state: State, choice: Choice | None = None) -> tuple[str, ...]:
    """Adopt the database: all upgrades it needs and the ledger, in one transaction. Without ``choice`` its schema alone
    decides.

    Returns what was done, in sentences; nothing where another process was faster. Raises Refused where no known shape
    fits, where several fit equally well, and where versions beyond ``session.options.to`` would count as applied;
    UsageError where there is no version of ``choice``; and what an upgrade's proof raises. Nothing is changed then.
    """
    session.progress.start("recognising the database")
    shapes = known_shapes(state.project)
    candidates = shapes_at(shapes, choice.version) if choice else shapes
    last = next((shape.definitions for shape in shapes if shape.era.is_prefix), {})
    conn = session.conn
    try:
        with _transaction(conn):
            now = read_state(state.project, conn)
            if not now.is_legacy:
                return ()
            detection = detect(conn, candidates, now.ledger)
            if choice and choice.accept_drift:
                detection = accepting_drift(detection)
            fit = recognised(detection, session.options.to)
            if choice and not choice.accept_drift:
                refuse_ahead(fit, last)
            lines = [f"recognised {'the schema of' if fit.shape.era.is_prefix else 'release'} {fit.shape.title}"]
            phases = read_phases(state.project.settings)
            for name in fit.shape.pending:
                session.progress.start(f"legacy upgrade {name}")
                lines += _run_phase(session, phases[name])
            if fit.holds:
                _prove_contains(conn, fit, shapes)
            write_ledger(conn, state.project, fit)
    except StatementError as e:
        raise MigrationFailed(
            f"the legacy database could not be adopted: {e.message}",
            state="nothing was changed",
            hint="see: invoke legacy.status",
        ) from e
    ids = ", ".join(m.id for m in state.project.ordered if m.version in fit.shape.era.counts_as)
    lines.append(f"adopted: {ids or 'nothing'} {'count' if ', ' in ids else 'counts'} as applied")
    lines += [f"accepted as it is: {line}" for line in drift(fit)]
    if fit.extra:
        lines.append(f"kept, though no release had it: {extra(fit)}")
    return tuple(lines)


def run_phase(session: Session, project: Project, number: int) -> tuple[str, ...]:
    """Run one legacy upgrade by itself, proven, in its own transaction.

    Raises UsageError where there is no such upgrade or it is not the next one.
    """
    phase = _phase(project, number)
    conn = session.conn
    shapes = known_shapes(project)
    with _transaction(conn):
        fit = recognised(detect(conn, shapes))
        if phase.name not in fit.shape.pending:
            return (f"nothing to do: {phase.name} is done, or this database ({fit.shape.title}) does not need it",)
        if fit.shape.pending[0] != phase.name:
            raise UsageError(
                f"{fit.shape.pending[0]} comes before {phase.name}",
                state="nothing was changed",
                hint="run the upgrades in order, or all of them at once: invoke legacy.adopt",
            )
        lines = _run_phase(session, phase)
        after = detect(conn, shapes)
        if after.fit is None or phase.name in after.fit.shape.pending:
            raise MigrationFailed(
                f"{phase.name} ran, but the database does not look like it",
                where=Location(phase.up.path),
                details=differences(after.nearest) if after.nearest else (),
            )
    return tuple(lines)


def phase_waits(conn: Connection, project: Project, number: int) -> bool:
    """Whether run_phase() would find something to do. Reads only. Raises UsageError where there is no such upgrade."""
    phase = _phase(project, number)
    fit = detect(conn, known_shapes(project)).fit
    return fit is not None and phase.name in fit.shape.pending


def phase_exists(project: Project, number: int) -> bool:
    """True; raises UsageError where there is no such upgrade."""
    return _phase(project, number).number == number


def rollback_phase(session: Session, project: Project, number: int) -> tuple[str, ...]:
    """Undo one legacy upgrade, the latest first. Takes the adoption back where there was one.

    Raises Refused where migrations stand on it or the rollback is missing, UsageError for the order.
    """
    phase = _phase(project, number)
    if phase.down is None or analyse(phase.down, mode="legacy").empty:
        raise Refused(f"{phase.name} has no rollback", where=Location(phase.up.path), state="nothing was changed")
    conn = session.conn
    with _transaction(conn):
        recorded = _recorded(conn)
        later = [p.name for p in read_phases(project.settings).values() if p.number > number and p.name in recorded]
        if later:
            raise UsageError(
                f"{later[-1]} was run after {phase.name}",
                state="nothing was changed",
                hint=f"roll {later[-1]} back first",
            )
        lines = _take_adoption_back(conn, project)
        conn.execute(load("legacy/create_objects"))
        _run(session, _job(phase, down=True))
        conn.execute(load("legacy/forget_objects"), (phase.name,))
        if not _recorded(conn):
            conn.execute(load("legacy/drop_objects"))
    return (*lines, f"rolled back legacy upgrade {phase.name} (proven)")


@contextmanager
def _transaction(conn: Connection) -> Iterator[None]:
    """A transaction with foreign keys on. An error that ends it says that nothing was changed, but for a lost answer to
    COMMIT."""
    conn.execute("PRAGMA foreign_keys = on")
    try:
        with transaction(conn):
            yield
    except CommitUnknown:
        raise
    except MemsqlError as e:
        e.state = e.state or "nothing was changed"
        raise


def _run_phase(session: Session, phase: Phase) -> list[str]:
    job, conn = _job(phase, down=False), session.conn
    record_objects(conn, phase.name)
    before = _table_names(conn)
    done = _run(session, job)
    return [
        f"legacy upgrade {phase.name} (proven)",
        *_kept(conn, job, before),
        *(f"  {change.message}" for change in done.account.changes),
        *(f"  lost, as allowed: {loss.message}" for loss in done.account.losses),
        *(f"  broken, as allowed: {sentence}" for sentence in done.broken),
        *(f"  weaker: {sentence}" for sentence in done.weaker),
        *(f"  not proven: {sentence}" for sentence in done.unproven),
    ]


def _table_names(conn: Connection) -> dict[str, str]:
    """The tables as they are spelled, by folded name."""
    return {fold(str(name)): str(name) for (name,) in conn.execute(load("engine/tables")).rows}


def _kept(conn: Connection, job: Job, before: Mapping[str, str]) -> list[str]:
    """A line for each table that ``job`` renamed, and did not drop: its rows are all there, under another name."""
    after = _table_names(conn)
    lines = []
    for old, new in job.analysis.renames:
        if old in before and old not in after and new in after and new not in before:
            rows = conn.execute(f"SELECT count(*) FROM {quote(after[new])}").one()
            assert isinstance(rows, int)
            are = "is" if rows == 1 else "are"
            lines.append(f"  {words.count(rows, 'row')} of {before[old]} {are} kept in {after[new]}")
    return lines


def _run(session: Session, job: Job) -> Done:
    """Run and prove ``job`` in the open transaction, and write a line of history about it."""
    conn = session.conn
    refuse_unscoped(conn, (job,))
    on_file = conn.target.path is not None
    if on_file:
        from memsql.engine.on_file import prove_job

        evidence = prove_job(session, job)
    else:
        from memsql.engine import fallback

        evidence = fallback.prove_job(session, job)
    done = verdict.judge(job, evidence, allows_all=session.allows_all(job))
    if on_file:
        conn.execute(f"RELEASE {SAVEPOINT}")
    if ledger.has_history(conn):
        entry = replace(job.entry(evidence.started, evidence.duration_ms), version=None)
        ledger.add_history(conn, entry, f"legacy_{job.direction}")
    return done


def _job(phase: Phase, *, down: bool) -> Job:
    file = phase.down if down else phase.up
    assert file is not None
    header = parse_migration_header(file.head(), file.path)
    # Its version is none of ours; the ledger only keeps a line of history for it.
    migration = Migration(-phase.number, phase.name, f"L{phase.number}_{phase.name}", phase.up, phase.down)
    analysis = analyse(file, header, "legacy")
    return Job(migration, "down" if down else "up", file, header, analysis, (), guarded=True)


def _prove_contains(conn: Connection, fit: Fit, shapes: Sequence[Shape]) -> None:
    """After the upgrades the database must hold everything the versions it counts as would have made."""
    versions = fit.shape.era.counts_as
    goal = next((s for s in shapes if s.era.is_prefix and s.era.counts_as == versions), None)
    if goal is None:
        raise FileError(f"{fit.shape.title} counts as {versions}, and there are no such migrations")
    after = fit_of(definitions(read(conn)), goal)
    if not after.holds:
        raise MigrationFailed(
            f"the upgrades of {fit.shape.title} ran, but the database lacks what {goal.era.name} has",
            details=differences(after),
            hint="this drift is not known; add what is missing by hand, or describe the era in sql/legacy",
        )


def write_ledger(
    conn: Connection, project: Project, fit: Fit, operation: Literal["adopt", "baseline"] = "adopt"
) -> None:
    """Mark the migrations of ``project`` as applied that the shape of ``fit`` counts as, in the open transaction. The
    dates of a legacy ledger are kept."""
    books = ledger.read(conn)
    now = datetime.now(UTC)
    when = _legacy_date(conn, fit) or now
    ledger.create_tables(conn, books)
    statements = []
    for migration in project.ordered:
        if migration.version not in fit.shape.era.counts_as:
            continue
        old = books.rows.get(migration.version) if books.is_foreign else None
        keep = old if old is not None and old.status == "applied" else None
        applied = _parse(keep.applied_at) if keep else None
        entry = ledger.Entry(
            migration.version,
            migration.name,
            migration.id,
            (keep.description if keep else None) or migration.header.description or None,
            migration.checksum,
            applied or when,
            (keep.duration_ms if keep else None) or 0,
            migration.hashes,
        )
        statements += ledger.applied_statements(entry, operation, keep.applied_by if keep else None)
    if statements:
        conn.batch(statements)
    if drift(fit):
        entry = ledger.Entry(None, operation, operation, None, None, now, 0)
        ledger.add_history(conn, entry, operation, f"accepted as it is: {'; '.join(drift(fit))}")


def _take_adoption_back(conn: Connection, project: Project) -> list[str]:
    books = ledger.read(conn)
    if not books.yoyo:
        return []
    adopted = {str(r[0]) for r in conn.execute(load("legacy/adopted")).rows}
    later = [i for i in books.yoyo if i not in adopted]
    if later:
        raise Refused(
            f"{', '.join(sorted(later))} stand on this upgrade",
            state="nothing was changed",
            hint="roll them back first: invoke migrate.down",
        )
    lines = []
    for migration in project.ordered:
        if migration.id in books.yoyo:
            entry = ledger.Entry(migration.version, migration.name, migration.id, None, None, datetime.now(UTC), 0)
            corrections.forget(conn, entry, "adoption taken back")
            lines.append(f"{migration.id} no longer counts as applied")
    return lines


def _legacy_date(conn: Connection, fit: Fit) -> datetime | None:
    query = fit.shape.era.applied_at
    if query is None:
        return None
    value = conn.execute(query).one()
    return _parse(value) if isinstance(value, str) else None


def _parse(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _recorded(conn: Connection) -> set[str]:
    if not conn.execute(load("legacy/has_objects")).rows:
        return set()
    return {str(r[0]) for r in conn.execute(load("legacy/recorded_phases")).rows}


def _phase(project: Project, number: int) -> Phase:
    phases = read_phases(project.settings)
    phase = next((p for p in phases.values() if p.number == number), None)
    if phase is None:
        raise UsageError(
            f"there is no legacy upgrade {number}",
            hint="known: " + (", ".join(f"{p.number} ({p.name})" for p in phases.values()) or "none"),
        )
    return phase
