"""What SQLite counts while it runs a statement (https://sqlite.org/c3ref/c_stmtstatus_counter.html).

Python's sqlite3 has no function for these counters. Where its SQLite was compiled with SQLITE_ENABLE_STMTVTAB, the
table sqlite_stmt shows them; elsewhere the library apsw runs the statement again, if it is installed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from memsql import extensions
from memsql.db.compiling import bytecode
from memsql.db.protocol import Params, Value
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import INTERRUPT, StatementError

if TYPE_CHECKING:
    import apsw

_COUNTERS = "SELECT nscan, nsort, naidx, nstep FROM sqlite_stmt WHERE sql = ?"
_NAMES = ("FULLSCAN_STEP", "SORT", "AUTOINDEX", "VM_STEP")
_numbers = itertools.count()
_seconds: WeakKeyDictionary[SQLiteConnection, apsw.Connection] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Counters:
    """``scanned``: rows of loops that scan; ``sorts``: how often rows were sorted; ``indexed``: rows that went into
    automatic indexes; ``steps``: how many instructions were executed. ``sqlite`` is the version that counted, and
    ``program`` the answer to its EXPLAIN: the instructions that it has executed."""

    scanned: int
    sorts: int
    indexed: int
    steps: int
    sqlite: str
    program: Sequence[tuple[Value, ...]]


def counters(
    conn: SQLiteConnection, sql: str, params: Params, tick: Callable[[], bool] | None = None
) -> Counters | None:
    """Run the reading statement ``sql`` and return what SQLite counted; None where nothing here can count.

    ``tick`` is called often and stops the statement by returning True. Raises StatementError where it does not run.
    """
    counted = _by_table(conn, sql, params, tick)
    return counted if counted is not None else _by_apsw(conn, sql, params, tick)


def _by_table(conn: SQLiteConnection, sql: str, params: Params, tick: Callable[[], bool] | None) -> Counters | None:
    try:
        conn.execute(_COUNTERS, ("",))
    except StatementError:
        return None
    # A text of its own: counters of a prepared statement go on from run to run.
    text = f"{sql}\n-- counted {next(_numbers)}"
    with conn.observe(tick):
        # A query that does not end may return rows without end.
        for _ in conn.stream_rows(text, params):
            pass
    rows = conn.execute(_COUNTERS, (text,)).rows
    if not rows:
        return None
    scanned, sorts, indexed, steps = (int(str(value)) for value in rows[0])
    version = str(conn.execute("SELECT sqlite_version()").one())
    return Counters(scanned, sorts, indexed, steps, version, conn.execute(bytecode(sql), params).rows)


def _second(conn: SQLiteConnection, path: Path) -> apsw.Connection:
    """A connection of apsw to ``path``, the file of ``conn``, that lives as long as ``conn``.

    apsw has a SQLite of its own, and to close a file in one of them releases the locks that the other one has on it
    (https://sqlite.org/howtocorrupt.html, section 2.2.1). Raises apsw.Error.
    """
    import apsw

    from memsql.db.apsw_driver import load_extension

    other = _seconds.get(conn)
    if other is None:
        name = f"file:{quote(os.fsencode(path))}?mode=ro"
        other = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        _seconds[conn] = other
        for extension in extensions.chosen().extensions:
            load_extension(other, extension.path, extension.entry_point)
    return other


def _by_apsw(conn: SQLiteConnection, sql: str, params: Params, tick: Callable[[], bool] | None) -> Counters | None:
    path = conn.target.path
    if path is None or not path.exists():
        return None
    try:
        import apsw
    except ImportError:
        return None
    ended: dict[str, Any] = {}

    def note(event: dict[str, Any]) -> None:
        # A virtual table runs statements of its own meanwhile.
        if event["sql"] == sql:
            ended.update(event)

    try:
        other = _second(conn, path)
    except apsw.Error:
        return None
    try:
        other.set_progress_handler(tick, 1000)
        other.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)
        for _ in other.execute(sql, tuple(params)):
            pass
        program = list(other.execute(bytecode(sql), tuple(params)))
    except apsw.InterruptError as e:
        raise StatementError("interrupted", code=INTERRUPT, statement=sql) from e
    except apsw.Error as e:
        raise StatementError(str(e), statement=sql) from e
    finally:
        other.set_progress_handler(None)
        other.trace_v2(0)
    status = ended.get("stmt_status")
    if status is None:
        return None
    scanned, sorts, indexed, steps = (int(status[f"SQLITE_STMTSTATUS_{counter}"]) for counter in _NAMES)
    return Counters(scanned, sorts, indexed, steps, apsw.sqlite_lib_version(), program)
