"""Running a job on a server when nobody can tell beforehand what it will reach.

A legacy upgrade decides while it runs which statements run, and some statements only libSQL understands. Then every
table of the user's own is counted before and after: this costs more and proves the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from memsql.db.queries import load
from memsql.engine import isolation, statements, verdict
from memsql.engine.forecast import SchemaCopy
from memsql.engine.index_work import IndexProof, IndexWork, rebuild_and_check, work_for
from memsql.engine.job import Job
from memsql.engine.loss import counting, guard
from memsql.engine.session import Session
from memsql.engine.structure import proof
from memsql.engine.structure.cache import StructureCache
from memsql.engine.verdict import Evidence
from memsql.errors import Location, MemsqlError, StatementError
from memsql.fts import check_in_transaction
from memsql.project.checks import CheckResult, run_checks
from memsql.sqltext import effect, fold, split

_STATEMENTS_AT_ONCE = 500
_WRITES = frozenset({"insert", "replace", "update", "delete"})


def prove_job(session: Session, job: Job) -> Evidence:
    """Run ``job`` inside the open transaction of a server and gather the evidence for its verdict. Raises like
    on_file.prove_job()."""
    conn, values = session.conn, not session.allows_all(job)
    started, clock = datetime.now(UTC), time.perf_counter()
    schema = schema_copy(session)
    objects = schema.snapshot
    watch = schema.everything()
    before = _count(session, schema, watch, values=values)
    # A legacy upgrade may come upon an index that was broken long ago and that a later upgrade repairs.
    sound = [] if job.guarded else [name for name in schema.fts() if not check_in_transaction(conn, [name])]
    written = _run(session, job)
    conn.batch(isolation.settings_back(job))
    schema = schema_copy(session)
    after = _count(session, schema, guard.after_watch(watch, job.analysis), values=values)
    structure = proof.compare(schema.conn, StructureCache(schema.conn), job, (objects, schema.snapshot))
    work = IndexWork()
    index_proof = IndexProof()
    checks: list[CheckResult] = []
    account = guard.account(before, after, job.analysis)
    if verdict.keeps_data(job, account, before, after, allows_all=session.allows_all(job)):
        work = _work(job, schema, written, sound)
        index_proof = rebuild_and_check(conn, work)
        checks = run_checks(conn, job.checks, session.interrupted)
    if session.stopped:
        raise verdict.interrupted(job, session.stop)
    return Evidence(
        account=account,
        before=before,
        after=after,
        indexes=work,
        broken_indexes=index_proof.broken,
        checks=tuple(checks),
        started=started,
        duration_ms=round((time.perf_counter() - clock) * 1000),
        structure=structure,
        unproven=index_proof.unproven,
    )


def _work(job: Job, schema: SchemaCopy, written: frozenset[str], sound: Sequence[str]) -> IndexWork:
    """The full-text indexes to rebuild and check: those of the tables ``written``, and those that were ``sound``
    before."""
    indexes = schema.fts()
    reached = [name for name, content in indexes.items() if written & {fold(name), *content} or name in sound]
    return work_for(job, indexes, reached)


def schema_copy(session: Session) -> SchemaCopy:
    """A copy of the schema as the server has it now."""
    return SchemaCopy(session.conn.execute(load("engine/stored_schema")).rows, session)


def explained(session: Session, job: Job, error: StatementError) -> MemsqlError:
    """What to tell of ``job``, whose text raised ``error``. Ends the transaction, to run the text again and name the
    statement."""
    conn = session.conn
    if session.stopped:
        return verdict.interrupted(job, session.stop)
    conn.rollback()
    if error.code == "SQLITE_LOCKED":
        lost = counting.cascades(conn, job.analysis.drops)
        if lost:
            return verdict.refused(job, lost)
    located = error if error.where is not None else _located(session, job, error)
    return verdict.statement_failed(job, located, error.code)


def _count(session: Session, schema: SchemaCopy, watch: guard.Watch, *, values: bool) -> guard.Counts:
    counts = counting.count(schema.conn, watch, values=False)
    answers = session.conn.batch(counting.questions(schema.conn, counts, values=values))
    return counting.answered(counts, answers, values=values)


def _run(session: Session, job: Job) -> frozenset[str]:
    """Run the text of ``job``; return the tables, folded, that its statements write by name."""
    conn = session.conn
    try:
        with conn.observe(session.interrupted):
            if job.guarded:
                return _written(timing.text for timing in statements.run_guarded(conn, job.file, session.progress))
            statements.run(conn, job.file, session.progress)
    except StatementError as e:
        raise explained(session, job, e) from e
    return _written(statement.text for text, _, _ in statements.texts(job.file) for statement in split(text))


def _written(texts: Iterable[str]) -> frozenset[str]:
    effects = (effect(text) for text in texts)
    return frozenset(fold(e.name or "") for e in effects if e.kind in _WRITES or e.object_type == "virtual")


def _located(session: Session, job: Job, error: StatementError) -> StatementError:
    """``error`` with the statement that raises it, searched by running the text again, some hundred statements a
    request."""
    conn = session.conn
    error.where = Location(job.file.path)
    before = 0
    conn.begin()
    try:
        with conn.observe(session.interrupted):
            for chunk in statements.chunks(job.file):
                chunk_statements = split(chunk.text)
                for start in range(0, len(chunk_statements), _STATEMENTS_AT_ONCE):
                    part = chunk_statements[start : start + _STATEMENTS_AT_ONCE]
                    try:
                        conn.batch([(statement.text, ()) for statement in part])
                    except StatementError as e:
                        statement = part[e.index or 0]
                        where = Location(job.file.path, chunk.line + statement.line - 1)
                        return statements.located(e, statement, before + statement.number, where)
                before += len(chunk_statements)
        return error
    finally:
        conn.rollback()
