"""The duties of who runs a database: what to look at every day, week, month and quarter, and with which command.

To add a duty, add a line to DUTIES: docs/runbook.md, maintain.schedule and their tests follow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Every = Literal["daily", "weekly", "monthly", "quarterly"]
PERIODS: tuple[Every, ...] = ("daily", "weekly", "monthly", "quarterly")


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do in every period: ``what`` in words, ``name`` as part of a file name, ``command`` the words behind
    memsql.

    ``reads_backups``: it makes or reads backups, so it must run where they are kept. ``is_report``: its output is to be
    read every time; otherwise only where it ends with another exit code than 0. ``files_only``: a server refuses it.
    """

    every: Every
    name: str
    what: str
    command: tuple[str, ...]
    reads_backups: bool = False
    is_report: bool = False
    files_only: bool = False


def _duty(every: Every, name: str, what: str, command: str, **kinds: bool) -> Duty:
    return Duty(every, name, what, tuple(command.split()), **kinds)


DUTIES: tuple[Duty, ...] = (
    _duty("daily", "verify", "prove the database, and keep the result", "verify --record"),
    _duty("daily", "backup", "make a proven backup", "backup", reads_backups=True),
    _duty("daily", "status", "see whether a migration waits, was edited or is missing", "migrate.status --check"),
    _duty(
        "daily",
        "errors",
        "look at failed attempts, backups, growth and space",
        "monitor.health --no-verify",
        reads_backups=True,
    ),
    _duty("daily", "figures", "keep times, sizes and contracts for the dashboard", "monitor.metrics --record"),
    _duty("weekly", "slow", "review what was slow", "verify monitor.metrics --record monitor.slow", is_report=True),
    _duty("weekly", "indexes", "see which indexes are used, superfluous or missing", "analyze.indexes", is_report=True),
    _duty("weekly", "search", "prove the full-text indexes", "fts.check"),
    _duty(
        "weekly",
        "statistics",
        "gather the statistics of indexes",
        "backup maintain.optimize --yes",
        reads_backups=True,
        files_only=True,
    ),
    _duty("monthly", "backups", "prove every backup again", "backup.verify --all", reads_backups=True),
    _duty(
        "monthly",
        "drill",
        "restore a backup and try it out, and record it",
        "backup.drill --record",
        reads_backups=True,
    ),
    _duty("monthly", "prune", "delete old backups", "backup.prune --keep 10 --keep-days 30", reads_backups=True),
    _duty("monthly", "review", "review the performance", "monitor.review", reads_backups=True, is_report=True),
    _duty("monthly", "speed", "measure the hot queries", "monitor.metrics --record", is_report=True),
    _duty(
        "monthly",
        "benchmark",
        "time the hot queries at several sizes, before and after the newest migration",
        "bench.queries",
        is_report=True,
    ),
    _duty("monthly", "index-review", "compare the indexes with those of the migrations", "schema.diff --check"),
    _duty("monthly", "index-check", "hold the indexes against their tables", "maintain.reindex --check"),
    _duty("monthly", "orphans", "find rows that refer to nothing", "maintain.orphans --check"),
    _duty(
        "monthly",
        "space",
        "see what a VACUUM would give back",
        "maintain.vacuum --dry-run",
        is_report=True,
        files_only=True,
    ),
    _duty("quarterly", "schema", "review tables, columns and keys", "schema.info", is_report=True),
    _duty(
        "quarterly",
        "migrations",
        "review success, duration and rollbacks of migrations",
        "monitor.metrics",
        is_report=True,
    ),
    _duty("quarterly", "reindex", "build the indexes anew", "backup maintain.reindex --yes", reads_backups=True),
    _duty("quarterly", "round-trips", "try every migration up, down and up again", "migrate.test"),
    _duty(
        "quarterly",
        "capacity",
        "plan capacity: growth, forecast and free space",
        "monitor.review --days 92",
        reads_backups=True,
        is_report=True,
    ),
)
"""Every duty, in the order in which those of one period run."""


def duties_of(every: Every, *, is_server: bool, with_backups: bool = True) -> list[Duty]:
    """The duties of a period, for a server or a file; without ``with_backups`` only those that need none."""
    return [
        duty
        for duty in DUTIES
        if duty.every == every and (with_backups or not duty.reads_backups) and not (is_server and duty.files_only)
    ]
