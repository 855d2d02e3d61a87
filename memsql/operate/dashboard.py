"""What the dashboard shows of a database: its state now, and what became of its figures. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from memsql.backups import catalogue
from memsql.backups.catalogue import Backup
from memsql.config import Settings
from memsql.db import Connection, Value, connection
from memsql.db.queries import load
from memsql.engine.state import read_state
from memsql.operate import history
from memsql.operate.capacity import Growth, SizeThen, by_day, growth, recorded_sizes
from memsql.operate.health import Sign, free_space, health
from memsql.operate.metrics import Metrics, measure
from memsql.operate.recorded import field, mappings, recorded
from memsql.progress import Progress
from memsql.project.load import load_project
from memsql.project.plan import Status

_DAYS = 365 * 3
_ATTEMPT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the history of the database: ``when`` is UTC, ISO 8601; ``ms`` None where it is not known."""

    when: str
    operation: str
    name: str
    ok: bool
    ms: float | None
    message: str


@dataclass(frozen=True, slots=True)
class QueryTimes:
    """Quantiles of the times of a query in milliseconds, and the rows that it read; None where it is not known."""

    p50: float | None
    p95: float | None
    p99: float | None
    rows_read: float | None


@dataclass(frozen=True, slots=True)
class Moment:
    """The figures of one moment (UTC): bytes and rows of the database, rows by table, and the times of each query, by
    the name of its file and its own name."""

    when: datetime
    bytes: float | None
    rows: float | None
    tables: Mapping[str, float]
    queries: Mapping[tuple[str, str], QueryTimes]


@dataclass(frozen=True, slots=True)
class RatesThen:
    """The rates of everything up to one moment (UTC), the last one of a day; see metrics.Rates."""

    when: datetime
    success: float | None
    rollback: float | None
    verification_pass: float | None


