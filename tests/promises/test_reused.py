"""The process that runs many commands of the tests: no command learns from what the one before it left behind."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable

import reused

from memsql import hints


def run(*commands: Callable[[], int]) -> tuple[list[int], int]:
    """Run ``commands`` in one process; return the exit codes that it answered with, and its own."""
    waiting = list(commands)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        reused.serve(theirs, lambda _: waiting.pop(0) if waiting else None)
    theirs.close()
    with open(os.dup(ours.fileno()), "rb") as answers:
        sent = answers.read()
    ours.close()
    _, status = os.waitpid(pid, 0)
    size = reused.CODE_BYTES
    return [int.from_bytes(sent[i : i + size]) for i in range(0, len(sent), size)], os.waitstatus_to_exitcode(status)


def change() -> int:
    hints.use_program("other")
    hints.__dict__["_new"] = 1
    sys.dont_write_bytecode = not sys.dont_write_bytecode
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.close()
    return 7


def test_what_can_be_taken_back_is() -> None:
    flag, handler = sys.dont_write_bytecode, signal.getsignal(signal.SIGTERM)

    def look() -> int:
        sys.stdout.flush()
        is_back = hints.program() == "memsql" and not hasattr(hints, "_new")
        is_back = is_back and sys.dont_write_bytecode == flag and signal.getsignal(signal.SIGTERM) is handler
        return 0 if is_back else 1

    assert run(change, look, change, look) == ([7, 0, 7, 0], 0)


def test_after_anything_else_the_process_ends() -> None:
    def leave_a_file_open() -> int:
        os.open(os.devnull, os.O_RDONLY)
        return 3

    def set_the_mask() -> int:
        os.umask(0o123)
        return 4

    assert run(change, leave_a_file_open, change) == ([7], 3)
    assert run(set_the_mask, change) == ([], 4)


def test_after_so_many_commands_the_process_ends() -> None:
    codes, last = run(*[lambda: 5] * (reused.COMMANDS + 2))
    assert (len(codes), last) == (reused.COMMANDS - 1, 5)


def test_a_command_that_is_killed_takes_the_process_along() -> None:
    def kill() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert run(lambda: 0, kill, lambda: 0) == ([0], -signal.SIGKILL)
