"""Coverage at a price that every run of the tests can pay: of a share of the tests, and of forked processes.

On its own, coverage.py writes a file in each process, which takes longer than most commands. Here a forked process
sends the lines that it ran to the process that forked it, and that one writes one file at its end.

Until Python 3.12, tracing makes a command slower by more than half. So coverage looks at the first entry of each table
and at one in ``ONE_IN``: the others run the same lines again. A test without a table is one with a single entry. What
quick tests run in their own process takes little time, and differs more: coverage looks at all of that. It leaves alone
what is killed, tests/reference and the files of tests/promises, which are long ways through what the tests of each
package run too. The share is the same in every run. ``invoke test --thorough`` looks at every test.
"""

from __future__ import annotations

import io
import marshal
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from enum import IntEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import extent

if TYPE_CHECKING:
    import pytest
    from coverage import Coverage

_DATA_FILE = "TESTS_COVERAGE_OF_FORKS"
_FOR_PROCESSES = "COVERAGE_PROCESS_"
_PACKAGE = Path(__file__).resolve().parents[2] / "memsql"
_LONG_WAYS = ("tests/promises/test_", "tests/reference/")
# Of so many that do the same coverage looks at one.
ONE_IN = 8


class Look(IntEnum):
    """At what of a test coverage looks."""

    NOTHING = 0
    OWN_PROCESS = 1
    ALL_PROCESSES = 2


# At what of the test that runs now coverage looks; conftest.py begins each test.
look = Look.ALL_PROCESSES
# Whether coverage looks at this process.
_is_traced = True
# What makes coverage look at the processes that this one starts, while it shall not.
_for_processes: dict[str, str] = {}
# At what of each test coverage looks, by the id of the test; conftest.py sets it.
chosen: dict[str, Look] = {}


def share(items: Iterable[pytest.Item]) -> dict[str, Look]:
    """At what of each test coverage looks, by the id of the test."""
    entries: Counter[tuple[str, bool]] = Counter()
    looks = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        table = item.nodeid.partition("[")[0], "server" in marks
        number = entries[table]
        entries[table] += 1
        is_left_alone = "kill" in marks or item.nodeid.startswith(_LONG_WAYS)
        if extent.THOROUGH or (number % ONE_IN == 0 and not is_left_alone):
            looks[item.nodeid] = Look.ALL_PROCESSES
        else:
            is_quick = not marks & {"slow", "server"}
            looks[item.nodeid] = Look.OWN_PROCESS if is_quick and not is_left_alone else Look.NOTHING
    return looks


def begin(wanted: Look) -> None:
    """From now on coverage looks at what is ``wanted`` of this process and those that it starts."""
    global look
    own = _coverage()
    if own is not None:
        _trace(own, wanted > Look.NOTHING)
        if wanted == Look.ALL_PROCESSES:
            os.environ.update(_for_processes)
        else:
            for name in [name for name in os.environ if name.startswith(_FOR_PROCESSES)]:
                _for_processes[name] = os.environ.pop(name)
    look = wanted


def pause() -> None:
    """Until the next begin() coverage does not look at this process: what pytest does between two tests takes longer
    than many of them."""
    own = _coverage()
    if own is not None:
        _trace(own, False)


def _trace(own: Coverage, wanted: bool) -> None:
    global _is_traced
    # Not Coverage.start(), which would patch os._exit once more each time.
    assert own._collector is not None
    if wanted and not _is_traced:
        own._collector.start()
    if _is_traced and not wanted:
        own._collector.stop()
    _is_traced = wanted


def looks_at_commands() -> bool:
    """Whether coverage looks at the processes that this one starts for the test that runs now."""
    return look == Look.ALL_PROCESSES


def _coverage() -> Coverage | None:
    """What measures this process, if anything does."""
    current: Coverage | None = sys.modules["coverage"].Coverage.current() if "coverage" in sys.modules else None
    return current


def environment(variables: dict[str, str], *, outlives_the_test: bool = False) -> dict[str, str]:
    """``variables`` for a process that runs ``forks``.

    Where this process is measured, that one measures what it forks; for one test alone only if coverage looks at it.
    """
    own = _coverage()
    if own is None or not (looks_at_commands() or outlives_the_test):
        return variables
    return {**unmeasured(variables), _DATA_FILE: str(own.get_option("run:data_file"))}


