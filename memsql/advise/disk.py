"""What a run needs of the disk on which a database lies, and how much of it is free."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.config import Target
from memsql.storage import space

if TYPE_CHECKING:
    from memsql.engine.meter import Cost

_LEFT_FRAMES = 1000
_FRAME_HEADER = 24
# Twice as long as the engine lets migrations share a transaction: the run may be quicker than the dry run.
_SHARED_SECONDS = 0.1
FORECASTS = "forecasts.jsonl"
"""The file in the folder of the reports of chains that keeps forecasts."""
FreeSpace = Callable[[Path], int]
"""How many bytes are free on the disk of a folder. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal ``mode`` of a database, and its ``page_size`` in bytes."""

    mode: str
    page_size: int


@dataclass(frozen=True, slots=True)
class Disk:
    """What a run needs in ``folder``, beside the database, at most at one time: the growth of the database and the
    largest log or journal; and what is ``free`` there, None where that cannot be read. Sizes are in bytes.
    ``journal_mode`` is the one of the database."""

    folder: Path
    growth: int
    journal: int
    free: int | None
    journal_mode: str

    @property
    def needed(self) -> int:
        """Growth and journal together: in WAL mode both exist during a checkpoint."""
        return self.growth + self.journal

    @property
    def suffices(self) -> bool:
        """Whether there is as much; true where nobody knows."""
        return self.free is None or self.needed <= self.free


@dataclass(frozen=True, slots=True)
class DiskNeed:
    """What the migration ``id`` needs on the disk, in bytes: by how much the database ``grows``, how large its log or
    ``journal`` gets, and how much is ``freed`` for the next one. ``reasons``: a sentence for each statement that
    counts; ``measured``: a dry run measured it."""

    id: str
    grows: int = 0
    journal: int = 0
    freed: int = 0
    reasons: tuple[str, ...] = ()
    measured: bool = False


def folder_of(path: Path) -> Path:
    """The folder in which SQLite writes beside the database ``path``: that of the file itself where it is a link."""
    return Path(os.path.realpath(path)).parent


def free_space(folder: Path) -> int:
    """How many bytes are free for this user in ``folder``."""
    there = space.free(folder)
    if there is None:
        raise OSError(errno.ENODATA, f"nobody knows what is free in {folder}")
    return there


def disk_for(costs: Sequence[Cost], target: Target, journal: Journal, free: FreeSpace = free_space) -> Disk | None:
    """What transactions that cost as much on a clone need on the disk of ``target``; None for a server.

    In the run, quick migrations share a transaction, whose journal holds what all of them write; and a log keeps the
    frames of earlier ones until there are a thousand.
    """
    if target.path is None:
        return None
    folder = folder_of(target.path)
    size = peak = 0
    for cost in costs:
        size += cost.growth_bytes or 0
        peak = max(peak, size)
    written = _shared(costs)
    most = max(written, default=0)
    if journal.mode == "wal":
        most += min(_LEFT_FRAMES * (journal.page_size + _FRAME_HEADER), sum(written) - most)
    return Disk(folder, peak, most, _free(folder, free), journal.mode)


def _shared(costs: Sequence[Cost]) -> list[int]:
    """The bytes that each transaction of the run may write to its journal."""
    written: list[int] = []
    seconds = _SHARED_SECONDS
    for cost in costs:
        if seconds < _SHARED_SECONDS and cost.locked_seconds is not None:
            written[-1] += cost.journal_bytes or 0
        else:
            written.append(cost.journal_bytes or 0)
            seconds = 0.0
        seconds += cost.seconds
    return written


def _free(folder: Path, free: FreeSpace) -> int | None:
    try:
        return free(folder)
    except OSError:
        return None
