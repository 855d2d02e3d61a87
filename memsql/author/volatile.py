"""Gives a scratch database another clock and other chance, to find the values that differ at every run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from memsql.db.sqlite import SQLiteConnection

_NOW = "2001-02-03 04:05:06.789"
# The place of the time among the arguments; where it is left out, it is now (https://sqlite.org/lang_datefunc.html).
_TIMES = {"date": 0, "time": 0, "datetime": 0, "julianday": 0, "unixepoch": 0, "strftime": 1}
_CURRENT = {"current_timestamp": "datetime", "current_date": "date", "current_time": "time"}


def change_clock(conn: SQLiteConnection) -> None:
    """Let "now" be long ago on ``conn``, and every random value the same."""
    helper = sqlite3.connect(":memory:", check_same_thread=False)
    for name, place in _TIMES.items():
        conn.raw.create_function(name, -1, _at_another_time(helper, name, place), deterministic=True)
    for name, function in _CURRENT.items():
        value = helper.execute(f"SELECT {function}(?)", (_NOW,)).fetchone()[0]
        conn.raw.create_function(name, 0, lambda value=value: value)
    conn.raw.create_function("random", 0, lambda: 4)
    conn.raw.create_function("randomblob", 1, lambda size: b"\4" * max(1, int(size or 0)))


def _at_another_time(helper: sqlite3.Connection, name: str, place: int) -> Callable[..., Any]:
    def function(*arguments: Any) -> Any:
        values = list(arguments)
        if len(values) == place:
            values.append(_NOW)
        elif len(values) > place and isinstance(values[place], str) and values[place].lower() == "now":
            values[place] = _NOW
        return helper.execute(f"SELECT {name}({', '.join('?' * len(values))})", values).fetchone()[0]

    return function
