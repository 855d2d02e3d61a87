"""The steps of an online rebuild on a SQLite file: statement by statement, inside the lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from memsql import hints
from memsql.db import Connection, transaction
from memsql.db.queries import load
from memsql.errors import ConnectError, LockedError, MemsqlError, Refused, StatementError
from memsql.fts.check import check_in_transaction, command
from memsql.fts.discover import FtsTable
from memsql.fts.online import (
    END,
    Chunk,
    RebuildPlan,
    count_rows,
    end,
    ensure,
    is_intact,
    plan_again,
    plan_for,
    position,
)
from memsql.sqltext import quote


class FileEngine:
    """rebuild_online.Engine for a file."""

    def __init__(self, conn: Connection, table: FtsTable) -> None:
        self._conn = conn
        self._name = table.name
        self.plan = plan_for(conn, table)

    def begin(self) -> None:
        with transaction(self._conn):
            ensure(self._conn, self.plan)

    def copy(self, limit: int) -> Chunk:
        with transaction(self._conn):
            self.plan = plan_again(self._conn, self._name)
            began_again = ensure(self._conn, self.plan)
            rows = _copy(self._conn, self.plan, limit)
            complete = rows < limit
            if complete:
                # The end is reached while the lock is held, so that somebody who appends a row for each chunk cannot
                # keep the rebuild going for ever.
                _copy(self._conn, self.plan, limit)
        return Chunk(rows, complete=complete, recount=began_again)

    def swap(self, *, sound: bool) -> bool:
        conn, name = self._conn, self._name
        with _plain_renames(conn), transaction(conn):
            plan = self.plan = plan_again(conn, name)
            if not is_intact(conn, plan):
                return False
            if not sound or _replaced(conn, name) or _leftover(conn, plan):
                conn.execute(command(plan.new, "rebuild"))
                _refuse_unsound(conn, plan)
            for trigger in plan.triggers:
                conn.execute(f"DROP TRIGGER {quote(trigger)}")
            conn.execute(f"DROP TABLE {quote(name)}")
            conn.execute(f"ALTER TABLE {quote(plan.new)} RENAME TO {quote(name)}")
            end(conn, name)
        return True

    def explain(self, error: MemsqlError, reached: str) -> None:
        if isinstance(error, (LockedError, ConnectError, StatementError)):
            # What was copied before is committed, whatever is true of the last step.
            error.state = reached
        if isinstance(error, LockedError):
            error.hint = f"run it again to go on; {error.hint}"


def _copy(conn: Connection, plan: RebuildPlan, limit: int) -> int:
    """Copy up to ``limit`` rows beyond the frontier; 0 where there is none, or where a REPLACE made it useless."""
    name, key = plan.table.name, quote(plan.key)
    reached = position(conn, name)
    assert reached is not None
    if reached.replaced:
        return 0
    after, params = ("", ()) if reached.frontier is None else (f"WHERE {key} > ?", (reached.frontier,))
    content = quote(plan.content)
    last, count = conn.execute(
        f"SELECT max(k), count(*) FROM (SELECT {key} AS k FROM {content} {after} ORDER BY {key} LIMIT {limit:d})",
        params,
    ).rows[0]
    assert isinstance(count, int)
    if not count:
        # From now on the triggers keep the new index right for every key.
        conn.execute(load("fts/move_frontier"), (END, name))
        return 0
    names = ", ".join(map(quote, plan.table.all_columns))
    up_to = f"{after} AND {key} <= ?" if after else f"WHERE {key} <= ?"
    conn.execute(
        f"INSERT INTO {quote(plan.new)} (rowid, {names}) SELECT {key}, {names} FROM {content} {up_to} ORDER BY {key}",
        (*params, last),
    )
    conn.execute(load("fts/move_frontier"), (last, name))
    return count


def _refuse_unsound(conn: Connection, plan: RebuildPlan) -> None:
    problems = check_in_transaction(conn, [plan.new])
    if problems:
        raise Refused(
            f"the new index of {plan.table.name} does not agree with its content",
            details=tuple(problems),
            state="the old index is still in place",
            hint=f"give the rebuild up with: {hints.command('fts.rebuild --abort')}",
        )


def _replaced(conn: Connection, name: str) -> bool:
    reached = position(conn, name)
    return reached is not None and reached.replaced


def _leftover(conn: Connection, plan: RebuildPlan) -> bool:
    """Whether the new index holds another number of rows than the content; without a docsize table, whether a check
    finds anything wrong."""
    if plan.docsize is None:
        return bool(check_in_transaction(conn, [plan.new]))
    indexed = conn.execute(f"SELECT count(*) FROM {quote(plan.docsize)}").one()
    return indexed != count_rows(conn, plan)


@contextmanager
def _plain_renames(conn: Connection) -> Iterator[None]:
    """While open, a rename leaves triggers and views as they are
    (https://sqlite.org/pragma.html#pragma_legacy_alter_table).

    They name the old index and are to name the new one, so their text stays the same. Without this, SQLite refuses the
    rename because they name a table that was dropped.
    """
    before = conn.execute("PRAGMA legacy_alter_table").one()
    conn.execute("PRAGMA legacy_alter_table = on")
    try:
        yield
    finally:
        if not before:
            conn.execute("PRAGMA legacy_alter_table = off")
