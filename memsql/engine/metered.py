"""Runs the jobs of a rehearsal each in a transaction of its own, which is measured.

What a transaction writes into the journal then belongs to one job.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from memsql.engine.job import Job
from memsql.engine.meter import Cost, Meter
from memsql.engine.transaction import Transaction
from memsql.engine.verdict import Evidence
from memsql.errors import MemsqlError
from memsql.ledger import Entry


class Metered:
    """A transaction (see engine.transaction.Transaction) that is measured."""

    def __init__(self, transaction: Transaction, meter: Meter, *, whole: bool = False, holds_lock: bool = True) -> None:
        """``whole``: all jobs run in one ``transaction``; ``holds_lock``: it has the write lock until COMMIT."""
        self._transaction, self._meter = transaction, meter
        self._whole, self._holds_lock = whole, holds_lock
        self._before, self._began = 0, 0.0

    @property
    def running(self) -> Sequence[Job]:
        """As unmeasured."""
        return self._transaction.running

    def take(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """One, where they need not run together."""
        return self._transaction.take(jobs if self._whole else jobs[:1])

    def prove(self, jobs: Sequence[Job]) -> Iterator[Evidence]:
        """Measure from here."""
        self._before, self._began = self._meter.begin()
        return self._transaction.prove(jobs)

    def commit(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """Measure up to here."""
        meter, jobs = self._meter, tuple(self.running)
        temporary, journal = meter.look(), meter.journal()
        remarks = self._transaction.commit(entries)
        seconds = time.perf_counter() - self._began
        meter.costs.append(
            Cost(
                ids=tuple(job.migration.id for job in jobs),
                checksums=tuple(entry.checksum or "" for entry in entries),
                direction=jobs[0].direction if jobs else "up",
                seconds=seconds,
                locked_seconds=seconds if self._holds_lock else None,
                journal_bytes=meter.journal() if meter.journal_mode == "wal" else journal,
                growth_bytes=meter.growth(self._before),
                temporary_bytes=temporary,
            )
        )
        return remarks

    def abandon(self, keep: int) -> bool:
        """As unmeasured."""
        return self._transaction.abandon(keep)

    def record_failure(self, entry: Entry, operation: str, message: str) -> None:
        """As unmeasured."""
        self._transaction.record_failure(entry, operation, message)

    def aftermath(self, problem: MemsqlError, job: Job, *, whole: bool) -> str:
        """As unmeasured."""
        return self._transaction.aftermath(problem, job, whole=whole)
