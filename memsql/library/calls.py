"""How a call of the library runs: it sets no signal handler, and leaves the database whole where it is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from memsql.engine.signals import Stop, stop_of_the_caller, stopped_by
from memsql.errors import MemsqlError, StatementError
from memsql.storage import faults

T = TypeVar("T")
ProgressCallback = Callable[[str, float | None], None]
"""Hears how the work goes on: what begins, such as "applying 0003_add_notes", and how much of it is done, from 0 to 1,
or None where it begins. It is called in the thread that does the work."""

STOPPED = "the caller"
"""What stopped a run, as messages name it."""
_STEP = 0.01
_LOOK_SECONDS = 0.1


def run(work: Callable[[Stop], T], *, here: bool) -> T:
    """``work``, called so that it hears no signal. It stops, and undoes what is not committed, where its Stop is set.

    In the main thread, where signals raise exceptions, it runs in a thread of its own: SQLite drops what is raised in
    its callbacks, so that a KeyboardInterrupt would be lost there. An exception that arrives meanwhile, of any kind,
    sets the Stop, and is raised when the work has ended. ``here``: it must run in this thread, because a connection
    belongs to it.
    """
    stop = stop_of_the_caller()
    if stop is not None:
        return _run_here(work, stop)
    stop = Stop()
    if here or threading.current_thread() is not threading.main_thread():
        return _run_here(work, stop)
    outcome: Future[T] = Future()
    thread = threading.Thread(target=_settle, args=(work, stop, outcome), name="memsql", daemon=True)
    thread.start()
    try:
        # A signal that another thread receives does not wake this one: it is noticed at the next look.
        while not wait((outcome,), _LOOK_SECONDS).done:
            pass
        return outcome.result()
    except BaseException:
        stop.name = STOPPED
        thread.join()
        raise


def run_stopped_by(work: Callable[[Stop], T], stop: Stop) -> T:
    """``work``, called in this thread, which somebody else stops with ``stop``. What comes of a disk or of the machine
    is raised as a MemsqlError."""
    with stopped_by(stop):
        try:
            return work(stop)
        except (MemsqlError, OSError) as e:
            fault = faults.explained(e, "memsql", "the same call")
            if fault is None:
                raise
            raise fault from e


def refuse_stopped(stop: Stop) -> None:
    """Raise KeyboardInterrupt where the caller gave up."""
    if stop.name is not None:
        raise KeyboardInterrupt


def _run_here(work: Callable[[Stop], T], stop: Stop) -> T:
    try:
        return run_stopped_by(work, stop)
    except MemsqlError as e:
        if not stop and _is_interrupt(e):
            raise KeyboardInterrupt from e
        raise


def _settle(work: Callable[[Stop], T], stop: Stop, outcome: Future[T]) -> None:
    try:
        outcome.set_result(run_stopped_by(work, stop))
    except BaseException as e:
        outcome.set_exception(e)


def _is_interrupt(error: BaseException) -> bool:
    """Whether a KeyboardInterrupt is behind ``error``, or was lost in a callback of SQLite, which then interrupted the
    statement."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt) or (isinstance(cause, StatementError) and cause.is_interrupt):
            return True
        cause = cause.__cause__
    return False


class Listener:
    """A progress that tells a callback, where there is one, and ends the work where ``stop`` is set: not every piece of
    work looks at that itself."""

    def __init__(self, callback: ProgressCallback | None, stop: Stop) -> None:
        self._callback, self._stop = callback, stop
        self._label = ""
        self._fraction = 0.0

    def start(self, label: str) -> None:
        """Tell what begins. Raises KeyboardInterrupt."""
        refuse_stopped(self._stop)
        self._label, self._fraction = label, 0.0
        if self._callback is not None:
            self._callback(label, None)

    def tick(self, fraction: float | None = None) -> None:
        """Tell how much is done, in steps of a hundredth. Raises KeyboardInterrupt."""
        refuse_stopped(self._stop)
        if self._callback is not None and fraction is not None and fraction >= self._fraction + _STEP:
            self._fraction = fraction
            self._callback(self._label, fraction)
