"""Going on from the ledger of another migration tool: what it says is applied counts as applied, where the schema
proves it. The tool's own table stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from memsql import hints, ledger, words
from memsql.config import Settings
from memsql.db import Connection, connection
from memsql.engine.session import Session, session_on
from memsql.engine.state import RunOptions, State, read_state
from memsql.errors import FileError, LockedError, MemsqlError, MigrationFailed, Refused, StatementError, UsageError
from memsql.exchange import ledgers
from memsql.exchange.ledger_tables import WORDS
from memsql.exchange.ledgers import OtherLedger, Record
from memsql.interrupts import untouched
from memsql.ledger import utc_text
from memsql.legacy import kept, upgrades
from memsql.legacy.adoption import Adoption, free_name, left, refuse_taken_name
from memsql.legacy.baseline import last_shape, shape_at
from memsql.legacy.matching import Match, match
from memsql.legacy.recognise import differences, extra, refuse_ahead
from memsql.legacy.shapes import Fit, Shape, fit_of
from memsql.progress import SILENT, Progress
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.project.plan import APPLIED, Status
from memsql.sandbox import isolated
from memsql.schema import read
from memsql.schema.compare import Definitions, definitions

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Takeover:
    """What is to be taken over: ``ledger``, the one that counts, and what it says of the migrations."""

    ledger: OtherLedger
    match: Match

    @property
    def migrations(self) -> tuple[Migration, ...]:
        """Those that count as applied."""
        return tuple(migration for migration, _ in self.match.applied)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What migrate.up would take over: the ``ledgers`` of other tools that there are, as sentences name them, and the
    ``migrations`` that count as applied by ``table``, or the ``problem``. ``statuses`` are the states after that."""

    ledgers: tuple[str, ...]
    statuses: tuple[Status, ...]
    table: str | None = None
    migrations: tuple[str, ...] = ()
    problem: MemsqlError | None = None

    @property
    def decides(self) -> bool:
        """Whether a run goes on from a ledger, or is refused for what it says."""
        return self.table is not None or self.problem is not None


@dataclass(frozen=True, slots=True)
class _Goal:
    """The schema that the migrations of a takeover make, and the one that all of them make."""

    shape: Shape
    last: Definitions


def decide(state: State, options: RunOptions) -> Takeover | None:
    """What the ledgers of other tools in the database of ``state`` say. Pure.

    None where there is none that says anything. Raises Refused where two tools have one, where it says that a migration
    stopped halfway, where it and the files do not fit together, where it is beyond version ``options.to``, and where
    its table has the name of ours and may not be renamed; UsageError where ``options.ledger`` has none.
    """
    chosen = _chosen(state, options.ledger)
    if chosen is None:
        return None
    if chosen.unreadable is not None:
        raise Refused(
            f"{chosen.says} cannot be read: {chosen.unreadable}",
            state="nothing was changed",
            hint=f"correct its rows, or say which version the database is at: {_baseline()}",
        )
    result = match(chosen, state.project.ordered)
    _refuse_dirty(chosen, result)
    _refuse_unmatched(chosen, result)
    if not result.applied:
        return None
    last = result.applied[-1][0]
    if options.to is not None and last.version > options.to:
        raise Refused(
            f"{chosen.says} says that {last.id} is applied, which is beyond version {options.to}",
            state="nothing was changed",
            hint=f"leave --to {options.to} out",
        )
    refuse_taken_name(state, take_over=options.take_over)
    return Takeover(chosen, result)


def outlook(state: State) -> Outlook | None:
    """What a run on the database of ``state`` would take over from other tools; None where none has a ledger there.
    Pure: whether the schema proves it, the run will tell."""
    if not state.others:
        return None
    names = tuple(other.says for other in state.others)
    try:
        plan = decide(state, RunOptions(take_over=True))
    except MemsqlError as e:
        return Outlook(names, state.statuses, problem=e)
    if plan is None:
        return Outlook(names, state.statuses)
    records = {migration.id: record for migration, record in plan.match.applied}
    table, title = plan.ledger.table.name, plan.ledger.table.title
    return Outlook(
        names,
        tuple(_foreseen(s, records[s.id], title, table) if s.id in records else s for s in state.statuses),
        table,
        tuple(records),
    )


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
    conn = session.conn
    try:
        with upgrades.transaction(conn):
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


