"""Faults of disks and of the machine, as a person is told of them: full, broken, read-only."""

from __future__ import annotations

import errno

from memsql.errors import ConnectError, DiskFull, MemsqlError, StatementError, UsageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_OF_THE_MACHINE = _FULL | {errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ESTALE, errno.EMFILE, errno.ENFILE}
"""The errors of the system that come of the machine, and of no mistake in memsql."""
_OF_THE_NAME = frozenset({errno.ENAMETOOLONG, errno.ELOOP})
# Characters of a name.
_SHOWN = 200
# How the names begin of the errors of SQLite that a disk is to blame for.
_OF_THE_DISK = ("SQLITE_FULL", "SQLITE_IOERR")


def explained(error: BaseException, what: str, again: str) -> MemsqlError | None:
    """What to tell of ``error`` where a disk or the machine is behind it; None for every other error.

    ``what`` names the work that met it, ``again`` is the rest of "run it again": a command or a call.
    """
    if isinstance(error, StatementError) and (error.code or "").startswith(_OF_THE_DISK):
        return _of_the_disk(error, again)
    if isinstance(error, OSError) and error.errno in _OF_THE_NAME:
        return UsageError(f"{str(error.filename or what)[:_SHOWN]}: {error.strerror}", hint="give it another name")
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        kind = DiskFull if error.errno in _FULL else ConnectError
        return kind(f"{error.filename or what}: {error.strerror}", hint="look after that disk, and run it again")
    return None


def _of_the_disk(error: StatementError, again: str) -> MemsqlError:
    if error.code == "SQLITE_FULL":
        problem = "there is no space left on the disk of the database"
        hint = f"free space (the journal needs as much as the change), and run it again: {again}"
    elif error.is_full:
        problem = "there is no space left on the disk of the database, or it cannot be written"
        hint = f"see whether it is full (the journal needs as much as the change), and run it again: {again}"
    else:
        problem = "the disk of the database could not be read or written"
        hint = f"run it again: {again}; if it happens again, ask the system whether the disk is broken or full"
    kind = DiskFull if error.is_full else ConnectError
    return kind(
        f"{problem}: {error.message}",
        statement=error.statement,
        details=error.details,
        state=error.state,
        hint=hint,
    )
