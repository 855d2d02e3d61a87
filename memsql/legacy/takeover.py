"""Going on from the ledger of another migration tool: what it says is applied counts as applied, where the schema
proves it. The tool's own table stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from memsql import ledger
from memsql.config import Settings
from memsql.db import Connection, Params, connection
from memsql.engine.session import Session, session_on
from memsql.engine.state import RunOptions, State, read_state
from memsql.errors import FileError, LockedError, MigrationFailed, Refused, StatementError
from memsql.exchange import ledgers
from memsql.exchange.ledgers import OtherLedger, Record
from memsql.interrupts import untouched
from memsql.legacy import kept, upgrades
from memsql.legacy.adoption import Adoption, free_name, left
from memsql.legacy.baseline import last_shape, shape_at
from memsql.legacy.claims import Takeover, baseline, decide, few
from memsql.legacy.recognise import differences, extra, refuse_ahead
from memsql.legacy.shapes import Fit, Shape, fit_of
from memsql.progress import SILENT, Progress
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.sandbox import isolated
from memsql.schema import read
from memsql.schema.compare import Definitions, definitions

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Goal:
    """The schema that the migrations of a takeover make, and the one that all of them make."""

    shape: Shape
    last: Definitions


def take_over(session: Session, state: State) -> Adoption | None:
    """Write into our ledger what decide() says of the database, once its schema is proven, in one transaction.

    None where there is nothing to take over, and where another process was faster. Raises like decide(), Refused where
    the schema is not what these migrations make, and LockedError where the tool migrates the database. Nothing is
    changed then.
    """
    plan = decide(state, session.options)
    if plan is None:
        return None
    session.progress.start(f"proving what {plan.ledger.says} says")
    with untouched():
        goal = isolated(_goal, state.project, plan.migrations[-1].version)
    try:
        with upgrades.transaction(
            session,
            _looks(state),
            is_there=lambda conn: ledger.has_marks(conn, [m.id for m in plan.migrations]),
        ) as session:
            conn = session.conn
            now = read_state(state.project, conn)
            again = decide(now, session.options) if now.is_legacy else None
            if again is None or again.migrations != plan.migrations:
                return None
            _refuse_locked(conn, now, again.ledger)
            renamed = free_name(conn, now)
            fit = _proven(conn, again, goal)
            _write(conn, now.project, again, renamed)
            kept.record(conn, fit, "adopt")
    except StatementError as e:
        raise MigrationFailed(
            f"the ledger {plan.ledger.says} could not be taken over: {e.message}",
            state="nothing was changed",
            hint="mend or drop what the message names, and run this again",
        ) from e
    return _told(again, now, fit, renamed)


def _looks(state: State) -> list[tuple[str, Params]]:
    """What is read in the transaction before anything is written."""
    return upgrades.looks(state.project, ())


def prove(settings: Settings, state: State, plan: Takeover) -> None:
    """Raise what take_over() of ``plan`` would raise for the schema or a lock. Reads only."""
    with untouched():
        goal = isolated(_goal, state.project, plan.migrations[-1].version)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        _refuse_locked(conn, state, plan.ledger)
        _proven(conn, plan, goal)


def take_over_of(
    settings: Settings, project: Project, options: RunOptions, progress: Progress = SILENT
) -> Adoption | None:
    """take_over() of the database of ``settings``, by ``options.ledger`` where it names a tool."""
    with (
        connection(settings.target, "rw", settings.busy_timeout) as conn,
        session_on(conn, options, progress) as session,
    ):
        while True:
            state = read_state(project, conn)
            done = take_over(session, state) if state.is_legacy else None
            if done is not None or decide(state, options) is None or not read_state(project, conn).is_legacy:
                return done


def _refuse_locked(conn: Connection, state: State, other: OtherLedger) -> None:
    if ledgers.is_locked(conn, other.table, state.ledger.others):
        raise LockedError(
            f"{other.table.title} holds its lock on this database, in {other.table.lock_table}",
            state="nothing was changed",
            hint=f"wait for it; if it crashed, remove its lock with: {other.table.unlock}",
        )


def _goal(project: Project, version: int) -> _Goal:
    return _Goal(shape_at(project, version), last_shape(project))


def _proven(conn: Connection, plan: Takeover, goal: _Goal) -> Fit:
    """How the database fits the schema of ``goal``. Raises Refused where it does not."""
    last = plan.migrations[-1]
    fit = fit_of(definitions(read(conn)), goal.shape)
    if set(goal.shape.era.counts_as) != {m.version for m in plan.migrations}:
        raise FileError(
            f"{plan.ledger.says} says that {last.id} is applied, and the migrations up to it are not those before it",
            state="nothing was changed",
            hint=f"see the `-- depends:` lines; or: {baseline(last.version)}",
        )
    if fit.missing or fit.different:
        raise Refused(
            f"{plan.ledger.says} says that {last.id} is applied, and this database is not what the migrations up to it "
            "make",
            details=differences(fit),
            state="nothing was changed",
            hint="correct the schema; where the difference is known and may stay: "
            f"{baseline(last.version, accept_drift=True)}",
        )
    refuse_ahead(fit, goal.last)
    return fit


def _write(conn: Connection, project: Project, plan: Takeover, renamed: str | None) -> None:
    """Write the ledger, in the open transaction: each migration, and a line about all of them."""
    now, title = datetime.now(UTC), plan.ledger.table.title
    ledger.create_tables(conn, ledger.read(conn))
    statements = []
    for migration, record in plan.match.applied:
        entry = _entry(migration, record, now)
        by = record.by if record is not None and record.by else title
        statements += ledger.applied_statements(
            entry, "adopt", by, f"applied by {title}, says {plan.ledger.table.name}"
        )
    conn.write(statements)
    message = f"the ledger {plan.ledger.says} was taken over up to {plan.migrations[-1].id}"
    entry = ledger.Entry(None, "adopt", "adopt", None, None, now, 0)
    ledger.add_history(conn, entry, "adopt", f"{message}; {renamed}" if renamed else message)


def _entry(migration: Migration, record: Record | None, now: datetime) -> ledger.Entry:
    at = record.at if record is not None else None
    return ledger.Entry(
        migration.version,
        migration.name,
        migration.id,
        migration.header.description or None,
        migration.checksum,
        at or now,
        record.ms if record is not None else None,
        migration.hashes,
    )


def _told(plan: Takeover, state: State, fit: Fit, renamed: str | None) -> Adoption:
    title, ids = plan.ledger.table.title, [migration.id for migration in plan.migrations]
    counts = f"{few(ids)} {'count' if len(ids) > 1 else 'counts'} as applied"
    lines = [f"took over the ledger {plan.ledger.says}: {counts}"]
    if renamed:
        lines.append(renamed)
    if plan.match.rewritten:
        names = few([migration.id for migration in plan.match.rewritten])
        lines.append(f"note: {title} ran another text than that of {names}, as its hash says: compare their rows")
    lines += [f"left as it is, of another tool: {name}" for name in left(state)]
    if fit.extra:
        lines.append(f"kept, though no migration made it: {extra(fit)}")
    return Adoption(tuple(lines), counts if renamed is None else f"{counts}; {renamed}")
