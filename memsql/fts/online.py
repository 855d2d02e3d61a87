"""Rebuilding an external-content index while others go on writing.

A new index grows beside the old one, a chunk of rows a transaction. Everything up to the frontier, the
last row copied, is kept right by triggers of our own; rows beyond it are copied later with whatever
they hold then. When nothing is left beyond the frontier the new index takes the old one's name in one
short transaction. Each step is a transaction, reads the schema anew and writes the frontier with the rows,
so a run that is killed leaves a state from which the next one goes on, and one whose table or index was
redefined meanwhile begins again.

A REPLACE removes a row without firing a delete trigger. Our triggers notice one that takes an indexed row's
key, the swap notices any other by the number of rows; then the new index is built in one statement.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memsql.db.queries import load
from memsql.errors import Interrupted, LockedError, Refused, UsageError
from memsql.fts.check import check_in_transaction, command, content_of, refuse_contentless
from memsql.fts.discover import OURS, FtsTable, arguments_of, discover
from memsql.sqltext import ROWIDS, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memsql.db import Connection

PAUSE = 0.25
EVERYTHING = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Online:
    """A rebuild on its way: the table, the name of the new index, its row key and its content."""

    table: FtsTable
    new: str
    key: str
    content: str

    @property
    def triggers(self) -> tuple[str, ...]:
        return tuple(f"{self.new}_{event}" for event in ("insert", "delete", "update"))

    @property
    def docsize(self) -> str | None:
        """The shadow table with one row for each row indexed (https://sqlite.org/fts5.html, section 9)."""
        return None if ("columnsize", "0") in self.table.options else f"{self.new}_docsize"


def rebuild_online(
    conn: Connection,
    table: FtsTable,
    *,
    chunk: int,
    progress: Callable[[int, int], None],
    prove: Callable[[str], bool],
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Rebuild ``table`` in chunks of ``chunk`` rows; return the number of rows copied by this run.

    ``progress`` is told rows done and rows in all after each chunk. ``prove`` checks the new index, by its
    name, on a copy of the database before the swap. Raises Refused or UsageError where it cannot be done
    online, LockedError when a writer holds the database for too long, Interrupted when ``stopped`` says so:
    the next run goes on from there.
    """
    if conn.body_limit is not None:
        from memsql.fts.online_server import rebuild_on_server

        return rebuild_on_server(conn, table, chunk=chunk, progress=progress, prove=prove, stopped=stopped)
    plan = plan_for(conn, table)
    with transaction(conn):
        ensure(conn, plan)
    total, done, copied = count_rows(conn, plan), copied_rows(conn, plan), 0
    progress(done, total)
    try:
        while True:
            unless_stopped(stopped, table.name, done, total)
            started = time.perf_counter()
            with transaction(conn):
                plan = plan_again(conn, table.name)
                if ensure(conn, plan):
                    done = 0
                rows = _copy(conn, plan, chunk)
                complete = rows < chunk
                if complete:
                    # Whoever appends a row for each chunk must not keep this going for ever, so the end is reached while
                    # the lock is held.
                    _copy(conn, plan, chunk)
            if rows:
                done, copied = done + rows, copied + rows
                progress(done, max(done, total))
            if not complete:
                # SQLite's lock knows no queue: without a pause the writers that wait would never get it.
                time.sleep((time.perf_counter() - started) * PAUSE)
                continue
            sound = prove(plan.new)
            unless_stopped(stopped, table.name, done, total)
            if _swap(conn, table.name, sound=sound):
                return copied
    except LockedError as e:
        e.state = half_way(done, total)
        e.hint = f"run it again to go on; {e.hint}"
        raise


def abort(conn: Connection, table: FtsTable) -> bool:
    """Give a rebuild up and remove all it left; False where there was none."""
    return abort_by_name(conn, table.name)


def abort_by_name(conn: Connection, name: str) -> bool:
    """The same for an index that may itself be gone."""
    if progress_of(conn, name) is None:
        return False
    with transaction(conn):
        _clear(conn, Online(FtsTable(name, "", (), (), None, "", (), ""), new_name(name), "", ""))
        _forget(conn, name)
    return True


def unfinished(conn: Connection) -> list[str]:
    """Names of the indexes whose online rebuild was begun and not ended. Reads only."""
    if not conn.execute(load("fts/has_rebuild")).rows:
        return []
    return [str(row[0]) for row in conn.execute(load("fts/rebuilds")).rows]


def new_name(name: str) -> str:
    """What the new index is called while it grows; the prefix marks it as ours."""
    return OURS + name


def plan_for(conn: Connection, table: FtsTable) -> Online:
    refuse_contentless(table)
    content = content_of(conn, table)
    if table.kind != "external" or content.kind != "table":
        what = (
            "keeps its own copy of the text" if table.kind == "own" else f"is over {table.content}, which is no table"
        )
        raise UsageError(
            f"{table.name} {what}; an online rebuild needs a content table with triggers",
            state="nothing was changed",
            hint=f"rebuild it in one statement: invoke fts.rebuild --table {table.name}",
        )
    missing = [c for c in table.all_columns if c.lower() not in {x.lower() for x in content.columns}]
    if missing:
        raise Refused(
            f"{table.content} has no column {missing[0]}; the index cannot be built from it",
            state="nothing was changed",
        )
    key = table.content_rowid.lower()
    if key not in ROWIDS and key != (content.integer_key or "").lower():
        raise Refused(
            f"content_rowid {table.content_rowid} is not the INTEGER PRIMARY KEY of {table.content}; "
            "an online rebuild cannot tell its rows apart",
            state="nothing was changed",
            hint="see invoke fts.status",
        )
    assert table.content is not None
    return Online(table, new_name(table.name), table.content_rowid, table.content)


def plan_again(conn: Connection, name: str) -> Online:
    """The plan by the schema as it is now; inside the transaction nobody can change it."""
    if progress_of(conn, name) is None:
        raise Refused(f"somebody else finished or gave up the rebuild of {name}", state="nothing was changed")
    table = next((t for t in discover(conn) if t.name == name), None)
    if table is None:
        raise Refused(
            f"{name} was dropped while it was being rebuilt",
            state="what the rebuild left is still there",
            hint="remove it with: invoke fts.rebuild --abort",
        )
    return plan_for(conn, table)


def ensure(conn: Connection, plan: Online) -> bool:
    """Begin, or begin again where the new index is not what the old one is now; whether it did."""
    if progress_of(conn, plan.table.name) is not None and _intact(conn, plan):
        return False
    conn.execute(load("fts/create_rebuild"))
    _clear(conn, plan)
    new = quote(plan.new)
    conn.execute(f"CREATE VIRTUAL TABLE {new} USING fts5({arguments_of(plan.table.sql)}")
    # What was set with commands, such as rank or automerge, lies beside the index and not in its definition.
    conn.execute(
        f"INSERT INTO {new} ({new}, rank) SELECT k, v FROM {quote(plan.table.name + '_config')} WHERE k <> 'version'"
    )
    conn.execute(load("fts/begin_rebuild"), (plan.table.name, plan.new, datetime.now(UTC).isoformat()))
    for statement in _trigger_statements(plan):
        conn.execute(statement)
    return True


def _intact(conn: Connection, plan: Online) -> bool:
    """A migration that rebuilds the content table takes our triggers with it, one that redefines the index leaves
    the new one behind."""
    there = {str(n): str(sql) for n, sql in conn.execute(load("fts/rebuild_objects"), (plan.new, *plan.triggers)).rows}
    index = there.pop(plan.new, "")
    return arguments_of(index) == arguments_of(plan.table.sql) and set(there.values()) == set(_trigger_statements(plan))


def _trigger_statements(plan: Online) -> list[str]:
    new, key = quote(plan.new), quote(plan.key)
    names = ", ".join(map(quote, plan.table.all_columns))
    mine = "name = '" + plan.table.name.replace("'", "''") + "'"
    # After a REPLACE the new index is no longer kept: taking out what was never put in could fail the writer's statement.
    frontier = f"(SELECT frontier FROM memsql_fts_rebuild WHERE {mine} AND NOT replaced)"

    def values(row: str) -> str:
        return ", ".join(f"{row}.{quote(c)}" for c in (plan.key, *plan.table.all_columns))

    out = f"INSERT INTO {new} ({new}, rowid, {names}) SELECT 'delete', {values('old')} WHERE old.{key} <= {frontier};"
    into = f"INSERT INTO {new} (rowid, {names}) SELECT {values('new')} WHERE new.{key} <= {frontier};"
    if plan.docsize:
        into = (
            f"UPDATE memsql_fts_rebuild SET replaced = 1 WHERE {mine} "
            f"AND EXISTS (SELECT 1 FROM {quote(plan.docsize)} WHERE id = new.{key}); {into}"
        )
    content = quote(plan.content)
    insert, delete, update = map(quote, plan.triggers)
    return [
        f"CREATE TRIGGER {insert} AFTER INSERT ON {content} WHEN new.{key} <= {frontier} BEGIN {into} END",
        f"CREATE TRIGGER {delete} AFTER DELETE ON {content} WHEN old.{key} <= {frontier} BEGIN {out} END",
        # An update may carry a row across the frontier, in either direction, by changing its key.
        f"CREATE TRIGGER {update} AFTER UPDATE ON {content} "
        f"WHEN min(old.{key}, new.{key}) <= {frontier} BEGIN {out} {into} END",
    ]


def _copy(conn: Connection, plan: Online, limit: int) -> int:
    """Copy up to ``limit`` rows beyond the frontier; 0 when there is none, or no use in going on."""
    name, key = plan.table.name, quote(plan.key)
    row = progress_of(conn, name)
    assert row is not None
    frontier, replaced = row
    if replaced:
        return 0
    after, params = ("", ()) if frontier is None else (f"WHERE {key} > ?", (frontier,))
    content = quote(plan.content)
    last, count = conn.execute(
        f"SELECT max(k), count(*) FROM (SELECT {key} AS k FROM {content} {after} ORDER BY {key} LIMIT {limit:d})",
        params,
    ).rows[0]
    assert isinstance(count, int)
    if not count:
        # From here on the triggers keep the new index right wherever a row goes.
        conn.execute(load("fts/move_frontier"), (EVERYTHING, name))
        return 0
    names = ", ".join(map(quote, plan.table.all_columns))
    upto = f"{after} AND {key} <= ?" if after else f"WHERE {key} <= ?"
    conn.execute(
        f"INSERT INTO {quote(plan.new)} (rowid, {names}) SELECT {key}, {names} FROM {content} {upto} ORDER BY {key}",
        (*params, last),
    )
    conn.execute(load("fts/move_frontier"), (last, name))
    return count


def _swap(conn: Connection, name: str, *, sound: bool) -> bool:
    """Put the new index in the old one's place in one transaction; False where it has to be copied again first.

    Unless it is ``sound``, and nothing replaced a row since that was proven, it is built in one statement while it
    is locked anyway, and checked here.
    """
    with _plain_renames(conn), transaction(conn):
        plan = plan_again(conn, name)
        if not _intact(conn, plan):
            return False
        if not sound or _replaced(conn, plan) or _leftover(conn, plan):
            conn.execute(command(plan.new, "rebuild"))
            problems = check_in_transaction(conn, [plan.new])
            if problems:
                raise Refused(
                    f"the new index of {name} does not agree with its content",
                    details=tuple(problems),
                    state="the old index is still in place",
                    hint="give the rebuild up with: invoke fts.rebuild --abort",
                )
        for trigger in plan.triggers:
            conn.execute(f"DROP TRIGGER {quote(trigger)}")
        conn.execute(f"DROP TABLE {quote(name)}")
        conn.execute(f"ALTER TABLE {quote(plan.new)} RENAME TO {quote(name)}")
        _forget(conn, name)
    return True


def _leftover(conn: Connection, plan: Online) -> bool:
    """Whether the new index has rows that the content has not, or what only a check can tell is wrong."""
    if plan.docsize is None:
        return bool(check_in_transaction(conn, [plan.new]))
    indexed = conn.execute(f"SELECT count(*) FROM {quote(plan.docsize)}").one()
    return indexed != count_rows(conn, plan)


@contextmanager
def _plain_renames(conn: Connection) -> Iterator[None]:
    """While open, a rename leaves triggers and views alone (https://sqlite.org/pragma.html#pragma_legacy_alter_table).

    They name the old index and are to name the new one, so nothing in them changes; otherwise SQLite would refuse
    the rename for as long as they name a table that is gone.
    """
    before = conn.execute("PRAGMA legacy_alter_table").one()
    conn.execute("PRAGMA legacy_alter_table = on")
    try:
        yield
    finally:
        if not before:
            conn.execute("PRAGMA legacy_alter_table = off")


@contextmanager
def transaction(conn: Connection) -> Iterator[None]:
    conn.begin()
    try:
        yield
        conn.commit()
    except BaseException:
        conn.rollback()
        raise


def unless_stopped(stopped: Callable[[], bool], name: str, done: int, total: int) -> None:
    if stopped():
        raise Interrupted(
            f"the rebuild of {name} was stopped",
            state=half_way(done, total),
            hint="run it again to go on, or give up with: invoke fts.rebuild --abort",
        )


def half_way(done: int, total: int) -> str:
    return f"{done:,} of {max(done, total):,} rows are in the new index; searches use the old one"


def _clear(conn: Connection, plan: Online) -> None:
    drops = [
        *(f"DROP TRIGGER IF EXISTS {quote(name)}" for name in plan.triggers),
        f"DROP TABLE IF EXISTS {quote(plan.new)}",
    ]
    conn.batch([(sql, ()) for sql in drops])


def _forget(conn: Connection, name: str) -> None:
    conn.execute(load("fts/end_rebuild"), (name,))
    if not conn.execute(load("fts/any_rebuild")).rows:
        conn.execute("DROP TABLE memsql_fts_rebuild")


def progress_of(conn: Connection, name: str) -> tuple[int | None, bool] | None:
    """Frontier and whether a row was replaced; None where no rebuild is on its way."""
    if not conn.execute(load("fts/has_rebuild")).rows:
        return None
    rows = conn.execute(load("fts/frontier"), (name,)).rows
    if not rows:
        return None
    frontier, replaced = rows[0]
    assert frontier is None or isinstance(frontier, int)
    return frontier, bool(replaced)


def _replaced(conn: Connection, plan: Online) -> bool:
    row = progress_of(conn, plan.table.name)
    return row is not None and row[1]


def count_rows(conn: Connection, plan: Online, upto: int | None = None) -> int:
    where, params = ("", ()) if upto is None else (f"WHERE {quote(plan.key)} <= ?", (upto,))
    value = conn.execute(f"SELECT count(*) FROM {quote(plan.content)} {where}", params).one()
    assert isinstance(value, int)
    return value


def copied_rows(conn: Connection, plan: Online) -> int:
    row = progress_of(conn, plan.table.name)
    return 0 if row is None or row[0] is None else count_rows(conn, plan, row[0])
