"""End what a worker has started, also where the worker or the whole campaign is killed and can end nothing itself."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

_GRACE = 30.0
"""Seconds for a worker to end by itself after nobody can ask it for more."""


def tie(requests: int | None = None) -> None:
    """Make this process the leader of a group, and kill the group (SIGKILL) when it has ended, however it does.

    Servers and commands that it starts are in the group. ``requests`` is the descriptor that requests are read from:
    where its other end is closed, this process has to end too, in _GRACE seconds.
    """
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    group, (reading, writing) = os.getpgrp(), os.pipe()
    if os.fork():
        # It stays open as long as this process lives, and closes with it. What it starts does not get it.
        os.close(reading)
        return
    with suppress(BaseException):
        os.setsid()
        os.close(writing)
        _wait(reading, requests)
    with suppress(OSError):
        os.killpg(group, signal.SIGKILL)
    os._exit(0)


def _wait(end: int, requests: int | None) -> None:
    """Return when ``end`` is closed, or _GRACE seconds after ``requests`` is."""
    # No input is read here: an end that is closed is told without being asked for.
    poll = select.poll()
    poll.register(end, 0)
    if requests is not None:
        poll.register(requests, 0)
    if any(descriptor == end for descriptor, _ in poll.poll()):
        return
    alone = select.poll()
    alone.register(end, 0)
    alone.poll(_GRACE * 1000)
