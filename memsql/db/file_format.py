"""Which engine a database file needs, from its header: read before SQLite opens the file, because a connection that
opens and closes may write a log into it, or remove one that another engine still uses.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from memsql.errors import ConnectError, LockedError
from memsql.storage import regular

_HEAD = 100
_MAGIC = b"SQLite format 3\0"
_WAL = b"\x02\x02"
"""Bytes 18 and 19 of a database in WAL mode (https://sqlite.org/fileformat2.html)."""
_MVCC = b"\xff\xff"
"""The same bytes of a database that the Turso engine keeps in its mode mvcc."""
_ENCRYPTED = b"Turso\0"
_LOG = b"2LML"
_LOG_HEADER = 56
"""How many bytes a log of the mode mvcc has before its first change."""
_SHARED = "-tshm"
"""How the name of the file ends by which processes of the Turso engine share a database."""


def read_head(path: str) -> bytes:
    """The first 100 bytes of the file; fewer where it has fewer, none where it cannot be read.

    To close a file releases every lock that this process has on it, those of other connections too
    (https://sqlite.org/howtocorrupt.html, section 2.2). So a file that is open here already is read through that
    handle.
    """
    try:
        status = os.stat(path)
        for handle in _handles():
            try:
                if os.path.samestat(os.fstat(handle), status):
                    return os.pread(handle, _HEAD, 0)
            except OSError:
                continue
        with regular.open_binary(path) as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def refuse_irregular(path: str, shown: str) -> None:
    """Raise ConnectError where the database ``path``, its journal or its log is a pipe, a device or the like: SQLite
    would wait for one without end."""
    if regular.is_other(path):
        raise ConnectError(
            f"{shown} is no regular file, and so no database", state="nothing was changed", hint="check --database"
        )
    for name in (f"{path}-journal", f"{path}-wal"):
        if regular.is_other(name):
            raise ConnectError(
                f"{name} is no regular file, but a folder, a pipe or a device",
                state="nothing was changed",
                hint="see what put it there, and move it away",
            )


def refuse_second_name(path: str, head: bytes, shown: str) -> None:
    """Raise ConnectError where ``path``, which begins with ``head``, is a database in WAL mode with several names. Each
    name has a log of its own, and the log of one undoes what was written by another
    (https://sqlite.org/howtocorrupt.html, section 2.5)."""
    with suppress(OSError):
        if is_wal(head) and os.stat(path).st_nlink > 1:
            raise ConnectError(
                f"{shown} has several names (hard links), and as a database in WAL mode a log for each: the log of one "
                "may undo what was written by another",
                state="nothing was changed",
                hint="remove the other names (find FOLDER -samefile FILE shows them)",
            )


def _handles() -> list[int]:
    """The files that this process has open; none on a system that does not say, such as Windows, where closing a file
    releases no lock of others."""
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return []


def is_wal(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is a database in WAL mode."""
    return head[18:20] == _WAL


def needs_turso(path: str, head: bytes) -> tuple[str, str] | None:
    """What the file ``path``, which begins with ``head``, is where only the Turso engine can read it, and what to do;
    None where SQLite may open it."""
    if head.startswith(_ENCRYPTED):
        return (
            "is a database that the Turso engine encrypted",
            "with the Turso engine copy it into a database without encryption, and name that one",
        )
    convert = "open it with the Turso engine, run PRAGMA journal_mode = 'wal' there, close it, and run this again"
    # The fractions of a page that a row may take, which are the same in every database, tell it from a damaged header.
    if head.startswith(_MAGIC) and head[18:20] == _MVCC and head[21:24] == b"\x40\x20\x20":
        return "is a database of the Turso engine in its MVCC mode, which SQLite cannot read", convert
    if _has_changes(f"{path}-log"):
        return "has changes in its -log file, which only the Turso engine can read", convert
    return None


def _has_changes(log: str) -> bool:
    """Whether ``log`` is a log of the Turso engine that holds more than its header."""
    try:
        if os.stat(log).st_size <= _LOG_HEADER:
            return False
        with regular.open_binary(log) as file:
            return file.read(len(_LOG)) == _LOG
    except OSError:
        return False


def refuse_other_engine(path: str, head: bytes, shown: str) -> None:
    """Raise ConnectError where only the Turso engine can read the file ``path``, which begins with ``head`` and which
    messages call ``shown``; LockedError where a process of that engine has it open whose locks SQLite does not see."""
    reason = needs_turso(path, head)
    if reason is not None:
        raise ConnectError(f"{shown} {reason[0]}", state="nothing was changed", hint=reason[1])
    if not os.path.exists(f"{path}{_SHARED}"):
        return
    from memsql.db.holders import files_beside, holders, named

    # The engine leaves that file when it closes the database.
    processes = holders([*map(Path, (path, f"{path}{_SHARED}")), *files_beside(Path(path))])
    if processes:
        raise LockedError(
            f"{shown} is open in {named(processes)}, by the Turso engine in its multi-process mode: SQLite does not "
            "see its locks, and would remove its log",
            state="nothing was changed",
            hint="stop that process, then run this again",
        )
