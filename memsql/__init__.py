"""memsql: raw-SQL migrations for SQLite and libSQL, applied atomically and proven.

The names below are what an application calls; each is imported where it is used first. docs/library.md has them with
examples, ``memsql.aio`` the same functions as coroutines.
"""

__version__ = "0.1.0"

# For type checkers it is true. To import it from typing takes longer than all of this file.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from memsql.errors import (
        CheckFailed,
        CommitUnknown,
        ConfigError,
        ConnectError,
        DamagedError,
        DiskFull,
        FileError,
        Interrupted,
        LockedError,
        MemsqlError,
        MigrationFailed,
        NoSpace,
        NotCurrent,
        Refused,
        StatementError,
        UsageError,
    )
    from memsql.library.current import require_current
    from memsql.library.lazily import ensure_current
    from memsql.library.looking import backup, plan, status, verify
    from memsql.library.migrating import migrate
    from memsql.library.results import (
        AppliedMigration,
        BackupReport,
        Finding,
        MigrateReport,
        MigrationStatus,
        PlanReport,
        Rehearsal,
        StatusReport,
        VerifyReport,
    )
    from memsql.library.source import Project

__all__ = [
    "AppliedMigration",
    "BackupReport",
    "CheckFailed",
    "CommitUnknown",
    "ConfigError",
    "ConnectError",
    "DamagedError",
    "DiskFull",
    "FileError",
    "Finding",
    "Interrupted",
    "LockedError",
    "MemsqlError",
    "MigrateReport",
    "MigrationFailed",
    "MigrationStatus",
    "NoSpace",
    "NotCurrent",
    "PlanReport",
    "Project",
    "Refused",
    "Rehearsal",
    "StatementError",
    "StatusReport",
    "UsageError",
    "VerifyReport",
    "__version__",
    "backup",
    "ensure_current",
    "migrate",
    "plan",
    "require_current",
    "status",
    "verify",
]

_PLACES = {
    "migrate": "library.migrating",
    "status": "library.looking",
    "plan": "library.looking",
    "verify": "library.looking",
    "backup": "library.looking",
    "require_current": "library.current",
    "ensure_current": "library.lazily",
    "Project": "library.source",
    "AppliedMigration": "library.results",
    "BackupReport": "library.results",
    "Finding": "library.results",
    "MigrateReport": "library.results",
    "MigrationStatus": "library.results",
    "PlanReport": "library.results",
    "Rehearsal": "library.results",
    "StatusReport": "library.results",
    "VerifyReport": "library.results",
}


if not TYPE_CHECKING:
    # For type checkers there are the names above and no others.

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"memsql.{_PLACES.get(name, 'errors')}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
