"""Work for a process that runs somebody else's SQL: functions of a module, because such a process may have to import
them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing, nullcontext

from memsql import deadline
from memsql.db.sqlite import memory
from memsql.errors import FileError, Location


def answer(sql: str, *others: str) -> list[str]:
    """What comes of each text: the first value, or why it was stopped."""
    answers = []
    for part, text in enumerate((sql, *others)):
        try:
            with deadline.part(f"part {part}"), closing(memory()) as conn:
                answers.append(str(conn.execute(text).one())[:50])
        except deadline.Stopped as e:
            answers.append(f"stopped: {e.reason}")
    return answers


def run_script(sql: str) -> None:
    """Run statements where nobody answers to a stop."""
    with deadline.part("script"), closing(memory()) as conn:
        conn.script(sql)


def fill_memory() -> str:
    """Take more memory than there is, in Python and not in SQLite."""
    try:
        with deadline.part("memory"):
            return str(len([bytes(1 << 20) for _ in range(2000)]))
    except deadline.Stopped as e:
        return e.reason


def write_file(path: str) -> str:
    """Write into a file, as no SQL can."""
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write("x")
    except OSError as e:
        return str(e.strerror)
    return "written"


def die(part: str) -> list[str]:
    """End the process by force in one of three parts."""
    done = []
    for name in ("one", "two", "three"):
        try:
            with deadline.part(name):
                if name == part:
                    os.kill(os.getpid(), signal.SIGKILL)
                done.append(name)
        except deadline.Stopped as e:
            done.append(e.reason)
    return done


def die_outside() -> None:
    """End the process by force where no part runs."""
    os._exit(3)


def deaf() -> list[str]:
    """Work on after the time of a part is over, as a function of SQLite's does."""
    done = []
    for name in ("quick", "deaf"):
        try:
            with deadline.part(name):
                time.sleep(60 if name == "deaf" else 0)
                done.append(name)
        except deadline.Stopped as e:
            done.append(e.reason)
    return done


def fail() -> None:
    raise FileError(
        "it is wrong", where=Location("a.sql", 3), statement="SELECT", details=("one", "two"), hint="mend it"
    )


def mistaken(part: str) -> list[str]:
    """Make a mistake of memsql's own, in a part or outside of one."""
    try:
        with deadline.part(part) if part else nullcontext():
            raise KeyError("a mistake")
    except deadline.Stopped as e:
        return [e.reason]


def process_id() -> int:
    return os.getpid()
