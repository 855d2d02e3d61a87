"""The dashboard as one HTML page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from memsql import words
from memsql.advise import outcomes
from memsql.advise.costs import QueryCost
from memsql.advise.forecasts import median_error
from memsql.operate.capacity import too_little
from memsql.operate.dashboard import Dashboard, DrillThen
from memsql.operate.health import Level, Sign
from memsql.operate.stats import Size
from memsql.operate.timing import QueryTiming
from memsql.report.charts import Series, line_chart
from memsql.report.monitor import query_label
from memsql.report.templates import page
from memsql.sqltext import fold

_TONES: dict[Level, str] = {"ok": "good", "warning": "warning", "error": "error"}
_STATES = {"applied": "good", "pending": "warning", "rolled back": "warning"}
_TABLES = 15
"""So many migrations, tables and indexes are shown at once; the rest folds out."""
_VALUES = 30
"""So many of the last recorded values stand in a table beside the charts."""


@dataclass(frozen=True, slots=True)
class _Tile:
    """A figure at the top of the page."""

    name: str
    value: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _Bar:
    """A table or index with its size; ``share`` is how long its bar is, from 0 to 100."""

    name: str
    table: str
    kind: str
    rows: str
    size: str
    share: float
    change: str = ""
    queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Migration:
    """A migration; ``forecast`` is how long a dry run said that it takes, empty where none did."""

    id: str
    state: str
    tone: str
    applied: str
    duration: str
    forecast: str
    share: float


@dataclass(frozen=True, slots=True)
class _Query:
    """A hot query: its times, the rows that it reads, and how its contract stands, in words and as a tone."""

    name: str
    path: str
    times: tuple[str, ...]
    rows_read: str
    how: str
    contract: str
    tone: str
    breaches: tuple[str, ...]
    problem: str
    chart: Markup | None
    past: tuple[tuple[str, ...], ...]


def dashboard_page(board: Dashboard) -> str:
    """The page about ``board``: everything now, and the charts of what was recorded."""
    signs = (*board.signs, _contracts(board), _drills(board))
    tables, indexes = _bars(board)
    return page(
        "dashboard.html.jinja",
        board=board,
        when=f"{board.made_at:%Y-%m-%d %H:%M} UTC",
        verdict=_verdict(signs),
        tone=_TONES[_worst(signs)],
        signs=[(sign, _TONES[sign.level]) for sign in signs],
        tiles=_tiles(board),
        migrations=_migrations(board),
        accuracy=_accuracy(board),
        milliseconds=words.milliseconds,
        rates_chart=_rates_chart(board),
        rate_keys=[
            (number, name)
            for number, (name, of) in enumerate(_RATES, 1)
            if any(getattr(r, of) is not None for r in board.rates)
        ],
        rates=[
            (f"{r.when:%Y-%m-%d}", *(_percent(v, "") for v in (r.success, r.rollback, r.verification_pass)))
            for r in reversed(board.rates[-_VALUES:])
        ],
        charts=[(title, chart) for title, chart in _growth_charts(board) if chart is not None],
        forecast=_forecast(board),
        tables=tables,
        indexes=indexes,
        shown=_TABLES,
        queries=[_query(board, timing) for timing in board.metrics.queries],
        has_past=bool(board.moments),
        backups=[
            (b, f"{b.created:%Y-%m-%d %H:%M}", words.size(b.manifest.bytes) if b.manifest else "")
            for b in board.backups[:10]
        ],
        drills=[_drill(drill) for drill in reversed(board.drills[-10:])],
        sizes=[(f"{one.when:%Y-%m-%d}", words.size(one.bytes), one.source) for one in reversed(board.sizes[-_VALUES:])],
    )


def _migrations(board: Dashboard) -> list[_Migration]:
    """The migrations, the newest first."""
    longest = max([status.duration_ms or 0 for status in board.migrations], default=0)
    forecasts = {one.id: one.forecast_ms for one in reversed(board.metrics.forecasts) if one.direction == "up"}
    return [
        _Migration(
            status.id,
            status.state.replace("_", " "),
            _STATES.get(status.state.replace("_", " "), "error"),
            (status.applied_at or "")[:19].replace("T", " "),
            words.milliseconds(status.duration_ms),
            words.milliseconds(forecasts.get(status.id)),
            _share(status.duration_ms, longest),
        )
        for status in reversed(board.migrations)
    ]


def _rates_chart(board: Dashboard) -> Markup | None:
    """The rates over time, up to now; None where the history has a single day."""
    if len(board.rates) < 2:
        return None
    now = board.metrics.rates
    lines = []
    for name, of in _RATES:
        then = [(r.when, value) for r in board.rates if (value := getattr(r, of)) is not None]
        lines.append(Series(name, _points(then, board.made_at, getattr(now, of))))
    return line_chart("Rates of everything so far", lines, lambda v: f"{v * 100:.0f} %")


def _accuracy(board: Dashboard) -> str:
    """How far forecasts were from what happened, in a sentence; empty without any."""
    median = median_error(board.metrics.forecasts)
    if median is None:
        return ""
    compared = words.count(len(board.metrics.forecasts), "run was", "runs were")
    costs = board.metrics.cost_forecasts
    errors = (
        ("the time", median),
        ("the lock", outcomes.median_error([one.locked for one in costs])),
        ("the bytes written", outcomes.median_error([one.written for one in costs])),
    )
    said = ", ".join(f"of {what} {error * 100:.0f} %" for what, error in errors if error is not None)
    return f"{compared} forecast by a dry run; the median error is {said}."


def verdict(board: Dashboard) -> str:
    """The state of the database in one line."""
    return _verdict((*board.signs, _contracts(board), _drills(board)))


def _verdict(signs: Sequence[Sign]) -> str:
    errors, warnings = (sum(1 for sign in signs if sign.level == level) for level in ("error", "warning"))
    counted = f"{words.count(errors, 'error')}, {words.count(warnings, 'warning')}"
    return f"{'Not well' if errors else 'Needs attention' if warnings else 'Well'}: {counted}"


def _worst(signs: Sequence[Sign]) -> Level:
    levels = {sign.level for sign in signs}
    return "error" if "error" in levels else "warning" if "warning" in levels else "ok"


def _contracts(board: Dashboard) -> Sign:
    """How the contracts of the hot queries stand."""
    contracts = board.metrics.contracts
    if contracts.held + contracts.broken + contracts.unproven == 0:
        return Sign("contracts", "ok", "no query of sql/queries expects anything of its plan")
    message = f"{contracts.held} held, {contracts.broken} broken, {contracts.unproven} not proven"
    return Sign("contracts", "error" if contracts.broken else "ok", message)


def _drills(board: Dashboard) -> Sign:
    """How the last drill went."""
    if not board.drills:
        return Sign("drill", "warning", "no drill is recorded; run: memsql backup.drill --record")
    last = board.drills[-1]
    ago = words.age((board.made_at - last.when).total_seconds())
    return Sign("drill", "ok" if last.ok else "error", f"the last one {'passed' if last.ok else 'failed'}, {ago} ago")


def _tiles(board: Dashboard) -> list[_Tile]:
    metrics = board.metrics
    rates, stats, backup, contracts = metrics.rates, metrics.stats, metrics.backup, metrics.contracts
    first = next((m for m in board.moments if m.rows is not None), None)
    since = f"{stats.rows - (first.rows or 0):+,.0f} since {first.when:%Y-%m-%d}" if first else ""
    pending = words.count(metrics.pending, "migration waits", "migrations wait") if metrics.pending else "none waits"
    seconds = "" if rates.mean_seconds is None else f"{words.milliseconds(rates.mean_seconds * 1000)} on average"
    return [
        _Tile("Migration", "none" if metrics.version is None else f"{metrics.version:04d}", pending),
        _Tile("Migrations that succeeded", _percent(rates.success, "none yet"), seconds),
        _Tile("Rollbacks", _percent(rates.rollback, "none yet"), "of applied migrations"),
        _Tile(
            "Verifications passed",
            _percent(rates.verification_pass, "none yet"),
            _VERIFY[rates.verification_pass is None],
        ),
        _Tile("Size", words.size(stats.file_bytes), f"{words.size(stats.free_pages * stats.page_size)} of it free"),
        _Tile("Rows", f"{stats.rows:,}", since or words.count(stats.tables, "table")),
        _Tile(
            "Proven backup",
            "none" if backup is None else f"{words.age(backup.age_seconds)} old",
            "run: memsql backup" if backup is None else words.size(backup.bytes),
        ),
        _Tile(
            "Contracts held",
            f"{contracts.held} of {contracts.held + contracts.broken + contracts.unproven}",
            words.count(len(metrics.queries), "hot query", "hot queries"),
        ),
    ]


_RATES = (
    ("migrations that succeeded", "success"),
    ("rollbacks of applied migrations", "rollback"),
    ("verifications passed", "verification_pass"),
)
_VERIFY = {True: "run: memsql verify --record", False: "of those recorded"}


def _percent(share: float | None, otherwise: str) -> str:
    return otherwise if share is None else f"{share * 100:.0f} %"


def _share(value: float | None, most: float | None) -> float:
    """``value`` as a part of ``most``, from 0 to 100."""
    return round(100 * (value or 0) / most, 1) if most else 0.0


def _bars(board: Dashboard) -> tuple[list[_Bar], list[_Bar]]:
    """The tables and the indexes, the largest first."""
    sizes = sorted(board.metrics.stats.sizes, key=lambda size: -(size.bytes or 0))
    most = sizes[0].bytes if sizes else None
    used_by = _used_by(board.metrics.costs)
    before: dict[str, float] = {}
    for moment in reversed(board.moments):
        before |= moment.tables
    bars = [_bar(size, most, before.get(size.name), used_by.get(fold(size.name), ())) for size in sizes]
    return [bar for bar in bars if bar.kind != "index"], [bar for bar in bars if bar.kind == "index"]


def _bar(size: Size, most: int | None, before: float | None, queries: tuple[str, ...]) -> _Bar:
    return _Bar(
        size.name,
        size.table,
        size.type,
        "" if size.rows is None else f"{size.rows:,}",
        "not known" if size.bytes is None else words.size(size.bytes),
        _share(size.bytes, most),
        "" if before is None or size.rows is None else f"{size.rows - before:+,.0f}",
        queries if size.type == "index" else (),
    )


def _used_by(costs: Iterable[QueryCost]) -> dict[str, tuple[str, ...]]:
    """The names of the hot queries that use each index, by its folded name."""
    used_by: dict[str, dict[str, None]] = defaultdict(dict)
    for cost in costs:
        for node in cost.plan.nodes:
            if node.index is not None:
                used_by[fold(node.index)][cost.plan.name] = None
    return {index: tuple(names) for index, names in used_by.items()}


def _growth_charts(board: Dashboard) -> list[tuple[str, Markup | None]]:
    rows = [(m.when, m.rows) for m in board.moments if m.rows is not None]
    rows.append((board.made_at, float(board.metrics.stats.rows)))
    sizes = tuple((one.when, float(one.bytes)) for one in board.sizes)
    return [
        ("Size", line_chart("Size of the database", [Series("size", sizes)], lambda v: words.size(round(v)), 1024)),
        ("Rows", line_chart("Rows", [Series("rows", tuple(rows))], _number)),
    ]


def _forecast(board: Dashboard) -> str:
    growth = board.growth
    if growth is None:
        return f"{too_little(board.sizes)}."
    year = growth.estimates[-1]
    per_day = f"{'-' if growth.per_day < 0 else '+'}{words.size(abs(round(growth.per_day)))} a day"
    low, high = (words.size(max(0, round(value))) for value in (year.low, year.high))
    full = "" if growth.full is None else f" The disk is full in {words.count(growth.full, 'day')} at that rate."
    return f"{per_day}; in {year.days} days about {words.size(max(0, round(year.bytes)))} ({low} to {high}).{full}"


def _query(board: Dashboard, timing: QueryTiming) -> _Query:
    cost = next((c for c in board.metrics.costs if c.plan.key == (timing.path, timing.part)), None)
    contract, tone = _contract(cost)
    key = (query_label(timing.path), timing.name)
    moments = [(m.when, m.queries[key]) for m in board.moments if key in m.queries]
    now = (timing.p50, timing.p95, timing.p99)
    lines = [
        Series(name, _points([(when, values) for when, values in _of(moments, name)], board.made_at, value))
        for name, value in zip(("p50", "p95", "p99"), now, strict=True)
    ]
    problems = [text for text in (timing.error, timing.warning) if text]
    return _Query(
        timing.name,
        timing.path,
        tuple(_ms(value) for value in now),
        "" if cost is None or cost.rows.best is None else f"{cost.rows.best:,}",
        "" if cost is None or cost.rows.best is None else cost.rows.how,
        contract,
        tone,
        () if cost is None else tuple(map(str, cost.breaches)),
        "; ".join(problems),
        line_chart(timing.name, lines, _ms) if moments else None,
        tuple(
            (
                f"{when:%Y-%m-%d %H:%M}",
                *(_ms(value) for value in (times.p50, times.p95, times.p99)),
                "" if times.rows_read is None else f"{times.rows_read:,.0f}",
            )
            for when, times in reversed(moments[-_VALUES:])
        ),
    )


def _of(moments: Sequence[tuple[datetime, object]], name: str) -> list[tuple[datetime, float]]:
    values = ((when, getattr(times, name)) for when, times in moments)
    return [(when, value) for when, value in values if value is not None]


def _points(
    past: Sequence[tuple[datetime, float]], now: datetime, value: float | None
) -> tuple[tuple[datetime, float], ...]:
    return (*past, *([] if value is None else [(now, value)]))


def _contract(cost: QueryCost | None) -> tuple[str, str]:
    if cost is None:
        return "not planned", "warning"
    if cost.has_error:
        return "does not run", "error"
    if cost.breaches:
        return "broken", "error"
    if cost.unproven or cost.plan.is_late:
        return "not proven", "warning"
    return ("held", "good") if cost.plan.expected else ("none", "")


def _drill(drill: DrillThen) -> tuple[str, str, str, bool]:
    seconds = "" if drill.seconds is None else words.milliseconds(drill.seconds * 1000)
    return f"{drill.when:%Y-%m-%d %H:%M}", drill.backup, seconds, drill.ok


def _ms(value: float | None) -> str:
    """Milliseconds as people write them, those of quick queries too: ``0.034 ms``."""
    if value is None:
        return "not known"
    return words.milliseconds(value) if value >= 1000 else f"{value:.3g} ms" if value else "0 ms"


def _number(value: float) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= unit:
            return f"{value / (1e3 if name == 'k' else unit):.3g} {name}"
    return f"{value:,.0f}"
