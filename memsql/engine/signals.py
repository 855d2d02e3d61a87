"""Ctrl-C and SIGTERM during a migration: remember, let the transaction be undone, then say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from memsql import interrupts


@dataclass(slots=True)
class Stop:
    """Whether somebody asked us to stop, and by which signal."""

    name: str | None = None

    def __bool__(self) -> bool:
        return self.name is not None


@contextmanager
def listening() -> Iterator[Stop]:
    """While open, SIGINT and SIGTERM set the yielded Stop and nothing else. It never sets where this process or thread
    does not decide what they do."""
    stop = Stop()
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
def interruptible() -> Iterator[Callable[[], bool]]:
    """listening_once(), where SIGINT and SIGTERM make the yielded function return True, so that SQLite can ask it while
    a statement runs."""
    with listening_once() as stop:
        yield lambda: stop.name is not None
