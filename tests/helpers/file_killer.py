"""Runs a memsql command over and over, each time on a fresh copy, and kills it (SIGKILL) EACH steps later than before.

    python file_killer.py TEMPLATE COPIES EACH STRIDE WORDS...

A step is a change of the file system that Python makes (link, rename, unlink, mkdir, chmod, fsync), killed before it
and after it, and every STRIDE-th statement that SQLite begins to run. Beside each copy N lies N-killed, as the kill
left it; in N itself the command was run again and succeeded. Prints how many copies there are.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import killer
import measured
import started

_CALLS = ("link", "rename", "replace", "unlink", "mkdir", "rmdir", "chmod", "fsync", "remove")


def main(forks: measured.Forks, words: list[str], *, template: Path, copies: Path, each: int, stride: int) -> int:
    killer.prepare = lambda kill_at: prepare(kill_at, stride)
    number = 0
    while True:
        number += 1
        step = 1 + (number - 1) * each
        copy = copies / str(number)
        shutil.copytree(template, copy, symlinks=True)
        status = killer.run(forks, copy, words, kill_at=step)
        if status == 0:
            return number
        assert status == -signal.SIGKILL, (copy / "log").read_text()
        shutil.copytree(copy, copies / f"{number}-killed", symlinks=True)
        look = number % measured.ONE_IN == 0
        assert killer.run(forks, copy, words, measured=look) == 0, f"step {step}: " + (copy / "log").read_text()


def prepare(kill_at: int | None, stride: int) -> None:
    """From now on count steps, and end this process at the step ``kill_at``."""
    steps = statements = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(_: str) -> None:
        nonlocal statements
        statements += 1
        if statements % stride == 0:
            step()

    def around(really: Callable[..., Any], quick: bool) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            step()
            result = None if quick else really(*args, **kwargs)
            step()
            return result

        return call

    if kill_at is not None:
        for name in _CALLS:
            # What was not synced only a power failure would lose.
            setattr(os, name, around(getattr(os, name), name == "fsync"))
    connect = sqlite3.connect

    def traced(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        conn: sqlite3.Connection = connect(*args, **kwargs)
        if kill_at is not None:
            conn.set_trace_callback(statement)
        return conn

    sqlite3.connect = traced  # type: ignore[assignment]


if __name__ == "__main__":
    with measured.forks(started.import_everything) as forks:
        template, copies, each, stride, *words = sys.argv[1:]
        print(main(forks, words, template=Path(template), copies=Path(copies), each=int(each), stride=int(stride)))
