"""Locks of open files, which end with the process that holds them."""

from __future__ import annotations

import errno

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CAN_LOCK = fcntl is not None
"""Whether this system has such locks."""


def lock(handle: int) -> None:
    """Wait for the lock of ``handle``. Where the system or the disk has none, nothing is locked."""
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        return


def try_lock(handle: int) -> bool:
    """Lock ``handle`` if nobody else has. Returns whether it is locked now; False also where there are no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def has_locks(handle: int) -> bool:
    """Whether ``handle``, which nobody else knows yet, can be locked: not on every disk, and not on every system."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        return e.errno in (errno.EAGAIN, errno.EACCES)
    return True
