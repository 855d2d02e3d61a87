"""What a job will reach on a server, learnt from a copy of the server's schema in memory, without rows.

A server has no authorizer. But what a statement reaches, through cascades and triggers too, follows from the schema
alone. So the job runs on the copy first; then the questions before and after its statements can be sent together with
them. Statements that change the schema run on the copy; the others are only compiled (EXPLAIN QUERY PLAN), for which
SQLite asks the authorizer too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from memsql.db import Params, Result, Script, Touched, Value
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine import schema_replica, shadows, statements, verdict
from memsql.engine.index_work import IndexWork, items, work_after
from memsql.engine.isolation import refuse_counters, refuse_ledger_written
from memsql.engine.job import Job
from memsql.engine.loss import counting, guard
from memsql.engine.loss.foreseen import Planned, Step
from memsql.engine.loss.model import Account
from memsql.engine.loss.watched import SAVEPOINT, Ran, run_watched, undo
from memsql.engine.session import SchemaCache, Session
from memsql.engine.state import RunOptions
from memsql.engine.structure import proof
from memsql.engine.structure.proof import UNTOUCHED, Structure
from memsql.engine.structure.snapshot import Snapshot
from memsql.errors import StatementError, TransactionUndone
from memsql.project.files import SqlFile
from memsql.sqltext import effect, may_concern
from memsql.sqltext import statements as statements_of
from memsql.sqltext.internal import BOOKKEEPING
from memsql.sqltext.shapes import inserts_values, shape

_COMPILED = frozenset({"insert", "replace", "update", "delete", "select"})
# How often the observer may be asked during one statement; each time stands for 200,000 instructions of SQLite's
# machine.
_BUDGET = 50


@dataclass(frozen=True, slots=True)
class ReachForecast:
    """What a job will reach.

    ``before``, ``after``: the foreign keys to check around it, with their numbers still open; ``questions`` ask for
    those of ``before``. ``steps``: its statements, and what to ask between them; ``account`` reads the answers, once.
    ``has_copies``: rows are kept on the server. ``indexes``: the full-text indexes to rebuild and check.
    ``structure``: what becomes of views, triggers, indexes and constraints. ``counts``: something may ask
    last_insert_rowid() or changes().
    """

    before: guard.Counts
    after: guard.Counts
    questions: list[tuple[str, Params]]
    steps: list[Step]
    account: Callable[[Sequence[Result]], Account]
    has_copies: bool
    indexes: IndexWork
    structure: Structure = UNTOUCHED
    counts: bool = False


class _Budget:
    """The progress of a statement on the copy: it gives up on one that computes for long, such as CREATE TABLE … AS
    over rows that it makes up itself."""

    def __init__(self) -> None:
        self.left = _BUDGET

    def start(self, label: str) -> None:
        """A new statement begins."""
        self.left = _BUDGET

    def tick(self, fraction: float | None = None) -> None:
        """Raise TimeoutError where the budget is spent; the observer then stops the statement."""
        self.left -= 1
        if self.left < 0:
            raise TimeoutError


class SchemaCopy:
    """A copy of a server's schema in memory.

    ``snapshot`` holds the objects of the server.
    """

    def __init__(self, objects: Sequence[tuple[Value, ...]], session: Session) -> None:
        """``objects``: rows (type, name, table, sql) of the server's sqlite_schema. ``session``: the one on the
        server."""
        conn = memory()
        conn.execute("PRAGMA foreign_keys = on")
        self._made = schema_replica.make(conn, objects)
        self.snapshot = Snapshot.of_rows(objects)
        self.conn = conn
        self.copy_rows = session.options.server_copy_rows
        self._budget = _Budget()
        self._session = Session(conn, session.stop, RunOptions(), self._budget, SchemaCache(conn))

    def forecast(
        self, job: Job, *, shares: bool = True, predict: Callable[[str], bool] | None = None
    ) -> ReachForecast | None:
        """Run ``job`` on the copy. None where that does not work, so that only the server can tell, and where it keeps
        rows on the server and must not share its transaction (not ``shares``); the copy is then what it was before.
        ``predict`` says of a guard of a legacy upgrade whether it will be true; without it there is no forecast of one.
        Raises Interrupted, Refused where it writes the ledger, and FileError where it writes a shadow table."""
        if (job.guarded and predict is None) or not self._made.exact:
            return None
        session = self._session

        def count(watch: guard.Watch) -> tuple[guard.Counts, list[tuple[str, Params]]]:
            counts = counting.count(self.conn, watch)
            # Now, for afterwards a foreign key of the copy may name nothing.
            return counts, counting.questions(self.conn, counts)

        shadows.refuse_by_name(job, session.schema.virtual)
        counts = job.analysis.counts or session.schema.counts()
        run = _Run(self, job, predict)
        try:
            objects = proof.begin(session.schema.structure, job)
            watched = run_watched(session, job, count=count, run=run)
            refuse_ledger_written(job, watched.touched)
            shadows.refuse_by_trigger(job, run.shadow_writes)
            if run.keeps_sequences:
                refuse_counters(job)
            if run.has_copies and not shares:
                raise StatementError("a job that keeps rows runs alone")
            after = counting.count(self.conn, watched.after_watch)
            indexes = work_after(session.schema, job, watched.touched)
            if items(self.conn, indexes) is None:
                raise StatementError("what proves a full-text index depends on its rows")
            structure = proof.findings(self.conn, session.schema.structure, job, objects)
        except StatementError:
            with suppress(StatementError, TransactionUndone):
                undo(self.conn)
            session.schema.forget()
            if session.stopped:
                raise verdict.interrupted(job, session.stop) from None
            return None
        self.conn.execute(f"RELEASE {SAVEPOINT}")
        before, questions = watched.before
        return ReachForecast(
            before, after, questions, run.steps, run.account, run.has_copies, indexes, structure, counts
        )

    @property
    def unknown(self) -> Sequence[str]:
        """A sentence for each table and trigger that only the server understands."""
        return self._made.unknown

    def everything(self) -> guard.Watch:
        """A watch over the foreign keys of every table of the user's own, for when nobody can tell what a job will
        reach."""
        virtual = self._session.schema.virtual()
        names = counting.tables(self.conn) - BOOKKEEPING
        user_tables = frozenset(n for n in names if virtual.is_user_table(n) and not n.startswith("sqlite_"))
        return guard.Watch(linked=user_tables)

    def fts(self) -> dict[str, frozenset[str]]:
        """As SchemaCache.fts()."""
        return self._session.schema.fts()

    def is_silent(self, touched: Touched) -> bool:
        """Whether statements that only create and insert, and reached ``touched``, may have destroyed something."""
        if touched.inserted and self._session.schema.replaces():
            return True
        virtual = self._session.schema.virtual()
        if any(map(virtual.is_contentless, touched.inserted)):
            return True
        return any(trigger is not None or virtual.is_plain(table) for _, table, _, trigger in touched.writes)

    def begin(self, *, foreign_keys: bool) -> None:
        """A transaction begins on the server. Inside a savepoint the pragma would do nothing, so it comes first."""
        self.conn.execute(f"PRAGMA foreign_keys = {'on' if foreign_keys else 'off'}")
        self.conn.execute("SAVEPOINT memsql_transaction")

    def keep(self) -> bool:
        """The server committed. Returns False where this copy is not what the server has now, because a statement that
        was only tried here has undone everything."""
        if not self.conn.in_transaction:
            return False
        self.conn.execute("RELEASE memsql_transaction")
        return True

    def reach(self, text: str) -> Touched:
        """Do what the statement ``text`` does to the schema; return what it reaches. Raises StatementError."""
        with self.conn.observe(self._session.interrupted) as touched:
            assert touched is not None
            self._do(text)
        return touched

    def compile(self, file: SqlFile) -> Touched:
        """reach() for all statements of ``file`` together, but those that only insert into the table of one before."""
        seen: set[str] = set()
        with self.conn.observe(self._session.interrupted) as touched:
            assert touched is not None
            for chunk in statements.chunks(file):
                for statement in statements_of(chunk.text):
                    form = shape(statement.text) if inserts_values(statement.text) else None
                    if form is None:
                        seen.clear()
                    elif form in seen:
                        continue
                    else:
                        seen.add(form)
                    self._do(statement.text)
        return touched

    def _do(self, text: str) -> None:
        self._budget.start("")
        do = compile_only if effect(text).kind in _COMPILED else SQLiteConnection.execute
        schema_replica.with_stand_ins(self.conn, partial(do, self.conn, text))

    def without_rows(self, job: Job) -> SqlFile:
        """The file of ``job`` without the parts that only insert, where inserting reaches nothing but the table
        itself."""
        file = job.file
        if (
            len(file.cuts) == 1
            or not job.enforces_keys
            or self._session.schema.replaces()
            or self._session.schema.fts()
            or self.conn.execute(load("engine/has_triggers")).rows
        ):
            return file
        kept = []
        for chunk in statements.chunks(file):
            text = chunk.text.lower()
            if "conflict" in text:
                return file
            if may_concern(chunk.text) or "create" in text:
                if "trigger" in text or "virtual" in text:
                    return file
                kept.append(chunk.text)
        return replace(file, data="".join(kept).encode())


class _Run:
    """Runs a job on the copy; the attributes are those of the last run."""

    def __init__(self, schema: SchemaCopy, job: Job, predict: Callable[[str], bool] | None) -> None:
        self._schema, self._job, self._predict = schema, job, predict
        self.steps: list[Step] = []
        self.account: Callable[[Sequence[Result]], Account] = _nothing_happened
        self.has_copies = False
        self.shadow_writes: dict[str, tuple[str, str]] = {}
        self.keeps_sequences = False

    def __call__(self) -> Ran:
        """Run it: as a whole where it only inserts and creates, else one statement after another."""
        schema, job = self._schema, self._job
        if not job.analysis.measured and not job.guarded:
            touched = schema.compile(schema.without_rows(job))
            if not schema.is_silent(touched):
                self.steps = [Step(Script(text), kind="text") for text, _, _ in statements.texts(job.file)]
                return touched, ()
            # What it did to the schema is undone with its savepoint.
            schema.conn.execute(f"ROLLBACK TO {SAVEPOINT}")
        planned = Planned(
            schema, schema.copy_rows, foreign_keys=job.header.foreign_keys, drops=bool(job.analysis.drops)
        )
        if self._predict is None:
            planned.take(job.file)
        else:
            planned.take_guarded(job.file, self._predict)
        self.steps, self.account, self.has_copies = planned.steps, planned.answered, planned.has_copies
        self.shadow_writes, self.keeps_sequences = planned.shadow_writes, planned.keeps_sequences
        return planned.touched, ()


def _nothing_happened(_: Sequence[Result]) -> Account:
    return Account()
