"""A server's schema made again in memory, also what only the server understands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from memsql.db import Value
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import ConnectError, StatementError
from memsql.schema import is_internal
from memsql.sqltext import fold
from memsql.sqltext.internal import ENGINES, FORMER_LEDGER, LEDGER, OTHER_LEDGERS, is_virtual, module_of, not_shadows

# Functions that libSQL has and SQLite lacks; an index or a default may name them.
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
_ORDER = {"table": 0, "index": 1, "view": 2, "trigger": 3}
_missing = re.compile(r"no such (function|collation sequence): (\w+)").search


@dataclass(slots=True)
class Made:
    """What became of the schema. ``exact``: all of it is there as on the server, but for views. ``unknown``: a sentence
    for each table and trigger that only the server understands."""

    exact: bool = True
    unknown: list[str] = field(default_factory=list)


def make(conn: SQLiteConnection, objects: Sequence[tuple[Value, ...]], *, keep_stand_ins: bool = False) -> Made:
    """Create in ``conn``, an empty database, the ``objects`` of a server: rows (type, name, table, sql).

    ``keep_stand_ins``: functions and collations that are unknown here stay, which do nothing. Where the schema is to be
    changed later it has to be read again, and that fails without them.
    """
    made = Made()
    for function in _FOREIGN:
        conn.raw.create_function(function, -1, _nothing, deterministic=True)
    virtual = {str(name): str(sql) for kind, name, _, sql in objects if kind == "table" and is_virtual(sql)}
    owners = {fold(name): module_of(sql) for name, sql in virtual.items()}
    own = frozenset[str]().union(*(not_shadows(name, sql) for name, sql in virtual.items()))
    for kind, name, table, sql in sorted(objects, key=lambda o: _ORDER.get(str(o[0]), 9)):
        if any(_makes_itself(n, owners) and fold(n) not in own for n in (str(name), str(table))):
            continue
        try:
            with_stand_ins(conn, lambda text=str(sql): conn.execute(text), keep=keep_stand_ins)  # type: ignore[misc]
        except (StatementError, ConnectError) as e:
            made.exact = made.exact and kind == "view"
            if kind in ("table", "trigger"):
                made.unknown.append(f"{kind!s} {name!s}: SQLite here does not understand it ({e.message})")
            if kind == "table":
                _stand_in(conn, str(name), str(sql))
    return made


def with_stand_ins(conn: SQLiteConnection, run: Callable[[], object], *, keep: bool = False) -> None:
    """Call ``run``; functions and collations that are unknown here are there while it runs, and longer with ``keep``.
    Raises StatementError."""
    functions: set[str] = set()
    collations: set[str] = set()
    try:
        while True:
            try:
                run()
                return
            except StatementError as e:
                unknown = _missing(e.message)
                if unknown is None or unknown[2] in functions | collations:
                    raise
                if unknown[1] == "function":
                    functions.add(unknown[2])
                    conn.raw.create_function(unknown[2], -1, _nothing, deterministic=True)
                else:
                    collations.add(unknown[2])
                    conn.raw.create_collation(unknown[2], lambda a, b: (a > b) - (a < b))
    finally:
        # Whether views and triggers compile is another question, and a stand-in would be a wrong answer.
        for name in () if keep else functions:
            conn.raw.create_function(name, -1, None)
        for name in () if keep else collations:
            conn.raw.create_collation(name, None)


def _stand_in(conn: SQLiteConnection, name: str, sql: str) -> None:
    """Put a table into the schema that SQLite here cannot create: one without the options at its end, or a virtual
    table whose module is not here."""
    with suppress(StatementError, ConnectError):
        if not is_virtual(sql):
            conn.execute(sql[: sql.rindex(")") + 1])
            return
        with _writable_schema(conn):
            conn.execute("INSERT INTO sqlite_schema VALUES ('table', ?, ?, 0, ?)", (name, name, sql))


@contextmanager
def _writable_schema(conn: SQLiteConnection) -> Iterator[None]:
    with conn.trusted():
        conn.execute("PRAGMA writable_schema = on")
        try:
            yield
        finally:
            conn.execute("PRAGMA writable_schema = reset")


def _makes_itself(name: str, owners: Mapping[str, str]) -> bool:
    """Whether SQLite or a virtual table creates ``name`` by itself. ``owners``: virtual table to its module."""
    lower = fold(name)
    if lower.startswith("sqlite_") or lower in ENGINES:
        return True
    kept = lower in LEDGER or lower in OTHER_LEDGERS or lower.startswith(("memsql_", FORMER_LEDGER))
    return not kept and is_internal(name, owners)


def _nothing(*_: object) -> None:
    return None
