"""Which versions of SQLite may damage a database in WAL mode when the log begins anew.

SQLite 3.7.0 to 3.51.2 have a race (https://sqlite.org/wal.html#walresetbug): two connections of different threads or
processes write or checkpoint one database at the same moment, the log is reset while a checkpoint begins, and a later
checkpoint leaves out pages that were committed. 3.51.3 (2026-03-13) mends it; so do 3.44.6 and 3.50.7.
"""

from __future__ import annotations

import re

_FIRST = (3, 7, 0)
_MENDED = (3, 51, 3)
_BACKPORTS = ((3, 44, 6), (3, 50, 7))
WARNING = (
    "WAL mode: before 3.51.3 (but for 3.44.6 and 3.50.7) two connections that write or checkpoint at the same moment"
    " can, very rarely, damage the database when the log is reset"
)
REMEDIES = (
    "give every program that opens the file a SQLite of 3.51.3 or newer; a distribution may have mended an older one"
    " without another number",
    "until then: one program with one connection that writes, or PRAGMA journal_mode = delete",
)


def is_affected(version: str) -> bool:
    """Whether SQLite ``version``, such as "3.45.1", has the fault, by its number alone. Not for a text that is none."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if match is None:
        return False
    number = (int(match[1]), int(match[2]), int(match[3] or 0))
    if any(number[:2] == mended[:2] and number >= mended for mended in _BACKPORTS):
        return False
    return _FIRST <= number < _MENDED
