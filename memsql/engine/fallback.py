"""Running a job on a server when nobody can tell beforehand what it will reach.

A legacy upgrade decides while it runs which statements run, and some statements only libSQL understands. Then each
statement is sent by itself, and the copy of the schema is read again where it did not understand one: this costs more
and proves the same, but for what the copy cannot compile.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from memsql import words
from memsql.db import Connection, Result, Script, Touched
from memsql.db.counters import zero_on_server
from memsql.db.queries import load
from memsql.engine import isolation, shadows, statements, verdict
from memsql.engine.forecast import SchemaCopy
from memsql.engine.index_work import IndexProof, IndexWork, rebuild_and_check, work_for
from memsql.engine.job import Job
from memsql.engine.loss import counting, guard
from memsql.engine.loss.foreseen import Foreseen, Step
from memsql.engine.session import Session
from memsql.engine.structure import proof
from memsql.engine.structure.cache import StructureCache
from memsql.engine.verdict import Evidence
from memsql.errors import Location, MemsqlError, StatementError
from memsql.fts import check_in_transaction
from memsql.project.checks import CheckResult, run_checks
from memsql.sqltext import Effect, effect, fold, quote, split
from memsql.sqltext.internal import COUNTER, is_virtual

_STATEMENTS_AT_ONCE = 500
_WRITES = frozenset({"insert", "replace", "update", "delete"})


def prove_job(session: Session, job: Job) -> Evidence:
    """Run ``job`` inside the open transaction of a server and gather the evidence for its verdict. Raises like
    on_file.prove_job()."""
    conn = session.conn
    started, clock = datetime.now(UTC), time.perf_counter()
    schema = schema_copy(session)
    objects = schema.snapshot
    tables = [(o.name, o.sql if is_virtual(o.sql) else None) for o in objects.of("table")]
    shadows.refuse_by_name(job, lambda: counting.virtual_of(tables))
    watch = schema.everything()
    before = _count(conn, schema, watch)
    # A legacy upgrade may come upon an index that was broken long ago and that a later upgrade repairs.
    sound = [] if job.guarded else [name for name in schema.fts() if not check_in_transaction(conn, [name])]
    accountant = Asking(session, job, schema)
    conn.batch(zero_on_server(COUNTER))
    written = _run(session, job, accountant)
    if accountant.keeps_sequences:
        isolation.refuse_counters(job)
    shadows.refuse_by_trigger(job, accountant.shadow_writes)
    conn.batch(isolation.settings_back(job))
    schema = schema_copy(session)
    after = _count(conn, schema, guard.after_watch(watch, job.analysis))
    structure = proof.compare(schema.conn, StructureCache(schema.conn), job, (objects, schema.snapshot))
    work = IndexWork()
    index_proof = IndexProof()
    checks: list[CheckResult] = []
    account = accountant.account()
    if verdict.keeps_data(job, account, before, after, allows_all=session.allows_all(job)):
        broken = accountant.broken
        if broken:
            raise verdict.unproven(job, broken, "correct the rows in the file, or choose another definition")
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
        unproven=(*accountant.unproven, *index_proof.unproven),
    )


def _work(job: Job, schema: SchemaCopy, written: frozenset[str], sound: Sequence[str]) -> IndexWork:
    """The full-text indexes to rebuild and check: those of the tables ``written``, and those that were ``sound``
    before."""
    indexes = schema.fts()
    reached = [name for name, content in indexes.items() if written & {fold(name), *content} or name in sound]
    return work_for(job, indexes, reached)


class Asking(Foreseen):
    """Runs each statement at once. ``unproven``: a sentence for what only the server understands."""

    def __init__(self, session: Session, job: Job, schema: SchemaCopy) -> None:
        super().__init__(schema, schema.copy_rows, foreign_keys=job.header.foreign_keys, drops=bool(job.analysis.drops))
        schema.conn.execute(f"PRAGMA foreign_keys = {'on' if job.header.foreign_keys else 'off'}")
        self._session, self._job = session, job
        self._result = Result((), [])
        self._is_old = False
        self._altered: dict[str, Counter[str]] = {}
        self.unproven = [*schema.unknown]

    def execute(self, text: str) -> Result:
        """Take one statement, and return its result. Raises StatementError where the server refuses it."""
        self.run((text,))
        return self._result

    def finish(self) -> None:
        """After the last statement."""
        self._finish()

    @property
    def broken(self) -> list[str]:
        """A sentence for the rows of each table that break a definition which ALTER COLUMN gave them."""
        sentences = []
        for name, before in sorted(self._altered.items()):
            table = self._facts.table(name)
            new = self._broken_rows(table.name) - before if table is not None else Counter()
            sentences += [f"{words.count(rows, 'row')} of {name}: {text}" for text, rows in sorted(new.items())]
        return sentences

    def _reach(self, text: str) -> Touched:
        try:
            return super()._reach(text)
        except StatementError as e:
            self._is_old = True
            what = effect(text)
            if what.kind in _WRITES:
                self.unproven.append(
                    f"a statement on {what.name}: SQLite here does not understand it ({e.message}), so what triggers "
                    "and foreign keys made of it was not looked at"
                )
            return Touched(schema=True)

    def _send(self, step: Step) -> None:
        is_text = step.kind == "text"
        if is_text and not isinstance(step.item, Script):
            self._watch_definitions(effect(step.item[0]))
        try:
            answer = self._session.conn.batch([step.item])[0]
        except StatementError as e:
            if is_text or self._session.stopped:
                raise
            raise self._explained(step, e) from e
        if is_text:
            self._result = answer
            if self._is_old:
                self._read_again()
        if step.then is not None:
            step.then(answer)

    def _watch_definitions(self, what: Effect) -> None:
        """Note a table that is about to get another definition, and what breaks the one that it has."""
        name = fold(what.name or "")
        if what.kind == "alter_column" and name not in self._altered:
            self._altered[name] = self._broken_rows(name)
        elif what.kind == "alter_rename" and name in self._altered:
            self._altered[fold(what.new_name or "")] = self._altered.pop(name)

    def _explained(self, step: Step, error: StatementError) -> MemsqlError:
        if step.kind == "keep":
            return verdict.not_kept(self._job, error)
        return verdict.unproven(self._job, [error.message], verdict.corrected(self._job))

    def _broken_rows(self, table: str) -> Counter[str]:
        """What of ``table`` breaks its definition, in SQLite's words, and in how many rows (100 at most)."""
        rows = self._session.conn.execute(f"PRAGMA quick_check({quote(table)})").rows
        return Counter(str(row[0]) for row in rows if row[0] != "ok")

    def _read_again(self) -> None:
        """The copy of the schema is no longer what the server has."""
        self._is_old = False
        schema = schema_copy(self._session)
        schema.conn.execute(f"PRAGMA foreign_keys = {'on' if self._job.header.foreign_keys else 'off'}")
        self._schema = schema
        self._known.clear()
        self._facts.read_again(schema.conn)


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


def _count(conn: Connection, schema: SchemaCopy, watch: guard.Watch) -> guard.Counts:
    counts = counting.count(schema.conn, watch)
    return counting.answered(counts, conn.batch(counting.questions(schema.conn, counts)))


def _run(session: Session, job: Job, accountant: Asking) -> frozenset[str]:
    """Run the text of ``job``; return the tables, folded, that its statements write by name."""
    conn = session.conn
    try:
        with conn.observe(session.interrupted):
            if job.guarded:
                timings = statements.run_guarded(conn, job.file, session.progress, accountant.execute)
                accountant.finish()
                return _written(timing.text for timing in timings)
            accountant.take(job.file)
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
