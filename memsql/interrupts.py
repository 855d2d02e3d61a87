"""Ctrl-C and SIGTERM while a task runs and no migration does: a KeyboardInterrupt.

A run of migrations listens to them instead (see memsql.engine.signals), and before a task see memsql.startup.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_deaf = False
_here = threading.local()
heard: str | None = None
"""What was pressed or sent last while a task ran, "Ctrl-C" or "SIGTERM"; None where nothing was."""


class Untouched(KeyboardInterrupt):
    """Somebody stopped the work before anything was changed."""


def task_begins() -> None:
    """Let Ctrl-C and SIGTERM be a KeyboardInterrupt, so that temporary files go and locks are released. Its arguments
    are empty for Ctrl-C, and "SIGTERM" otherwise."""
    global heard
    heard = None
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _raise)
    signal.signal(signal.SIGTERM, _raise)


def ignore_all() -> None:
    """Leave Ctrl-C and SIGTERM to the process that started this one and will end it."""
    global _deaf
    _deaf = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def left_alone() -> Iterator[None]:
    """While open, this thread decides not what a signal does: that is up to the program that calls the library."""
    before = getattr(_here, "left_alone", False)
    _here.left_alone = True
    try:
        yield
    finally:
        _here.left_alone = before


def can_listen() -> bool:
    """Whether this thread of this process may decide what a signal does."""
    return _is_main() and not _deaf and not getattr(_here, "left_alone", False)


def refuse_lost() -> None:
    """Raise KeyboardInterrupt again where somebody pressed Ctrl-C in this task: SQLite drops what is raised in its
    callbacks. Call it where new work begins, and never where work is undone."""
    if heard is not None:
        raise exception_of(heard)


def name_of(number: int) -> str:
    """What people call the signal ``number``: "Ctrl-C" or "SIGTERM"."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def exception_of(name: str) -> KeyboardInterrupt:
    """The KeyboardInterrupt for the signal that name_of() calls ``name``: see task_begins()."""
    return KeyboardInterrupt(*([] if name == "Ctrl-C" else [name]))


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """While open, Ctrl-C and SIGTERM call ``handler``, and nothing else. For a thread that can_listen()."""
    old = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler_before in old.items():
            signal.signal(number, handler_before)


@contextmanager
def raised() -> Iterator[None]:
    """While open, Ctrl-C and SIGTERM are a KeyboardInterrupt, also where a run of migrations listens: it waits for the
    block, and runs nothing meanwhile."""
    if not can_listen():
        yield
        return
    with handled_by(_raise):
        yield


@contextmanager
def untouched() -> Iterator[None]:
    """Say of a KeyboardInterrupt that comes out of the block that nothing was changed."""
    try:
        yield
    except KeyboardInterrupt as e:
        raise Untouched(*e.args) from None


def _raise(number: int, frame: FrameType | None) -> None:
    global heard
    heard = name_of(number)
    raise exception_of(heard)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
