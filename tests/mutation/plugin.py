"""A plugin of pytest for runs that mutmut starts: the tests of a mutant run in a process that was forked from one that
has imported everything, and so do the commands that they start.

Which mutant is tried, the variable MUTANT_UNDER_TEST says. It reaches every command like any other variable.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from mutmut.state import state

# For the tests of one function.
SECONDS = 1.5
_HITS = Path(os.environ["TESTS_MUTATION_HITS"])
_ours, _theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
# One process for all mutants; see starter.py.
_process = subprocess.Popen(
    [sys.executable, Path(__file__).with_name("starter.py"), str(_theirs.fileno())], pass_fds=[_theirs.fileno()]
)
_theirs.close()


def _begin() -> socket.socket:
    """Instead of a process that imports everything first: one that is forked where that is done."""
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_ours, [b"x"], [theirs.fileno()])
    return ours


def pytest_collection() -> None:
    import cli
    import started

    started._begin = _begin

    def forget() -> None:
        cli._starter._socket, cli._starter._lock = None, threading.Lock()

    # The process that was forked for a mutant must not talk with the commands of another one.
    if not hasattr(cli._starter, "is_forgotten_in_forks"):
        cli._starter.is_forgotten_in_forks = True  # type: ignore[attr-defined]
        os.register_at_fork(after_in_child=forget)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Tell mutmut which functions the test called, in whatever process."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats" and _HITS.exists():
        state()._stats.update(_HITS.read_text(encoding="utf-8").split())
        _HITS.unlink()


def pytest_sessionfinish() -> None:
    """Keep the quickest of the tests that call a function, for SECONDS: a survivor runs them all."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":
        seconds = state().duration_by_test
        for function, tests in state().tests_by_mangled_function_name.items():
            left = SECONDS
            kept: set[str] = set()
            for test in sorted(tests, key=lambda test: seconds[test]):
                left -= seconds[test]
                if kept and left < 0:
                    break
                kept.add(test)
            state().tests_by_mangled_function_name[function] = kept
