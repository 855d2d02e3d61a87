"""Whether the disk of a file has room for what a run will write, before anything is changed.

The usual case costs one look at the disk. Only where little is free, the statements are read and the tables weighed;
what certainly needs space counts, what may need some does not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memsql import hints
from memsql.advise.disk import FORECASTS, DiskNeed, FreeSpace, folder_of, free_space
from memsql.errors import Refused
from memsql.words import size

if TYPE_CHECKING:
    from memsql.advise.forecasts import CostForecast
    from memsql.config import Settings
    from memsql.db import Connection
    from memsql.engine.job import Direction, Job

_AMPLE = 10
_MARGIN = 1.1
_SHOWN = 5


def refuse_without_room(settings: Settings, jobs: Sequence[Job], *, whole: bool, free: FreeSpace = free_space) -> None:
    """Raise Refused where the disk of the database, a file, has not the room that ``jobs`` need. ``whole``: they run in
    one transaction."""
    path = settings.target.path
    if path is None:
        return
    folder = folder_of(path)
    weight = _weight(path)
    try:
        available = free(folder)
    except OSError:
        return
    known = _known(settings, jobs)
    measured = sum((f.growth_bytes or 0) + (f.journal_bytes or 0) for f in known.values())
    texts = sum(len(job.file.data) for job in jobs)
    if available >= _AMPLE * (weight + texts) + _MARGIN * measured:
        return
    from memsql.advise.room_estimate import estimates
    from memsql.db import connection

    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        rest = [job for job in jobs if job.migration.checksum not in known]
        estimated, unused = estimates(conn, rest)
    by_id = {need.id: need for need in (*estimated, *(_scaled(f, weight) for f in known.values()))}
    needs = [by_id[job.migration.id] for job in jobs if job.migration.id in by_id]
    needed = int(needed_bytes(needs, unused, whole=whole) * _MARGIN)
    if needed > available:
        raise _refusal(folder, needs, needed, available, f"migrate.{_direction(jobs)} --dry-run")


def refuse_adoption_without_room(
    settings: Settings, planned: Callable[[Connection], Sequence[Job]], *, free: FreeSpace = free_space
) -> None:
    """Raise Refused where the disk has not the room for what an adoption runs: ``planned`` says that of the database,
    and is asked only where little is free, because to recognise a database takes seconds."""
    path = settings.target.path
    if path is None:
        return
    try:
        available = free(folder_of(path))
    except OSError:
        return
    if available >= _AMPLE * _weight(path):
        return
    from memsql.db import connection

    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        jobs = planned(conn)
    refuse_without_room(settings, jobs, whole=False, free=free)


def needed_bytes(needs: Sequence[DiskNeed], unused: int = 0, *, whole: bool) -> int:
    """The most that ``needs`` occupy at one time, beside a database that has ``unused`` bytes of free pages. ``whole``:
    in one transaction, whose journal holds what all of them write."""
    most, grown = 0, -unused
    for need in needs:
        grown += need.grows
        most = max(most, max(0, grown) + need.journal)
        grown -= need.freed
    if whole:
        return max(0, sum(n.grows for n in needs) - unused) + sum(n.journal for n in needs)
    return most


def _known(settings: Settings, jobs: Sequence[Job]) -> Mapping[str, CostForecast]:
    """The newest forecasts that were measured for ``jobs``, by checksum."""
    if not (settings.runs / FORECASTS).exists():
        return {}
    from memsql.advise import forecasts

    wanted = {job.migration.checksum for job in jobs}
    newest = forecasts.newest(forecasts.kept(settings), _direction(jobs))
    return {c: f for c, f in newest.items() if c in wanted and f.journal_bytes is not None}


def _scaled(forecast: CostForecast, weight: int) -> DiskNeed:
    """The need that ``forecast`` measured, for a database that now has ``weight`` bytes."""
    factor = max(1.0, weight / forecast.database_bytes) if forecast.database_bytes else 1.0
    grows = forecast.growth_bytes or 0
    return DiskNeed(
        forecast.id,
        int(max(0, grows) * factor),
        int((forecast.journal_bytes or 0) * factor),
        max(0, -grows),
        (f"a dry run measured {size((forecast.journal_bytes or 0) + max(0, grows))}",),
        measured=True,
    )


def _direction(jobs: Sequence[Job]) -> Direction:
    return jobs[0].direction if jobs else "up"


def _refusal(folder: Path, needs: Sequence[DiskNeed], needed: int, available: int, look: str) -> Refused:
    reasons = [f"{need.id}: {reason}" for need in needs for reason in need.reasons]
    more = len(reasons) - _SHOWN
    measure = "" if all(n.measured for n in needs) else f"; see what it needs: {hints.command(look)}"
    return Refused(
        f"the disk has no room for what this would write: about {size(needed)} are needed in {folder}, "
        f"{size(available)} are free",
        details=(*reasons[:_SHOWN], *([f"and {more} more"] if more > 0 else [])),
        state="nothing was changed",
        hint=f"free space{measure}; or go on all the same with --no-disk-check",
    )


def _weight(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
