"""Every error memsql raises on purpose, and the exit code each one ends with.

    MemsqlError                 1
    |-- CheckFailed             1  a check, a proof or ``--check`` found something
    |-- UsageError              2  the command line is wrong
    |   |-- ConfigError         2  setup.cfg, .env or the environment is wrong
    |   `-- FileError           2  a migration, check or sum file is wrong
    |-- ConnectError            3  cannot open, not authorised, read-only, not a database
    |   |-- DamagedError        3  the pages of a database file cannot be read
    |   |-- TransactionUndone   3  the engine ended a transaction by itself; nothing is run after it
    |   `-- CommitUnknown       3  the answer to a COMMIT was lost; read the ledger to learn
    |-- OutputLost              3  standard output takes no more
    |-- LockedError             4  another writer holds the database, or a time-out
    |-- NoSpace                 4  no room for the rows that a proof keeps
    |-- MigrationFailed         5  a migration failed and was rolled back
    |   `-- Interrupted         5  a signal stopped it, and it was rolled back
    |-- Refused                 6  refused to protect data
    |   `-- NotCurrent          6  the schema is not the one that an application expects
    |-- DiskFull                6  no room on a disk for what is to be written
    `-- StatementError          3  the engine refused a statement that memsql itself needs; where it is
                                   one of a file, it is wrapped before it reaches a person

An error carries what a person needs at the keyboard: what happened (``message``), where
(``where`` and ``statement``), what state the database is in (``state``) and what to do next
(``hint``). Rendering is the report's job.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Location:
    """A place in a file: its path as the user knows it, and line and column, counted from 1."""

    path: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.path
        return f"{self.path}:{self.line}"


class MemsqlError(Exception):
    """The root of the errors. ``exit_code`` is the exit code of the process when nobody handles the error.

    Parameters: ``message`` one sentence saying what happened; ``where`` a Location;
    ``statement`` the SQL text concerned; ``state`` one sentence on what the database looks like
    now; ``hint`` what to do next; ``details`` further lines, one finding each.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        where: Location | None = None,
        statement: str | None = None,
        state: str | None = None,
        hint: str | None = None,
        details: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.statement = statement
        self.state = state
        self.hint = hint
        self.details = details
        self.finished: tuple[str, ...] = ()
        """Ids of the migrations that this run committed before it stopped. They stay."""

    def __str__(self) -> str:
        return self.message


class CheckFailed(MemsqlError):
    """A check or a proof found something, outside a migration."""


class UsageError(MemsqlError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is missing, unknown or cannot be read."""


class FileError(UsageError):
    """A migration, rollback, check or sum file cannot be used as it is."""


class ConnectError(MemsqlError):
    """The database cannot be opened, read or written: missing, not a database, no permission."""

    exit_code = 3


class DamagedError(ConnectError):
    """A database file, or a part of it, cannot be read: SQLite found its pages malformed."""


class TransactionUndone(ConnectError):
    """A statement was not run, because the engine had ended the transaction that it belongs to."""


class OutputLost(MemsqlError):
    """What a command has to say could not be written to its standard output: a full disk, for example."""

    exit_code = 3


class CommitUnknown(ConnectError):
    """The connection broke after a COMMIT, or a write outside a transaction, was sent, and before its answer came.

    It may have happened or not. Take the write lock before you look: the server may still be at work, and gives the
    lock away only when it has committed or rolled back.
    """


class LockedError(MemsqlError):
    """Another process holds the lock for longer than ``busy_timeout``, or a time-out struck."""

    exit_code = 4


class NoSpace(MemsqlError):
    """There is no room for the rows that have to be kept to prove a migration; its transaction was undone."""

    exit_code = 4


class MigrationFailed(MemsqlError):
    """A migration could not be applied or rolled back; its transaction was undone."""

    exit_code = 5


class Interrupted(MigrationFailed):
    """SIGINT or SIGTERM arrived in the middle of a migration; its transaction was undone."""


class Refused(MemsqlError):
    """Going on would lose data. Nothing was changed."""

    exit_code = 6


class NotCurrent(Refused):
    """The schema of a database is not the one that an application expects.

    Each is a tuple of ids of migrations: ``pending`` are those that the database lacks, ``newer`` those that it has and
    the application does not know, ``failed`` those whose last attempt failed, ``changed`` those whose file is not what
    was applied.
    """

    def __init__(
        self,
        message: str,
        *,
        pending: tuple[str, ...] = (),
        newer: tuple[str, ...] = (),
        failed: tuple[str, ...] = (),
        changed: tuple[str, ...] = (),
        details: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, state="nothing was changed", details=details, hint=hint)
        self.pending, self.newer, self.failed, self.changed = pending, newer, failed, changed


class DiskFull(MemsqlError):
    """A disk has no room for what is to be written. What was written of it is gone again."""

    exit_code = 6


INTERRUPT = "SQLITE_INTERRUPT"
"""The engine's error name of a statement that was stopped."""
FULL = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE"})
"""The engine's error names of a statement for which a disk had no space."""


class StatementError(MemsqlError):
    """The engine refused a statement.

    ``index`` is the 0-based position in the list that was sent, or None when the text was sent as
    one script; ``code`` is the engine's error name, such as ``SQLITE_CONSTRAINT_UNIQUE``.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        index: int | None = None,
        statement: str | None = None,
        state: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, statement=statement, state=state, hint=hint)
        self.code = code
        self.index = index

    @property
    def is_full(self) -> bool:
        """Whether a disk has no space left."""
        return self.code in FULL

    @property
    def is_interrupt(self) -> bool:
        """Whether it was stopped from outside, by a time limit or a person."""
        return self.code == INTERRUPT


def is_full(error: BaseException | None) -> bool:
    """Whether a disk without space is behind ``error``."""
    while error is not None and not (isinstance(error, StatementError) and error.is_full):
        error = error.__cause__ if error.__cause__ is not error else None
    return error is not None
