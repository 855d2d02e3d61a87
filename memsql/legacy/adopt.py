"""Taking over a legacy database: recognise it, run the upgrades it needs, write the ledger.

Upgrades and ledger are one transaction: a database is either adopted or as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from memsql import hints, ledger
from memsql.db import Connection
from memsql.engine.session import Session
from memsql.engine.state import State, read_state
from memsql.errors import (
    FileError,
    MigrationFailed,
    StatementError,
)
from memsql.interrupts import untouched
from memsql.legacy import kept, upgrades
from memsql.legacy.eras import does_not_run, known_shapes, read_phases, shapes_at
from memsql.legacy.recognise import (
    accepting_drift,
    detect,
    differences,
    drift,
    extra,
    recognised,
    refuse_ahead,
    refuse_undecided,
)
from memsql.legacy.shapes import Fit, KnownShapes, fit_of
from memsql.project.load import Project
from memsql.schema import read
from memsql.schema.compare import definitions


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person says of a database: it is at ``version``, or will be after its upgrades. With ``accept_drift`` it
    may differ from the schema of that version."""

    version: int
    accept_drift: bool = False


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an adoption did: ``lines`` say it in sentences, ``summary`` in half of one."""

    lines: tuple[str, ...]
    summary: str


def adopt(
    session: Session, state: State, choice: Choice | None = None, *, known: KnownShapes | None = None
) -> Adoption | None:
    """Adopt the database: all upgrades it needs and the ledger, in one transaction. Without ``choice`` its schema alone
    decides. ``known``: the known_shapes() of the project, where they were read before.

    Returns what was done; None where another process was faster. Raises Refused where no known shape
    fits, where several fit equally well, and where versions beyond ``session.options.to`` would count as applied;
    UsageError where there is no version of ``choice``; and what an upgrade's proof raises. Nothing is changed then.
    """
    session.progress.start("recognising the database")
    with untouched():
        known = known or known_shapes(state.project)
    candidates = shapes_at(known, choice.version) if choice else known
    conn = session.conn
    try:
        with upgrades.transaction(conn):
            now = read_state(state.project, conn)
            if not now.is_legacy:
                return None
            detection = detect(conn, candidates, now.ledger)
            if choice and choice.accept_drift:
                detection = accepting_drift(detection)
            refuse_undecided(detection)
            fit = recognised(detection, session.options.to)
            if choice and not choice.accept_drift:
                refuse_ahead(fit, known.last.definitions if known.last else {})
            lines = [f"recognised {'the schema of' if fit.shape.era.is_prefix else 'release'} {fit.shape.title}"]
            phases = read_phases(state.project.settings)
            for name in fit.shape.pending:
                session.progress.start(f"legacy upgrade {name}")
                lines += upgrades.run_upgrade(session, phases[name])
            final = _prove_contains(conn, fit, known) if fit.holds else fit
            write_ledger(conn, state.project, fit)
            kept.record(conn, final, "adopt")
    except StatementError as e:
        raise MigrationFailed(
            f"the legacy database could not be adopted: {e.message}",
            state="nothing was changed",
            hint=f"see: {hints.command('legacy.status')}",
        ) from e
    ids = ", ".join(m.id for m in state.project.ordered if m.version in fit.shape.era.counts_as)
    counts = f"{ids or 'nothing'} {'count' if ', ' in ids else 'counts'} as applied"
    lines.append(f"adopted: {counts}")
    lines += [f"accepted as it is: {line}" for line in drift(fit)]
    if fit.extra:
        lines.append(f"kept, though no release had it: {extra(fit)}")
    ran = f"; legacy upgrades that ran: {', '.join(fit.shape.pending)}" if fit.shape.pending else ""
    return Adoption(tuple(lines), f"{counts}{ran}")


def _prove_contains(conn: Connection, fit: Fit, known: KnownShapes) -> Fit:
    """After the upgrades the database must hold everything the versions it counts as would have made. Returns how it
    fits them."""
    versions = fit.shape.era.counts_as
    goal = next((s for s in known.shapes if s.era.is_prefix and s.era.counts_as == versions), None)
    if goal is None and known.unknown is not None:
        raise does_not_run(known.unknown)
    if goal is None:
        raise FileError(f"{fit.shape.title} counts as {versions}, and there are no such migrations")
    after = fit_of(definitions(read(conn)), goal)
    if not after.holds:
        raise MigrationFailed(
            f"the upgrades of {fit.shape.title} ran, but the database lacks what {goal.era.name} has",
            details=differences(after),
            hint="this drift is not known; add what is missing by hand, or describe the era in sql/legacy",
        )
    return after


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
