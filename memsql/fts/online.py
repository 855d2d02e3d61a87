"""Rebuilding an external-content index while others go on writing.

A new index grows beside the old one, a chunk of rows a transaction. Everything up to the frontier, the
last row copied, is kept right by triggers of our own; rows beyond it are copied later with whatever
they hold then. When nothing is left beyond the frontier the new index takes the old one's name in one
short transaction. Each step is a transaction and the frontier is written with the rows, so a run that is
killed leaves a state from which the next one goes on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.errors import Interrupted, Refused, UsageError
from memsql.fts.check import check_in_transaction, content_of, quote, refuse_contentless
from memsql.fts.discover import OURS, FtsTable

_HEAD = re.compile(r"\bUSING\s+fts5\s*\(", re.IGNORECASE)
_PAUSE = 0.25
_EVERYTHING = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Online:
    """A rebuild on its way: the names of the new index and of our triggers, and the row key."""

    table: FtsTable
    new: str
    key: str

    @property
    def triggers(self) -> tuple[str, ...]:
        return tuple(f"{self.new}_{event}" for event in ("insert", "delete", "move_out", "move_in"))


def rebuild_online(
    conn: Connection, table: FtsTable, *, chunk: int, progress: Callable[[int, int], None],
    prove: Callable[[str], bool], stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Rebuild ``table`` in chunks of ``chunk`` rows; return the number of rows copied by this run.

    ``progress`` is told rows done and rows in all after each chunk. ``prove`` checks the new index, by its
    name, on a copy of the database before the swap. Raises Refused or UsageError where it cannot be done
    online, Interrupted when ``stopped`` says so: the next run goes on from there.
    """
    plan = _plan(conn, table)
    if _frontier_row(conn, table.name) is None:
        _begin(conn, plan)
    total = _count(conn, plan)
    done = _copied(conn, plan)
    progress(done, total)
    copied = 0
    while True:
        if stopped():
            raise Interrupted(f"the rebuild of {table.name} was stopped",
                              state=f"{done:,} of {total:,} rows are in the new index; searches use the old one",
                              hint="run it again to go on, or give up with: invoke fts.rebuild --abort")
        started = time.perf_counter()
        rows = _copy_chunk(conn, plan, chunk)
        done, copied = done + rows, copied + rows
        if rows:
            progress(done, max(done, total))
        if rows < chunk:
            # Whoever appends a row for each chunk must not keep this going for ever.
            copied += _copy_rest(conn, plan, chunk)
            break
        # SQLite's lock knows no queue: without a pause the writers that wait would never get it.
        time.sleep((time.perf_counter() - started) * _PAUSE)
    _swap(conn, plan, chunk, anew=not prove(plan.new))
    return copied


def abort(conn: Connection, table: FtsTable) -> bool:
    """Give a rebuild up and remove all it left; False where there was none."""
    if _frontier_row(conn, table.name) is None:
        return False
    plan = Online(table, new_name(table.name), "rowid")
    conn.begin()
    try:
        _remove_triggers(conn, plan)
        conn.execute(f"DROP TABLE IF EXISTS {quote(plan.new)}")
        _forget(conn, table.name)
        conn.commit()
    except BaseException:
        conn.rollback()
        raise
    return True


def new_name(name: str) -> str:
    """What the new index is called while it grows; the prefix marks it as ours."""
    return OURS + name


def _plan(conn: Connection, table: FtsTable) -> Online:
    refuse_contentless(table)
    content = content_of(conn, table)
    if table.kind != "external" or content.kind != "table":
        what = "keeps its own copy of the text" if table.kind == "own" else f"is over {table.content}, which is no table"
        raise UsageError(
            f"{table.name} {what}; an online rebuild needs a content table with triggers",
            state="nothing was changed", hint=f"rebuild it in one statement: invoke fts.rebuild --table {table.name}",
        )
    missing = [c for c in table.all_columns if c.lower() not in {x.lower() for x in content.columns}]
    if missing:
        raise Refused(f"{table.content} has no column {missing[0]}; the index cannot be built from it",
                      state="nothing was changed")
    return Online(table, new_name(table.name), table.content_rowid)


def _begin(conn: Connection, plan: Online) -> None:
    table = plan.table
    head = _HEAD.search(table.sql)
    assert head is not None
    conn.begin()
    try:
        conn.execute(load("fts/create_rebuild"))
        conn.execute(f"DROP TABLE IF EXISTS {quote(plan.new)}")
        conn.execute(f"CREATE VIRTUAL TABLE {quote(plan.new)} USING fts5({table.sql[head.end():]}")
        conn.execute(load("fts/begin_rebuild"), (table.name, plan.new, datetime.now(UTC).isoformat()))
        for statement in _trigger_statements(plan):
            conn.execute(statement)
        conn.commit()
    except BaseException:
        conn.rollback()
        raise


