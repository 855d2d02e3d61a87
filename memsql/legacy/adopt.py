"""Taking over a legacy database: recognise it, run the upgrades it needs, write the ledger.

Upgrades and ledger are one transaction: a database is either adopted or as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from memsql import hints, ledger
from memsql.db import Connection, Params
from memsql.db.gathering import read_ahead
from memsql.db.queries import load
from memsql.engine.session import Session
from memsql.engine.state import State, read_state
from memsql.errors import (
    FileError,
    MigrationFailed,
    StatementError,
)
from memsql.interrupts import untouched
from memsql.legacy import claims, kept, takeover, upgrades
from memsql.legacy.adoption import Adoption, free_name, left, refuse_taken_name
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
from memsql.legacy.writing import write_ledger
from memsql.schema import questions as schema_questions
from memsql.schema import read
from memsql.schema.compare import definitions


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person says of a database: it is at ``version``, or will be after its upgrades. With ``accept_drift`` it
    may differ from the schema of that version."""

    version: int
    accept_drift: bool = False


def adopt(
    session: Session, state: State, choice: Choice | None = None, *, known: KnownShapes | None = None
) -> Adoption | None:
    """Adopt the database: all upgrades it needs and the ledger, in one transaction. Without ``choice`` the ledger of
    another tool decides, or the schema alone. ``known``: the known_shapes() of the project, where they were read
    before.

    Returns what was done; None where another process was faster. Raises Refused where no known shape
    fits, where several fit equally well, and where versions beyond ``session.options.to`` would count as applied;
    UsageError where there is no version of ``choice``; and what a takeover or an upgrade's proof raises. Nothing is
    changed then.
    """
    if choice is None and claims.decide(state, session.options) is not None:
        return takeover.take_over(session, state)
    refuse_taken_name(state, take_over=session.options.take_over)
    if not state.is_legacy:
        return _free_name(session, state)
    session.progress.start("recognising the database")
    with untouched():
        known = known or known_shapes(state.project)
    candidates = shapes_at(known, choice.version) if choice else known
    phases = read_phases(state.project.settings)
    fit: Fit | None = None

    def is_there(conn: Connection) -> bool | None:
        counting = () if fit is None else fit.shape.era.counts_as
        return ledger.has_marks(conn, [m.id for m in state.project.ordered if m.version in counting])

    try:
        with upgrades.transaction(
            session, upgrades.looks(state.project, phases.values()), is_there=is_there
        ) as session:
            conn = session.conn
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
            lines += upgrades.run_upgrades(session, [phases[name] for name in fit.shape.pending])
            if fit.shape.pending:
                read_ahead(conn, _looks_again(fit))
            final = _prove_contains(conn, fit, known) if fit.holds else fit
            renamed = free_name(conn, now)
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
    lines += [renamed] if renamed else []
    lines += [f"left as it is, of another tool: {name}" for name in left(now)]
    lines += [f"accepted as it is: {line}" for line in drift(fit)]
    if fit.extra:
        lines.append(f"kept, though no release had it: {extra(fit)}")
    ran = f"; legacy upgrades that ran: {', '.join(fit.shape.pending)}" if fit.shape.pending else ""
    return Adoption(tuple(lines), f"{counts}{ran}")


def _looks_again(fit: Fit) -> list[tuple[str, Params]]:
    """What is read behind the upgrades of ``fit``."""
    date = fit.shape.era.applied_at
    dates: list[tuple[str, Params]] = [] if date is None else [(date, ())]
    return [*schema_questions(), *ledger.questions(), (load("exchange/taken"), ()), *dates]


def _free_name(session: Session, state: State) -> Adoption | None:
    """Adopt nothing but the name of the ledger; None where another process was faster."""
    try:
        with upgrades.transaction(
            session, is_there=lambda conn: not read_state(state.project, conn).ledger.taken
        ) as session:
            line = free_name(session.conn, read_state(state.project, session.conn))
    except StatementError as e:
        raise MigrationFailed(
            f"schema_migrations could not be renamed: {e.message}", state="nothing was changed"
        ) from e
    return None if line is None else Adoption((line,), line)


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
