"""What an index is for beside the queries of an application: constraints, foreign keys and triggers.

SQLite is asked: it compiles a DELETE, an UPDATE and an INSERT of each table, with the triggers and the actions of
foreign keys behind them, and the bytecode says in which indexes it looks something up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from memsql.advise.cursors import instructions, programs, trigger_of
from memsql.advise.index_list import Index
from memsql.db import Connection
from memsql.db.compiling import bytecode
from memsql.db.queries import load
from memsql.errors import MemsqlError
from memsql.schema import Schema, Table
from memsql.sqltext import fold, quote

_OPEN = frozenset({"OpenRead", "OpenWrite", "ReopenIdx"})
_LOOK_UP = frozenset({"SeekGE", "SeekGT", "SeekLE", "SeekLT", "Found", "NotFound", "Rewind", "Last"})


def purposes(conn: Connection, schema: Schema, indexes: Iterable[Index]) -> dict[str, tuple[str, ...]]:
    """What each of ``indexes`` is for, by its name; those for nothing are left out. ``conn`` holds the ``schema`` and
    enforces foreign keys."""
    uses: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for index in indexes:
        if index.constraint or index.unique:
            uses[index.name][index.constraint or "UNIQUE"] = {}
    roots = conn.execute(load("advise/roots")).rows
    names = {int(str(root)): str(name) for name, _, root in roots}
    owners = {str(name): str(table) for name, table, _ in roots}
    for table in schema.tables.values():
        if table.kind != "table":
            continue
        for sql in _writes(table):
            for name, trigger in _looked_up(conn, sql, names):
                owner = schema.tables.get(owners[name])
                reasons = ["trigger"] if trigger or owner is None else _references(table, owner)
                for reason in reasons:
                    uses[name][reason][trigger or table.name] = None
    return {
        name: tuple(f"{reason} {', '.join(names)}".rstrip() for reason, names in reasons.items())
        for name, reasons in uses.items()
    }


REFERRING = "rows that refer to"
"""How a purpose begins that is a foreign key of the table itself: a DELETE in the parent looks for such rows."""


def _references(table: Table, owner: Table) -> list[str]:
    """Why a write to ``table`` looks something up in an index of ``owner``: the foreign keys between them."""
    reasons = []
    if any(fold(key.parent) == fold(owner.name) for key in table.foreign_keys):
        reasons.append("parent key of")
    if any(fold(key.parent) == fold(table.name) for key in owner.foreign_keys):
        reasons.append(REFERRING)
    return reasons


def _writes(table: Table) -> Iterator[str]:
    name = quote(table.name)
    yield f"DELETE FROM {name} WHERE 0"
    settable = [quote(column.name) for column in table.columns if not column.hidden]
    yield f"UPDATE {name} SET {', '.join(f'{column} = {column}' for column in settable)} WHERE 0"
    yield f"INSERT INTO {name} DEFAULT VALUES"


def _looked_up(conn: Connection, sql: str, names: dict[int, str]) -> Iterator[tuple[str, str]]:
    """The indexes in which ``sql`` looks something up, each with the trigger that does it ("" for a foreign key)."""
    try:
        code = instructions(conn.execute(bytecode(sql)).rows)
    except MemsqlError:
        # A trigger that does not compile.
        return
    for program in programs(code):
        trigger = trigger_of(program)
        cursors = {step.p1: names[step.p2] for step in program if step.opcode in _OPEN and step.p2 in names}
        for step in program:
            if step.opcode in _LOOK_UP and step.p1 in cursors:
                yield cursors[step.p1], trigger
