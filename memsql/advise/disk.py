"""What a run needs of the disk on which a database lies, and how much of it is free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.config import Target

if TYPE_CHECKING:
    from memsql.engine.meter import Cost

FORECASTS = "forecasts.jsonl"
"""The file in the folder of the reports of chains that keeps forecasts."""
FreeSpace = Callable[[Path], int]
"""How many bytes are free on the disk of a folder. Raises OSError."""


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
class Need:
    """What the migration ``id`` needs on the disk, in bytes: by how much the database ``grows``, how large its log or
    ``journal`` gets, and how much is ``freed`` for the next one. ``reasons``: a sentence for each statement that
    counts; ``measured``: a dry run measured it."""

    id: str
    grows: int = 0
    journal: int = 0
    freed: int = 0
    reasons: tuple[str, ...] = ()
    measured: bool = False


def free_space(folder: Path) -> int:
    """How many bytes are free for this user in ``folder``."""
    import shutil

    return shutil.disk_usage(folder).free


def disk_for(costs: Sequence[Cost], target: Target, journal_mode: str, free: FreeSpace = free_space) -> Disk | None:
    """What transactions that cost as much on a clone need on the disk of ``target``; None for a server."""
    if target.path is None:
        return None
    folder = target.path.absolute().parent
    size = peak = 0
    for cost in costs:
        size += cost.growth_bytes
        peak = max(peak, size)
    journal = max((cost.journal_bytes for cost in costs), default=0)
    return Disk(folder, peak, journal, _free(folder, free), journal_mode)


def _free(folder: Path, free: FreeSpace) -> int | None:
    try:
        return free(folder)
    except OSError:
        return None
