"""What a job will reach on a server, learnt from a copy of the server's schema in memory, without rows.

A server has no authorizer. But what a statement reaches, through cascades and triggers too, follows from the schema
alone. So the job runs on the copy first; then the counts before and after it can be sent together with it.
Statements that change the schema run on the copy; the others are only compiled (EXPLAIN QUERY PLAN), for which
SQLite asks the authorizer too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from memsql.db import Connection, Params, Value
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.db.sqlite import memory
from memsql.engine import statements, verdict
from memsql.engine.index_work import IndexWork, items, work_after
from memsql.engine.isolation import refuse_ledger_written
from memsql.engine.job import Job
from memsql.engine.loss import counting, guard
from memsql.engine.loss.watched import SAVEPOINT, Ran, run_watched, undo
from memsql.engine.session import SchemaCache, Session
from memsql.engine.state import RunOptions
from memsql.engine.structure import proof
from memsql.engine.structure.proof import UNTOUCHED, Structure
from memsql.engine.structure.snapshot import Snapshot
from memsql.errors import ConnectError, StatementError
from memsql.project.files import SqlFile
from memsql.schema import is_internal
from memsql.sqltext import effect, fold, may_concern
from memsql.sqltext import statements as statements_of
from memsql.sqltext.internal import BOOKKEEPING, LEDGER, module_of

_COMPILED = frozenset({"insert", "replace", "update", "delete", "select"})
# How often the observer may be asked during one statement; each time stands for 200,000 instructions of SQLite's
# machine.
_BUDGET = 50
# Two statements that begin alike reach the same tables, whatever their values.
_INSERT = re.compile(r"INSERT\s+INTO\s+[^\s(]+\s*(?:\([^()]*\)\s*)?VALUES\b", re.IGNORECASE).match
# Functions that libSQL has and SQLite lacks; an index or a default may name them.
_FOREIGN = (
    "vector",
    "vector1bit",
    "vector8",
    "vector16",
    "vector32",
    "vector64",
    "vectorb16",
    "vector_extract",
    "vector_distance_cos",
    "vector_distance_l2",
    "libsql_vector_idx",
)
_ORDER = {"table": 0, "index": 1, "view": 2, "trigger": 3}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job will reach.

    ``before``, ``after``: the tables to count around it, with their numbers still open; ``questions`` ask for those of
    ``before``. ``indexes``: the full-text indexes to rebuild and check. ``structure``: what becomes of views,
    triggers, indexes and constraints.
    """

    before: guard.Counts
    after: guard.Counts
    questions: list[tuple[str, Params]]
    indexes: IndexWork
    structure: Structure = UNTOUCHED


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

    ``exact`` is false where an object could not be created, because it needs what only libSQL has. ``snapshot`` holds
    the objects of the server.
    """

    def __init__(self, objects: Sequence[tuple[Value, ...]], session: Session) -> None:
        """``objects``: rows (type, name, table, sql) of the server's sqlite_schema. ``session``: the one on the
        server."""
        conn = memory()
        self.exact = True
        self.snapshot = Snapshot(tuple(objects))
        for function in _FOREIGN:
            conn.raw.create_function(function, -1, _nothing, deterministic=True)
        conn.execute("PRAGMA foreign_keys = on")
        owners = {
            fold(str(name)): module_of(str(sql))
            for kind, name, _, sql in objects
            if kind == "table" and str(sql)[:14].lower() == "create virtual"
        }
        for kind, name, table, sql in sorted(objects, key=lambda o: _ORDER.get(str(o[0]), 9)):
            if _makes_itself(str(name), owners) or _makes_itself(str(table), owners):
                continue
            try:
                conn.execute(str(sql))
            except (StatementError, ConnectError):
                self.exact = self.exact and kind == "view"
        self.conn: Connection = conn
        self._budget = _Budget()
        options = RunOptions(allow_data_loss=session.options.allow_data_loss)
        self._session = Session(conn, session.stop, options, self._budget, SchemaCache(conn))

    def forecast(self, job: Job) -> Forecast | None:
        """Run ``job`` on the copy. None where that does not work, so that only the server can tell; the copy is
        then what it was before. Raises Interrupted, and Refused where it writes the ledger."""
        if job.guarded or not self.exact:
            return None
        session, values = self._session, not self._session.allows_all(job)
        lean = replace(job, file=self._without_rows(job), checks=())

        def count(watch: guard.Watch) -> tuple[guard.Counts, list[tuple[str, Params]]]:
            counts = counting.count(self.conn, watch, values=values)
            # Now, for afterwards a foreign key of the copy may name nothing.
            return counts, counting.questions(self.conn, counts, values=values)

        try:
            objects = proof.begin(session.schema.structure, job)
            watched = run_watched(session, lean, count=count, run=lambda: self._run(lean))
            refuse_ledger_written(job, watched.touched)
            after = counting.count(self.conn, watched.after_watch, values=False)
            indexes = work_after(session.schema, job, watched.touched)
            if items(self.conn, indexes) is None:
                raise StatementError("what proves a full-text index depends on its rows")
            structure = proof.findings(self.conn, session.schema.structure, job, objects)
        except StatementError:
            with suppress(StatementError):
                undo(self.conn)
            session.schema.forget()
            if session.stopped:
                raise verdict.interrupted(job, session.stop) from None
            return None
        self.conn.execute(f"RELEASE {SAVEPOINT}")
        before, questions = watched.before
        return Forecast(before, after, questions, indexes, structure)

    def everything(self) -> guard.Watch:
        """A watch over every table of the user's own, for when nobody can tell what a job will reach."""
        virtual = self._session.schema.virtual()
        names = counting.tables(self.conn) - BOOKKEEPING
        user_tables = frozenset(n for n in names if virtual.is_user_table(n) and not n.startswith("sqlite_"))
        return guard.Watch(whole=user_tables, linked=user_tables)

    def fts(self) -> dict[str, frozenset[str]]:
        """As SchemaCache.fts()."""
        return self._session.schema.fts()

    def begin(self, *, foreign_keys: bool) -> None:
        """A transaction begins on the server. Inside a savepoint the pragma would do nothing, so it comes first."""
        self.conn.execute(f"PRAGMA foreign_keys = {'on' if foreign_keys else 'off'}")
        self.conn.execute("SAVEPOINT memsql_transaction")

    def keep(self) -> None:
        """The server committed."""
        self.conn.execute("RELEASE memsql_transaction")

    def _run(self, job: Job) -> Ran:
        with self.conn.observe(self._session.interrupted) as touched:
            assert touched is not None
            self._compile(job.file)
        return touched, ()

    def _compile(self, file: SqlFile) -> None:
        seen: set[str] = set()
        for chunk in statements.chunks(file):
            for statement in statements_of(chunk.text):
                self._budget.start("")
                insert = _INSERT(statement.text)
                if insert is not None and "conflict" not in statement.text.lower():
                    if insert[0] not in seen:
                        seen.add(insert[0])
                        compile_only(self.conn, statement.text)
                elif effect(statement.text).kind in _COMPILED:
                    compile_only(self.conn, statement.text)
                else:
                    seen.clear()
                    self.conn.execute(statement.text)

    def _without_rows(self, job: Job) -> SqlFile:
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


def _makes_itself(name: str, owners: Mapping[str, str]) -> bool:
    """Whether SQLite or a virtual table creates ``name`` by itself. ``owners``: virtual table to its module."""
    lower = fold(name)
    if lower.startswith(("sqlite_", "libsql_")):
        return True
    return not (lower in LEDGER or lower.startswith(("memsql_", "_litestream_"))) and is_internal(name, owners)


def _nothing(*_: object) -> None:
    return None