def _chosen(state: State, word: str | None) -> OtherLedger | None:
    """The ledger that counts: the one of the tool ``word``, or the only one that says anything."""
    if word is not None and word not in WORDS:
        raise UsageError(
            f"--ledger {word}: memsql reads no ledger of that name",
            state="nothing was changed",
            hint=f"it reads those of: {', '.join(WORDS)}",
        )
    by_word = {other.table.word: other for other in state.others}
    if word is not None and word not in by_word:
        there = ", ".join(by_word) or "none"
        raise UsageError(
            f"--ledger {word}: this database has no ledger of {word}",
            state="nothing was changed",
            hint=f"it has: {there}",
        )
    speaking = [other for other in state.others if other.counts]
    if word is not None:
        speaking = [by_word[word]] if by_word[word].counts else []
    names = [other.says for other in speaking]
    if word is None and speaking and state.ledger.is_foreign and state.ledger.rows:
        names.append("schema_migrations")
    if len(names) > 1:
        raise Refused(
            f"this database has ledgers of {len(names)} tools: {' and '.join(names)}",
            state="nothing was changed",
            hint=f"say which one counts, as in: {hints.command(f'migrate.up --ledger {speaking[0].table.word}')}",
        )
    if not speaking and state.others and state.has_tables:
        raise _silent(state)
    return speaking[0] if speaking else None


def _silent(state: State) -> Refused:
    names = " and ".join(other.says for other in state.others)
    return Refused(
        f"{names} says that no migration is applied, and the database has tables",
        state="nothing was changed",
        hint=f"where migrations made them, say which: {_baseline(take_over=state.ledger.taken)}; else name another "
        "database",
    )


def _baseline(version: int | str = "N", *, accept_drift: bool = False, take_over: bool = False) -> str:
    options = " --accept-drift" * accept_drift + " --take-over" * take_over
    return hints.command(f"migrate.baseline --version {version}{options}")


def _refuse_dirty(other: OtherLedger, result: Match) -> None:
    if not result.dirty:
        return
    names, one = _few([record.shown for record in result.dirty]), len(result.dirty) == 1
    raise Refused(
        f"{other.says} says that {names} {'is' if one else 'are'} dirty: begun, and not ended",
        state="nothing was changed",
        hint=f"look at what it did, bring the database to one side or the other, tell {other.table.title} so, and run "
        f"this again; or say which version the database is at: {_baseline()}",
    )


def _refuse_unmatched(other: OtherLedger, result: Match) -> None:
    if result.heads:
        raise Refused(
            f"{other.says} has {len(result.heads)} rows, and one says how far the database is: "
            f"{_few([record.shown for record in result.heads])}",
            state="nothing was changed",
            hint=f"leave the row that is right, or merge the branches with {other.table.title}; or say which version the database is at: {_baseline()}",
        )
    if result.unmatched:
        raise Refused(
            f"{other.says} has {words.count(len(result.unmatched), 'row')} that no file in migrations fits",
            details=tuple(f"{record.shown} {why}" for record, why in result.unmatched),
            state="nothing was changed",
            hint="bring the files back, or give them the names of the rows; or say which version the database is at: "
            f"{_baseline()}",
        )
    if result.gaps:
        last = result.applied[-1][0].id
        raise Refused(
            f"{other.says} says that {last} is applied, and not {_few([m.id for m in result.gaps])} before it",
            state="nothing was changed",
            hint=f"apply it with {other.table.title}, or give it a number after {last}; or say which version the "
            f"database is at: {_baseline()}",
        )


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
            hint=f"see the `-- depends:` lines; or: {_baseline(last.version)}",
        )
    if fit.missing or fit.different:
        raise Refused(
            f"{plan.ledger.says} says that {last.id} is applied, and this database is not what the migrations up to it "
            "make",
            details=differences(fit),
            state="nothing was changed",
            hint="correct the schema; where the difference is known and may stay: "
            f"{_baseline(last.version, accept_drift=True)}",
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
    conn.batch(statements)
    message = f"the ledger {plan.ledger.says} was taken over up to {plan.migrations[-1].id}"
    entry = ledger.Entry(None, "adopt", "adopt", None, None, now, 0)
    ledger.add_history(conn, entry, "adopt", f"{message}; {renamed}" if renamed else message)


def _foreseen(status: Status, record: Record | None, title: str, table: str) -> Status:
    """``status`` of a migration that counts as applied."""
    return replace(
        status,
        state=APPLIED,
        applied_at=utc_text(record.at) if record is not None and record.at else None,
        applied_by=(record.by if record is not None else None) or title,
        duration_ms=record.ms if record is not None else None,
        note=f"so says {table}",
    )


def _entry(migration: Migration, record: Record | None, now: datetime) -> ledger.Entry:
    at = record.at if record is not None else None
    return ledger.Entry(
        migration.version,
        migration.name,
        migration.id,
        migration.header.description or None,
        migration.checksum,
        at or now,
        (record.ms if record is not None else None) or 0,
        migration.hashes,
    )


def _told(plan: Takeover, state: State, fit: Fit, renamed: str | None) -> Adoption:
    ids = [migration.id for migration in plan.migrations]
    counts = f"{_few(ids)} {'count' if len(ids) > 1 else 'counts'} as applied"
    lines = [f"took over the ledger {plan.ledger.says}: {counts}"]
    if renamed:
        lines.append(renamed)
    lines += [f"left as it is, of another tool: {name}" for name in left(state)]
    if fit.extra:
        lines.append(f"kept, though no migration made it: {extra(fit)}")
    return Adoption(tuple(lines), counts if renamed is None else f"{counts}; {renamed}")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
