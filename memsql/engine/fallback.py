"""Running a job on a server when nobody can tell beforehand what it will reach.

A legacy upgrade decides on the way what it runs, and some statements only libSQL understands. Then every table
of the user's own is looked at before and after, which costs more and proves the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from memsql.db import Connection
from memsql.db.queries import load
from memsql.engine import statements as script
from memsql.engine import verdict
from memsql.engine.forecast import Shadow
from memsql.engine.job import Done, Job
from memsql.engine.loss import guard
from memsql.engine.on_file import Session, chosen, mend_and_check, write_ledger
from memsql.errors import Location, MemsqlError, StatementError
from memsql.fts import check_in_transaction
from memsql.project.checks import run_checks
from memsql.sqltext import effect, fold, split

_AT_ONCE = 500


def run_blind(session: Session, job: Job, *, ledger: bool = True) -> Done:
    """Run ``job`` inside the open transaction: statements, proof and, if wanted, ledger. Does not commit.

    Raises what apply.run_job() raises.
    """
    conn = session.conn
    started, clock = datetime.now(UTC), time.perf_counter()
    shadow = read_shadow(session)
    watch = shadow.everything()
    values = not session.allows_loss(job)
    before = _look(conn, shadow, watch, values=values)
    # An upgrade of an era may meet an index that was broken long ago, and heals it later.
    sound = () if job.guarded else _sound(conn, shadow)
    written = _run(session, job)
    shadow = read_shadow(session)
    after = _look(conn, shadow, guard.after_watch(watch, job.analysis), values=values)
    lost = verdict.judge_loss(job, before, after, allowed=not values)
    rebuilt = _prove_fts(conn, job, shadow, written, sound)
    warnings = verdict.judge_checks(job, run_checks(conn, job.checks))
    elapsed = round((time.perf_counter() - clock) * 1000)
    if ledger:
        write_ledger(conn, job, started, elapsed)
    if session.stop:
        raise verdict.interrupted(job, session.stop)
    migration = job.migration
    return Done(migration.id, migration.version, migration.name, job.direction, elapsed, lost, rebuilt, warnings)


def read_shadow(session: Session) -> Shadow:
    """The schema as the server has it now."""
    return Shadow(
        session.conn.execute(load("engine/stored_schema")).rows, session.stop, allow_data_loss=session.allow_data_loss
    )


def _look(conn: Connection, shadow: Shadow, watch: guard.Watch, *, values: bool) -> guard.Look:
    open_look = guard.observe(shadow.conn, watch, values=False)
    answers = conn.batch(guard.questions(shadow.conn, open_look, values=values))
    return guard.answered(open_look, answers, values=values)


def _run(session: Session, job: Job) -> frozenset[str]:
    """Run the text; return the tables, in lower case, that its statements write by name."""
    conn = session.conn
    try:
        with conn.observe(session.interrupted):
            if job.guarded:
                return _written(timing.text for timing in script.run_guarded(conn, job.file, session.tick))
            script.run(conn, job.file, session.tick)
    except StatementError as e:
        raise explained(session, job, e) from e
    return _written(statement.text for text, _, _ in script.texts(job.file) for statement in split(text))


def _written(texts: Iterable[str]) -> frozenset[str]:
    found = (effect(text) for text in texts)
    return frozenset(
        fold(what.name or "")
        for what in found
        if what.kind in ("insert", "replace", "update", "delete") or what.object_type == "virtual"
    )


def explained(session: Session, job: Job, error: StatementError) -> MemsqlError:
    """What to tell of ``job``, whose text failed with ``error``; ends the transaction to find the statement."""
    conn = session.conn
    if session.stop:
        return verdict.interrupted(job, session.stop)
    conn.rollback()
    if error.code == "SQLITE_LOCKED":
        lost = guard.cascades(conn, job.analysis.drops)
        if lost:
            return verdict.refused(job, [loss.message for loss in lost])
    located = error
    if error.where is None:
        located = _located(session, job, error)
    return verdict.statement_failed(job, located, error.code)


def _located(session: Session, job: Job, error: StatementError) -> StatementError:
    """Name the statement behind ``error`` by running the text again, some hundred statements a request."""
    conn = session.conn
    error.where = Location(job.file.path)
    done = 0
    conn.begin()
    try:
        with conn.observe(session.interrupted):
            for chunk in script.chunks(job.file):
                found = split(chunk.text)
                for start in range(0, len(found), _AT_ONCE):
                    some = found[start : start + _AT_ONCE]
                    try:
                        conn.batch([(statement.text, ()) for statement in some])
                    except StatementError as e:
                        statement = some[e.index or 0]
                        return script.failed(e, job.file, chunk, statement, done + statement.number)
                done += len(found)
        return error
    finally:
        conn.rollback()


def _sound(conn: Connection, shadow: Shadow) -> tuple[str, ...]:
    """The full-text indexes that agree with their content."""
    return tuple(name for name in shadow.session.fts_tables() if not check_in_transaction(conn, [name]))


def _prove_fts(
    conn: Connection, job: Job, shadow: Shadow, written: frozenset[str], sound: Sequence[str]
) -> tuple[str, ...]:
    tables = shadow.session.fts_tables()
    reached = [name for name, content in tables.items() if written & {fold(name), *content} or name in sound]
    rebuild, check = chosen(job, tables, reached)
    mend_and_check(conn, job, rebuild, check)
    return rebuild
