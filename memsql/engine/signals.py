"""Ctrl-C and SIGTERM during a migration: remember, let the transaction be undone, then say so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from memsql import hints, interrupts, words
from memsql.errors import LockedError, MemsqlError

_TIME_OVER = "rehearsal_timeout"
_here = threading.local()


@dataclass(slots=True)
class Stop:
    """Whether somebody asked us to stop, and by which signal."""

    name: str | None = None

    def __bool__(self) -> bool:
        return self.name is not None


@contextmanager
def stopped_by(stop: Stop) -> Iterator[None]:
    """While open, runs of this thread stop where ``stop`` is set, by another thread perhaps, and hear no signals."""
    before = getattr(_here, "stop", None)
    _here.stop = stop
    try:
        with interrupts.left_alone():
            yield
    finally:
        _here.stop = before


def stop_of_the_caller() -> Stop | None:
    """The Stop of stopped_by() in this thread; None outside of it."""
    stop: Stop | None = getattr(_here, "stop", None)
    return stop


@contextmanager
def listening() -> Iterator[Stop]:
    """While open, SIGINT and SIGTERM set the yielded Stop and nothing else. It never sets where this process or thread
    does not decide what they do. Inside of stopped_by() it is the Stop of that."""
    of_the_caller = stop_of_the_caller()
    stop = Stop() if of_the_caller is None else of_the_caller
    if not interrupts.can_listen():
        yield stop
        return

    def remember(number: int, _: FrameType | None) -> None:
        stop.name = interrupts.name_of(number)

    with interrupts.handled_by(remember):
        yield stop


@contextmanager
def listening_once() -> Iterator[Stop]:
    """listening(), and at the end the signal is raised as KeyboardInterrupt, in place of a result or an error."""
    stop = Stop()
    try:
        with listening() as stop:
            yield stop
    finally:
        if stop.name is not None:
            raise interrupts.exception_of(stop.name) from None


@contextmanager
def bounded(stop: Stop, milliseconds: int | None) -> Iterator[None]:
    """While open, ``stop`` is set when the time is over; None is any time. Raises LockedError then, in place of
    what the work made of it."""
    if milliseconds is None:
        yield
        return

    def end() -> None:
        stop.name = stop.name or _TIME_OVER

    timer = threading.Timer(milliseconds / 1000, end)
    timer.daemon = True
    timer.start()
    problem: MemsqlError | None = None
    try:
        yield
    except MemsqlError as e:
        problem = e
        raise
    finally:
        timer.cancel()
        if stop.name == _TIME_OVER:
            stop.name = None
            raise _too_long(milliseconds, problem)


def _too_long(milliseconds: int, problem: MemsqlError | None) -> LockedError:
    return LockedError(
        f"the dry run did not end within {words.milliseconds(milliseconds)}, the rehearsal_timeout",
        where=problem.where if problem else None,
        details=(problem.message,) if problem else (),
        state="nothing was changed: this was a rehearsal",
        hint=f"give it more time with rehearsal_timeout in {hints.settings_file()}, or look what does not end",
    )


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """listening_once(), where SIGINT and SIGTERM make the yielded function return True, so that SQLite can ask it while
    a statement runs."""
    with listening_once() as stop:
        yield lambda: stop.name is not None
