"""File permissions that hold for the tests too."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def obey_permissions() -> None:
    """In the child: root gives up the right to ignore file permissions; others have none to give up."""
    if os.geteuid() != 0:
        return
    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (dac_override, dac_read_search):
        if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    old = path.stat().st_mode
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(old)
