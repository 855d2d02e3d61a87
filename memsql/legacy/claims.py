"""What the ledgers of other migration tools say of a database, and whether that can be believed. Pure: what was read of
files and database goes in; whether the schema proves it, takeover.py finds out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memsql import hints, words
from memsql.engine.state import RunOptions, State
from memsql.errors import MemsqlError, Refused, UsageError
from memsql.exchange.ledger_tables import WORDS
from memsql.exchange.ledgers import OtherLedger, Record
from memsql.ledger import utc_text
from memsql.legacy.adoption import refuse_taken_name
from memsql.legacy.matching import Match, match, origins
from memsql.project.files import Migration
from memsql.project.folded import halfway
from memsql.project.plan import APPLIED, Status

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
    def versions(self) -> tuple[int, ...]:
        """The versions that count as applied."""
        counting = set(self.migrations)
        return tuple(status.version for status in self.statuses if status.id in counting)

    @property
    def decides(self) -> bool:
        """Whether a run goes on from a ledger, or is refused for what it says."""
        return self.table is not None or self.problem is not None


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
            hint=f"correct its rows, or say which version the database is at: {baseline()}",
        )
    result = match(chosen, state.project.ordered, origins(state.project.ordered, chosen.table.word))
    _refuse_dirty(chosen, result)
    _refuse_unmatched(chosen, result)
    if not result.applied:
        return None
    last = result.applied[-1][0]
    if options.to is not None and last.version > options.to:
        raise Refused(
            f"{chosen.says} says that {last.id} is applied, which is beyond version {options.to}",
            state="nothing was changed",
            hint=f"name {last.version} or a later version, or apply all that wait: {hints.command('migrate.up')}",
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


def few(names: Sequence[str]) -> str:
    """``names`` as a list in words, cut where it is long."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


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
        hint=f"where migrations made them, say which: {baseline(take_over=state.ledger.taken)}; else name another "
        "database",
    )


def baseline(version: int | str = "N", *, accept_drift: bool = False, take_over: bool = False) -> str:
    """The command that says at which version a database is."""
    options = " --accept-drift" * accept_drift + " --take-over" * take_over
    return hints.command(f"migrate.baseline --version {version}{options}")


def _refuse_dirty(other: OtherLedger, result: Match) -> None:
    if not result.dirty:
        return
    names, one = few([record.shown for record in result.dirty]), len(result.dirty) == 1
    raise Refused(
        f"{other.says} says that {names} {'is' if one else 'are'} dirty: begun, and not ended",
        state="nothing was changed",
        hint=f"look at what it did, bring the database to one side or the other, tell {other.table.title} so, and run "
        f"this again; or say which version the database is at: {baseline()}",
    )


def _refuse_unmatched(other: OtherLedger, result: Match) -> None:
    if result.heads:
        raise Refused(
            f"{other.says} has {len(result.heads)} rows, and one says how far the database is: "
            f"{few([record.shown for record in result.heads])}",
            state="nothing was changed",
            hint=f"leave the row that is right, or merge the branches with {other.table.title}; or say which version "
            f"the database is at: {baseline()}",
        )
    if result.unmatched:
        raise Refused(
            f"{other.says} has {words.count(len(result.unmatched), 'row')} that no file in migrations fits",
            details=tuple(f"{record.shown} {why}" for record, why in result.unmatched),
            state="nothing was changed",
            hint="bring the files back, or give them the names of the rows; or say which version the database is at: "
            f"{baseline()}",
        )
    if result.halves:
        raise halfway(*result.halves[0])
    if result.gaps:
        last = result.applied[-1][0].id
        raise Refused(
            f"{other.says} says that {last} is applied, and not {few([m.id for m in result.gaps])} before it",
            state="nothing was changed",
            hint=f"apply it with {other.table.title}, or give it a number after {last}; or say which version the "
            f"database is at: {baseline()}",
        )


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
