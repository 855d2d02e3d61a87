"""A server's schema in memory, without its rows, to learn from SQLite's authorizer what a migration will reach.

A server has no authorizer. But what a statement reaches, through cascades and triggers too, follows from the
schema alone, so the migration is read here first; then the looks before and after it can be sent together with it.
What changes the schema runs; the rest is only compiled (EXPLAIN QUERY PLAN), which asks the authorizer all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from memsql.db import Connection, Params, Touched, Value
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.db.sqlite import memory
from memsql.engine import statements as script
from memsql.engine.job import Job
from memsql.engine.loss import guard
from memsql.engine.on_file import Session, execute, fts_work, undo
from memsql.engine.signals import Stop
from memsql.errors import ConnectError, Interrupted, MigrationFailed, Refused, StatementError
from memsql.project.files import SqlFile
from memsql.schema import is_internal
from memsql.schema.internal import LEDGER, module_of
from memsql.sqltext import effect, fold, may_concern, statements

# Functions that libSQL has and SQLite lacks; an index or a default may name them.
_COMPILED = frozenset({"insert", "replace", "update", "delete", "select"})
BOOKKEEPING = LEDGER | {"memsql_history", "memsql_legacy_objects", "memsql_fts_rebuild"}
# Rounds of the progress handler, of 200,000 instructions each.
_BUDGET = 50
# Two of these reach the same tables, whatever the values.
_INSERT = re.compile(r"INSERT\s+INTO\s+[^\s(]+\s*(?:\([^()]*\)\s*)?VALUES\b", re.IGNORECASE).match
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


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job will reach, and what the tables concerned are like before and after it; rows are not counted, but
    ``questions`` ask for those before.
    ``rebuild`` and ``check`` name full-text indexes."""

    touched: Touched
    watch: guard.Watch
    before: guard.Look
    after: guard.Look
    questions: list[tuple[str, Params]]
    rebuild: tuple[str, ...]
    check: tuple[str, ...]


class Shadow:
    """The schema as rows of sqlite_schema (type, name, table, sql) made again in memory.

    ``exact`` is false where an object could not be made, because it needs what only libSQL has.
    """

    def __init__(self, objects: Sequence[tuple[Value, ...]], stop: Stop, *, allow_data_loss: bool) -> None:
        conn = memory()
        self.exact = True
        for function in _FOREIGN:
            conn.raw.create_function(function, -1, _nothing, deterministic=True)
        conn.execute("PRAGMA foreign_keys = on")
        owners = {
            fold(str(name)): module_of(str(sql))
            for kind, name, _, sql in objects
            if kind == "table" and str(sql)[:14].lower() == "create virtual"
        }
        for kind, name, table, sql in sorted(objects, key=lambda o: _ORDER.get(str(o[0]), 9)):
            if _is_made(str(name), owners) or _is_made(str(table), owners):
                continue
            try:
                conn.execute(str(sql))
            except (StatementError, ConnectError):
                self.exact = self.exact and kind == "view"
        self.conn: Connection = conn
        self.session = Session(conn, stop, allow_data_loss, tick=self._spend, run_text=self._learn)
        self._budget = 0

    def forecast(self, job: Job) -> Forecast | None:
        """Run ``job`` here. None where that does not work, so that only the server can tell; the schema here is then
        what it was before. Raises Interrupted."""
        if job.guarded or not self.exact:
            return None
        lean = replace(job, file=self._without_rows(job), checks=())
        questions: list[tuple[str, Params]] = []

        def looked(look: guard.Look) -> None:
            # As the schema is now: afterwards a key may fit no more.
            questions[:] = guard.questions(self.conn, look, values=not self.session.allows_loss(job))

        self.session.looked = looked
        try:
            touched, before, watch, _ = execute(self.session, lean)
            after = guard.observe(self.conn, guard.after_watch(watch, job.analysis), values=False)
            rebuild, check = fts_work(self.session, job, touched)
        except Interrupted:
            raise
        except (MigrationFailed, Refused, StatementError):
            with suppress(StatementError):
                undo(self.conn)
            return None
        self.conn.execute("RELEASE memsql_migration")
        return Forecast(touched, watch, before, after, questions, rebuild, check)

    def everything(self) -> guard.Watch:
        """A watch over every table of the user's own, for when nobody can tell what will be reached."""
        virtual = self.session.virtual_tables()
        names = guard.tables(self.conn) - BOOKKEEPING
        mine = frozenset(n for n in names if guard.is_user_table(n, virtual) and not n.startswith("sqlite_"))
        return guard.Watch(dropped=mine, linked=mine)

    def begin(self, *, foreign_keys: bool) -> None:
        """Remember the schema, for back(). Inside a savepoint the pragma would do nothing, so it is set here."""
        self.conn.execute(f"PRAGMA foreign_keys = {'on' if foreign_keys else 'off'}")
        self.conn.execute("SAVEPOINT memsql_pack")

    def keep(self) -> None:
        """The server committed."""
        self.conn.execute("RELEASE memsql_pack")

    def back(self) -> None:
        """The server rolled back."""
        self.session.forget()
        self.conn.execute("ROLLBACK TO memsql_pack")
        self.conn.execute("RELEASE memsql_pack")

    def _learn(self, conn: Connection, file: SqlFile, _: Callable[[float], None]) -> None:
        seen: set[str] = set()
        for chunk in script.chunks(file):
            for statement in statements(chunk.text):
                self._budget = _BUDGET
                same = _INSERT(statement.text)
                if same is not None and "conflict" not in statement.text.lower():
                    if same[0] not in seen:
                        seen.add(same[0])
                        compile_only(self.conn, statement.text)
                elif effect(statement.text).kind in _COMPILED:
                    compile_only(self.conn, statement.text)
                else:
                    seen.clear()
                    conn.execute(statement.text)

    def _spend(self, _: float | None) -> None:
        """Give up on a statement that computes for long, such as CREATE TABLE … AS over what it makes up itself."""
        self._budget -= 1
        if self._budget < 0:
            raise TimeoutError

    def _without_rows(self, job: Job) -> SqlFile:
        """The file without the parts that only insert, where inserting reaches nothing but the table itself."""
        file = job.file
        if (
            len(file.cuts) == 1
            or not job.header.foreign_keys
            or self.session.replaces()
            or self.session.fts_tables()
            or self._has_triggers()
        ):
            return file
        kept = []
        for chunk in script.chunks(file):
            text = chunk.text.lower()
            if "conflict" in text:
                return file
            if may_concern(chunk.text) or "create" in text:
                if "trigger" in text or "virtual" in text:
                    return file
                kept.append(chunk.text)
        return replace(file, data="".join(kept).encode())

    def _has_triggers(self) -> bool:
        return bool(self.conn.execute(load("engine/has_triggers")).rows)


_ORDER = {"table": 0, "index": 1, "view": 2, "trigger": 3}


def _is_made(name: str, owners: Mapping[str, str]) -> bool:
    """Whether SQLite or a virtual table makes ``name`` by itself."""
    lower = fold(name)
    if lower.startswith(("sqlite_", "libsql_")):
        return True
    return not (lower in LEDGER or lower.startswith(("memsql_", "_litestream_"))) and is_internal(name, owners)


def _nothing(*_: object) -> None:
    return None