def _trigger_statements(plan: Online) -> list[str]:
    table, new, key = plan.table, quote(plan.new), quote(plan.key)
    assert table.content is not None
    names = ", ".join(map(quote, table.all_columns))
    name = table.name.replace("'", "''")
    frontier = f"(SELECT frontier FROM memsql_fts_rebuild WHERE name = '{name}')"

    def values(row: str) -> str:
        return ", ".join(f"{row}.{quote(c)}" for c in (plan.key, *table.all_columns))

    out = f"INSERT INTO {new} ({new}, rowid, {names}) VALUES ('delete', {values('old')});"
    into = f"INSERT INTO {new} (rowid, {names}) VALUES ({values('new')});"
    content = quote(table.content)
    insert, delete, move_out, move_in = map(quote, plan.triggers)
    # An update is two triggers, for it may carry a row across the frontier by changing its key. SQLite runs
    # the trigger that was created last first, so the one that takes out is created last.
    return [
        f"CREATE TRIGGER {insert} AFTER INSERT ON {content} WHEN new.{key} <= {frontier} BEGIN {into} END",
        f"CREATE TRIGGER {delete} AFTER DELETE ON {content} WHEN old.{key} <= {frontier} BEGIN {out} END",
        f"CREATE TRIGGER {move_in} AFTER UPDATE ON {content} WHEN new.{key} <= {frontier} BEGIN {into} END",
        f"CREATE TRIGGER {move_out} BEFORE UPDATE ON {content} WHEN old.{key} <= {frontier} BEGIN {out} END",
    ]


def _copy_chunk(conn: Connection, plan: Online, chunk: int) -> int:
    conn.begin()
    try:
        rows = _copy(conn, plan, chunk)
        conn.commit()
    except BaseException:
        conn.rollback()
        raise
    return rows


def _copy_rest(conn: Connection, plan: Online, chunk: int) -> int:
    """Copy what is left, in one transaction; afterwards the triggers keep everything in step."""
    conn.begin()
    try:
        copied = 0
        while rows := _copy(conn, plan, chunk):
            copied += rows
        conn.commit()
    except BaseException:
        conn.rollback()
        raise
    return copied


def _copy(conn: Connection, plan: Online, limit: int) -> int:
    table, key = plan.table, quote(plan.key)
    row = _frontier_row(conn, table.name)
    if row is None:
        raise Refused(f"somebody else finished or gave up the rebuild of {table.name}", state="nothing was changed")
    assert table.content is not None
    frontier = row[0]
    after, params = ("", ()) if frontier is None else (f"WHERE {key} > ?", (frontier,))
    content = quote(table.content)
    last = conn.execute(
        f"SELECT max(k), count(*) FROM (SELECT {key} AS k FROM {content} {after} ORDER BY {key} LIMIT {limit:d})", params
    ).rows[0]
    if not last[1]:
        # From here on the triggers keep the new index right wherever a row goes.
        conn.execute(load("fts/move_frontier"), (_EVERYTHING, table.name))
        return 0
    names = ", ".join(map(quote, table.all_columns))
    upto = f"{after} AND {key} <= ?" if after else f"WHERE {key} <= ?"
    conn.execute(
        f"INSERT INTO {quote(plan.new)} (rowid, {names}) SELECT {key}, {names} FROM {content} {upto} ORDER BY {key}",
        (*params, last[0]),
    )
    conn.execute(load("fts/move_frontier"), (last[0], table.name))
    count = last[1]
    assert isinstance(count, int)
    return count


def _swap(conn: Connection, plan: Online, chunk: int, *, anew: bool) -> None:
    """Copy what is left and put the new index in the old one's place, all in one transaction.

    ``anew``: the new index did not pass its check, as after a REPLACE, which fires no delete trigger; then it
    is built in one statement while it is locked anyway, and checked here.
    """
    table = plan.table
    conn.begin()
    try:
        while _copy(conn, plan, chunk):
            pass
        if anew:
            conn.execute(f"INSERT INTO {quote(plan.new)} ({quote(plan.new)}) VALUES ('rebuild')")
            problems = check_in_transaction(conn, [plan.new])
            if problems:
                raise Refused(f"the new index of {table.name} does not agree with its content",
                              details=tuple(problems), state="the old index is still in place")
        _remove_triggers(conn, plan)
        # A rename reads every trigger and fails on one that names a missing table, so those go and come back.
        for trigger in table.triggers:
            conn.execute(f"DROP TRIGGER {quote(trigger.name)}")
        conn.execute(f"DROP TABLE {quote(table.name)}")
        conn.execute(f"ALTER TABLE {quote(plan.new)} RENAME TO {quote(table.name)}")
        for trigger in table.triggers:
            conn.execute(trigger.sql)
        _forget(conn, table.name)
        conn.commit()
    except BaseException:
        conn.rollback()
        raise


def _remove_triggers(conn: Connection, plan: Online) -> None:
    for name in plan.triggers:
        conn.execute(f"DROP TRIGGER IF EXISTS {quote(name)}")


def _forget(conn: Connection, name: str) -> None:
    conn.execute(load("fts/end_rebuild"), (name,))
    if not conn.execute(load("fts/any_rebuild")).rows:
        conn.execute("DROP TABLE memsql_fts_rebuild")


def _frontier_row(conn: Connection, name: str) -> tuple[Value, ...] | None:
    if not conn.execute(load("fts/has_rebuild")).rows:
        return None
    rows = conn.execute(load("fts/frontier"), (name,)).rows
    return rows[0] if rows else None


def _count(conn: Connection, plan: Online) -> int:
    assert plan.table.content is not None
    value = conn.execute(f"SELECT count(*) FROM {quote(plan.table.content)}").one()
    assert isinstance(value, int)
    return value


def _copied(conn: Connection, plan: Online) -> int:
    row = _frontier_row(conn, plan.table.name)
    if row is None or row[0] is None:
        return 0
    assert plan.table.content is not None
    value = conn.execute(
        f"SELECT count(*) FROM {quote(plan.table.content)} WHERE {quote(plan.key)} <= ?", (row[0],)).one()
    assert isinstance(value, int)
    return value
