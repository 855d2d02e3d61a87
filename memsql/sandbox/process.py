"""Starts the process that runs somebody else's SQL, watches it, and ends it where it does not end by itself."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any, TypeVar

from memsql import deadline, interrupts
from memsql.errors import CheckFailed
from memsql.progress import SILENT, Progress
from memsql.sandbox import child, wire

T = TypeVar("T")
_LOOK = 0.1
"""Seconds between two looks at the clock."""
_GRACE = 5.0
"""Seconds that a process has to stop by itself when its time is over."""
_FRAMES = 7
_LARGEST = 256 << 20
"""How many bytes an answer may have."""


def isolated(work: Callable[..., T], *arguments: Any, progress: Progress = SILENT) -> T:
    """``work(*arguments)``, called in a process of its own with little time and memory that can reach no file.

    ``work`` is a function of a module that returns plain values, collections and dataclasses of memsql; it divides what
    it does with deadline.part(). Where the process has to be ended, or ends by itself, it is started again, and the
    part at which that happened raises deadline.Stopped at once: so each part needs an answer to that.

    Raises what MemsqlError ``work`` raises, and CheckFailed where it is stopped outside of a part.
    """
    if child.is_child():
        return work(*arguments)
    run = _Run(partial(work, *arguments), progress)
    while True:
        with interrupts.raised():
            outcome = run.attempt()
        if not isinstance(outcome, deadline.Stopped):
            return outcome  # type: ignore[no-any-return]
        if not outcome.part or outcome.part in run.stopped:
            raise _stopped(f"{outcome.part}: {outcome.reason}" if outcome.part else outcome.reason)
        run.stopped[outcome.part] = outcome.reason


@dataclass(slots=True)
class _Run:
    """All attempts to do some work. ``stopped``: why a part was stopped, by its name."""

    work: Callable[[], Any]
    progress: Progress
    stopped: dict[str, str] = field(default_factory=dict)
    whole_ends: float = field(default_factory=lambda: time.monotonic() + deadline.WHOLE_SECONDS)

    def attempt(self) -> Any:
        """The result of the work, or the Stopped of the part at which its process was ended."""
        context = multiprocessing.get_context(_start_method())
        answers, theirs = context.Pipe(duplex=False)
        seconds = self.whole_ends - time.monotonic()
        process = context.Process(  # type: ignore[attr-defined]
            target=child.main, args=(theirs, self.work, self.stopped, seconds), daemon=True
        )
        with _without_main():
            process.start()
        theirs.close()
        # The last attempt, for which no time is left, still has to say so of each part.
        watch = _Watch(self, max(self.whole_ends, time.monotonic() + deadline.PART_SECONDS))
        try:
            outcome = watch.answer(answers)
            # It may have something to put away, such as what was measured of it.
            process.join(0 if isinstance(outcome, deadline.Stopped) else _GRACE)
            return outcome
        except EOFError:
            process.join()
            return deadline.Stopped(watch.part, _cause(process.exitcode))
        finally:
            process.kill()
            process.join()
            answers.close()


class _Watch:
    """Listens to one process, which has to end at ``ends``. ``part`` is what it is at."""

    def __init__(self, run: _Run, ends: float) -> None:
        self.part = ""
        self._run = run
        self._part_ends = self._whole_ends = ends

    def answer(self, answers: Connection) -> Any:
        """The result, or Stopped where the process was too slow or cannot be understood. Raises what the work raised,
        and EOFError where the process ended."""
        while True:
            late = time.monotonic() > min(self._part_ends, self._whole_ends) + _GRACE
            if late:
                seconds = deadline.PART_SECONDS if self.part else deadline.WHOLE_SECONDS
                return deadline.Stopped(self.part, deadline.TOO_LONG.format(seconds=seconds))
            if not answers.poll(_LOOK):
                self._run.progress.tick()
                continue
            try:
                message = answers.recv_bytes(_LARGEST)
                kind, content = message[:1], message[1:]
                if kind not in (child.BEGINS, child.ENDS):
                    return _outcome(kind, content)
                self._hear(kind, wire.decode(content))
            except EOFError:
                raise
            except (OSError, ValueError):
                return deadline.Stopped(self.part, "what came of it is too large, or no answer")

    def _hear(self, kind: bytes, content: Any) -> None:
        if kind == child.BEGINS:
            self.part, self._part_ends = content, time.monotonic() + deadline.PART_SECONDS
            self._run.progress.start(f"trying {self.part}")
            return
        part, reason = content
        self.part, self._part_ends = "", self._whole_ends
        if reason:
            # Known now; another attempt need not find it out again.
            self._run.stopped[part] = reason


def _outcome(kind: bytes, content: bytes) -> Any:
    if kind == child.RESULT:
        return wire.decode(content)
    if kind == child.ERROR:
        raise wire.decode_error(content)
    if kind == child.STOPPED:
        raise _stopped(content.decode("utf-8", "replace"))
    part, trace = wire.decode(content)
    lines = trace.rstrip().split("\n")
    if part:
        return deadline.Stopped(part, f"memsql itself failed on it ({lines[-1]}); please report that")
    raise CheckFailed(
        f"memsql itself failed on the SQL of this project: {lines[-1]}",
        details=tuple(line.strip() for line in lines[-_FRAMES:-1]),
        state="nothing was changed",
        hint="please report it, with the SQL",
    )


def _stopped(what: str) -> CheckFailed:
    return CheckFailed(f"the trial of this project's SQL was stopped: {what}", state="nothing was changed")


def _start_method() -> str:
    """How to start the process. A fork needs no imports; with other threads, or on another system, it is not safe."""
    is_alone = sys.platform == "linux" and threading.active_count() == 1
    return "fork" if is_alone else "spawn"


@contextmanager
def _without_main() -> Iterator[None]:
    """While open, this process has no main program: a process that is spawned would run it to import what it defines,
    and the work needs nothing of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _cause(code: int | None) -> str:
    """Why a process ended with the exit code ``code``, as a sentence."""
    if code is None or code >= 0:
        return f"the process that tried it ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the process that tried it was ended by {name}, as for too much memory or a crash of SQLite"
