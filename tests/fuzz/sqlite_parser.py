"""SQLite's own parser, asked through its C interface: where a statement ends, and what it does.

``sqlite3_prepare_v2`` says both: by the pointer to the text behind the statement (pzTail,
https://sqlite.org/c3ref/prepare.html), and by what it asks the authorizer (https://sqlite.org/c3ref/c_alter_table.html).
Nothing is run but statements that change the schema of a database in memory, so that those behind them are understood.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

SCHEMA = (
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c);CREATE TABLE u(x, y REFERENCES t(a) ON DELETE CASCADE);"
    "CREATE INDEX i ON t(b);CREATE VIEW v AS SELECT a, b FROM t;"
    "CREATE TRIGGER w INSTEAD OF INSERT ON v BEGIN SELECT 1; END;"
)
"""What is there already."""
_OK, _IGNORE, _DONE, _ROW = 0, 2, 101, 100
_PRAGMA, _ATTACH = 19, 24
_DEFINITIONS = frozenset(range(1, 9)) | frozenset(range(10, 18)) | {26, 29, 30}
_STEPS = 20_000


class Action(NamedTuple):
    """What the authorizer is asked: a code and two arguments."""

    code: int
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """One statement as SQLite reads it: the offset in bytes behind it, and its actions, of triggers left out.

    ``is_empty``: there was nothing but white space, comments and semicolons. ``is_known`` is False where the names of
    tables and columns could not be resolved, so that it has not all of its actions.
    """

    end: int
    actions: tuple[Action, ...]
    is_empty: bool = False
    is_known: bool = True


_authorizer = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_int, *[ctypes.c_char_p] * 4
)  # (data, code, first, second, database, trigger or view)
_progress = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class Parser:
    """A database in memory whose parser is asked. Every text begins with the same SCHEMA."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._lib = library
        self._lib.sqlite3_errmsg.restype = ctypes.c_char_p
        self._db = ctypes.c_void_p()
        self._actions: list[Action] = []
        self._callbacks = (_authorizer(self._ask), _progress(lambda _: 1))
        assert self._lib.sqlite3_open(b":memory:", ctypes.byref(self._db)) == _OK
        self._run(SCHEMA.encode())
        self._lib.sqlite3_set_authorizer(self._db, self._callbacks[0], None)
        self._lib.sqlite3_progress_handler(self._db, _STEPS, self._callbacks[1], None)

    def statements(self, data: bytes) -> Iterator[Parsed]:
        """The statements of ``data``, up to the first that SQLite does not understand. A NUL ends the text."""
        self._run(b"BEGIN")
        try:
            position = 0
            while position < len(data):
                parsed = self._next(data, position)
                if parsed is None:
                    return
                yield parsed
                position = parsed.end
        finally:
            self._run(b"ROLLBACK")

    def _next(self, data: bytes, position: int) -> Parsed | None:
        statement, tail = ctypes.c_void_p(), ctypes.c_char_p()
        buffer = ctypes.create_string_buffer(data[position:])
        self._actions.clear()
        result = self._lib.sqlite3_prepare_v2(self._db, buffer, -1, ctypes.byref(statement), ctypes.byref(tail))
        address = ctypes.cast(tail, ctypes.c_void_p).value
        end = position + (address or 0) - ctypes.addressof(buffer)
        actions = tuple(self._actions)
        if result != _OK:
            # Names are resolved at the semicolon, so the statement was read to its end.
            message = self._lib.sqlite3_errmsg(self._db) or b""
            is_read = message.startswith(b"no such ") and data[end - 1 : end] == b";"
            return Parsed(end, actions, is_known=False) if is_read else None
        try:
            if not statement:
                return Parsed(end, (), is_empty=True)
            if not self._defines(statement, actions):
                return None
            return Parsed(end, actions)
        finally:
            self._lib.sqlite3_finalize(statement)

    def _defines(self, statement: ctypes.c_void_p, actions: tuple[Action, ...]) -> bool:
        """Run ``statement`` if it changes the schema; False where that fails, so that nobody knows what follows."""
        if self._lib.sqlite3_stmt_isexplain(statement) or not any(a.code in _DEFINITIONS for a in actions):
            return True
        while (result := self._lib.sqlite3_step(statement)) == _ROW:
            pass
        return bool(result == _DONE)

    def _ask(self, _: object, code: int, first: bytes | None, second: bytes | None, *others: bytes | None) -> int:
        if others[1] is None:
            self._actions.append(Action(code, _text(first), _text(second)))
        # These would do something while they are compiled, or later to a file.
        return _IGNORE if code in (_PRAGMA, _ATTACH) else _OK

    def _run(self, sql: bytes) -> None:
        assert self._lib.sqlite3_exec(self._db, sql, None, None, None) == _OK, self._lib.sqlite3_errmsg(self._db)


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")


@cache
def parser() -> Parser | None:
    """The parser of the SQLite library of this machine; None where Python cannot find one."""
    for name in ("libsqlite3.so.0", ctypes.util.find_library("sqlite3")):
        if name is not None:
            with suppress(OSError):
                return Parser(ctypes.CDLL(name))
    return None
