"""Faults of disks and of the machine, as a person is told of them."""

from __future__ import annotations

import errno
import os

import pytest

from memsql.errors import ConnectError, DiskFull, StatementError
from memsql.storage.faults import explained


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (StatementError("disk is full", code="SQLITE_FULL"), DiskFull, "no space left on the disk of the database"),
        (StatementError("I/O", code="SQLITE_IOERR_READ"), ConnectError, "could not be read or written"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.db"), DiskFull, "a.db: No space left"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "a.db"), ConnectError, "a.db: Read-only"),
    ],
)
def test_a_fault_is_explained(error: Exception, kind: type[Exception], says: str) -> None:
    fault = explained(error, "backup", "memsql backup")
    assert type(fault) is kind
    assert says in str(fault)


@pytest.mark.parametrize(
    "error", [ValueError("x"), StatementError("x", code="SQLITE_ERROR"), FileNotFoundError(2, "x")]
)
def test_a_mistake_is_not(error: Exception) -> None:
    assert explained(error, "backup", "memsql backup") is None
