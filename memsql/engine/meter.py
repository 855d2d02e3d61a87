"""What a transaction costs on a clone: time, journal, growth and temporary space."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError
from memsql.progress import Progress

ROLLBACK_MODES = frozenset({"delete", "truncate", "persist"})
"""The journal modes with a rollback journal in a file."""
_OPEN_FILES = Path("/proc/self/fd")
_TEMPORARY = "etilqs_"
_SAMPLE_SECONDS = 0.01
_SYNCED = 50


@dataclass(frozen=True, slots=True)
class Cost:
    """What a transaction took on the clone. ``ids`` are the migrations in it, ``checksums`` those of their files.

    ``seconds`` is from its beginning to the end of COMMIT; ``locked_seconds`` for how much of it others could not
    write, None for a migration without a transaction. ``journal_bytes`` is what it wrote into the write-ahead log or
    the rollback journal, ``growth_bytes`` by how much the database grew. ``temporary_bytes`` is the largest size that
    SQLite's temporary files had together at any sample, None where this system does not tell. ``rows_read`` and
    ``rows_written`` are what a server counted. What was not measured is None.
    """

    ids: tuple[str, ...]
    checksums: tuple[str, ...]
    direction: str
    seconds: float
    locked_seconds: float | None
    journal_bytes: int | None
    growth_bytes: int | None
    temporary_bytes: int | None
    rows_read: int | None = None
    rows_written: int | None = None


@dataclass
class Meter:
    """Measures transactions on ``conn``, a clone that is thrown away. ``costs`` are those of the finished ones, and
    ``journal_mode`` the mode that the clone is in. ``divides``: each migration gets a transaction of its own."""

    divides: ClassVar[bool] = True
    conn: SQLiteConnection
    journal_mode: str
    costs: list[Cost] = field(default_factory=list)
    _temporary: int | None = None
    _sampled: float = 0.0

    @classmethod
    def on(cls, conn: SQLiteConnection, journal_mode: str) -> Meter:
        """A meter on ``conn``, which is set to ``journal_mode``, the one of the database itself. A journal is cut to
        nothing after each transaction, and no checkpoint empties the log on its own."""
        mode = journal_mode if journal_mode in ROLLBACK_MODES else "wal" if journal_mode == "wal" else "delete"
        with conn.trusted():
            mode = str(conn.execute(f"PRAGMA journal_mode = {mode}").one())
            conn.execute("PRAGMA journal_size_limit = 0")
            conn.execute("PRAGMA wal_autocheckpoint = 0")
        return cls(conn, mode)

    def begin(self) -> tuple[int, float]:
        """Empty the log; return the size of the database in bytes and the time.

        The first transactions wait for the disk as those of the run do; a thousand would wait too long.
        """
        if not self.conn.in_transaction:
            with self.conn.trusted():
                self.conn.execute(f"PRAGMA synchronous = {'full' if len(self.costs) < _SYNCED else 'off'}")
        if self.journal_mode == "wal" and not self.conn.in_transaction:
            with self.conn.trusted(), suppress(MemsqlError):
                self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._temporary = None
        return self._size(), time.perf_counter()

    def journal(self) -> int | None:
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

    @property
    def page_size(self) -> int:
        """The size of a page of the database in bytes."""
        return self._number("page_size")

    def _size(self) -> int:
        return self._number("page_count") * self.page_size

    def _number(self, pragma: str) -> int:
        with self.conn.trusted():
            return int(str(self.conn.execute(f"PRAGMA {pragma}").one()))


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
