"""Measures what each migration of a rehearsal costs on a clone: time, journal, growth and temporary space.

Each job runs in a transaction of its own, so that what a transaction writes belongs to one job.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from memsql.db.sqlite import SQLiteConnection
from memsql.engine.job import Job
from memsql.engine.transaction import Transaction
from memsql.engine.verdict import Evidence
from memsql.errors import MemsqlError
from memsql.ledger import Entry
from memsql.progress import Progress

_ROLLBACK = frozenset({"delete", "truncate", "persist"})
_OPEN_FILES = Path("/proc/self/fd")
_TEMPORARY = "etilqs_"
_SAMPLE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Cost:
    """What a transaction took on the clone. ``ids`` are the migrations in it, ``checksums`` those of their files.

    ``seconds`` is from its beginning to the end of COMMIT; ``locked_seconds`` for how much of it others could not
    write, None for a migration without a transaction. ``journal_bytes`` is what it wrote into the write-ahead log or
    the rollback journal, ``growth_bytes`` by how much the database grew. ``temporary_bytes`` is the largest size that
    SQLite's temporary files had together at any sample, None where this system does not tell.
    """

    ids: tuple[str, ...]
    checksums: tuple[str, ...]
    direction: str
    seconds: float
    locked_seconds: float | None
    journal_bytes: int
    growth_bytes: int
    temporary_bytes: int | None


@dataclass
class Meter:
    """Measures transactions on ``conn``, a clone that is thrown away. ``costs`` are those of the finished ones, and
    ``journal_mode`` the mode that the clone is in."""

    conn: SQLiteConnection
    journal_mode: str
    costs: list[Cost] = field(default_factory=list)
    _temporary: int | None = None
    _sampled: float = 0.0

    @classmethod
    def on(cls, conn: SQLiteConnection, journal_mode: str) -> Meter:
        """A meter on ``conn``, which is set to ``journal_mode``, the one of the database itself. A journal is cut to
        nothing after each transaction, and no checkpoint empties the log on its own."""
        mode = journal_mode if journal_mode in _ROLLBACK else "wal" if journal_mode == "wal" else "delete"
        with conn.trusted():
            mode = str(conn.execute(f"PRAGMA journal_mode = {mode}").one())
            conn.execute("PRAGMA journal_size_limit = 0")
            conn.execute("PRAGMA wal_autocheckpoint = 0")
        return cls(conn, mode)

    def metered(self, transaction: Transaction, *, whole: bool, holds_lock: bool = True) -> Transaction:
        """``transaction``, measured. ``whole``: all jobs run in one; ``holds_lock``: until COMMIT."""
        return _Metered(transaction, self, whole, holds_lock)

    def begin(self) -> tuple[int, float]:
        """Empty the log; return the size of the database in bytes and the time."""
        if self.journal_mode == "wal" and not self.conn.in_transaction:
            with self.conn.trusted(), suppress(MemsqlError):
                self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._temporary = None
        return self._size(), time.perf_counter()

    def journal(self) -> int:
        """The size of the log, or of the rollback journal of the open transaction, in bytes."""
        suffix = "-wal" if self.journal_mode == "wal" else "-journal"
        try:
            return os.stat(f"{self.conn.target.path}{suffix}").st_size
        except OSError:
            return 0

    def growth(self, before: int) -> int:
        """By how many bytes the database is larger than ``before``."""
        return self._size() - before

    def sample(self) -> None:
        """Look at SQLite's temporary files, at most a hundred times a second."""
        now = time.perf_counter()
        if now - self._sampled >= _SAMPLE_SECONDS:
            self._sampled = now
            self.look()

    def look(self) -> int | None:
        """The largest size of the temporary files so far in this transaction, in bytes."""
        total = 0
        try:
            for name in os.listdir(_OPEN_FILES):
                path = _OPEN_FILES / name
                with suppress(OSError):
                    if _TEMPORARY in os.readlink(path):
                        total += path.stat().st_size
        except OSError:
            return None
        self._temporary = max(self._temporary or 0, total)
        return self._temporary

    def _size(self) -> int:
        with self.conn.trusted():
            pages, page = (int(str(self.conn.execute(f"PRAGMA {name}").one())) for name in ("page_count", "page_size"))
        return pages * page


class Sampling:
    """A progress that hands on to ``progress`` and lets ``meter`` look on every tick."""

    def __init__(self, progress: Progress, meter: Meter) -> None:
        self._progress, self._meter = progress, meter

    def start(self, label: str) -> None:
        """As ``progress`` does."""
        self._progress.start(label)

    def tick(self, fraction: float | None = None) -> None:
        """As ``progress`` does."""
        self._meter.sample()
        self._progress.tick(fraction)


class _Metered:
    """A transaction (see engine.transaction.Transaction) that is measured."""

    def __init__(self, transaction: Transaction, meter: Meter, whole: bool, holds_lock: bool) -> None:
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