def unmeasured(variables: dict[str, str]) -> dict[str, str]:
    """``variables`` for processes that coverage leaves alone: whole ones that run what other tests run too."""
    return {name: value for name, value in variables.items() if not name.startswith(_FOR_PROCESSES)}


class Forks:
    """Forks processes one after the other, and keeps the lines of memsql that they ran."""

    def __init__(self, coverage: Coverage | None) -> None:
        self._coverage = coverage
        self._measures_here = False
        self.lines: dict[str, set[int]] = {}

    def run(self, work: Callable[[], int], *, measured: bool = True, begun: Callable[[int], None] | None = None) -> int:
        """Run ``work`` in a forked process to its end. ``begun`` is called here with the id of the process.

        Return the number that ``work`` returns, or the negative number of the signal that ended the process.
        """
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _end(work, self._coverage if measured else None, writing)
        os.close(writing)
        if begun:
            begun(pid)
        with open(reading, "rb") as pipe:
            sent = io.BytesIO(pipe.read())
        _, status = os.waitpid(pid, 0)
        self.add_all(sent)
        return os.waitstatus_to_exitcode(status)

    def prepare_reused(self, writing: int) -> None:
        """Let what this process forks in a measured call of run_reused() send its lines to ``writing`` too."""
        if self._coverage:
            coverage = self._coverage
            os.register_at_fork(
                after_in_child=lambda: _send_at_exit(coverage, writing) if self._measures_here else None
            )

    def run_reused(self, work: Callable[[], int], writing: int) -> int:
        """Run ``work`` in this process, measured, append its lines to the file ``writing``, and return its number."""
        if self._coverage is None:
            return work()
        self._measures_here = True
        try:
            with self._coverage.collect():
                return work()
        finally:
            self._measures_here = False
            os.write(writing, marshal.dumps(_take_lines(self._coverage)))

    def add_all(self, sent: IO[bytes]) -> None:
        """Keep the lines that ``sent`` holds from its position on."""
        while True:
            try:
                self.add(marshal.load(sent))
            except EOFError:
                return

    def add(self, lines: dict[str, list[int]]) -> None:
        """Keep ``lines``: paths of modules with the numbers of lines in them."""
        for path, numbers in lines.items():
            self.lines.setdefault(path, set()).update(numbers)


@contextmanager
def forks(prepare: Callable[[], None]) -> Iterator[Forks]:
    """Call ``prepare``, which imports what the forked processes need, and yield what forks them.

    At the end of the block the measured lines are written.
    """
    data_file = os.environ.pop(_DATA_FILE, None)
    if data_file is None:
        prepare()
        yield Forks(None)
        return
    from coverage import Coverage, CoverageData

    coverage = Coverage(data_file=None, config_file=False, include=[f"{_PACKAGE}/*"])
    with coverage.collect():
        prepare()
    processes = Forks(coverage)
    processes.add(_take_lines(coverage))
    try:
        yield processes
    finally:
        data = CoverageData(data_file, suffix=True)
        data.add_lines(processes.lines)
        data.write()


def _take_lines(coverage: Coverage) -> dict[str, list[int]]:
    """The lines that were run since the last call.

    Coverage.get_data() would write them into an SQL database first, in each process anew: that takes longer than to
    start most commands.
    """
    collector = coverage._collector
    assert collector is not None
    by_path: dict[str, set[int]] = collector.data  # type: ignore[assignment]
    taken = {path: list(numbers) for path, numbers in by_path.items() if numbers}
    for path in taken:
        by_path[path].clear()
    return taken


def _send_at_exit(coverage: Coverage, writing: int) -> None:
    """Let this process, which a measured one forked, send what was measured of it at its end, as that one does."""
    leave = os._exit

    def send_and_leave(status: int) -> NoReturn:
        with open(writing, "wb", closefd=False) as pipe:
            pipe.write(marshal.dumps(_take_lines(coverage)))
        leave(status)

    os._exit = send_and_leave


def _end(work: Callable[[], int], coverage: Coverage | None, writing: int) -> NoReturn:
    """Run ``work`` in this forked process, send what was measured, and end the process."""
    code = 1
    if coverage:
        os.register_at_fork(after_in_child=lambda: _send_at_exit(coverage, writing))
    try:
        with coverage.collect() if coverage else nullcontext():
            code = work()
        if coverage:
            with open(writing, "wb") as pipe:
                pipe.write(marshal.dumps(_take_lines(coverage)))
    except BaseException:
        traceback.print_exc()
    finally:
        # Nothing of the process that was forked may run twice.
        os._exit(code)
