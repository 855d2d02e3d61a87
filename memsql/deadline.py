"""How long the SQL of somebody else may run: each part of the work, such as all runs of one migration, and the whole.

A process has one such budget. It is strict in the processes of memsql.sandbox, which are ended from outside where they
do not stop by themselves; elsewhere part() alone is timed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

PART_SECONDS = 60.0
"""For how long one part of the work may run."""
WHOLE_SECONDS = 600.0
"""For how long the whole work may run, in a process of memsql.sandbox."""
TOO_LONG = "it did not end within {seconds:.0f} seconds"
TOO_LATE = "it was not tried: the {minutes:.0f} minutes for everything were over"
TOO_LARGE = "it needed more than 1 GiB of memory"
TOO_DEEP = "it is nested too deeply"


class Stopped(Exception):
    """A part of the work was stopped. ``reason``: a sentence that begins with "it". No MemsqlError, because it must not
    be taken for the answer of one statement."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(part, reason)
        self.part = part
        self.reason = reason


class Listener(Protocol):
    """Somebody who wants to know at which part the work is."""

    def begins(self, part: str) -> None:
        """The part begins."""

    def ends(self, part: str, stopped: str) -> None:
        """The part ends; ``stopped`` is the reason where it was stopped, and "" otherwise."""


@dataclass(slots=True)
class _Budget:
    """``ends`` is when the part that runs has to end, ``whole_ends`` when everything has to, in seconds of the
    monotonic clock. ``stopped`` are the reasons of the parts that must not run again, ``listener`` hears of each part.
    """

    ends: float = math.inf
    whole_ends: float = math.inf
    part: str = ""
    stopped: Mapping[str, str] = field(default_factory=dict)
    listener: Listener | None = None


_budget = _Budget()


def limit_process(seconds: float, stopped: Mapping[str, str], listener: Listener) -> None:
    """Give this process ``seconds`` for everything. ``stopped``: why some parts must not run again, by their names."""
    _budget.whole_ends = time.monotonic() + seconds
    _budget.stopped, _budget.listener = stopped, listener


@contextmanager
def part(name: str) -> Iterator[None]:
    """The part ``name`` of the work, for at most PART_SECONDS.

    Raises Stopped: before it begins where there is no time left for it or where it was stopped before, and out of it
    where its time is over or it needs too much memory.
    """
    now = time.monotonic()
    if name in _budget.stopped:
        raise Stopped(name, _budget.stopped[name])
    if now >= _budget.whole_ends:
        raise Stopped(name, TOO_LATE.format(minutes=WHOLE_SECONDS / 60))
    _budget.part, _budget.ends = name, min(now + PART_SECONDS, _budget.whole_ends)
    if _budget.listener is not None:
        _budget.listener.begins(name)
    reason = ""
    try:
        yield
        # What was interrupted may have been taken for an error of a statement.
        refuse_over()
    except (Stopped, MemoryError, RecursionError) as e:
        reason = e.reason if isinstance(e, Stopped) else TOO_LARGE if isinstance(e, MemoryError) else TOO_DEEP
        raise Stopped(name, reason) from None
    finally:
        _budget.part, _budget.ends = "", math.inf
        if _budget.listener is not None:
            _budget.listener.ends(name, reason)


def is_over() -> bool:
    """Whether the part that runs has no time left."""
    return time.monotonic() > _budget.ends


def or_over(tick: Callable[[], bool] | None) -> Callable[[], bool]:
    """A function that is true where ``tick`` is, or where the part that runs has no time left."""
    return is_over if tick is None else lambda: tick() or is_over()


def refuse_large() -> None:
    """Raise Stopped in a process that has a budget: a statement of a part needed more memory than there is.

    SQLite says of it what it says of any other error, so that it would be taken for the answer of the statement.
    """
    if _budget.part and math.isfinite(_budget.whole_ends):
        raise Stopped(_budget.part, TOO_LARGE)


def refuse_over() -> None:
    """Raise Stopped where the part that runs has no time left."""
    if is_over():
        raise Stopped(_budget.part, TOO_LONG.format(seconds=PART_SECONDS))
