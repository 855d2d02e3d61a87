"""Keeps what dry runs forecast, and compares it with what then happened.

A forecast is a line of JSON in the folder of the reports of chains. It belongs to the content of a migration on one
database: who edits the file, or takes another database, has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memsql import hints
from memsql.advise.disk import FORECASTS
from memsql.config import Settings
from memsql.db import Connection
from memsql.db.queries import load
from memsql.errors import MemsqlError
from memsql.ledger import utc_text
from memsql.project import json_lines
from memsql.project.json_lines import Bound
from memsql.storage.new_files import make_folder

if TYPE_CHECKING:
    from memsql.engine.job import Done
    from memsql.engine.meter import Cost

FORMAT = 1
_BOUND = Bound(most_bytes=4 << 20, kept_bytes=3 << 20, most_lines=1000)
_FLOOR_MS = 5.0


@dataclass(frozen=True, slots=True)
class CostForecast:
    """What a dry run measured of one migration. ``at``: when, as in 2026-01-31T12:00:00.000Z. ``database`` is the
    identity of the database, ``database_bytes`` its size then, 0 on a server. ``duration_ms`` is without BEGIN and
    COMMIT, as in the history; ``locked_ms`` with them, None where the migration shared a transaction or has none.
    The bytes are as in Cost, None where the migration shared a transaction, and the rows, None on a file."""

    at: str
    database: str
    id: str
    direction: str
    checksum: str
    duration_ms: float
    locked_ms: float | None
    journal_bytes: int | None
    growth_bytes: int | None
    temporary_bytes: int | None
    database_bytes: int
    rows_read: int | None = None
    rows_written: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A migration that ran after it was forecast: both times in milliseconds, and when it ran."""

    id: str
    direction: str
    forecast_ms: float
    actual_ms: float
    at: str

    @property
    def error(self) -> float:
        """How far the forecast is from the outcome, as a share of the outcome; times below 5 ms count as 5 ms."""
        forecast, actual = max(self.forecast_ms, _FLOOR_MS), max(self.actual_ms, _FLOOR_MS)
        return (forecast - actual) / actual


def of_run(settings: Settings, done: Sequence[Done], costs: Sequence[Cost]) -> list[CostForecast]:
    """The forecasts of a dry run in which ``done`` ran and cost ``costs``."""
    now, path = utc_text(datetime.now(UTC)), settings.target.path
    size = path.stat().st_size if path is not None and path.exists() else 0
    times = {one.id: float(one.duration_ms) for one in done}
    result = []
    for cost in costs:
        alone = len(cost.ids) == 1
        for id, checksum in zip(cost.ids, cost.checksums, strict=False):
            if id in times and checksum:
                locked = cost.locked_seconds if alone else None
                result.append(
                    CostForecast(
                        now,
                        settings.target.identity,
                        id,
                        cost.direction,
                        checksum,
                        times[id],
                        None if locked is None else round(locked * 1000, 3),
                        cost.journal_bytes if alone else None,
                        cost.growth_bytes if alone else None,
                        cost.temporary_bytes if alone else None,
                        size,
                        cost.rows_read,
                        cost.rows_written,
                    )
                )
    return result


def keep(settings: Settings, forecasts: Sequence[CostForecast]) -> str:
    """Add ``forecasts`` to those that are kept; the newest thousand stay. Returns why they cannot be kept, or ""."""
    return add(settings, [asdict(f) for f in forecasts])


def add(settings: Settings, lines: Sequence[Mapping[str, object]]) -> str:
    """Add ``lines`` to the file of the forecasts. Returns why they cannot be kept, or ""."""
    if not lines:
        return ""
    path = settings.runs / FORECASTS
    try:
        make_folder(path.parent)
        json_lines.append(path, [json.dumps({"format": FORMAT, **line}).encode() for line in lines], _BOUND)
    except OSError as e:
        return f"{settings.show(path)} cannot be written: {e.strerror}"
    return ""


def kept(settings: Settings) -> list[CostForecast]:
    """All forecasts for the database of ``settings``, the oldest first. What has another form is passed over."""
    identity = settings.target.identity
    return [f for f in map(_parsed, _lines(settings.runs / FORECASTS)) if f is not None and f.database == identity]


def lines_of(settings: Settings, kind: str) -> list[bytes]:
    """The lines of the file of the forecasts that hold another ``kind``, the oldest first."""
    mark = json.dumps(kind).encode()
    return [line for line in _lines(settings.runs / FORECASTS) if mark in line]


def newest(forecasts: Iterable[CostForecast], direction: str) -> dict[str, CostForecast]:
    """The newest forecast for each content, by its checksum."""
    return {f.checksum: f for f in forecasts if f.direction == direction}


