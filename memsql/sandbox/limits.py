"""What a process that runs somebody else's SQL may use: memory, processor, files, and the sizes inside of SQLite.

What the operating system offers is used. Linux keeps all of it; macOS does not limit the memory of a process, and
Windows nothing: there SQLite's own limit of its memory remains, and the time, which the parent watches.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from memsql import deadline
from memsql.db import confinement
from memsql.db.confinement import Limits

MEMORY = 1 << 30
"""How many bytes a trial may have, besides what the program itself has."""
_HEAP = 512 << 20
_SQLITE = Limits(
    sizes={
        sqlite3.SQLITE_LIMIT_LENGTH: 50_000_000,
        sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000_000,
        # VACUUM attaches one.
        sqlite3.SQLITE_LIMIT_ATTACHED: 1,
        sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000_000,
        # The time of a LIKE grows with the length of its pattern as an exponent.
        sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
        sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
    },
    ignored=frozenset({"temp_store", "max_page_count", "hard_heap_limit", "soft_heap_limit", "threads"}),
    # What does not fit into memory would go into files.
    setup=("PRAGMA temp_store = memory", f"PRAGMA max_page_count = {(_HEAP // 4096)}"),
)


@contextmanager
def in_force() -> Iterator[None]:
    """Set all limits of this process. At the end of the block it may write files again, for its own last words."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"PRAGMA hard_heap_limit = {_HEAP}")
    confinement.limit_process(_SQLITE)
    # Python writes what it compiled when it imports a module.
    sys.dont_write_bytecode = True
    try:
        import resource
    except ImportError:
        yield
        return
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, int(deadline.WHOLE_SECONDS) + 60)
    # Elsewhere it is not enforced, or means something else.
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, _address_space() + MEMORY)
    # No byte into any file: everything is in memory.
    _lower(resource.RLIMIT_FSIZE, 0)
    try:
        yield
    finally:
        _lower(resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE)[1])


def _lower(limit: int, value: int) -> None:
    import resource

    # An operating system may know a limit and not let it be set.
    with suppress(ValueError, OSError):
        resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))


def _address_space() -> int:
    """How many bytes of addresses this process has by itself; a guess where that is not known."""
    import resource

    try:
        with open("/proc/self/statm", encoding="ascii") as f:
            return int(f.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return MEMORY
