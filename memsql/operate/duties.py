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
    read every time; otherwise only where it ends with another exit code than 0.
    """

    every: Every
    name: str
    what: str
    command: tuple[str, ...]
    reads_backups: bool = False
    is_report: bool = False


def _duty(every: Every, name: str, what: str, command: str, *, backups: bool = False, report: bool = False) -> Duty:
    return Duty(every, name, what, tuple(command.split()), backups, report)


DUTIES: tuple[Duty, ...] = (
    _duty("daily", "verify", "prove the database, and keep the result", "verify --record"),
    _duty("daily", "backup", "make a proven backup", "backup", backups=True),
    _duty("daily", "status", "see whether a migration waits, was edited or is missing", "migrate.status --check"),
    _duty(
        "daily",
        "errors",
        "look at failed attempts, backups, growth and space",
        "monitor.health --no-verify",
        backups=True,
    ),
    _duty("weekly", "slow", "review what was slow", "verify monitor.metrics monitor.slow", report=True),
    _duty("weekly", "indexes", "see how large each index is", "schema.stats", report=True),
    _duty("weekly", "search", "prove the full-text indexes", "fts.check"),
    _duty("monthly", "backups", "prove every backup again", "backup.verify --all", backups=True),
    _duty("monthly", "drill", "restore a backup and try it out", "backup.drill", backups=True),
    _duty("monthly", "prune", "delete old backups", "backup.prune --keep 10 --keep-days 30", backups=True),
    _duty("monthly", "speed", "measure the hot queries", "monitor.metrics", report=True),
    _duty("monthly", "index-review", "compare the indexes with those of the migrations", "schema.diff --check"),
    _duty("quarterly", "schema", "review tables, columns and keys", "schema.info", report=True),
    _duty(
        "quarterly",
        "migrations",
        "review success, duration and rollbacks of migrations",
        "monitor.metrics",
        report=True,
    ),
    _duty("quarterly", "round-trips", "try every migration up, down and up again", "migrate.test"),
    _duty("quarterly", "capacity", "plan capacity: sizes, growth and free space", "schema.stats", report=True),
)
"""Every duty whose command exists, in the order in which those of one period run."""


def duties_of(every: Every, *, with_backups: bool = True) -> list[Duty]:
    """The duties of a period; without ``with_backups`` only those that need none."""
    return [duty for duty in DUTIES if duty.every == every and (with_backups or not duty.reads_backups)]
