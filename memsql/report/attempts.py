"""Shows what happened to a database."""

from __future__ import annotations

from dataclasses import asdict

from memsql.ledger.attempts import Attempt, Attempts
from memsql.report.text import shorten, table
from memsql.visible import page
from memsql.words import count, milliseconds

_HEADERS = ("when (UTC)", "what", "migration", "took", "by", "note")
_LONGEST = 160


def text(history: Attempts, target: str) -> str:
    """A line for each attempt, the newest first. ``target`` is the database as a person knows it."""
    lines = [f"database: {target}"]
    if not history.attempts:
        return page([*lines, "nothing happened here yet: there is no history"])
    rows = [_row(attempt) for attempt in history.attempts]
    shown = len(_HEADERS) if any(row[-1] for row in rows) else len(_HEADERS) - 1
    lines += ["", *table(_HEADERS[:shown], [row[:shown] for row in rows], frozenset({3})), ""]
    more = history.total - len(history.attempts)
    if more:
        lines.append(f"… and {more:,} more (--limit 0 shows all)")
    return page([*lines, count(history.total, "event")])


def _row(attempt: Attempt) -> tuple[str, ...]:
    progress = f"{count(attempt.statements_done, 'statement')} done" if attempt.statements_done is not None else ""
    note = shorten(attempt.message or "", _LONGEST)
    other = attempt.tool if attempt.tool and not attempt.tool.startswith("memsql ") else ""
    return (
        attempt.when[:19].replace("T", " "),
        attempt.event,
        attempt.migration,
        milliseconds(attempt.duration_ms),
        attempt.by or "",
        "; ".join(filter(None, (progress, note, other))),
    )


def data(history: Attempts, target: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "total": history.total,
        "events": [{"event": attempt.event, **asdict(attempt)} for attempt in history.attempts],
    }
