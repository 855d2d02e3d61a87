"""How a database grows, by what is recorded of its size, and how large it will be. Pure but for recorded_sizes()."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from memsql.backups.catalogue import Backup
from memsql.config import Settings
from memsql.operate import history
from memsql.operate.recorded import field, recorded
from memsql.words import count

LEAST_SIZES = 3
LEAST_DAYS = 14
HORIZONS = (30, 90, 365)
"""For how many days ahead the size is forecast."""
_YEARS = 3
_LONGEST = 3650
# The two-sided quantiles of 95 % of Student's t, by degrees of freedom from 1 on; then that of a normal distribution.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120),
    *(2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_NORMAL = 1.96


@dataclass(frozen=True, slots=True)
class SizeThen:
    """How many ``bytes`` the database had at ``when`` (UTC); ``source`` says who recorded that."""

    when: datetime
    bytes: int
    source: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """The size in ``days`` from now, in bytes, and between which sizes it is with a chance of 95 % if it goes on so."""

    days: int
    bytes: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Growth:
    """A line through the sizes of the past: bytes ``per_day`` with the bounds of 95 %, and the estimates. ``full``:
    in how many days the disk is full at that rate, and ``full_soonest`` by the upper bound; None where not within ten
    years."""

    per_day: float
    low: float
    high: float
    estimates: tuple[Estimate, ...]
    full: int | None = None
    full_soonest: int | None = None


@dataclass(frozen=True, slots=True)
class TableGrowth:
    """The rows of a table in the oldest and in the newest backup."""

    table: str
    before: int
    after: int


def recorded_sizes(settings: Settings, backups: Sequence[Backup], now: datetime) -> list[SizeThen]:
    """What backups, the history file and the reports of chains (monitor.metrics, schema.stats) say of the last three
    years, one size a day, the oldest first."""
    since = now - timedelta(days=365 * _YEARS)
    sizes = [
        SizeThen(b.created, b.manifest.plain_bytes, "backup")
        for b in backups
        if b.proven and b.manifest is not None and b.manifest.content == "sqlite" and b.created >= since
    ]
    for record in history.read(settings).of("metrics"):
        amount = record.fields.get("bytes")
        if record.when >= since and isinstance(amount, int) and not isinstance(amount, bool):
            sizes.append(SizeThen(record.when, amount, history.FILE))
    for report in recorded(settings, since):
        for step in report.steps:
            amount, when = field(step.get("data"), "bytes"), _time(step.get("started"))
            weighs = step.get("command") in ("monitor.metrics", "schema.stats")
            if weighs and when is not None and isinstance(amount, int) and not isinstance(amount, bool):
                sizes.append(SizeThen(when, amount, report.name))
    return by_day(sizes)


def by_day(sizes: Sequence[SizeThen]) -> list[SizeThen]:
    """The last size of each day, the oldest first."""
    return list({one.when.date(): one for one in sorted(sizes, key=lambda one: one.when)}.values())


def growth(sizes: Sequence[SizeThen], now: datetime, free: int | None = None) -> Growth | None:
    """The line through ``sizes`` by least squares; None where three sizes and fourteen days between them are missing.

    ``free``: bytes that the disk has left, None where nobody knows.
    """
    days = [(one.when - now).total_seconds() / 86_400 for one in sizes]
    if len(sizes) < LEAST_SIZES or max(days) - min(days) < LEAST_DAYS:
        return None
    line = _Line(days, [float(one.bytes) for one in sizes])
    margin = line.quantile * line.error / math.sqrt(line.spread)
    return Growth(
        line.slope,
        line.slope - margin,
        line.slope + margin,
        tuple(line.estimate(days) for days in HORIZONS),
        None if free is None else _full(line, sizes[-1].bytes + free, high=False),
        None if free is None else _full(line, sizes[-1].bytes + free, high=True),
    )


def too_little(sizes: Sequence[SizeThen]) -> str:
    """Why there is no forecast, in a sentence."""
    if not sizes:
        return "too little history for a forecast: no size is recorded"
    span = (sizes[-1].when - sizes[0].when).days
    return (
        f"too little history for a forecast: sizes of {count(len(sizes), 'day')} within {count(span, 'day')};"
        f" it takes {LEAST_SIZES} within {LEAST_DAYS} days or more"
    )


def growth_of_tables(backups: Sequence[Backup]) -> list[TableGrowth]:
    """How the tables grew between the oldest and the newest proven backup, those that grew most first."""
    proven = [b.manifest for b in backups if b.proven and b.manifest is not None]
    if len(proven) < 2:
        return []
    newest, oldest = proven[0], proven[-1]
    before = {table.name: table.rows for table in oldest.tables}
    changed = [TableGrowth(t.name, before.get(t.name, 0), t.rows) for t in newest.tables]
    return sorted((t for t in changed if t.after != t.before), key=lambda t: t.before - t.after)


class _Line:
    """The line of least squares through points, and how far off it is."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self.count = len(xs)
        self.middle, level = sum(xs) / self.count, sum(ys) / self.count
        self.spread = sum((x - self.middle) ** 2 for x in xs)
        self.slope = sum((x - self.middle) * (y - level) for x, y in zip(xs, ys, strict=True)) / self.spread
        self.level = level
        rest = sum((y - self.at(x)) ** 2 for x, y in zip(xs, ys, strict=True))
        self.error = math.sqrt(rest / (self.count - 2))
        self.quantile = _T[self.count - 3] if self.count - 3 < len(_T) else _NORMAL

    def at(self, x: float) -> float:
        return self.level + self.slope * (x - self.middle)

    def margin(self, x: float) -> float:
        return self.quantile * self.error * math.sqrt(1 + 1 / self.count + (x - self.middle) ** 2 / self.spread)

    def estimate(self, days: int) -> Estimate:
        expected, margin = self.at(days), self.margin(days)
        return Estimate(days, max(0.0, expected), max(0.0, expected - margin), max(0.0, expected + margin))


def _full(line: _Line, limit: int, *, high: bool) -> int | None:
    for day in range(_LONGEST + 1):
        if line.at(day) + (line.margin(day) if high else 0.0) >= limit:
            return day
    return None


def _time(value: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
