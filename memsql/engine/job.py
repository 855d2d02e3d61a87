"""What is run and what comes of it: jobs, and what is known of them afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from memsql import ledger as books
from memsql.engine import statements as script
from memsql.engine.analysis import Analysis
from memsql.project.checks import Check
from memsql.project.files import Migration, SqlFile
from memsql.sqltext import MigrationHeader

Direction = Literal["up", "down"]


class LedgerMoved(Exception):
    """Another process changed the ledger since planning; plan again."""


@dataclass(frozen=True)
class Job:
    """A migration in one direction, read and validated: nothing about it can surprise any more.
    ``guarded`` marks a legacy upgrade, whose statements may carry a condition and whose ledger is a
    line of history."""

    migration: Migration
    direction: Direction
    file: SqlFile
    header: MigrationHeader
    analysis: Analysis
    checks: tuple[Check, ...] = ()
    guarded: bool = False

    @property
    def allows_loss(self) -> bool:
        return any(a.rule == "data-loss" for a in self.header.allows)


@dataclass(frozen=True, slots=True)
class Done:
    """A migration that ran: what it was, how long, what it lost with permission, and, from a
    rehearsal, the time of every statement."""

    id: str
    version: int
    name: str
    direction: Direction
    duration_ms: int
    lost: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: tuple[script.Timing, ...] = ()


def entry(job: Job, started: datetime, elapsed: int) -> books.Entry:
    """What the ledger says about this run of ``job``, which took ``elapsed`` milliseconds."""
    migration = job.migration
    return books.Entry(
        migration.version,
        migration.name,
        migration.id,
        migration.header.description or None,
        migration.checksum,
        started,
        elapsed,
    )
