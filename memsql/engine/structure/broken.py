"""Which views and triggers do not compile: SQLite stores them whatever they name, and fails when they are used.

First each is compiled in the database itself, with everything that it reaches. Only where that fails the schema is made
again in memory, before the migration and after it, and each view and each trigger is compiled there alone. So a foreign
key without its parent is not taken for a broken trigger, and what was broken before is known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass

from memsql.db import Connection
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.engine.structure.reconstruction import Compilation, Reconstruction
from memsql.engine.structure.snapshot import Key, Snapshot, key_of
from memsql.errors import MemsqlError
from memsql.schema.model import Object
from memsql.sqltext import fold, quote

# https://sqlite.org/limits.html
_LIMIT = re.compile(r"^at most |too (?:many|large|long|deep|big)|stack overflow|maximum depth")

Messages = dict[Key, str]
"""What SQLite says of each view or trigger that does not compile."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The views and triggers that do not compile: ``new`` are those that did before, or were not there; ``old`` were
    broken before, ``limited`` exceed a limit of SQLite. ``unproven``: a sentence for each of which nobody can tell."""

    new: tuple[tuple[Object, str], ...] = ()
    old: frozenset[Key] = frozenset()
    limited: frozenset[Key] = frozenset()
    unproven: tuple[str, ...] = ()


def failing(conn: Connection, objects: Sequence[Object]) -> Messages:
    """Which of ``objects``, all views and triggers of ``conn``, do not compile there."""
    messages: Messages = {}
    answers: dict[str, str | None] = {}
    for obj in objects:
        statement = statement_for(conn, obj)
        if statement is None:
            messages[key_of(obj)] = ""
            continue
        if statement not in answers:
            answers[statement] = _error(conn, statement)
        message = answers[statement]
        if message is not None:
            messages[key_of(obj)] = message
    return messages


def newly_broken(failed: Messages, before: Snapshot, after: Snapshot) -> Broken:
    """Which of the ``failed`` ones are broken by what happened between ``before`` and ``after``."""
    new: list[tuple[Object, str]] = []
    # What is too much for this build of SQLite may not be for the application's.
    limited = {key for key, message in failed.items() if _LIMIT.search(message)}
    unproven = [_doubtful(after.objects[key], failed[key]) for key in failed if key in limited]
    old: set[Key] = set()
    broken = compile_all(after, [key for key in failed if key not in limited])
    earlier: dict[Key, Compilation] = {}
    if any(c.error is not None and c.doubt is None for c in broken.values()):
        earlier = compile_all(before, broken.keys() & before.objects.keys())
    for key, compilation in broken.items():
        obj = after.objects[key]
        doubt = (_unknown(failed[key]) if compilation.error is None else None) or compilation.doubt
        if doubt is not None:
            unproven.append(_doubtful(obj, doubt))
        elif compilation.error is not None and key in earlier and earlier[key].error is not None:
            old.add(key)
        elif compilation.error is not None:
            new.append((obj, compilation.error))
    return Broken(tuple(_without_followers(new)), frozenset(old), frozenset(limited), tuple(unproven))


def compile_all(schema: Snapshot, keys: Collection[Key]) -> dict[Key, Compilation]:
    """What comes of compiling each of these views and triggers of ``schema`` alone, in memory."""
    compilations: dict[Key, Compilation] = {}
    if not keys:
        return compilations
    with closing(Reconstruction(schema)) as database:
        for key in keys:
            obj = schema.objects[key]
            statement = statement_for(database.conn, obj)
            if statement is None:
                error = _error(database.conn, f"SELECT * FROM main.{quote(obj.table)}") or "its table has no columns"
                compilations[key] = Compilation(error, doubt=_unknown(error))
            else:
                compilations[key] = database.compile(statement, obj if obj.type == "trigger" else None)
    return compilations


def statement_for(conn: Connection, obj: Object) -> str | None:
    """The statement that reads the view ``obj``, or makes the trigger ``obj`` fire; None where the columns of the table
    or view that an UPDATE would set cannot be told."""
    if obj.type == "view":
        return f"SELECT * FROM main.{quote(obj.name)}"
    from memsql.fts.triggers import Trigger

    event, name = Trigger(obj.name, obj.table, obj.sql).head().event, f"main.{quote(obj.table)}"
    if event == "insert":
        return f"INSERT INTO {name} DEFAULT VALUES"
    if event == "delete":
        return f"DELETE FROM {name}"
    try:
        columns = [quote(str(row[0])) for row in conn.execute(load("engine/settable_columns"), (obj.table,)).rows]
    except MemsqlError:
        return None
    # A trigger may be for some columns only (UPDATE OF).
    return f"UPDATE {name} SET {', '.join(f'{c} = {c}' for c in columns)}" if columns else None


def _doubtful(obj: Object, why: str) -> str:
    return f"{obj.type} {obj.name}: {why}"


def _error(conn: Connection, statement: str) -> str | None:
    try:
        compile_only(conn, statement)
    except MemsqlError as e:
        return e.message
    return None


def _unknown(message: str) -> str | None:
    """What SQLite misses according to ``message`` that an application may have; None where it is something else."""
    for what in ("function", "collation sequence", "module"):
        start = f"no such {what}: "
        if message.startswith(start):
            return f"the {what.split()[0]} {message.removeprefix(start)} is unknown here"
    return None


def _without_followers(broken: Sequence[tuple[Object, str]]) -> list[tuple[Object, str]]:
    """``broken`` without the triggers of views that are broken themselves."""
    views = {fold(o.name) for o, _ in broken if o.type == "view"}
    return [(o, message) for o, message in broken if o.type == "view" or fold(o.table) not in views]
