"""Legacy upgrades: find one, run it by itself, and what adoption and rollback need to run it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import ParamSpec

from memsql import db, hints, ledger, words
from memsql.db import Connection, Params
from memsql.db.queries import load
from memsql.engine import verdict
from memsql.engine.analysis import analyse
from memsql.engine.job import Done, Job
from memsql.engine.loss.watched import SAVEPOINT
from memsql.engine.permits import refuse_unscoped
from memsql.engine.session import Session
from memsql.engine.state import State, read_state
from memsql.errors import CommitUnknown, Location, MemsqlError, MigrationFailed, UsageError
from memsql.interrupts import untouched
from memsql.legacy.eras import Phase, known_shapes, read_phases, record_objects, recording
from memsql.legacy.recognise import detect, differences, recognised
from memsql.legacy.shapes import KnownShapes
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import questions as schema_questions
from memsql.sqltext import fold, parse_migration_header, quote

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Nothing:
    """There was nothing to do, and nothing was written. ``reason``: a sentence."""

    reason: str


class Idle(Exception):
    """Ends a transaction with ROLLBACK, because there is nothing to do: a COMMIT of nothing makes a file of 4 KiB of an
    empty one. ``args`` has the reason, a sentence."""


def or_nothing(work: Callable[P, tuple[str, ...]]) -> Callable[P, tuple[str, ...] | Nothing]:
    """``work``, which returns Nothing where it raises Idle."""

    @wraps(work)
    def answer(*args: P.args, **kwargs: P.kwargs) -> tuple[str, ...] | Nothing:
        try:
            return work(*args, **kwargs)
        except Idle as idle:
            return Nothing(str(idle))

    return answer


@or_nothing
def run_phase(session: Session, project: Project, number: int, *, known: KnownShapes | None = None) -> tuple[str, ...]:
    """Run one legacy upgrade by itself, proven, in its own transaction, and return what was done, in sentences.

    ``known``: the known_shapes() of ``project``, where they were read before. Raises UsageError where
    there is no such upgrade or it is not the next one.
    """
    phase = phase_called(project, str(number))
    with untouched():
        shapes = known or known_shapes(project)
    with transaction(session, looks(project, [phase]), is_there=lambda conn: phase.name in recorded(conn)) as session:
        conn = session.conn
        if not read_state(project, conn).has_tables:
            raise Idle(f"nothing to do: the database is empty; see: {hints.command('migrate.up')}")
        fit = recognised(detect(conn, shapes))
        if phase.name not in fit.shape.pending:
            raise Idle(f"nothing to do: {phase.name} is done, or this database ({fit.shape.title}) does not need it")
        if fit.shape.pending[0] != phase.name:
            raise UsageError(
                f"{fit.shape.pending[0]} comes before {phase.name}",
                state="nothing was changed",
                hint=f"run the upgrades in order, or all of them at once: {hints.command('legacy.adopt')}",
            )
        lines = run_upgrades(session, [phase])
        after = detect(conn, shapes)
        if after.fit is None or phase.name in after.fit.shape.pending:
            raise MigrationFailed(
                f"{phase.name} ran, but the database does not look like it",
                where=Location(phase.up.path),
                details=differences(after.nearest) if after.nearest else (),
            )
    return tuple(lines)


def looks(project: Project, phases: Iterable[Phase]) -> list[tuple[str, Params]]:
    """What is read in the transaction of an adoption or an upgrade before anything is written, for transaction()."""
    from memsql.engine.foretold import guards_of

    return [
        *ledger.questions(),
        (load("engine/has_tables"), ()),
        *schema_questions(),
        (load("engine/stored_schema"), ()),
        (load("engine/tables"), ()),
        (load("exchange/taken"), ()),
        (load("ledger/has_history"), ()),
        *guards_of([job_of(phase, down=False) for phase in phases]),
    ]


def phase_waits(conn: Connection, project: Project, number: int) -> bool:
    """Whether run_phase() would find something to do. Reads only. Raises UsageError where there is no such upgrade."""
    phase = phase_called(project, str(number))
    fit = detect(conn, known_shapes(project)).fit
    return fit is not None and phase.name in fit.shape.pending


def adoption_jobs(conn: Connection, state: State) -> tuple[list[Job], frozenset[int]]:
    """The legacy upgrades that an adoption of the database would run, and the versions that would count as applied
    then; nothing where it is not recognised. Reads only."""
    project = state.project
    fit = detect(conn, known_shapes(project), state.ledger).fit
    if fit is None:
        return [], frozenset(m.version for m in project.ordered)
    phases = read_phases(project.settings)
    jobs = [job_of(phases[name], down=False) for name in fit.shape.pending]
    return jobs, frozenset(fit.shape.era.counts_as)


def phase_jobs(conn: Connection, project: Project, number: int) -> list[Job]:
    """The legacy upgrade that run_phase() would run; none where it finds nothing to do. Reads only."""
    return [job_of(phase_called(project, str(number)), down=False)] if phase_waits(conn, project, number) else []


@contextmanager
def transaction(
    session: Session,
    reads: Sequence[tuple[str, Params]] = (),
    *,
    is_there: Callable[[Connection], bool | None] | None = None,
) -> Iterator[Session]:
    """A transaction with foreign keys on, and the session in it. An error that ends it says that nothing was changed,
    but for a lost answer to COMMIT. ``reads``: what will be read in it first; a server answers them with BEGIN.
    ``is_there`` tells whether the database has what was made, where the answer to COMMIT is lost."""
    try:
        with _gathered(session, reads, is_there) if session.conn.target.path is None else _plain(session) as inside:
            yield inside
    except CommitUnknown:
        raise
    except MemsqlError as e:
        e.state = e.state or "nothing was changed"
        raise


@contextmanager
def _plain(session: Session) -> Iterator[Session]:
    session.conn.execute("PRAGMA foreign_keys = on")
    with db.transaction(session.conn):
        yield session


@contextmanager
def _gathered(
    session: Session, reads: Sequence[tuple[str, Params]], is_there: Callable[[Connection], bool | None] | None
) -> Iterator[Session]:
    from memsql.db.gathering import Gathering

    conn = Gathering(session.conn)
    conn.open(["PRAGMA foreign_keys = on"], reads)
    try:
        yield session.on(conn)
        db.commit(conn, None if is_there is None else lambda: is_there(session.conn))
    except BaseException:
        conn.rollback()
        raise


def run_upgrades(session: Session, phases: Sequence[Phase]) -> list[str]:
    """Run ``phases``, proven, in the open transaction, and return lines about them. On a server all of them are one
    request, where that can be."""
    jobs = [job_of(phase, down=False) for phase in phases]
    titles = [f"legacy upgrade {phase.name} ({_proven(session)})" for phase in phases]
    if session.conn.target.path is None and phases:
        from memsql.engine import foretold

        for job in jobs:
            refuse_unscoped(session.conn, (job,))
        # No upgrade creates one.
        has_history = ledger.has_history(session.conn)
        first = [recording(phase.name) for phase in phases]
        ran = foretold.prove(session, [foretold.Upgrade(*each) for each in zip(jobs, first, strict=True)])
        if ran is not None:
            for job, one in zip(jobs, ran, strict=True) if has_history else ():
                _record(session.conn, job, one.started, one.duration_ms)
            return [
                line
                for title, one in zip(titles, ran, strict=True)
                for line in (title, *(_kept_line(*kept) for kept in one.kept), *_changes(one.done))
            ]
    lines = []
    for phase, job, title in zip(phases, jobs, titles, strict=True):
        session.progress.start(f"legacy upgrade {phase.name}")
        record_objects(session.conn, phase.name)
        lines += [title, *_run_and_tell(session, job)]
    return lines


def run_rollback(session: Session, phase: Phase) -> list[str]:
    """Run the rollback of ``phase``, which has one, as run_upgrade() does."""
    done = _run_and_tell(session, job_of(phase, down=True))
    return [f"rolled back legacy upgrade {phase.name} ({_proven(session)})", *done]


def _proven(session: Session) -> str:
    return "proven without rows" if session.options.without_rows else "proven"


def _run_and_tell(session: Session, job: Job) -> list[str]:
    before = _table_names(session.conn)
    done = _run(session, job)
    return [*_kept(session.conn, job, before), *_changes(done)]


def _changes(done: Done) -> list[str]:
    return [
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
            lines.append(_kept_line(before[old], after[new], rows))
    return lines


def _kept_line(old: str, new: str, rows: int) -> str:
    are = "is" if rows == 1 else "are"
    return f"  {words.count(rows, 'row')} of {old} {are} kept in {new}"


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
        _record(conn, job, evidence.started, evidence.duration_ms)
    return done


def _record(conn: Connection, job: Job, started: datetime, duration_ms: int) -> None:
    """Write a line of history about ``job``."""
    ledger.add_history(conn, replace(job.entry(started, duration_ms), version=None), f"legacy_{job.direction}")


def job_of(phase: Phase, *, down: bool) -> Job:
    """The job that runs ``phase``, or its rollback, which is there."""
    file = phase.down if down else phase.up
    assert file is not None
    header = parse_migration_header(file.head(), file.path)
    # Its version is none of ours; the ledger only keeps a line of history for it.
    migration = Migration(-phase.number, phase.name, f"L{phase.number}_{phase.name}", phase.up, phase.down)
    analysis = analyse(file, header, "legacy")
    return Job(migration, "down" if down else "up", file, header, analysis, (), guarded=True)


def recorded(conn: Connection) -> set[str]:
    """The names of the legacy upgrades that ran here and were not rolled back."""
    if not conn.execute(load("legacy/has_objects")).rows:
        return set()
    return {str(r[0]) for r in conn.execute(load("legacy/recorded_phases")).rows}


def phase_called(project: Project, name: str) -> Phase:
    """The legacy upgrade that ``name`` means: its number ("1"), its name ("align"), or both ("Phase 1", "L1_phase1").

    Raises UsageError where there is none.
    """
    phases = read_phases(project.settings).values()
    plain = re.sub(r"[\s_-]+", "", name.strip().lower()) if re.match(r"\s*[A-Za-z\d]", name) else ""
    for phase in phases:
        if plain in (phase.name.lower().replace("_", ""), f"l{phase.number}{phase.name.lower().replace('_', '')}"):
            return phase
    numbered = re.fullmatch(r"(?:phase|upgrade|l)?(\d+)", plain)
    for phase in phases:
        if numbered and int(numbered[1]) == phase.number:
            return phase
    raise UsageError(
        f"there is no legacy upgrade {name}",
        state="nothing was changed",
        hint="known: " + (", ".join(f"{p.number} ({p.name})" for p in phases) or "none"),
    )