@dataclass(frozen=True, slots=True)
class DrillThen:
    """A drill that was recorded: ``seconds`` None where it is not known."""

    when: datetime
    ok: bool
    backup: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All of it. ``moments``, ``sizes``, ``drills`` and ``rates`` have the oldest first, ``attempts`` and ``backups``
    the newest. ``file`` is the history file, of which ``unreadable`` lines were passed over."""

    made_at: datetime
    metrics: Metrics
    signs: tuple[Sign, ...]
    migrations: tuple[Status, ...]
    attempts: tuple[Attempt, ...]
    moments: tuple[Moment, ...]
    sizes: tuple[SizeThen, ...]
    growth: Growth | None
    backups: tuple[Backup, ...]
    drills: tuple[DrillThen, ...]
    file: str
    unreadable: int = 0
    earlier: bool = False
    rates: tuple[RatesThen, ...] = ()


def dashboard(
    settings: Settings, *, rounds: int, budget: float, progress: Progress, file: str | None = None
) -> Dashboard:
    """Measure the database of ``settings`` as measure() does, and read what was recorded of it; ``file`` is the history
    file where it is not the project's own.

    Raises FileError where the project's or the history file, and ConnectError where the database cannot be read.
    """
    past = history.read(settings, file)
    metrics = measure(settings, rounds=rounds, budget=budget, progress=progress)
    now = datetime.now(UTC)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(load_project(settings), conn)
        has_history = "memsql_history" in state.ledger.tables
        attempts = _attempts(conn) if has_history else []
        rates = rates_by_day(conn.execute(load("operate/rate_days")).rows) if has_history else []
    backups = catalogue.backups(settings)
    moments, drills = _of_records(past, settings, now)
    sizes = [
        *recorded_sizes(settings, backups, now),
        *(SizeThen(m.when, int(m.bytes), file) for m in moments if file is not None and m.bytes is not None),
        SizeThen(now, metrics.stats.file_bytes, "now"),
    ]
    return Dashboard(
        now,
        metrics,
        tuple(health(settings, verify=False, days=_ATTEMPT_DAYS, progress=progress)),
        tuple(state.statuses),
        tuple(attempts),
        tuple(moments),
        tuple(by_day(sizes)),
        growth(by_day(sizes), now, free_space(settings)),
        tuple(backups),
        tuple(drills),
        history.history_file(settings, file)[1],
        past.unreadable,
        past.earlier,
        tuple(rates),
    )


def moment(when: datetime, fields: Mapping[str, object]) -> Moment:
    """The figures in ``fields``, the JSON fields of monitor.metrics. What has another form than memsql writes is left
    out."""
    return Moment(
        when,
        _number(fields.get("bytes")),
        _number(fields.get("rows")),
        {
            str(table.get("name")): rows
            for table in mappings(fields.get("tables"))
            if (rows := _number(table.get("rows")))
        },
        {
            (str(query.get("query")), str(query.get("name"))): QueryTimes(
                *(_number(query.get(name)) for name in ("p50_ms", "p95_ms", "p99_ms", "rows_read"))
            )
            for query in mappings(fields.get("queries"))
        },
    )


def rates_by_day(rows: Iterable[Sequence[Value]]) -> list[RatesThen]:
    """The rates at the end of each day, by the answer to sql/operate/rate_days.sql: what ended when on a day, which
    operation, its status, and how often. Rows without a time are left out."""
    counts: Counter[tuple[str, str]] = Counter()
    rates: dict[str, RatesThen] = {}
    for at, operation, status, number in rows:
        when = _time(at)
        if when is None:
            continue
        counts[str(operation), str(status)] += int(str(number))
        applied, failed = counts["apply", "ok"], counts["apply", "failed"]
        passed, broken = counts["verify", "ok"], counts["verify", "failed"]
        rates[f"{when:%Y-%m-%d}"] = RatesThen(
            when,
            _ratio(applied, applied + failed),
            _ratio(counts["rollback", "ok"], applied),
            _ratio(passed, passed + broken),
        )
    return list(rates.values())


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _attempts(conn: Connection) -> list[Attempt]:
    return [
        Attempt(str(when), str(operation), str(name), status == "ok", _number(ms), str(message or ""))
        for when, operation, name, status, ms, message in conn.execute(load("operate/recent")).rows
    ]


def _of_records(past: history.History, settings: Settings, now: datetime) -> tuple[list[Moment], list[DrillThen]]:
    """What the history file and the reports of chains hold, the oldest first."""
    moments = [moment(record.when, record.fields) for record in past.of("metrics")]
    drills = [_drill(record.when, record.fields, ok=record.fields.get("ok") is True) for record in past.of("drill")]
    for step in _steps(settings, now):
        when = _time(step.get("started"))
        data = step.get("data")
        if when is None or not isinstance(data, Mapping):
            continue
        if step.get("command") == "monitor.metrics":
            moments.append(moment(when, data))
        elif step.get("command") == "backup.drill" and data.get("steps") and step.get("status") in ("ok", "failed"):
            drills.append(_drill(when, data, ok=step.get("status") == "ok"))
    return _once(sorted(moments, key=lambda m: m.when)), sorted(drills, key=lambda d: d.when)


def _steps(settings: Settings, now: datetime) -> Iterable[Mapping[str, object]]:
    return (step for report in recorded(settings, now - timedelta(days=_DAYS)) for step in report.steps)


def _once(moments: Sequence[Moment]) -> list[Moment]:
    """``moments`` without those whose figures the moment before them has too: a chain reports what it records."""
    return [m for before, m in zip((None, *moments), moments, strict=False) if before is None or not _same(before, m)]


def _same(one: Moment, other: Moment) -> bool:
    return bool(one.queries) and (one.bytes, one.queries) == (other.bytes, other.queries)


def _drill(when: datetime, fields: Mapping[str, object], *, ok: bool) -> DrillThen:
    name = str(field(fields, "backup") or "").replace("\\", "/").rpartition("/")[2]
    return DrillThen(when, ok, name, _number(fields.get("seconds")))


def _time(value: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(value))
        return None if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(value: Value | object) -> float | None:
    """``value`` where it is a number that can be drawn."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e18 else None  # type: ignore[arg-type,operator]
