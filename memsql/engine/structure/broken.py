"""Which views and triggers do not compile: SQLite stores them whatever they name, and fails when they are used. And
which tables cannot be written, because what their foreign keys name is no key any more.

First each is compiled in the database itself, with everything that it reaches. Only where that fails the schema is made
again in memory, before the migration and after it, and each view and each trigger is compiled there alone. So a foreign
key without its parent is not taken for a broken trigger, and what was broken before is known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from memsql.db import Connection
from memsql.db.compiling import explained
from memsql.db.queries import load
from memsql.engine.structure.reconstruction import Compilation, Reconstruction, uses_unknown
from memsql.engine.structure.snapshot import Key, Snapshot, StoredObject, key_of, may_refer, needed, read
from memsql.errors import StatementError
from memsql.sqltext import fold, quote
from memsql.sqltext.tokens import tokenize

# https://sqlite.org/limits.html
_LIMIT = re.compile(r"^at most |too (?:many|large|long|deep|big)|stack overflow|maximum depth")

Messages = dict[Key, str]
"""What SQLite says of each view or trigger that does not compile."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The views and triggers that do not compile, and the tables that cannot be written.

    ``new`` are those that did before, or could be, or were not there; ``old`` were broken before; ``limited`` exceed a
    limit of SQLite. ``unproven``: a sentence for each of which nobody can tell.
    """

    new: tuple[tuple[StoredObject, str], ...] = ()
    old: frozenset[Key] = frozenset()
    limited: frozenset[Key] = frozenset()
    unproven: tuple[str, ...] = ()


def failing(conn: Connection, objects: Sequence[StoredObject]) -> Messages:
    """Which of ``objects``, all views and triggers of ``conn``, do not compile there."""
    columns = _columns(conn, objects)
    statements = {key_of(o): statement_for(o, columns.get(o.table, ())) for o in objects}
    distinct = list(dict.fromkeys(statements.values()))
    answers = dict(zip(distinct, conn.read_each([(explained(text), ()) for text in distinct]), strict=True))
    errors = {text: answer.message for text, answer in answers.items() if isinstance(answer, StatementError)}
    return {key: errors[text] for key, text in statements.items() if text in errors}


def mismatched(conn: Connection, tables: Collection[str], *, enforced: bool) -> Messages:
    """Which of ``tables`` (folded) have a foreign key to columns that are no key: SQLite then refuses to write to them
    and to the other table. ``enforced``: ``conn`` enforces foreign keys, so that it says so itself."""
    if not enforced:
        return mismatched_in(read(conn), tables)
    # A table that is gone again, or TEMP, is an error of another kind, which says nothing here.
    reads = [(explained(f"INSERT INTO main.{quote(name)} DEFAULT VALUES"), ()) for name in tables]
    answers = zip(tables, conn.read_each(reads), strict=True)
    return _mismatches(
        {("table", name): answer.message for name, answer in answers if isinstance(answer, StatementError)}
    )


def mismatched_in(schema: Snapshot, tables: Collection[str]) -> Messages:
    """mismatched() of a ``schema`` that is made again in memory."""
    keys = [key_of(o) for o in schema.in_order(("table", name) for name in tables) if may_refer(o)]
    return _mismatches({key: compilation.error or "" for key, compilation in compile_all(schema, keys).items()})


def _mismatches(errors: Messages) -> Messages:
    return {key: message for key, message in errors.items() if message.startswith("foreign key mismatch")}


def newly_broken(failed: Messages, before: Snapshot, after: Snapshot) -> Broken:
    """Which of the ``failed`` ones are broken by what happened between ``before`` and ``after``."""
    new: list[tuple[StoredObject, str]] = []
    # What is too much for this build of SQLite may not be for the application's.
    limited = {key for key, message in failed.items() if _LIMIT.search(message)}
    unproven = [_doubtful(after[key], f"exceeds a limit: {failed[key]}") for key in failed if key in limited]
    old: set[Key] = set()
    broken = compile_all(after, [key for key in failed if key not in limited])
    earlier: dict[Key, Compilation] = {}
    if any(c.error is not None and c.doubt is None for c in broken.values()):
        earlier = compile_all(before, [key for key in broken if key in before])
    for key, compilation in broken.items():
        obj = after[key]
        doubt = (uses_unknown(failed[key]) if compilation.error is None else None) or compilation.doubt
        if doubt is not None:
            unproven.append(_doubtful(obj, doubt))
        elif compilation.error is not None and key in earlier and earlier[key].error is not None:
            old.add(key)
        elif compilation.error is not None:
            new.append((obj, compilation.error))
    return Broken(tuple(_without_followers(new)), frozenset(old), frozenset(limited), tuple(unproven))


def all_broken(conn: Connection) -> tuple[list[str], list[str]]:
    """A sentence for each view and trigger of ``conn`` that does not compile, and one for each of which nobody can
    tell."""
    now = read(conn)
    failed = failing(conn, now.of("view", "trigger"))
    broken = newly_broken(failed, Snapshot.of_rows(()), now)
    return [sentence(obj, message) for obj, message in broken.new], list(broken.unproven)


def sentence(obj: StoredObject, message: str) -> str:
    """That ``obj`` does not compile, of which SQLite says ``message``."""
    if obj.type == "view":
        return f"view {obj.name} cannot be read: {message}"
    if obj.type == "table":
        return f"table {obj.name} cannot be written: {message}"
    if message.startswith("cannot modify "):
        # Nothing else keeps a trigger from firing at the event that it is for.
        return f"trigger {obj.name} on {obj.table} cannot run: the view has none of the columns behind UPDATE OF"
    return f"trigger {obj.name} on {obj.table} cannot run: {message}"


def without_those_of(schema: Snapshot, broken: Broken) -> Broken:
    """``broken``, where those that are broken in ``schema`` too count as old: the schema before the migration that is
    rolled back."""
    keys = [key_of(o) for o, _ in broken.new if key_of(o) in schema]
    back = {key for key, compilation in compile_all(schema, keys).items() if compilation.error is not None}
    new = tuple((o, message) for o, message in broken.new if key_of(o) not in back)
    return replace(broken, new=new, old=broken.old | back)


def compile_all(schema: Snapshot, keys: Collection[Key]) -> dict[Key, Compilation]:
    """What comes of compiling each of these views and triggers of ``schema`` alone, in memory, and of writing to each
    of these tables with foreign keys."""
    compilations: dict[Key, Compilation] = {}
    if not keys:
        return compilations
    with closing(Reconstruction(needed(schema, keys))) as database:
        objects = [schema[key] for key in keys]
        for table in {o.table for o in objects if o.type == "trigger"}:
            # The columns of a view can only be told where its functions are known.
            database.compile(f"SELECT * FROM main.{quote(table)}")
        columns = _columns(database.conn, objects)
        for obj in objects:
            statement = statement_for(obj, columns.get(obj.table, ()))
            if obj.type == "table":
                compilations[key_of(obj)] = database.compile_with_keys(statement)
            else:
                compilations[key_of(obj)] = database.compile(statement, obj if obj.type == "trigger" else None)
    return compilations


def statement_for(obj: StoredObject, columns: Sequence[str]) -> str:
    """The statement that reads the view ``obj``, makes the trigger ``obj`` fire, or writes to the table ``obj``.
    ``columns``: of its table, those that an UPDATE can set."""
    if obj.type == "view":
        return f"SELECT * FROM main.{quote(obj.name)}"
    event, name = "insert" if obj.type == "table" else _event(obj), f"main.{quote(obj.table)}"
    if event == "insert":
        return f"INSERT INTO {name} DEFAULT VALUES"
    if event == "delete":
        return f"DELETE FROM {name}"
    # A trigger may be for some columns only (UPDATE OF). A view whose columns nobody can tell cannot be read either.
    settings = ", ".join(f"{quote(c)} = {quote(c)}" for c in columns)
    return f"UPDATE {name} SET {settings}" if settings else f"SELECT * FROM {name}"


def _columns(conn: Connection, objects: Sequence[StoredObject]) -> dict[str, list[str]]:
    """The columns that an UPDATE can set, of each table that has one of ``objects`` as a trigger for UPDATE."""
    tables = list(dict.fromkeys(o.table for o in objects if o.type == "trigger" and _event(o) == "update"))
    if not tables:
        return {}
    answers = conn.read_each([(load("engine/settable_columns"), (table,)) for table in tables])
    return {
        table: [str(row[0]) for row in answer.rows]
        for table, answer in zip(tables, answers, strict=True)
        if not isinstance(answer, StatementError)
    }


def _event(trigger: StoredObject) -> str:
    """insert, update or delete. None of these words can be a name without quotes, so the first one is the event."""
    words = (token.word for token in tokenize(trigger.sql))
    return next((word.lower() for word in words if word in ("INSERT", "UPDATE", "DELETE")), "")


def _doubtful(obj: StoredObject, why: str) -> str:
    return f"{obj.type} {obj.name} {why}"


def _without_followers(broken: Sequence[tuple[StoredObject, str]]) -> list[tuple[StoredObject, str]]:
    """``broken`` without the triggers of views that are broken themselves."""
    views = {fold(o.name) for o, _ in broken if o.type == "view"}
    return [(o, message) for o, message in broken if o.type != "trigger" or fold(o.table) not in views]
