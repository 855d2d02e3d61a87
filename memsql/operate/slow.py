"""What was slow, according to what earlier runs recorded. Reads only.

Two records are read: the history in the database, which has a time for each migration and each recorded verification;
and the reports of chains, which have a time for each statement of a rehearsal, each check of verify and each query that
monitor.metrics measured, and each step of smoke.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from memsql import ledger
from memsql.config import Settings
from memsql.db import connection, queries
from memsql.operate.recorded import field, mappings, recorded, steps_of


@dataclass(frozen=True, slots=True)
class Timed:
    """Something that took ``ms`` milliseconds at ``when`` (UTC, ISO 8601).

    ``kind`` is migration, verification, statement, check, query or smoke; ``name`` says which one it is. ``source`` is
    history, or the name of a report; ``sql`` is the text of a statement.
    """

    kind: str
    name: str
    ms: float
    when: str
    source: str
    sql: str | None = None


@dataclass(frozen=True, slots=True)
class Slow:
    """Something that was slow ``times`` times; ``worst`` is the slowest time, ``last`` when it was slow last."""

    worst: Timed
    times: int
    last: str


@dataclass(frozen=True, slots=True)
class SlowLog:
    """What took ``threshold_ms`` or longer in the last ``days``, the slowest first.

    ``recorded`` is how many times were recorded at all, ``reports`` how many reports had some of them; ``unreadable``
    are reports that cannot be read.
    """

    threshold_ms: int
    days: int
    slow: tuple[Slow, ...]
    recorded: int
    reports: int
    unreadable: tuple[str, ...]


def slow_log(settings: Settings, *, days: int, now: datetime | None = None) -> SlowLog:
    """What took ``slow_query_ms`` of ``settings`` or longer in the last ``days``.

    Raises ConnectError where the database cannot be read.
    """
    now = now or datetime.now(UTC)
    # A number of days for which there is no date means all of them.
    since = now - min(timedelta(days=days), now - datetime(1970, 1, 1, tzinfo=UTC))
    timed = _of_history(settings, since)
    reports, unreadable = 0, []
    for report in recorded(settings, since):
        if not report.readable:
            unreadable.append(report.name)
        times = [time for step in report.steps for time in _of(step, report.name)]
        reports += bool(times)
        timed += times
    return SlowLog(
        settings.slow_query_ms, days, grouped(timed, settings.slow_query_ms), len(timed), reports, tuple(unreadable)
    )


def grouped(timed: Iterable[Timed], threshold_ms: float) -> tuple[Slow, ...]:
    """What of ``timed`` took ``threshold_ms`` or longer, once for each thing, the slowest first."""
    slow: dict[tuple[str, str, str | None], Slow] = {}
    for one in timed:
        if one.ms < threshold_ms:
            continue
        key = (one.kind, one.name, one.sql)
        before = slow.get(key, Slow(one, 0, one.when))
        slow[key] = Slow(max(before.worst, one, key=lambda t: t.ms), before.times + 1, max(before.last, one.when))
    return tuple(sorted(slow.values(), key=lambda s: -s.worst.ms))


def of_report(report: object, source: str, settings: Settings) -> Iterator[Timed]:
    """The times in the ``report`` of a chain that belong to the database of ``settings``."""
    for step in steps_of(report, settings):
        yield from _of(step, source)


def _of(step: Mapping[str, object], source: str) -> Iterator[Timed]:
    for kind, name, ms, sql in _of_step(step.get("data")):
        if isinstance(ms, (int, float)) and not isinstance(ms, bool):
            yield Timed(kind, name, float(ms), str(step["started"]), source, sql)


def _of_step(data: object) -> Iterator[tuple[str, str, object, str | None]]:
    """Kind, name, milliseconds and SQL of what took time, according to ``data``, the fields of a task's JSON.

    The time of a migration as a whole is left out: the history has it too.
    """
    for migration in mappings(field(data, "done")):
        for statement in mappings(migration.get("statements")):
            name, sql = f"{migration.get('id')}:{statement.get('line')}", str(statement.get("sql", ""))
            yield "statement", name, statement.get("duration_ms"), sql
    for check in mappings(field(data, "checks")):
        yield "check", str(check.get("name")), check.get("duration_ms"), None
    for step in mappings(field(data, "steps")):
        yield "smoke", str(step.get("name")), step.get("duration_ms"), None
    for query in mappings(field(data, "queries")):
        yield "query", str(query.get("query")), query.get("p95_ms"), None


def _of_history(settings: Settings, since: datetime) -> list[Timed]:
    settings.target.expect_file()
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        if not ledger.has_history(conn):
            return []
        rows = conn.execute(queries.load("operate/slow"), (ledger.utc_text(since),)).rows
    return [
        Timed("verification", "verify", float(ms), str(when), "history")
        if operation == "verify"
        else Timed("migration", f"{id!s} ({operation!s})", float(ms), str(when), "history")
        for operation, id, ms, when in rows
        if isinstance(ms, (int, float))
    ]
