"""What was slow, according to what earlier runs recorded. Reads only.

Two records are read: the history in the database, which has a time for each migration and each recorded verification;
and the reports of chains, which have a time for each statement of a rehearsal, each check of verify and each query that
monitor.metrics measured, and each step of smoke.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memsql import ledger
from memsql.config import Settings, parse_target
from memsql.db import connection, queries
from memsql.errors import UsageError

_STAMP = "run-%Y%m%dT%H%M%S"


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
    for path in _reports(settings.runs, since):
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            unreadable.append(path.name)
            continue
        times = list(of_report(report, path.name, settings))
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
    """The times in the ``report`` of a chain that belong to the database of ``settings``.

    What has another form than memsql writes is passed over: others may have written the file.
    """
    for step in _mappings(_field(report, "steps")):
        database, when = step.get("database"), step.get("started")
        if not isinstance(database, str) or not isinstance(when, str) or not _is_same(database, settings):
            continue
        for kind, name, ms, sql in _of_step(step.get("data")):
            if isinstance(ms, (int, float)) and not isinstance(ms, bool):
                yield Timed(kind, name, float(ms), when, source, sql)


def _of_step(data: object) -> Iterator[tuple[str, str, object, str | None]]:
    """Kind, name, milliseconds and SQL of what took time, according to ``data``, the fields of a task's JSON.

    The time of a migration as a whole is left out: the history has it too.
    """
    for migration in _mappings(_field(data, "done")):
        for statement in _mappings(migration.get("statements")):
            name, sql = f"{migration.get('id')}:{statement.get('line')}", str(statement.get("sql", ""))
            yield "statement", name, statement.get("duration_ms"), sql
    for check in _mappings(_field(data, "checks")):
        yield "check", str(check.get("name")), check.get("duration_ms"), None
    for step in _mappings(_field(data, "steps")):
        yield "smoke", str(step.get("name")), step.get("duration_ms"), None
    for query in _mappings(_field(data, "queries")):
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


def _reports(folder: Path, since: datetime) -> list[Path]:
    """The reports in ``folder`` that are not older than ``since``, by the time in their names."""
    first = since.strftime(_STAMP)
    return sorted(path for path in folder.glob("run-*.json") if path.name >= first)


def _is_same(database: str, settings: Settings) -> bool:
    """Whether ``database``, as a report names it, is the database of ``settings``."""
    if database == settings.target.display:
        return True
    try:
        return parse_target(database, settings.root).identity == settings.target.identity
    except UsageError:
        return False


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
