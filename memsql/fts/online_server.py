"""The steps of an online rebuild on a server: a chunk of rows is one request, the swap is two.

A file is asked between two statements; on a server the statements decide themselves: they do nothing where the schema
or the frontier is not the one of the last answer. A server refuses ``PRAGMA legacy_alter_table``, so the triggers and
views that name the index are dropped before the swap and created again after it, word for word.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import KW_ONLY, dataclass

from memsql import hints
from memsql.db import Connection, Item, Result, rolled_back, transaction
from memsql.db.copying import Stored
from memsql.db.queries import load
from memsql.errors import CommitUnknown, ConnectError, LockedError, MemsqlError, Refused, StatementError
from memsql.fts.check import check_in_transaction, command
from memsql.fts.discover import FtsTable, discover
from memsql.fts.online import END, Chunk, Position, RebuildPlan, Tally, ensure, plan_again, plan_for, position
from memsql.fts.proof import check_command
from memsql.sqltext import identifiers, quote


@dataclass(frozen=True, slots=True)
class _At:
    """How far a rebuild came, and the PRAGMA schema_version of that moment."""

    position: Position
    schema_cookie: int


class _Moved(Exception):
    """The schema or the rebuild is not what the last answer said: read both again."""


class ServerEngine:
    """rebuild_online.Engine for a server."""

    def __init__(self, conn: Connection, table: FtsTable) -> None:
        self._conn = conn
        self._name = table.name
        self.plan = plan_for(conn, table)
        # None: the schema has to be read again.
        self._at: _At | None = None
        self._failure = ""

    def begin(self) -> None:
        try:
            self._at = self._look(again=False)
        except MemsqlError as e:
            self.explain(e, str(Tally(0, 0)))
            raise

    def copy(self, limit: int) -> Chunk:
        recount = self._at is None
        at, self._at = self._at or self._look(again=True), None
        try:
            rows, at = _copy(self._conn, self.plan, at, limit)
        except _Moved:
            return Chunk()
        except StatementError as e:
            self._tolerate(e)
            return Chunk()
        self._at = at
        if rows:
            self._failure = ""
        return Chunk(rows, complete=at.position.complete, replaced=at.position.replaced, recount=recount)

    def swap(self, *, sound: bool) -> bool:
        at, self._at = self._at, None
        assert at is not None
        try:
            _swap(self._conn, self.plan, at, sound=sound)
        except _Moved:
            return False
        except StatementError as e:
            self._tolerate(e)
            return False
        return True

    def explain(self, error: MemsqlError, reached: str) -> None:
        if isinstance(error, LockedError):
            error.state = reached
            error.hint = "run it again to go on; a smaller --chunk holds the lock for less time"
        elif isinstance(error, CommitUnknown):
            error.hint = "run it again to go on"
        elif isinstance(error, ConnectError):
            error.state = reached
        elif isinstance(error, StatementError):
            error.state = reached
            error.hint = error.hint or _abort_hint()

    def _look(self, *, again: bool) -> _At:
        """Begin the rebuild, or begin again where the schema changed. Inside the lock, so that plan and version belong
        together."""
        with transaction(self._conn):
            table = next((t for t in discover(self._conn) if t.name == self._name), None)
            if again or table is None:
                self.plan = plan_again(self._conn, self._name)
            else:
                self.plan = plan_for(self._conn, table)
            ensure(self._conn, self.plan)
            return _at(self._conn.execute(load("fts/rebuild_state"), (self._name,)))

    def _tolerate(self, error: StatementError) -> None:
        """Raise ``error`` where it is the second one of its kind. Most likely another process dropped something, and
        reading the schema again tells what."""
        if self._failure == error.message:
            raise error
        self._failure = error.message


def closure(objects: Sequence[Stored], name: str, ours: Collection[str], broken: Collection[str] = ()) -> list[Stored]:
    """The triggers and views that prevent a table from being renamed to ``name``, in the order of their creation.

    These are all that name it, through other views too. Where one trigger of a table is among them, all triggers of
    that table are: they are created again and must fire in the same order. ``ours`` are the triggers of the rebuild,
    ``broken`` the objects that SQLite complained about.
    """
    names, tables = {name.lower()}, set[str]()
    chosen: set[str] = {b.lower() for b in broken}
    candidates = [o for o in objects if o.type in ("trigger", "view") and o.name not in ours]
    while True:
        before = len(chosen), len(tables)
        for stored in candidates:
            lower = stored.name.lower()
            if lower not in chosen and (
                identifiers(stored.sql) & names or (stored.type == "trigger" and stored.table.lower() in tables)
            ):
                chosen.add(lower)
            if lower in chosen and stored.type == "view":
                names.add(lower)
            elif lower in chosen:
                tables.add(stored.table.lower())
        if (len(chosen), len(tables)) == before:
            return [o for o in candidates if o.name.lower() in chosen]


def _at(state: Result) -> _At:
    if not state.rows:
        raise _Moved
    frontier, replaced, version = state.rows[0]
    assert frontier is None or isinstance(frontier, int)
    assert isinstance(version, int)
    return _At(Position(frontier, bool(replaced)), version)


def _copy(conn: Connection, plan: RebuildPlan, at: _At, limit: int) -> tuple[int, _At]:
    """Copy up to ``limit`` rows beyond the frontier in one transaction and one request. Returns how many, and where the
    rebuild is now.

    Fewer than ``limit`` are the last ones; from then on the triggers keep the new index right for every key.
    """
    name, key, content, frontier = plan.table.name, quote(plan.key), quote(plan.content), at.position.frontier
    names = ", ".join(map(quote, plan.table.all_columns))
    after, params = ("true", ()) if frontier is None else (f"{key} > ?", (frontier,))
    unmoved = "name = ? AND frontier IS ? AND NOT replaced AND (SELECT schema_version FROM pragma_schema_version) = ?"
    values = (*params, name, frontier, at.schema_cookie)
    items: list[Item] = [
        ("BEGIN IMMEDIATE", ()),
        (
            f"INSERT INTO {quote(plan.new)} (rowid, {names}) SELECT {key}, {names} FROM {content} WHERE {after} "
            f"AND EXISTS (SELECT 1 FROM memsql_fts_rebuild WHERE {unmoved}) ORDER BY {key} LIMIT {limit:d}",
            values,
        ),
        (
            f"UPDATE memsql_fts_rebuild SET frontier = coalesce((SELECT {key} FROM {content} WHERE {after} "
            f"ORDER BY {key} LIMIT 1 OFFSET {limit - 1:d}), {END}) WHERE {unmoved}",
            values,
        ),
        (load("fts/rebuild_state"), (name,)),
        ("COMMIT", ()),
    ]
    try:
        _, inserted, _, state, _ = _sent(conn, items)
    except CommitUnknown:
        _settle(conn)
        raise _Moved from None
    now = _at(state)
    if now.schema_cookie != at.schema_cookie:
        raise _Moved
    return inserted.changes, now


def _swap(conn: Connection, plan: RebuildPlan, at: _At, *, sound: bool) -> None:
    """As ServerEngine.swap(). Raises _Moved where the schema has to be read again."""
    broken = set[str]()
    while True:
        locked = _lock_and_look(conn, plan, at, sound=sound)
        proofs: list[Item] = [] if locked.sound else [(command(plan.new, "rebuild"), ()), (check_command(plan.new), ())]
        items = [*proofs, *_swapping(plan, closure(locked.objects, plan.table.name, plan.triggers, broken))]
        if locked.other_rebuilds:
            items.append((load("fts/end_rebuild"), (plan.table.name,)))
        else:
            items.append(("DROP TABLE memsql_fts_rebuild", ()))
        try:
            _sent(conn, [*items, ("COMMIT", ())])
            return
        except CommitUnknown:
            _settle(conn)
            if position(conn, plan.table.name) is None:
                return
            raise _Moved from None
        except StatementError as e:
            if e.index is not None and e.index < len(proofs):
                raise Refused(
                    f"the new index of {plan.table.name} does not agree with its content",
                    details=(e.message,),
                    state="the old index is still in place",
                    hint=_abort_hint(),
                ) from e
            # For a rename SQLite reads every trigger and view. One that was broken before must not stop it.
            blamed = {o.name for o in locked.objects if e.message.startswith(f"error in {o.type} {o.name}")} - broken
            if not blamed:
                raise
            broken |= blamed


@dataclass(frozen=True, slots=True)
class _Locked:
    """What was read inside the lock: every object of the schema, whether other rebuilds were begun, and whether the
    new index is right."""

    objects: list[Stored]
    _: KW_ONLY
    other_rebuilds: bool
    sound: bool


def _lock_and_look(conn: Connection, plan: RebuildPlan, at: _At, *, sound: bool) -> _Locked:
    """Take the lock and keep it. Raises _Moved, without the lock, where the schema changed."""
    name = plan.table.name
    items: list[Item] = [
        ("BEGIN IMMEDIATE", ()),
        (load("fts/rebuild_state"), (name,)),
        (load("engine/stored_schema"), ()),
        (load("fts/other_rebuilds"), (name,)),
    ]
    if sound and plan.docsize is not None:
        items += [(f"SELECT count(*) FROM {quote(table)}", ()) for table in (plan.docsize, plan.content)]
    _, state, stored, others, *counts = _sent(conn, items)
    try:
        now = _at(state)
        if now.schema_cookie != at.schema_cookie:
            raise _Moved
        if sound:
            sound = not now.position.replaced and (
                counts[0].rows == counts[1].rows if counts else not check_in_transaction(conn, [plan.new])
            )
    except BaseException:
        conn.rollback()
        raise
    objects = [Stored(str(kind), str(n), str(table), str(sql)) for kind, n, table, sql in stored.rows]
    return _Locked(objects, other_rebuilds=bool(others.one()), sound=sound)


def _swapping(plan: RebuildPlan, dependents: Sequence[Stored]) -> list[Item]:
    """The statements of the swap. ``dependents``, triggers and views, are dropped before it and created again after."""
    triggers = [o for o in dependents if o.type == "trigger"]
    views = [o for o in dependents if o.type == "view"]
    texts = [
        *(f"DROP TRIGGER {quote(name)}" for name in (*plan.triggers, *(o.name for o in triggers))),
        *(f"DROP VIEW {quote(o.name)}" for o in views),
        f"DROP TABLE {quote(plan.table.name)}",
        f"ALTER TABLE {quote(plan.new)} RENAME TO {quote(plan.table.name)}",
        *(o.sql for o in views),
        *(o.sql for o in triggers),
    ]
    return [(text, ()) for text in texts]


def _sent(conn: Connection, items: Sequence[Item]) -> list[Result]:
    """The answers to ``items``. Where one fails, the transaction is rolled back."""
    try:
        return conn.batch(items)
    except CommitUnknown:
        raise
    except BaseException:
        conn.rollback()
        raise


def _settle(conn: Connection) -> None:
    """Wait for a COMMIT whose answer was lost: the lock is free when it succeeded, or failed."""
    try:
        with rolled_back(conn):
            pass
    except MemsqlError as e:
        e.hint = "run it again to go on"
        raise


def _abort_hint() -> str:
    """How to give an online rebuild up."""
    return f"give the rebuild up with: {hints.command('fts.rebuild --abort')}"
