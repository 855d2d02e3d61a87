"""Measures what the transactions of a real run cost, without changing anything about them."""

from __future__ import annotations

import struct
import time

from memsql.db.sqlite import SQLiteConnection
from memsql.engine.meter import ROLLBACK_MODES, Meter

# The header of the index of a log (https://sqlite.org/walformat.html#walidxfmt): mxFrame, and the two salts that
# change where the log is written from its beginning again.
_HEADER = struct.Struct("=I")
_MOST_FRAME, _SALTS, _HEADER_BYTES = 16, slice(32, 40), 48
_FRAME_HEADER = 24


class LiveMeter(Meter):
    """A meter on a database that is used. Several migrations may share a transaction, and what SQLite's temporary files
    took is not looked at."""

    divides = False

    @classmethod
    def of(cls, conn: SQLiteConnection) -> LiveMeter:
        """A meter on ``conn`` as it is."""
        meter = cls(conn, str(conn.execute("PRAGMA journal_mode").one()))
        meter._log = meter._position()
        return meter

    _log: tuple[int, bytes] | None = None

    def begin(self) -> tuple[int, float]:
        """Remember how long the log is; return the size of the database in bytes and the time."""
        self._log = self._position()
        return self._size(), time.perf_counter()

    def journal(self) -> int | None:
        """The bytes that were written into the log since begin(), or the size of the rollback journal of the open
        transaction; None where that cannot be told."""
        if self.journal_mode in ROLLBACK_MODES:
            return super().journal()
        now = self._position()
        if self.journal_mode != "wal" or now is None:
            return None
        frames, salts = now
        before = self._log[0] if self._log is not None and self._log[1] == salts else 0
        return max(0, frames - before) * (self.page_size + _FRAME_HEADER)

    def look(self) -> int | None:
        """Nothing is looked at."""
        return None

    def _position(self) -> tuple[int, bytes] | None:
        """How many frames the log has, and the salts of its header."""
        if self.journal_mode != "wal":
            return None
        try:
            with open(f"{self.conn.target.path}-shm", "rb") as index:
                header = index.read(_HEADER_BYTES)
        except OSError:
            return None
        if len(header) < _HEADER_BYTES:
            return None
        return _HEADER.unpack_from(header, _MOST_FRAME)[0], header[_SALTS]
