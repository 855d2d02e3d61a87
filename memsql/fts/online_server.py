"""The online rebuild on a server: a chunk of rows is one request, the swap is two.

What a file is asked step by step must be decided there inside the statements: they do nothing when the schema or the
frontier is not the one that the last answer told of. A server refuses ``PRAGMA legacy_alter_table``, so the
triggers and views that name the index are dropped before the swap and made again after it, word for word.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from memsql.db import Connection, Item, Result
from memsql.db.copying import Stored
from memsql.db.queries import load
from memsql.errors import CommitUnknown, LockedError, MemsqlError, Refused, StatementError
from memsql.fts.check import check_in_transaction, command
from memsql.fts.discover import FtsTable, discover
from memsql.fts.online import (
    EVERYTHING,
    PAUSE,
    Online,
    copied_rows,
    count_rows,
    ensure,
    half_way,
    plan_again,
    plan_for,
    progress_of,
    transaction,
    unless_stopped,
)
from memsql.sqltext import identifiers, quote


@dataclass(frozen=True, slots=True)
class At:
    """Where a rebuild stands, and the schema that this holds for."""

    plan: Online
    version: int
    frontier: int | None
    replaced: bool

    @property
    def complete(self) -> bool:
        return self.replaced or self.frontier == EVERYTHING


class _Moved(Exception):
    """The schema or the rebuild is not what we knew; look again."""


def rebuild_on_server(
    conn: Connection,
    table: FtsTable,
    *,
    chunk: int,
    progress: Callable[[int, int], None],
    prove: Callable[[str], bool],
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """As online.rebuild_online(), on a server."""
    plan_for(conn, table)
    done, total, copied = 0, 0, 0
    failure = ""
    try:
        at = _prepare(conn, table.name, again=False)
        total, done = count_rows(conn, at.plan), copied_rows(conn, at.plan)
        progress(done, total)
        while True:
            unless_stopped(stopped, table.name, done, total)
            started = time.perf_counter()
            try:
                rows, at = _copy(conn, at, chunk)
                if rows:
                    done, copied, failure = done + rows, copied + rows, ""
                    progress(done, max(done, total))
                if not at.complete:
                    time.sleep((time.perf_counter() - started) * PAUSE)
                    continue
                sound = not at.replaced and prove(at.plan.new)
                unless_stopped(stopped, table.name, done, total)
                _swap(conn, at, sound=sound)
                return copied
            except _Moved:
                pass
            except StatementError as e:
                # Most likely something was dropped meanwhile, and looking again tells what.
                if failure == e.message:
                    raise
                failure = e.message
            at = _prepare(conn, table.name, again=True)
            done = copied_rows(conn, at.plan)
    except LockedError as e:
        e.state = half_way(done, total)
        e.hint = "run it again to go on; a smaller --chunk holds the lock for less time"
        raise
    except CommitUnknown as e:
        e.hint = "run it again to go on"
        raise
    except StatementError as e:
        e.state = half_way(done, total)
        e.hint = e.hint or "give the rebuild up with: invoke fts.rebuild --abort"
        raise


def closure(objects: Sequence[Stored], name: str, ours: Collection[str], broken: Collection[str] = ()) -> list[Stored]:
    """The triggers and views that stand in the way of renaming a table to ``name``, in the order of their making.

    Those that name it, through views too; and, so that they go on firing in the same order, all triggers of a table
    of which one is made again. ``broken`` are names that SQLite complained of.
    """
    names, tables = {name.lower()}, set[str]()
    found: set[str] = {b.lower() for b in broken}
    things = [o for o in objects if o.type in ("trigger", "view") and o.name not in ours]
    while True:
        before = len(found), len(tables)
        for thing in things:
            lower = thing.name.lower()
            if lower not in found and (
                identifiers(thing.sql) & names or (thing.type == "trigger" and thing.table.lower() in tables)
            ):
                found.add(lower)
            if lower in found:
                (names if thing.type == "view" else tables).add(lower if thing.type == "view" else thing.table.lower())
        if (len(found), len(tables)) == before:
            return [o for o in things if o.name.lower() in found]


def _prepare(conn: Connection, name: str, *, again: bool) -> At:
    """Begin, or begin again where the schema says so. Inside the lock, so that the plan is that of the version it goes with."""
    with transaction(conn):
        table = next((t for t in discover(conn) if t.name == name), None)
        plan = plan_again(conn, name) if again or table is None else plan_for(conn, table)
        ensure(conn, plan)
        return _at(plan, conn.execute(load("fts/rebuild_state"), (name,)))


def _at(plan: Online, state: Result) -> At:
    if not state.rows:
        raise _Moved
    frontier, replaced, version = state.rows[0]
    assert frontier is None or isinstance(frontier, int)
    assert isinstance(version, int)
    return At(plan, version, frontier, bool(replaced))


def _copy(conn: Connection, at: At, limit: int) -> tuple[int, At]:
    """Copy up to ``limit`` rows beyond the frontier in one transaction and one request: how many, and where that led.

    Fewer than ``limit`` are the last ones; from then on the triggers keep the new index right wherever a row goes.
    """
    name, key, content = at.plan.table.name, quote(at.plan.key), quote(at.plan.content)
    names = ", ".join(map(quote, at.plan.table.all_columns))
    after, params = ("true", ()) if at.frontier is None else (f"{key} > ?", (at.frontier,))
    mine = "name = ? AND frontier IS ? AND NOT replaced AND (SELECT schema_version FROM pragma_schema_version) = ?"
    guard = (name, at.frontier, at.version)
    items: list[Item] = [
        ("BEGIN IMMEDIATE", ()),
        (
            f"INSERT INTO {quote(at.plan.new)} (rowid, {names}) SELECT {key}, {names} FROM {content} "
            f"WHERE {after} AND EXISTS (SELECT 1 FROM memsql_fts_rebuild WHERE {mine}) ORDER BY {key} LIMIT {limit:d}",
            (*params, *guard),
        ),
        (
            f"UPDATE memsql_fts_rebuild SET frontier = coalesce((SELECT {key} FROM {content} WHERE {after} "
            f"ORDER BY {key} LIMIT 1 OFFSET {limit - 1:d}), {EVERYTHING}) WHERE {mine}",
            (*params, *guard),
        ),
        (load("fts/rebuild_state"), (name,)),
        ("COMMIT", ()),
    ]
    try:
        _, inserted, _, state, _ = _sent(conn, items)
    except CommitUnknown:
        _settle(conn)
        raise _Moved from None
    now = _at(at.plan, state)
    if now.version != at.version:
        raise _Moved
    return inserted.changes, now


def _swap(conn: Connection, at: At, *, sound: bool) -> None:
    """Put the new index in the old one's place in one transaction. Raises _Moved where it has to be looked at again.

    Unless it is ``sound``, and nothing replaced a row since that was proven, it is built in one statement while it
    is locked anyway, and checked there.
    """
    plan, broken = at.plan, set[str]()
    while True:
        objects, others, sound_now = _lock_and_look(conn, at, sound=sound)
        items: list[Item] = (
            [] if sound_now else [(command(plan.new, "rebuild"), ()), (command(plan.new, "integrity-check"), ())]
        )
        proofs = len(items)
        items += [(sql, ()) for sql in _swapping(plan, closure(objects, plan.table.name, plan.triggers, broken))]
        items += [(load("fts/end_rebuild"), (plan.table.name,))] if others else [("DROP TABLE memsql_fts_rebuild", ())]
        try:
            _sent(conn, [*items, ("COMMIT", ())])
            return
        except CommitUnknown:
            _settle(conn)
            if progress_of(conn, plan.table.name) is None:
                return
            raise _Moved from None
        except StatementError as e:
            if e.index is not None and e.index < proofs:
                raise Refused(
                    f"the new index of {plan.table.name} does not agree with its content",
                    details=(e.message,),
                    state="the old index is still in place",
                    hint="give the rebuild up with: invoke fts.rebuild --abort",
                ) from e
            # SQLite reads every trigger and view for a rename; one that was broken before is no reason to stop.
            named = {o.name for o in objects if e.message.startswith(f"error in {o.type} {o.name}")} - broken
            if not named:
                raise
            broken |= named


def _lock_and_look(conn: Connection, at: At, *, sound: bool) -> tuple[list[Stored], bool, bool]:
    """Take the lock; the objects of the schema, whether other rebuilds are on their way, and whether the new index
    is right."""
    plan, name = at.plan, at.plan.table.name
    asked: list[Item] = [
        ("BEGIN IMMEDIATE", ()),
        (load("fts/rebuild_state"), (name,)),
        (load("engine/stored_schema"), ()),
        (load("fts/other_rebuilds"), (name,)),
    ]
    if sound and plan.docsize is not None:
        asked += [(f"SELECT count(*) FROM {quote(table)}", ()) for table in (plan.docsize, plan.content)]
    _, state, stored, others, *counts = _sent(conn, asked)
    try:
        now = _at(plan, state)
        if now.version != at.version:
            raise _Moved
        if sound:
            sound = not now.replaced and (
                counts[0].rows == counts[1].rows if counts else not check_in_transaction(conn, [plan.new])
            )
    except BaseException:
        conn.rollback()
        raise
    return [Stored(str(k), str(n), str(t), str(s)) for k, n, t, s in stored.rows], bool(others.one()), sound


def _swapping(plan: Online, inter: Sequence[Stored]) -> list[str]:
    """The statements of the swap; ``inter`` is made anew around it."""
    triggers = [o for o in inter if o.type == "trigger"]
    views = [o for o in inter if o.type == "view"]
    return [
        *(f"DROP TRIGGER {quote(name)}" for name in (*plan.triggers, *(o.name for o in triggers))),
        *(f"DROP VIEW {quote(o.name)}" for o in views),
        f"DROP TABLE {quote(plan.table.name)}",
        f"ALTER TABLE {quote(plan.new)} RENAME TO {quote(plan.table.name)}",
        *(o.sql for o in views),
        *(o.sql for o in triggers),
    ]


def _sent(conn: Connection, items: Sequence[Item]) -> list[Result]:
    """The answers to ``items``; when one fails the transaction is rolled back."""
    try:
        return conn.batch(items)
    except CommitUnknown:
        raise
    except BaseException:
        conn.rollback()
        raise


def _settle(conn: Connection) -> None:
    """Wait for a commit whose answer was lost: the lock is free when it is done, or has come to nothing."""
    try:
        conn.begin()
        conn.rollback()
    except MemsqlError as e:
        e.hint = "run it again to go on"
        raise
