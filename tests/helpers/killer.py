"""Runs a memsql command over and over, each time on a fresh copy, and kills it STRIDE steps later than before.

    python killer.py TEMPLATE COPIES FIRST STRIDE WORDS...

A step is a statement that SQLite begins to run, as its trace hook reports it: every PRAGMA, BEGIN, statement of
a migration, trigger, bookkeeping statement and COMMIT. memsql itself knows nothing of this. In each copy the
command is killed (SIGKILL, in a process of its own) when one statement begins, the first time at step FIRST; then,
in processes that nothing kills, it must succeed, and so must a ``migrate.status`` before it in every fourth copy.
The last copy is the one that was not killed. Prints how many copies there are, and in how many of them the kill
left a hot journal.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import measured
import started

import memsql.__main__


def main(
    forks: measured.Forks, words: list[str], *, template: Path, copies: Path, first: int, stride: int
) -> tuple[int, int]:
    number = hot = 0
    while True:
        number += 1
        step = first + (number - 1) * stride
        copy = copies / str(number)
        shutil.copytree(template, copy)
        status = run(forks, copy, words, kill_at=step)
        if status == 0:
            return number, hot
        assert status == -signal.SIGKILL, (copy / "log").read_text()
        hot += is_hot(copy / "memory.db-journal")
        look = number % measured.ONE_IN == 0
        for again in [["migrate.status"], words] if number % 4 == 0 else [words]:
            assert run(forks, copy, again, measured=look) == 0, f"step {step}: " + (copy / "log").read_text()


def run(
    forks: measured.Forks, copy: Path, words: list[str], *, kill_at: int | None = None, measured: bool = False
) -> int:
    """Run memsql in a forked process; return its exit code, negative for the signal that ended it."""

    def command() -> int:
        os.chdir(copy)
        log = os.open("log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        prepare(kill_at)
        sys.argv = ["memsql", *words]
        try:
            memsql.__main__.main()
        except SystemExit as e:
            return e.code if isinstance(e.code, int) else 1
        return 0

    return forks.run(command, measured=measured)


def is_hot(journal: Path) -> bool:
    """Whether the journal has a header, and so must be rolled back (https://sqlite.org/lockingv3.html)."""
    return journal.exists() and journal.read_bytes()[:8] == bytes.fromhex("d9d505f920a163d7")


def prepare(kill_at: int | None) -> None:
    """From now on connections do not sync, which only a power failure would notice, and are traced."""
    seen, own = 0, os.getpid()

    def count(_: str) -> None:
        nonlocal seen
        seen += 1
        # A process that tries SQL of the project in memory has statements of its own.
        if seen == kill_at and os.getpid() == own:
            os.kill(os.getpid(), signal.SIGKILL)

    really = sqlite3.connect

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        conn: sqlite3.Connection = really(*args, **kwargs)
        with suppress(sqlite3.OperationalError):  # a hot journal that a read-only connection may not roll back
            conn.execute("PRAGMA synchronous = off")
        if kill_at is not None:
            # A tiny cache makes SQLite write into the file long before COMMIT, so that a kill leaves a hot journal.
            conn.execute("PRAGMA cache_size = 2")
            conn.set_trace_callback(count)
        return conn

    sqlite3.connect = connect  # type: ignore[assignment]


if __name__ == "__main__":
    # Imported once, here, and not in every child.
    with measured.forks(started.import_everything) as forks:
        template, copies, first, stride, *words = sys.argv[1:]
        print(*main(forks, words, template=Path(template), copies=Path(copies), first=int(first), stride=int(stride)))
