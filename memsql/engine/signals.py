"""Ctrl-C and SIGTERM during a migration: remember, let the transaction be undone, then say so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Stop:
    """Whether somebody asked us to stop, and by which signal."""

    name: str | None = None

    def __bool__(self) -> bool:
        return self.name is not None


@contextmanager
def listening() -> Iterator[Stop]:
    """While open, SIGINT and SIGTERM set the yielded Stop and nothing else. Outside the main thread,
    where Python allows no handlers, it never sets."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def remember(number: int, _: FrameType | None) -> None:
        stop.name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name

    old = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """While open, SIGINT and SIGTERM make the yielded function return True, so that SQLite can ask it while a statement
    runs. At the end such a signal is raised as KeyboardInterrupt, in place of an error."""
    stop = Stop()
    try:
        with listening() as stop:
            yield lambda: stop.name is not None
    finally:
        if stop.name is not None:
            raise KeyboardInterrupt(*([] if stop.name == "Ctrl-C" else [stop.name])) from None
