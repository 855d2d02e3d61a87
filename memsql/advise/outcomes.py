"""What runs cost that a dry run had forecast: kept beside the forecasts, and compared with them.

The history has the time that each migration took. For how long a transaction held the write lock, and how many bytes it
wrote, is measured in the run and kept in the file of the forecasts, only where there are some of what it runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memsql.advise import forecasts
from memsql.config import Settings
from memsql.ledger import utc_text

if TYPE_CHECKING:
    from memsql.advise.forecasts import CostForecast
    from memsql.db import Connection
    from memsql.engine.live_meter import LiveMeter
    from memsql.engine.meter import Cost

KIND = "outcome"
_FLOOR_MS = 5.0
_FLOOR_BYTES = 65_536.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A number that was forecast, and what it was; below ``floor`` both count as that."""

    forecast: float
    actual: float
    floor: float

    @property
    def error(self) -> float:
        """How far the forecast is from the outcome, as a share of the outcome."""
        actual = max(self.actual, self.floor)
        return (max(self.forecast, self.floor) - actual) / actual


@dataclass(frozen=True, slots=True)
class CostOutcome:
    """A transaction of a run, with the migrations in it: for how many milliseconds it held the write lock, and how many
    bytes it wrote to the journal and let the database grow by, each beside the sum of the forecasts; None where one of
    them was not measured."""

    ids: tuple[str, ...]
    direction: str
    at: str
    locked: Compared | None
    written: Compared | None


def meter_on(conn: Connection) -> LiveMeter | None:
    """What measures a run on ``conn``; None on a server."""
    from memsql.db.sqlite import SQLiteConnection

    if not isinstance(conn, SQLiteConnection):
        return None
    from memsql.engine.live_meter import LiveMeter

    return LiveMeter.of(conn)


def keep(settings: Settings, costs: Sequence[Cost]) -> str:
    """Keep what the transactions ``costs`` of a run were, where all of their migrations had been forecast. Returns why
    they cannot be kept, or ""."""
    known = {(f.checksum, f.direction) for f in forecasts.kept(settings)} if costs else set()
    lines = [
        {
            "kind": KIND,
            "at": utc_text(datetime.now(UTC)),
            "database": settings.target.identity,
            "ids": cost.ids,
            "checksums": cost.checksums,
            "direction": cost.direction,
            "locked_ms": None if cost.locked_seconds is None else round(cost.locked_seconds * 1000, 3),
            "journal_bytes": cost.journal_bytes,
            "growth_bytes": cost.growth_bytes,
        }
        for cost in costs
        if cost.ids and all((checksum, cost.direction) in known for checksum in cost.checksums)
    ]
    return forecasts.add(settings, lines)


def compared(settings: Settings) -> list[CostOutcome]:
    """What became of the forecasts for the database of ``settings``, the newest first. Each forecast is compared with
    the first run after it."""
    kept = forecasts.kept(settings)
    used: set[tuple[str, str, str]] = set()
    results = []
    for line in forecasts.lines_of(settings, KIND):
        ran = _ran(line)
        if ran is None or ran["database"] != settings.target.identity:
            continue
        before = [_before(kept, checksum, ran) for checksum in ran["checksums"]]
        chosen = [f for f in before if f is not None]
        keys = {(f.checksum, f.direction, f.at) for f in chosen}
        if not chosen or len(chosen) < len(before) or keys & used:
            continue
        used |= keys
        results.append(_outcome(ran, chosen))
    return results[::-1]


def median_error(pairs: Sequence[Compared | None]) -> float | None:
    """The median of how far forecasts were from outcomes, in either direction; None without one."""
    errors = [abs(pair.error) for pair in pairs if pair is not None]
    if not errors:
        return None
    # Its import takes as long as a small migration.
    import statistics

    return statistics.median(errors)


def _outcome(ran: Mapping[str, Any], chosen: Sequence[CostForecast]) -> CostOutcome:
    locked = _pair(_sum([f.locked_ms for f in chosen]), ran["locked_ms"], _FLOOR_MS)
    forecast = _sum([_written(f.journal_bytes, f.growth_bytes) for f in chosen])
    written = _pair(forecast, _written(ran["journal_bytes"], ran["growth_bytes"]), _FLOOR_BYTES)
    return CostOutcome(tuple(ran["ids"]), ran["direction"], ran["at"], locked, written)


def _written(journal: float | None, growth: float | None) -> float | None:
    return None if journal is None or growth is None else journal + max(0.0, growth)


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _pair(forecast: float | None, actual: float | None, floor: float) -> Compared | None:
    return None if forecast is None or actual is None else Compared(forecast, actual, floor)


def _before(kept: Sequence[CostForecast], checksum: str, ran: Mapping[str, Any]) -> CostForecast | None:
    """The newest forecast of a file before it ran."""
    known = [f for f in kept if (f.checksum, f.direction) == (checksum, ran["direction"]) and f.at <= ran["at"]]
    return known[-1] if known else None


def _ran(line: bytes) -> Mapping[str, Any] | None:
    """The fields of a line that keep() wrote; None for another one."""
    try:
        data = json.loads(line)
        texts = [data[name] for name in ("at", "database", "direction")]
        lists = [data[name] for name in ("ids", "checksums")]
        numbers = [data[name] for name in ("locked_ms", "journal_bytes", "growth_bytes")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_whole = (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(part, list) and part and all(isinstance(t, str) for t in part) for part in lists)
        and all(number is None or type(number) in (int, float) for number in numbers)
    )
    return data if is_whole else None
