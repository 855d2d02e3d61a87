"""What monitor.slow says."""

from __future__ import annotations

from memsql import hints
from memsql.operate.slow import Slow, SlowLog
from memsql.report.text import shorten, table
from memsql.visible import page
from memsql.words import count, milliseconds

_SHOWN = 50
_WIDTH = 90


def text(log: SlowLog, target: str) -> str:
    """A line for each thing that was slow, and the verdict last."""
    lines = [f"database: {target}", ""]
    if log.slow:
        rows = [_row(slow) for slow in log.slow[:_SHOWN]]
        lines += [*table(("took", "times", "what", "last", "which"), rows, frozenset({0, 1})), ""]
    if len(log.slow) > _SHOWN:
        lines += [f"and {len(log.slow) - _SHOWN} more, all of them quicker", ""]
    lines += [f"not read: {name} is no report of a chain" for name in log.unreadable]
    return page([*lines, *verdict(log)])


def verdict(log: SlowLog) -> list[str]:
    """The result; where nothing was recorded, also how to record something."""
    period = f"in {count(log.days, 'day')}"
    if not log.recorded:
        return [
            f"nothing is recorded {period}: no migration, no verification, no chain that measured anything",
            f"to measure them and look again: {hints.chain('verify', 'monitor.metrics', 'monitor.slow')}",
        ]
    slow = f"{count(len(log.slow), 'thing')} took" if log.slow else "none took"
    sources = "the history" + (f" and {count(log.reports, 'report')} of chains" if log.reports else "")
    return [
        f"{count(log.recorded, 'time')} recorded {period} in {sources}: "
        f"{slow} {milliseconds(log.threshold_ms)} or longer (slow_query_ms)"
    ]


def data(log: SlowLog, target: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "threshold_ms": log.threshold_ms,
        "days": log.days,
        "recorded": log.recorded,
        "reports": log.reports,
        "unreadable": list(log.unreadable),
        "slow": [
            {
                "kind": slow.worst.kind,
                "name": slow.worst.name,
                "sql": slow.worst.sql,
                "worst_ms": round(slow.worst.ms, 3),
                "times": slow.times,
                "last": slow.last,
                "source": slow.worst.source,
            }
            for slow in log.slow
        ],
    }


def _row(slow: Slow) -> tuple[str, str, str, str, str]:
    sql = f": {slow.worst.sql}" if slow.worst.sql else ""
    which = shorten(f"{slow.worst.name}{sql}", _WIDTH)
    return milliseconds(slow.worst.ms), str(slow.times), slow.worst.kind, slow.last[:19], which
