"""Coverage of processes that are forked by the thousand.

On its own, coverage.py writes a file in each of them, which takes longer than most commands. Here a forked process
sends the lines that it ran to the process that forked it, and that one writes one file at its end.

To trace a command makes it slower by half, and the entries of a table of tests run the same lines again: coverage looks
at the first of them, and then at one in eight.
"""

from __future__ import annotations

import marshal
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from coverage import Coverage

_DATA_FILE = "TESTS_COVERAGE_OF_FORKS"
_PACKAGE = Path(__file__).resolve().parents[2] / "memsql"
# Of so many that do the same coverage looks at one.
ONE_IN = 8
_entries: Counter[str] = Counter()
# Whether coverage looks at the commands of the test that runs now; conftest.py begins each test.
looks = True


def begin(function: str) -> None:
    """A test begins, which is ``function`` or an entry of the table of that name."""
    global looks
    _entries[function] += 1
    looks = _entries[function] <= ONE_IN or _entries[function] % ONE_IN == 0


def environment(variables: dict[str, str]) -> dict[str, str]:
    """``variables`` for a process that runs ``forks``.

    Where this process is measured, that one measures what it forks.
    """
    own = sys.modules["coverage"].Coverage.current() if "coverage" in sys.modules else None
    if own is None:
        return variables
    return {**unmeasured(variables), _DATA_FILE: own.get_option("run:data_file")}


def unmeasured(variables: dict[str, str]) -> dict[str, str]:
    """``variables`` for processes that coverage leaves alone: whole ones that run what other tests run too."""
    return {name: value for name, value in variables.items() if not name.startswith("COVERAGE_PROCESS_")}


class Forks:
    """Forks processes one after the other, and keeps the lines of memsql that they ran."""

    def __init__(self, coverage: Coverage | None) -> None:
        self._coverage = coverage
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
            sent = pipe.read()
        _, status = os.waitpid(pid, 0)
        if sent:
            self.add(marshal.loads(sent))
        return os.waitstatus_to_exitcode(status)

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


def _end(work: Callable[[], int], coverage: Coverage | None, writing: int) -> NoReturn:
    """Run ``work`` in this forked process, send what was measured, and end the process."""
    code = 1
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
