"""Run a command of memsql in a forked process, with a fault at one of its file operations."""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import started
from cli import clean_environment

from tests.campaigns.files import shim

# A command takes a tenth of a second.
_TIMEOUT = 60


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or the negative number of the signal; what it printed on both streams."""

    code: int
    text: str

    @property
    def is_killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True)
class Place:
    """Where commands run: the folder of the project and the folder for temporary files, which are alone in theirs.

    ``pragmas``: set on each connection, such as ``temp_store = memory``.
    """

    project: Path
    temporary: Path
    pragmas: tuple[str, ...] = ()

    @property
    def roots(self) -> tuple[Path, ...]:
        return self.project, self.temporary

    def environment(self) -> Mapping[str, str]:
        folder = str(self.temporary)
        return {**clean_environment(), "TMPDIR": folder, "SQLITE_TMPDIR": folder, "HOME": str(self.temporary.parent)}


def run(place: Place, words: Sequence[str], order: shim.Order | None = None) -> Ended:
    """Run ``memsql words`` to its end. Without an ``order`` nothing goes wrong."""
    command = started.Command("memsql", list(words), str(place.project), dict(place.environment()), False)
    with tempfile.TemporaryFile() as out, open(os.devnull, "rb") as nothing:
        pid = os.fork()
        if pid == 0:
            _end(command, [os.dup(nothing.fileno()), os.dup(out.fileno()), os.dup(out.fileno())], place, order)
        code = _wait(pid)
        out.seek(0)
        return Ended(code, out.read().decode("utf-8", "replace"))


def _end(command: started.Command, fds: list[int], place: Place, order: shim.Order | None) -> None:
    code = 70
    try:
        _set_on_connections(place.pragmas)
        # Python tries the folder with a file of its own first.
        tempfile.tempdir = str(place.temporary)
        if order is not None:
            shim.arm(order)
        code = started.run_in_child(command, fds)
        if order is not None:
            shim.end()
    finally:
        os._exit(code)


def _wait(pid: int) -> int:
    """The exit code; that of SIGALRM, and a killed process, where it does not end in time."""
    handle = os.pidfd_open(pid)
    try:
        ended, _, _ = select.select([handle], [], [], _TIMEOUT)
        if not ended:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(handle)
    return os.waitstatus_to_exitcode(status) if ended else -signal.SIGALRM


def _set_on_connections(pragmas: Sequence[str]) -> None:
    really = sqlite3.connect

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        conn: sqlite3.Connection = really(*args, **kwargs)
        for pragma in pragmas:
            # A hot journal that a read-only connection may not roll back.
            with suppress(sqlite3.OperationalError):
                conn.execute(f"PRAGMA {pragma}")
        return conn

    sqlite3.connect = connect  # type: ignore[assignment]
