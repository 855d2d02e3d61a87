"""The online rebuild of an external-content index: the plan, its state in the database, and giving it up.

A new index grows beside the old one, a chunk of rows a transaction. Triggers of memsql keep every row up to the
frontier, the last row that was copied; a row beyond the frontier is copied later, with its values of that moment.
When no row is left beyond the frontier, the new index takes the name of the old one in one short transaction. Each
step is one transaction, reads the schema again and writes the frontier together with the rows. So a run that was
killed leaves a state from which the next run goes on, and a run whose table or index was redefined begins again.

A REPLACE removes a row and fires no delete trigger. The triggers of memsql notice a REPLACE that takes the key of an
indexed row, and the swap notices any other by the number of rows; then one statement builds the whole new index.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memsql import hints
from memsql.db import transaction
from memsql.db.queries import load
from memsql.errors import Refused, UsageError
from memsql.fts.check import content_of, refuse_contentless
from memsql.fts.discover import NEW_PREFIX, FtsTable, arguments_of, discover
from memsql.fts.filling import guarded
from memsql.sqltext import ROWIDS, quote
from memsql.sqltext.names import quote_string

if TYPE_CHECKING:
    from memsql.db import Connection

END = 2**63 - 1
"""The frontier when every row was copied: no rowid is greater."""


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """What to rebuild: the index, the name of the new index, and its content table with the column that is its key."""

    table: FtsTable
    new: str
    key: str
    content: str

    @property
    def triggers(self) -> tuple[str, ...]:
        return trigger_names(self.new)

    @property
    def docsize(self) -> str | None:
        """The shadow table with one row for each indexed row, None where the index has none
        (https://sqlite.org/fts5.html, section 9)."""
        return None if ("columnsize", "0") in self.table.options else f"{self.new}_docsize"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a rebuild came. ``frontier`` is the key of the last copied row, None before the first; ``replaced``
    says that a REPLACE took the key of an indexed row, so that the new index must be built at once."""

    frontier: int | None
    replaced: bool

    @property
    def complete(self) -> bool:
        return self.replaced or self.frontier == END


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one step copied: ``rows``, whether no row is left (``complete``), whether a REPLACE is known to have made
    the new index wrong (``replaced``), and whether the rebuild began again, so that the rows in the new index have to
    be counted anew (``recount``)."""

    rows: int = 0
    _: KW_ONLY
    complete: bool = False
    replaced: bool = False
    recount: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows are in the new index, and how many there are to be."""

    done: int
    total: int

    @property
    def fraction(self) -> float:
        return self.done / max(self.done, self.total) if self.done or self.total else 1.0

    def __str__(self) -> str:
        return f"{self.done:,} of {max(self.done, self.total):,} rows are in the new index; searches use the old one"


def new_name(name: str) -> str:
    """The name of the new index while it grows; its prefix marks it as memsql's."""
    return NEW_PREFIX + name


def trigger_names(new: str) -> tuple[str, ...]:
    """The names of the triggers that keep the index ``new``, for insert, delete and update."""
    return tuple(f"{new}_{event}" for event in ("insert", "delete", "update"))


def plan_for(conn: Connection, table: FtsTable) -> RebuildPlan:
    """How to rebuild ``table`` online. Raises UsageError or Refused where that is impossible."""
    refuse_contentless(table)
    partial = guarded(table)
    if partial is not None:
        raise UsageError(
            f"{table.name} is partial: it holds {partial.shown}; an online rebuild copies all rows",
            state="nothing was changed",
            hint=f"rebuild it in one transaction: {hints.command(f'fts.rebuild --table {table.name}')}",
        )
    content = content_of(conn, table)
    if table.kind != "external" or content.kind != "table":
        reason = (
            "keeps its own copy of the text" if table.kind == "own" else f"is over {table.content}, which is no table"
        )
        raise UsageError(
            f"{table.name} {reason}; an online rebuild needs a content table with triggers",
            state="nothing was changed",
            hint=f"rebuild it in one statement: {hints.command(f'fts.rebuild --table {table.name}')}",
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
            hint=f"see {hints.command('fts.status')}",
        )
    assert table.content is not None
    return RebuildPlan(table, new_name(table.name), table.content_rowid, table.content)


def plan_again(conn: Connection, name: str) -> RebuildPlan:
    """The plan by the schema of this moment; call it inside the transaction, where nobody can change the schema.

    Raises Refused where the rebuild was ended by another process or the index ``name`` was dropped.
    """
    if position(conn, name) is None:
        raise Refused(f"somebody else finished or gave up the rebuild of {name}", state="nothing was changed")
    table = next((t for t in discover(conn) if t.name == name), None)
    if table is None:
        raise Refused(
            f"{name} was dropped while it was being rebuilt",
            state="what the rebuild left is still there",
            hint=f"remove it with: {hints.command('fts.rebuild --abort')}",
        )
    return plan_for(conn, table)


def ensure(conn: Connection, plan: RebuildPlan) -> bool:
    """Create the new index and its triggers, unless they exist and match the old index as it is now.

    Returns True where the rebuild begins, or begins again.
    """
    if position(conn, plan.table.name) is not None and is_intact(conn, plan):
        return False
    conn.execute(load("fts/create_rebuild"))
    _drop_new(conn, plan.new)
    new = quote(plan.new)
    conn.execute(f"CREATE VIRTUAL TABLE {new} USING fts5({arguments_of(plan.table.sql)}")
    # Settings made by commands, such as rank or automerge, lie in the config table and not in the definition.
    conn.execute(
        f"INSERT INTO {new} ({new}, rank) SELECT k, v FROM {quote(plan.table.name + '_config')} WHERE k <> 'version'"
    )
    conn.execute(load("fts/begin_rebuild"), (plan.table.name, plan.new, datetime.now(UTC).isoformat()))
    for statement in _trigger_statements(plan):
        conn.execute(statement)
    return True


def is_intact(conn: Connection, plan: RebuildPlan) -> bool:
    """Whether the new index and its triggers exist and match the plan.

    A migration that rebuilds the content table drops our triggers with it; one that redefines the index leaves a new
    index of the old definition.
    """
    rows = conn.execute(load("fts/rebuild_objects"), (plan.new, *plan.triggers)).rows
    objects = {str(name): str(sql) for name, sql in rows}
    index = objects.pop(plan.new, "")
    return arguments_of(index) == arguments_of(plan.table.sql) and set(objects.values()) == set(
        _trigger_statements(plan)
    )


def position(conn: Connection, name: str) -> Position | None:
    """How far the rebuild of the index ``name`` came; None where none was begun."""
    if not conn.execute(load("fts/has_rebuild")).rows:
        return None
    rows = conn.execute(load("fts/frontier"), (name,)).rows
    if not rows:
        return None
    frontier, replaced = rows[0]
    assert frontier is None or isinstance(frontier, int)
    return Position(frontier, bool(replaced))


def count_rows(conn: Connection, plan: RebuildPlan, up_to: int | None = None) -> int:
    """The number of rows of the content table, or of those whose key is not greater than ``up_to``."""
    where, params = ("", ()) if up_to is None else (f"WHERE {quote(plan.key)} <= ?", (up_to,))
    value = conn.execute(f"SELECT count(*) FROM {quote(plan.content)} {where}", params).one()
    assert isinstance(value, int)
    return value


def copied_rows(conn: Connection, plan: RebuildPlan) -> int:
    """The number of rows that are in the new index."""
    reached = position(conn, plan.table.name)
    return 0 if reached is None or reached.frontier is None else count_rows(conn, plan, reached.frontier)


def end(conn: Connection, name: str) -> None:
    """Forget the rebuild of the index ``name``, inside the open transaction."""
    conn.execute(load("fts/end_rebuild"), (name,))
    if not conn.execute(load("fts/any_rebuild")).rows:
        conn.execute("DROP TABLE memsql_fts_rebuild")


def abort(conn: Connection, name: str) -> bool:
    """Give up the rebuild of the index ``name`` and remove what it left; False where none was begun.

    The index itself need not exist any more.
    """
    if position(conn, name) is None:
        return False
    with transaction(conn):
        _drop_new(conn, new_name(name))
        end(conn, name)
    return True


def unfinished(conn: Connection) -> list[str]:
    """The names of the indexes whose online rebuild was begun and not ended. Reads only."""
    if not conn.execute(load("fts/has_rebuild")).rows:
        return []
    return [str(row[0]) for row in conn.execute(load("fts/rebuilds")).rows]


def _drop_new(conn: Connection, new: str) -> None:
    drops = [
        *(f"DROP TRIGGER IF EXISTS {quote(trigger)}" for trigger in trigger_names(new)),
        f"DROP TABLE IF EXISTS {quote(new)}",
    ]
    conn.batch([(sql, ()) for sql in drops])


def _trigger_statements(plan: RebuildPlan) -> list[str]:
    """CREATE TRIGGER for insert, delete and update: each changes the new index where the row is not beyond the
    frontier."""
    new, key = quote(plan.new), quote(plan.key)
    names = ", ".join(map(quote, plan.table.all_columns))
    this_rebuild = f"name = {quote_string(plan.table.name)}"
    # NULL after a REPLACE, so that no trigger does anything more: to take out a row that is not in the index could
    # fail the writer's statement.
    frontier = f"(SELECT frontier FROM memsql_fts_rebuild WHERE {this_rebuild} AND NOT replaced)"

    def values(row: str) -> str:
        return ", ".join(f"{row}.{quote(c)}" for c in (plan.key, *plan.table.all_columns))

    out = f"INSERT INTO {new} ({new}, rowid, {names}) SELECT 'delete', {values('old')} WHERE old.{key} <= {frontier};"
    into = f"INSERT INTO {new} (rowid, {names}) SELECT {values('new')} WHERE new.{key} <= {frontier};"
    if plan.docsize:
        into = (
            f"UPDATE memsql_fts_rebuild SET replaced = 1 WHERE {this_rebuild} "
            f"AND EXISTS (SELECT 1 FROM {quote(plan.docsize)} WHERE id = new.{key}); {into}"
        )
    content = quote(plan.content)
    insert, delete, update = map(quote, plan.triggers)
    return [
        f"CREATE TRIGGER {insert} AFTER INSERT ON {content} WHEN new.{key} <= {frontier} BEGIN {into} END",
        f"CREATE TRIGGER {delete} AFTER DELETE ON {content} WHEN old.{key} <= {frontier} BEGIN {out} END",
        # An UPDATE of the key may carry a row across the frontier, in either direction.
        f"CREATE TRIGGER {update} AFTER UPDATE ON {content} "
        f"WHEN min(old.{key}, new.{key}) <= {frontier} BEGIN {out} {into} END",
    ]