def outcomes(conn: Connection, forecasts: Sequence[CostForecast]) -> list[Outcome]:
    """What became of ``forecasts`` according to the history of the database, the newest first. Each run of a migration
    is compared with the newest forecast before it, and each forecast with the first run after it."""
    if not forecasts:
        return []
    used: set[tuple[str, str, str]] = set()
    result = []
    for operation, id, checksum, started, duration in conn.execute(load("advise/outcomes")).rows:
        direction = "up" if operation == "apply" else "down"
        before = [f for f in forecasts if (f.checksum, f.direction) == (checksum, direction) and f.at <= str(started)]
        key = (before[-1].checksum, direction, before[-1].at) if before else None
        if key is None or key in used or not isinstance(duration, (int, float)):
            continue
        used.add(key)
        result.append(Outcome(str(id), direction, before[-1].duration_ms, float(duration), str(started)))
    return result[::-1]


def median_error(results: Sequence[Outcome]) -> float | None:
    """The median of how far forecasts were from outcomes, in either direction; None without one."""
    if not results:
        return None
    # Its import takes as long as a small migration.
    import statistics

    return statistics.median(abs(one.error) for one in results)


def lock_warnings(
    forecasts: Iterable[CostForecast], budget_ms: int | None, advice: Mapping[str, str] | None = None
) -> list[str]:
    """A sentence for each migration of ``forecasts`` that would hold the write lock for longer than ``budget_ms``, and
    what to do about it: ``advice`` by the id of the migration."""
    from memsql.words import milliseconds

    if budget_ms is None:
        return []
    return [
        f"{f.id} would hold the write lock for {milliseconds(f.locked_ms)}, longer than lock_budget"
        f" ({milliseconds(budget_ms)}); {(advice or {}).get(f.id, _ADVICE)}"
        for f in forecasts
        if f.locked_ms is not None and f.locked_ms > budget_ms
    ]


_ADVICE = "split it, or run it when nobody writes (--maintenance-window)"
_ADVICE_FOR = {
    "update": "split it: several migrations, each for a part of the rows (WHERE id BETWEEN … AND …)",
    "delete": "split it: several migrations, each for a part of the rows (WHERE id BETWEEN … AND …)",
    "insert": "split it: several migrations, each for a part of the rows (WHERE id BETWEEN … AND …)",
    "create": "SQLite builds an index in one piece: give each index a migration of its own, and run it when nobody"
    " writes (--maintenance-window)",
}


def advice_for(done: Sequence[Done]) -> dict[str, str]:
    """What to do about a long lock, by the id of each migration of ``done``: it depends on the slowest statement."""
    from memsql.sqltext import effect

    result = {}
    for one in done:
        if one.rebuilt:
            result[one.id] = (
                "leave the full-text index out of it, and fill that afterwards: "
                f"{hints.command('fts.rebuild --online')}"
            )
        elif one.timings:
            kind = effect(max(one.timings, key=lambda timing: timing.ms).text).kind
            result[one.id] = _ADVICE_FOR.get("insert" if kind == "replace" else kind, _ADVICE)
    return result


def _lines(path: Path) -> Iterator[bytes]:
    with suppress(OSError):
        yield from (line for line in json_lines.end_of(path, _BOUND.most_bytes).lines if line)


def _parsed(line: bytes) -> CostForecast | None:
    try:
        data = json.loads(line)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            return None
        values: dict[str, Any] = {f.name: data[f.name] for f in fields(CostForecast) if f.default is MISSING}
        forecast = CostForecast(**values, rows_read=data.get("rows_read"), rows_written=data.get("rows_written"))
    except (ValueError, KeyError, RecursionError):
        return None
    texts = (forecast.at, forecast.database, forecast.id, forecast.direction, forecast.checksum)
    numbers = (
        forecast.duration_ms,
        forecast.locked_ms or 0,
        forecast.journal_bytes or 0,
        forecast.growth_bytes or 0,
        forecast.temporary_bytes or 0,
        forecast.database_bytes,
        forecast.rows_read or 0,
        forecast.rows_written or 0,
    )
    is_whole = all(isinstance(t, str) for t in texts) and all(type(n) in (int, float) for n in numbers)
    return forecast if is_whole else None


def compared(settings: Settings, conn: Connection) -> list[Outcome]:
    """outcomes() of all that is kept for the database of ``settings``, which ``conn`` is on; none where that has no
    history."""
    forecasts = kept(settings)
    try:
        return outcomes(conn, forecasts)
    except MemsqlError:
        return []
