"""The monthly performance review and the quarterly capacity review of a database, as one result. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from memsql.advise import indexes
from memsql.advise.indexes import Findings
from memsql.backups import catalogue
from memsql.backups.catalogue import Backup
from memsql.config import Settings
from memsql.db import Connection, connection
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError
from memsql.ledger import utc_text
from memsql.operate import history
from memsql.operate.capacity import Growth, SizeThen, TableGrowth, by_day, growth, growth_of_tables, recorded_sizes
from memsql.operate.health import Sign, free_space, of_backups
from memsql.operate.metrics import Metrics, measure
from memsql.operate.recorded import recorded
from memsql.operate.slow import SlowLog, slow_log
from memsql.progress import Progress
from memsql.upkeep.space import page_use
from memsql.words import whole_number

_DRILL_DAYS = 370


@dataclass(frozen=True, slots=True)
class Statistics:
    """What ANALYZE knew of a table: how many ``rows`` it had then, and has ``now``."""

    table: str
    rows: int
    now: int

    @property
    def is_far_off(self) -> bool:
        """Whether the table has more than twice, or less than half of the rows."""
        return max(self.rows, self.now) > 2 * min(self.rows, self.now) + 10


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the database, of its free pages, and (by table or index, the worst first) those that pages in use have
    left: None where nobody knows, which is always so on a server."""

    bytes: int
    free: int
    unused: tuple[tuple[str, int, int], ...] | None

    @property
    def wasted(self) -> float:
        """The share that holds nothing, as far as it is known."""
        unused = sum(one[2] for one in self.unused or ())
        return (self.free + unused) / self.bytes if self.bytes else 0.0


@dataclass(frozen=True, slots=True)
class Drills:
    """The drills that the history file and chains recorded: how many, when the last one was (ISO 8601), and whether it
    went well."""

    number: int
    last: str | None = None
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Capacity:
    """The recorded sizes, the one of now among them; the growth, None where there is too little history; tables that
    changed; bytes that the disk has left, None for a server."""

    sizes: tuple[SizeThen, ...]
    growth: Growth | None
    tables: tuple[TableGrowth, ...]
    free: int | None


@dataclass(frozen=True, slots=True)
class PeriodicReview:
    """All of it. ``indexes`` is a sentence where they could not be looked at; ``analyzed``: what ANALYZE knew, empty
    where it never ran, None on a server that has none."""

    made_at: datetime
    days: int
    metrics: Metrics
    indexes: Findings | str
    slow: SlowLog
    analyzed: tuple[Statistics, ...] | None
    space: Space
    backup: Sign
    drills: Drills
    capacity: Capacity


def periodic_review(settings: Settings, *, days: int, rounds: int, budget: float, progress: Progress) -> PeriodicReview:
    """Look at everything. ``days``: how far back what was slow counts; ``rounds`` and ``budget`` as in measure().

    Raises FileError where the project's files, and ConnectError where the database cannot be read.
    """
    now = datetime.now(UTC)
    metrics = measure(settings, rounds=rounds, budget=budget, progress=progress)
    progress.start("looking at statistics and space")
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        analyzed = _analyzed(conn, {size.name: size.rows or 0 for size in metrics.stats.sizes if size.type == "table"})
        space = _space(conn, metrics)
    backups = catalogue.backups(settings)
    return PeriodicReview(
        now,
        days,
        metrics,
        _indexes(settings, progress),
        slow_log(settings, days=days, now=now),
        analyzed,
        space,
        of_backups(settings, backups, now),
        _drills(settings, now),
        _capacity(settings, backups, metrics.stats.file_bytes, now),
    )


def _indexes(settings: Settings, progress: Progress) -> Findings | str:
    try:
        return indexes.findings(settings, progress=progress)
    except MemsqlError as e:
        return e.message


def _analyzed(conn: Connection, rows: Mapping[str, int]) -> tuple[Statistics, ...] | None:
    if not conn.execute(load("upkeep/has_statistics")).one():
        return None if conn.target.is_server else ()
    known: dict[str, int] = {}
    for table, _, numbers in conn.execute(load("upkeep/statistics")).rows:
        first = whole_number(str(numbers).split(" ")[0])
        if first is not None:
            known[str(table)] = max(known.get(str(table), 0), first)
    return tuple(Statistics(table, number, rows[table]) for table, number in known.items() if table in rows)


def _space(conn: Connection, metrics: Metrics) -> Space:
    free = metrics.stats.free_pages * metrics.stats.page_size
    rows = page_use(conn) if isinstance(conn, SQLiteConnection) else []
    totals: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name, _, weight, unused in rows:
        before = totals[str(name)]
        totals[str(name)] = before[0] + int(str(weight)), before[1] + int(str(unused))
    worst = sorted(((name, *both) for name, both in totals.items()), key=lambda one: -one[2])
    return Space(metrics.stats.file_bytes, free, tuple(worst) if rows else None)


def _drills(settings: Settings, now: datetime) -> Drills:
    since = now - timedelta(days=_DRILL_DAYS)
    drills = [
        (utc_text(record.when), record.fields.get("ok") is True)
        for record in history.read(settings).of("drill")
        if record.when >= since
    ]
    for report in recorded(settings, since):
        for step in report.steps:
            if step.get("command") == "backup.drill" and step.get("status") in ("ok", "failed"):
                drills.append((str(step.get("started")), step.get("status") == "ok"))
    return Drills(len(drills), *max(drills)) if drills else Drills(0)


def _capacity(settings: Settings, backups: Sequence[Backup], size: int, now: datetime) -> Capacity:
    free = free_space(settings)
    sizes = by_day([*recorded_sizes(settings, backups, now), SizeThen(now, size, "now")])
    return Capacity(tuple(sizes), growth(sizes, now, free), tuple(growth_of_tables(backups)), free)
