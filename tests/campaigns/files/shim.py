"""Build the shim (shim.c), and say what it is to do."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")
_CACHE = Path(__file__).resolve().parents[3] / ".campaign_cache"
_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")


@dataclass(frozen=True)
class Order:
    """The fault ``kind`` (see KINDS in shim.c) at the operation ``number`` on files below ``roots``.

    ``seed``: of what is drawn by lot, such as the sectors of a torn write. ``log``: the file for what happened.
    """

    kind: str
    number: int
    roots: Sequence[Path]
    seed: int = 0
    log: Path | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.number} {self.seed} {self.log or '-'} {':'.join(map(str, self.roots))}"


def obstacle() -> str | None:
    """Why no shim can be built here; None where it can."""
    if not sys.platform.startswith("linux"):
        return "the shim is written for the libc of Linux"
    if compiler() is None:
        return "there is no C compiler: install cc, gcc or clang"
    return None


def compiler() -> str | None:
    """The C compiler, or None where there is none."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def build() -> Path:
    """The shared library, built if this source was not built before. Raises CalledProcessError."""
    library = _CACHE / f"shim-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if not library.exists():
        _CACHE.mkdir(exist_ok=True)
        mine = library.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler() or "cc", *_FLAGS, "-o", str(mine), str(_SOURCE), "-ldl"], check=True)
        mine.replace(library)
    return library


def is_loaded() -> bool:
    """Whether this process was started with the shim."""
    return hasattr(ctypes.CDLL(None), "campaign_arm")


def arm(order: Order) -> None:
    """From now on this process obeys ``order``."""
    failure = ctypes.CDLL(None).campaign_arm(os.fsencode(str(order)))
    if failure:
        raise ValueError(f"the shim refuses the order {order} ({failure})")


def end() -> None:
    """Write into the log how many operations there were."""
    ctypes.CDLL(None).campaign_end()
